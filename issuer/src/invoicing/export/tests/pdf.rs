use super::{random, samples};
use crate::invoicing::document::Document;
use crate::invoicing::export::pdf::tests::{BODY, boxes};
use crate::invoicing::export::pdf::write;
use proptest::prelude::*;

/// Nothing leaves the paper's margins, and no two texts of a page touch.
fn tidy(document: &Document) -> Result<(), TestCaseError> {
    let pages = boxes(document);
    for (at, page) in pages.iter().enumerate() {
        let number = format!("Page {} of {}", at + 1, pages.len());
        prop_assert!(page.iter().any(|(text, _)| *text == number), "no {}", number);
        let (footer, body): (Vec<_>, Vec<_>) = page.iter().partition(|(_, area)| area[1] < BODY[1]);
        prop_assert!(footer.len() <= 2, "below the margin: {:?}", footer);
        for (text, [left, bottom, right, top]) in &body {
            let within = *left >= BODY[0] && *bottom >= BODY[1] && *right <= BODY[2] + 0.1 && *top <= BODY[3];
            prop_assert!(within, "{:?} at {:?}", text, [left, bottom, right, top]);
        }
        for (place, (text, one)) in body.iter().enumerate() {
            for (other_text, other) in body.iter().skip(place + 1).filter(|(text, _)| !text.is_empty()) {
                let apart = one[2] <= other[0] + 0.1
                    || other[2] <= one[0] + 0.1
                    || one[3] <= other[1] + 0.1
                    || other[3] <= one[1] + 0.1;
                prop_assert!(
                    apart || text.is_empty(),
                    "{:?} {:?} on {:?} {:?}",
                    text,
                    one,
                    other_text,
                    other
                );
            }
        }
    }
    Ok(())
}

fn has(page: &[(String, [f32; 4])], text: &str) -> bool {
    page.iter().any(|(shown, _)| shown == text)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_document_is_set_within_its_margins(document in random::document()) {
        tidy(&document)?;
        let bytes = write(&document).unwrap();
        prop_assert!(bytes.starts_with(b"%PDF-1.7"));
        prop_assert!(bytes == write(&document.clone()).unwrap(), "twice the same");
    }
}

#[test]
fn samples_are_set_within_their_margins() {
    for document in samples::all() {
        tidy(&document).unwrap();
    }
}

#[test]
fn lines_go_on_below_the_head_of_the_table() {
    let document = samples::long();
    let pages = boxes(&document);
    assert!(pages.len() > 10, "{}", pages.len());
    for (at, page) in pages.iter().enumerate() {
        let lines = page.iter().any(|(text, _)| text.starts_with("100.") || text.starts_with("10"));
        let columns = ["Description", "Days", "Quantity", "Unit price", "Net AUD"];
        assert!(!lines || columns.iter().all(|column| has(page, column)), "page {at} has no head");
        assert!(at == 0 || has(page, "Invoice INV-2026-0004"), "page {at} does not say of what it is");
    }
    let shown = |text: &str| pages.iter().flatten().filter(|(shown, _)| shown == text).count();
    for line in &document.lines {
        assert_eq!(shown(&document.money(line.net_minor)), 1, "{}", line.key);
    }
    assert!(has(pages.last().unwrap(), "Amount due AUD"));
}

#[test]
fn it_says_what_finance_looks_for() {
    let page = boxes(&samples::with_discount()).remove(0);
    for text in [
        "Invoice",
        "INV-2026-0001",
        "2026-02-03",
        "2026-03-05",
        "2026-01-01 – 2026-01-31",
        "Brink Vision GmbH",
        "Lange Straße 7",
        "Tax ID: DE123456789",
        "billing@brink.example",
        "Acme Security Ltd",
        "Tax ID: IE6388047V",
        "Cameras, basic analytics",
        "372 unit days of a period of 31 days",
        "1000250.5",
        "0.0375 / 1000",
        "-58.80",
        "Subtotal",
        "566.71",
        "VAT 19 % of 529.20",
        "100.55",
        "Tax 7 % of 37.51",
        "2.63",
        "Total EUR",
        "669.89",
        "From the wallet",
        "-50.00",
        "Amount due EUR",
        "619.89",
        "Payment terms: 30 days net",
        "IBAN DE02 1203 0000 0000 2020 51",
        "Your order 4711",
    ] {
        assert!(has(&page, text), "{text} is not on {page:?}");
    }
    let note = boxes(&samples::credit_note()).remove(0);
    for text in ["Credit note", "For invoice", "INV-2026-0001", "-566.71", "Into the wallet EUR", "669.89"] {
        assert!(has(&note, text), "{text} is not on {note:?}");
    }
    assert!(has(&boxes(&samples::draft())[0], "none, draft 0197c2f0-draft"));
}

#[test]
fn the_largest_amounts_and_longest_words_stay_in_their_columns() {
    let mut document = samples::with_discount();
    document.lines[0].quantity = "99999999999999999999.999999999999".to_owned();
    document.lines[0].net_minor = i64::MIN;
    document.lines[1].description = "W".repeat(5000);
    document.totals.due_minor = i64::MAX;
    document.totals.total_minor = i64::MIN;
    document.number = Some("N".repeat(300));
    document.seller.as_mut().unwrap().address = vec!["long ".repeat(2000)];
    tidy(&document).unwrap();
    assert!(boxes(&document).iter().flatten().any(|(text, _)| text == "-92233720368547758.08"));
    write(&document).unwrap();
}

#[test]
fn another_document_is_another_file() {
    let one = write(&samples::with_discount()).unwrap();
    let mut changed = samples::with_discount();
    changed.lines[0].evidence.clear();
    assert!(one != write(&changed).unwrap(), "the id of the file is of all that the document says");
}
