use super::{random, samples};
use crate::invoicing::document::{Document, DocumentKind, Status};
use crate::invoicing::export::json::{FORMAT, ReadError, line, lines, read};
use proptest::prelude::*;
use serde_json::Value;

/// Every amount that an object has in minor units, with its decimal.
fn amounts<'v>(value: &'v Value, found: &mut Vec<(&'v str, i64, Option<&'v str>)>) {
    match value {
        Value::Object(members) => {
            for (key, inner) in members {
                let decimal = match key.as_str() {
                    "minor" => Some("amount"),
                    "desired" => Some("desired_amount"),
                    "before" => Some("before_amount"),
                    other => other.strip_suffix("_minor"),
                };
                if let Some(decimal) = decimal {
                    found.push((key, inner.as_i64().unwrap(), members.get(decimal).and_then(Value::as_str)));
                }
                amounts(inner, found);
            }
        }
        Value::Array(all) => all.iter().for_each(|one| amounts(one, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn checked(document: &Document) -> Result<(), TestCaseError> {
    let text = line(document).unwrap();
    prop_assert_eq!(&read(&text).unwrap(), document);
    prop_assert_eq!(text.matches('\n').count(), 1, "a line");
    let value: Value = serde_json::from_str(&text).unwrap();
    prop_assert_eq!(&value["format"], FORMAT);
    let mut found = Vec::new();
    amounts(&value, &mut found);
    prop_assert!(found.len() >= 5, "the totals");
    for (key, minor, decimal) in found {
        let wanted = document.money(minor);
        prop_assert_eq!(decimal, Some(&*wanted), "{}", key);
    }
    Ok(())
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(document in random::document()) {
        checked(&document)?;
    }

    #[test]
    fn many_are_a_line_each(documents in proptest::collection::vec(random::document(), 0..4)) {
        let text = lines(&documents).unwrap();
        let back: Vec<Document> = text.split_terminator('\n').map(|line| read(line).unwrap()).collect();
        prop_assert_eq!(back, documents);
    }
}

#[test]
fn amounts_have_decimals_and_members_their_order() {
    for document in samples::all() {
        checked(&document).unwrap();
    }
    let text = line(&samples::with_discount()).unwrap();
    let start = "{\"format\":\"brink.invoice/1\",\"id\":\"id-of-INV-2026-0001\",\"kind\":\"invoice\",\"status\":\"issued\",\
        \"number\":\"INV-2026-0001\",";
    assert!(text.starts_with(start), "{text}");
    for part in [
        "\"net_minor\":-5880,\"net\":\"-58.80\"",
        "{\"is\":\"share\",\"key\":\"camera\",\"minor\":-5880,\"amount\":\"-58.80\"}",
        "\"tax_minor\":263,\"tax\":\"2.63\",\"shares\":[[0,263]]}",
        "\"due_minor\":61989,\"due\":\"619.89\"}",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(line(&samples::greek_in_yen()).unwrap().contains("\"due_minor\":123456,\"due\":\"123456\"}"));
    assert!(
        line(&samples::cyrillic_in_dinars()).unwrap().contains("\"net_minor\":1234567,\"net\":\"1234.567\"")
    );
}

#[test]
fn another_format_is_not_read() {
    let text = line(&samples::draft()).unwrap();
    let newer = text.replace(FORMAT, "brink.invoice/2");
    assert!(matches!(read(&newer), Err(ReadError::Format(format)) if format == "brink.invoice/2"));
    assert!(matches!(read("{}"), Err(ReadError::Json(_))));
    assert!(matches!(read(&text[..text.len() / 2]), Err(ReadError::Json(_))));
}

#[test]
fn words_are_those_of_json() {
    for kind in [DocumentKind::Invoice, DocumentKind::CreditNote] {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
    }
    for status in [Status::Draft, Status::Issued, Status::Paid, Status::Void] {
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
    }
}
