//! Documents go to a server of Stripe's shape that fails wherever it can, and arrive once.

mod fake;
mod planned;
mod refused;

use super::{AtStripe, Known, Patience, Pushed, StripeClient, StripeError, metadata, push};
use crate::billing::Kind;
use crate::invoicing::document::{
    Credited, Days, Document, DocumentKind, DocumentLine, DocumentTax, Party, Status, Totals,
};
use crate::secret::Redacted;
use brink_license::UnixSeconds;
use chrono::NaiveDate;
use fake::{Fake, Fault, KEY};
use std::time::Duration;

/// 2026-04-02T00:00:00Z.
const NOW: UnixSeconds = UnixSeconds::new(1_775_088_000);
const KNOWN: Known<'static> = Known { customer: None, now: NOW };

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn march() -> Days {
    Days { from: day("2026-03-01"), to: day("2026-04-01") }
}

fn line(key: &str, net_minor: i64) -> DocumentLine {
    DocumentLine {
        key: key.into(),
        revision: 0,
        price: key.into(),
        catalogue: 1,
        description: format!("What {key} is"),
        kind: if net_minor < 0 { Kind::Discount } else { Kind::Recurring },
        period: march(),
        days: march(),
        quantity: "3".into(),
        unit_days: None,
        period_days: None,
        unit_price: None,
        exact: net_minor.to_string(),
        net_minor,
        base_minor: net_minor,
        evidence: Vec::new(),
        detail: Vec::new(),
    }
}

/// 60.00, 15.05 less 7.50 and 8.25 percent on it, of which the wallet pays 10.00.
fn invoice(id: &str) -> Document {
    let mut document = Document {
        id: id.into(),
        kind: DocumentKind::Invoice,
        status: Status::Issued,
        number: Some(format!("N-{id}")),
        credits: None,
        tenant: "acme".parse().unwrap(),
        currency: "USD".parse().unwrap(),
        timezone: "Australia/Adelaide".into(),
        period: march(),
        instants: None,
        created_at: NOW,
        issued_at: Some(NOW),
        issued_on: Some(day("2026-04-02")),
        due_on: Some(day("2026-05-02")),
        payment_terms: Some("30 days net".into()),
        paid_at: None,
        paid_by: None,
        voided_at: None,
        seller: None,
        buyer: Some(Party {
            legal_name: "Acme Pty Ltd".into(),
            address: vec!["1 High Street".into(), "Adelaide".into(), "Australia".into()],
            tax_id: "AU 1".into(),
            email: Some("books@acme.example".into()),
            remarks: Vec::new(),
        }),
        lines: vec![line("base_camera", 6000), line("storage", 1505), line("launch", -750)],
        taxes: vec![DocumentTax {
            rate: "0.0825".into(),
            reason: None,
            on: None,
            base_minor: 6755,
            tax_minor: 557,
            shares: Vec::new(),
        }],
        totals: Totals::default(),
        lacks: Vec::new(),
    };
    total(&mut document, 1000);
    document
}

fn total(document: &mut Document, from_wallet_minor: i64) {
    let net_minor = document.lines.iter().map(|line| line.net_minor).sum();
    let tax_minor = document.taxes.iter().map(|tax| tax.tax_minor).sum();
    let total_minor = net_minor + tax_minor;
    let due_minor = total_minor - from_wallet_minor;
    document.totals = Totals { net_minor, tax_minor, total_minor, from_wallet_minor, due_minor };
}

fn ended(mut document: Document, status: Status) -> Document {
    document.status = status;
    document
}

/// Gives back some of an invoice.
fn credit_note(id: &str, of: &str) -> Document {
    let mut document = invoice(id);
    document.kind = DocumentKind::CreditNote;
    document.credits = Some(Credited { id: of.into(), number: Some(format!("N-{of}")) });
    document.lines = vec![line("base_camera", -2000), line("launch", 250)];
    document.taxes[0].tax_minor = -144;
    total(&mut document, 0);
    document
}

/// A client that asks so many times, without waiting.
fn client(fake: &Fake, tries: u32) -> StripeClient {
    let client = StripeClient::new(&fake.url(), Redacted::new(KEY.into())).unwrap();
    client.with_patience(Patience { tries, first: Duration::ZERO, longest: Duration::ZERO })
}

/// Exactly one customer and this invoice, with every item once.
fn holds_once(fake: &Fake, document: &Document, status: &str) {
    let books = fake.books();
    let wanted = document.totals.due_minor.max(0);
    assert_eq!(books.customers.len(), 1, "{:?}", books.customers);
    let found: Vec<_> =
        books.invoices.iter().filter(|one| one["metadata"][metadata::INVOICE] == *document.id).collect();
    let [found] = found[..] else { panic!("{:?}", books.invoices) };
    assert_eq!((&found["total"], &found["status"]), (&wanted.into(), &status.into()));
    assert_eq!(found["number"], document.number.clone().unwrap());
    let items: Vec<_> = books.items.iter().filter(|item| item["invoice"] == found["id"]).collect();
    let mut amounts: Vec<i64> = items.iter().map(|item| item["amount"].as_i64().unwrap()).collect();
    let mut expected: Vec<i64> = document.lines.iter().map(|line| line.net_minor).collect();
    expected.extend(document.taxes.iter().map(|tax| tax.tax_minor));
    if document.totals.from_wallet_minor != 0 {
        expected.push(-document.totals.from_wallet_minor);
    }
    if document.totals.due_minor < 0 {
        expected.push(-document.totals.due_minor);
    }
    amounts.sort_unstable();
    expected.sort_unstable();
    assert_eq!(amounts, expected);
}

#[test]
fn twice_is_once_and_the_second_time_nothing_is_changed() {
    for (status, there) in [(Status::Issued, "open"), (Status::Paid, "paid"), (Status::Void, "void")] {
        let (fake, document) = (Fake::start(), ended(invoice("d1"), status));
        let client = client(&fake, 1);
        let first = push(&client, &document, &KNOWN).unwrap();
        holds_once(&fake, &document, there);
        let before = fake.books().seen.len();
        let second = push(&client, &document, &KNOWN).unwrap();
        assert_eq!(second, Pushed { changes: 0, ..first });
        assert!(fake.books().seen[before..].iter().all(|request| request.starts_with("GET ")));
        holds_once(&fake, &document, there);
    }
}

#[test]
fn several_documents_of_a_tenant_share_its_customer_and_pages_are_followed() {
    let fake = Fake::start();
    let client = client(&fake, 1);
    for customer in 0..5 {
        fake.books()
            .customers
            .push(serde_json::json!({"id": format!("cus_other{customer}"), "metadata": {}, "balance": 0}));
    }
    let documents: Vec<Document> = (0..5).map(|place| invoice(&format!("d{place}"))).collect();
    for _ in 0..2 {
        for document in &documents {
            push(&client, document, &KNOWN).unwrap();
        }
    }
    fake.books().customers.retain(|customer| customer["metadata"][metadata::TENANT] == "acme");
    for document in &documents {
        holds_once(&fake, document, "open");
    }
    assert_eq!(fake.books().invoices.len(), documents.len());
}

/// Exports that are stopped at each request by each fault; then another goes on, at once or when the keys are forgotten.
fn stopped_everywhere(documents: &[Document], check: impl Fn(&Fake)) {
    let faults =
        [Fault::Before, Fault::After, Fault::Failed, Fault::FailedAfter, Fault::Limited, Fault::InUse];
    for fault in faults {
        for forgotten in [false, true] {
            let mut stopped = 0;
            for request in 0.. {
                let fake = Fake::start();
                fake.books().fault = Some((request, 1, fault));
                let impatient = client(&fake, 1);
                let first = documents.iter().try_for_each(|one| push(&impatient, one, &KNOWN).map(drop));
                if fake.books().fault.is_some() {
                    // It was over before that request.
                    first.unwrap();
                    break;
                }
                let error = first.unwrap_err();
                assert!(error.is_passing(), "{fault:?} at {request}: {error}");
                stopped += 1;
                if forgotten {
                    fake.forgets_keys();
                }
                for document in documents {
                    push(&impatient, document, &KNOWN)
                        .unwrap_or_else(|error| panic!("{fault:?} at {request}: {error}"));
                }
                check(&fake);
            }
            assert!(stopped > 10, "{fault:?}: {stopped}");
        }
    }
}

#[test]
fn an_invoice_that_is_stopped_anywhere_is_there_once_after_the_next_try() {
    for (status, there) in [(Status::Issued, "open"), (Status::Paid, "paid"), (Status::Void, "void")] {
        let document = ended(invoice("d1"), status);
        stopped_everywhere(std::slice::from_ref(&document), |fake| holds_once(fake, &document, there));
    }
}

#[test]
fn a_credit_note_that_is_stopped_anywhere_is_there_once_after_the_next_try() {
    let documents = [ended(invoice("d1"), Status::Paid), credit_note("c1", "d1")];
    stopped_everywhere(&documents, |fake| {
        holds_once(fake, &documents[0], "paid");
        let books = fake.books();
        let [note] = &books.notes[..] else { panic!("{:?}", books.notes) };
        assert_eq!((&note["amount"], &note["metadata"]["brink_credit_note"]), (&1894.into(), &"c1".into()));
    });
}

#[test]
fn a_client_with_patience_gets_through_every_fault_by_itself() {
    let document = ended(invoice("d1"), Status::Paid);
    for fault in
        [Fault::Before, Fault::After, Fault::Failed, Fault::FailedAfter, Fault::Limited, Fault::InUse]
    {
        for request in 0.. {
            let fake = Fake::start();
            fake.books().fault = Some((request, 2, fault));
            let result = push(&client(&fake, 3), &document, &KNOWN);
            if fake.books().fault.is_some() {
                break;
            }
            let pushed = result.unwrap_or_else(|error| panic!("{fault:?} at {request}: {error}"));
            assert_eq!(pushed.status, AtStripe::Paid);
            holds_once(&fake, &document, "paid");
        }
    }
}

#[test]
fn what_was_paid_or_voided_since_becomes_so_and_nothing_else() {
    for (status, there) in [(Status::Paid, "paid"), (Status::Void, "void")] {
        let (fake, issued) = (Fake::start(), invoice("d1"));
        let client = client(&fake, 1);
        push(&client, &issued, &KNOWN).unwrap();
        let pushed = push(&client, &ended(issued.clone(), status), &KNOWN).unwrap();
        assert_eq!(pushed.changes, 1);
        holds_once(&fake, &issued, there);
    }
}

#[test]
fn a_draft_that_was_deleted_at_stripe_is_made_anew_within_the_day() {
    let (fake, document) = (Fake::start(), invoice("d1"));
    let client = client(&fake, 1);
    fake.books().fault = Some((6, 1, Fault::Before));
    assert!(push(&client, &document, &KNOWN).is_err());
    assert_eq!(fake.books().invoices.len(), 1);
    fake.books().invoices.clear();
    fake.books().items.clear();
    push(&client, &document, &KNOWN).unwrap();
    holds_once(&fake, &document, "open");
}

#[test]
fn while_lists_lag_the_keys_hold() {
    let (fake, document) = (Fake::start(), ended(invoice("d1"), Status::Paid));
    fake.books().lists_lag = true;
    for _ in 0..3 {
        push(&client(&fake, 1), &document, &KNOWN).unwrap();
        holds_once(&fake, &document, "paid");
    }
}

#[test]
fn a_wallet_that_pays_all_or_gets_something_leaves_nothing_to_pay_at_stripe() {
    for wallet in [7312, 8000] {
        let mut document = invoice("d1");
        total(&mut document, wallet);
        let (fake, client) = {
            let fake = Fake::start();
            let client = client(&fake, 1);
            (fake, client)
        };
        let pushed = push(&client, &document, &KNOWN).unwrap();
        assert_eq!(pushed.status, AtStripe::Paid);
        holds_once(&fake, &document, "paid");
        // What is void here and came to nothing is as closed there as it can be.
        push(&client, &ended(document, Status::Void), &KNOWN).unwrap();
    }
}

#[test]
fn a_customer_that_is_named_is_taken_and_marked_so_that_it_is_found() {
    let (fake, document) = (Fake::start(), invoice("d1"));
    let client = client(&fake, 1);
    fake.books().customers.push(serde_json::json!({"id": "cus_old", "metadata": {}, "balance": 0}));
    let pushed = push(&client, &document, &Known { customer: Some("cus_old"), now: NOW }).unwrap();
    assert_eq!(pushed.customer, "cus_old");
    let found = push(&client, &document, &KNOWN).unwrap();
    assert_eq!((found.customer, found.changes), ("cus_old".into(), 0));
    holds_once(&fake, &document, "open");
}

#[test]
fn two_exports_at_once_make_one() {
    let (fake, mut other) = (Fake::start(), invoice("d1"));
    other.buyer.as_mut().unwrap().legal_name = "Acme Limited".into();
    let document = invoice("d1");
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| push(&client(&fake, 5), &document, &KNOWN).unwrap());
        }
    });
    holds_once(&fake, &document, "open");
    // Another document of then, which names the buyer differently and does not see the customer yet.
    let customer = super::plan(&other, NOW).unwrap().customer;
    let other = client(&fake, 1).post("/v1/customers", &customer.params, &customer.key("/v1/customers", 0));
    assert!(matches!(other, Err(StripeError::Refused(refused)) if refused.kind == "idempotency_error"));
}
