use super::{random, samples};
use crate::billing::money;
use crate::invoicing::document::Document;
use crate::invoicing::export::csv::{head, rows, table};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// RFC 4180, read by the letter of it.
pub(super) fn parsed(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut cell, mut rest) = (Vec::new(), Vec::new(), String::new(), text);
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('"') {
            rest = inner;
            loop {
                let end = rest.find('"').expect("a quote closes");
                cell.push_str(&rest[..end]);
                rest = &rest[end + 1..];
                let Some(more) = rest.strip_prefix('"') else { break };
                cell.push('"');
                rest = more;
            }
        } else {
            let end = rest.find([',', '\r']).expect("a line ends");
            cell.push_str(&rest[..end]);
            rest = &rest[end..];
        }
        record.push(std::mem::take(&mut cell));
        if let Some(more) = rest.strip_prefix(',') {
            rest = more;
        } else {
            rest = rest.strip_prefix("\r\n").expect("CRLF behind a record");
            records.push(std::mem::take(&mut record));
        }
    }
    records
}

/// The rows of a file, by the names of its columns.
fn named(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut records = parsed(text).into_iter();
    let names = records.next().expect("a head");
    records
        .map(|record| {
            assert_eq!(record.len(), names.len());
            names.iter().cloned().zip(record).collect()
        })
        .collect()
}

fn adds_up(document: &Document) -> Result<(), TestCaseError> {
    let rows = named(&(head() + &rows(document)));
    prop_assert_eq!(rows.len(), document.lines.len() + document.taxes.len());
    let of = |column: &str| -> i64 {
        let cells = rows.iter().map(|row| row[column].as_str()).filter(|cell| !cell.is_empty());
        cells.map(|cell| money::parse(cell, document.currency).unwrap()).sum()
    };
    prop_assert_eq!(of("net"), document.totals.net_minor);
    prop_assert_eq!(of("tax"), document.totals.tax_minor);
    for row in &rows {
        prop_assert_eq!(&row["currency"], document.currency.code());
        for cell in row.values() {
            let negative = money::parse(cell, document.currency).is_ok() || cell.parse::<f64>().is_ok();
            prop_assert!(!cell.starts_with(['=', '+', '@', '\t', '\r']), "a formula: {:?}", cell);
            prop_assert!(!cell.starts_with('-') || negative, "a formula: {:?}", cell);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn rows_add_up_to_net_and_tax(document in random::document()) {
        adds_up(&document)?;
    }

    #[test]
    fn texts_come_back_behind_their_guard(document in random::document()) {
        let file = named(&table([&document]));
        let guarded = |cell: &str| cell.strip_prefix('\'').unwrap_or(cell).to_owned();
        for (row, line) in file.iter().zip(&document.lines) {
            for (column, text) in [("description", &*line.description), ("key", &*line.key)] {
                prop_assert_eq!(guarded(&row[column]), guarded(text));
            }
        }
    }
}

#[test]
fn one_file_has_the_rows_of_all() {
    let documents = samples::all();
    let file = named(&table(&documents));
    assert_eq!(file.len(), documents.iter().map(|one| one.lines.len() + one.taxes.len()).sum::<usize>());
    for document in &documents {
        adds_up(document).unwrap();
        let of = file.iter().filter(|row| row["id"] == document.id);
        assert_eq!(of.count(), document.lines.len() + document.taxes.len(), "{}", document.id);
    }
    let line = &file[1];
    for (column, cell) in [
        ("number", "INV-2026-0001"),
        ("document_kind", "invoice"),
        ("status", "issued"),
        ("tenant", "acme"),
        ("buyer", "Acme Security Ltd"),
        ("currency", "EUR"),
        ("issued_on", "2026-02-03"),
        ("due_on", "2026-03-05"),
        ("period_from", "2026-01-01"),
        ("period_to", "2026-02-01"),
        ("row", "line"),
        ("key", "sms"),
        ("revision", "0"),
        ("kind", "usage"),
        ("description", "Messages"),
        ("quantity", "1000250.5"),
        ("unit_days", ""),
        ("unit_price", "0.0375"),
        ("per", "1000"),
        ("net", "37.51"),
        ("tax", ""),
    ] {
        assert_eq!(line[column], cell, "{column}");
    }
    let tax = &file[3];
    for (column, cell) in [
        ("row", "tax"),
        ("key", ""),
        ("net", ""),
        ("tax_rate", "0.19"),
        ("base", "529.20"),
        ("tax", "100.55"),
    ] {
        assert_eq!(tax[column], cell, "{column}");
    }
    assert_eq!(file[5]["credits"], "INV-2026-0001");
}

#[test]
fn what_looks_like_a_formula_is_text() {
    let mut document = samples::with_discount();
    document.lines[0].description = "=HYPERLINK(\"http://x\", 1)".to_owned();
    document.buyer.as_mut().unwrap().legal_name = "@SUM(A1)".to_owned();
    document.paid_by = Some("+1".to_owned());
    let row = &named(&table([&document]))[0];
    assert_eq!(row["description"], "'=HYPERLINK(\"http://x\", 1)");
    assert_eq!((row["buyer"].as_str(), row["paid_by"].as_str()), ("'@SUM(A1)", "'+1"));
    assert_eq!(named(&table([&document]))[2]["net"], "-58.80", "a negative amount is no formula");
}
