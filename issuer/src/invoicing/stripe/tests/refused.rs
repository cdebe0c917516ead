//! What is refused at Stripe or before, and what is told of it.

use super::*;
use serde_json::json;

fn code(result: Result<Pushed, StripeError>) -> &'static str {
    result.unwrap_err().code()
}

/// An export that stopped with its draft filled but for the last item.
fn half(fake: &Fake) -> Document {
    let document = invoice("d1");
    fake.books().fault = Some((9, 1, Fault::Before));
    push(&client(fake, 1), &document, &KNOWN).unwrap_err();
    let books = fake.books();
    assert_eq!((books.invoices.len(), books.items.len()), (1, 4));
    drop(books);
    document
}

#[test]
fn a_draft_that_somebody_changed_stays_a_draft() {
    type Change = fn(&mut fake::Books);
    let foreign: Change = |books| {
        books.items.push(json!({"id": "ii_x", "invoice": books.invoices[0]["id"], "amount": 5, "currency": "usd", "metadata": {}}));
        books.invoices[0]["total"] = json!(books.invoices[0]["total"].as_i64().unwrap() + 5);
    };
    let amounts: Change = |books| {
        books.items[0]["amount"] = json!(6001);
        books.items[1]["amount"] = json!(1504);
    };
    let currency: Change = |books| books.invoices[0]["currency"] = json!("eur");
    let balance: Change = |books| books.invoices[0]["starting_balance"] = json!(-100);
    for change in [foreign, amounts, balance] {
        let fake = Fake::start();
        let document = half(&fake);
        change(&mut fake.books());
        assert_eq!(code(push(&client(&fake, 1), &document, &KNOWN)), "AMOUNT_DIFFERS");
        assert_eq!(fake.books().invoices[0]["status"], "draft");
    }
    // An invoice is compared as well, though nothing can be done about it any more.
    for change in [currency, |books: &mut fake::Books| books.invoices[0]["total"] = json!(1)] {
        let (fake, document) = (Fake::start(), invoice("d1"));
        push(&client(&fake, 1), &document, &KNOWN).unwrap();
        change(&mut fake.books());
        assert_eq!(code(push(&client(&fake, 1), &document, &KNOWN)), "AMOUNT_DIFFERS");
    }
}

#[test]
fn what_is_there_twice_is_named_and_not_chosen_from() {
    let fake = Fake::start();
    let document = half(&fake);
    let copy = |rows: &mut Vec<serde_json::Value>| {
        let mut copy = rows[0].clone();
        copy["id"] = json!("x_copy");
        rows.push(copy);
    };
    copy(&mut fake.books().items);
    let error = push(&client(&fake, 1), &document, &KNOWN).unwrap_err();
    assert_eq!(error.code(), "STRIPE_TWICE");
    assert!(error.to_string().contains("x_copy"), "{error}");
    fake.books().items.pop();
    copy(&mut fake.books().invoices);
    assert_eq!(code(push(&client(&fake, 1), &document, &KNOWN)), "STRIPE_TWICE");
    fake.books().invoices.pop();
    copy(&mut fake.books().customers);
    assert_eq!(code(push(&client(&fake, 1), &document, &KNOWN)), "STRIPE_TWICE");
    fake.books().customers.pop();
    push(&client(&fake, 1), &document, &KNOWN).unwrap();
    holds_once(&fake, &document, "open");
}

#[test]
fn standings_that_cannot_both_be_are_refused_and_others_are_taken() {
    for (here, there, expected) in [
        (Status::Issued, "void", Some("STRIPE_STANDING")),
        (Status::Paid, "void", Some("STRIPE_STANDING")),
        (Status::Void, "paid", Some("STRIPE_STANDING")),
        (Status::Issued, "paid", None),
        (Status::Issued, "uncollectible", None),
        (Status::Paid, "uncollectible", None),
        (Status::Void, "uncollectible", None),
    ] {
        let (fake, document) = (Fake::start(), invoice("d1"));
        push(&client(&fake, 1), &document, &KNOWN).unwrap();
        fake.books().invoices[0]["status"] = json!(there);
        let result = push(&client(&fake, 1), &ended(document, here), &KNOWN);
        assert_eq!(result.err().map(|error| error.code()), expected, "{here:?} {there}");
    }
}

#[test]
fn credit_notes_want_a_paid_invoice_that_has_so_much_left() {
    let fake = Fake::start();
    let client = client(&fake, 1);
    let note = credit_note("c1", "d1");
    assert_eq!(code(push(&client, &note, &KNOWN)), "NOT_EXPORTED");
    push(&client, &invoice("d1"), &KNOWN).unwrap();
    assert_eq!(code(push(&client, &note, &KNOWN)), "CREDIT_OF_OPEN");
    assert!(fake.books().notes.is_empty());
    push(&client, &ended(invoice("d1"), Status::Paid), &KNOWN).unwrap();
    let pushed = push(&client, &note, &KNOWN).unwrap();
    assert_eq!(pushed.credit_note.as_deref(), fake.books().notes[0]["id"].as_str());
    for more in ["c2", "c3"] {
        push(&client, &credit_note(more, "d1"), &KNOWN).unwrap();
    }
    assert_eq!(code(push(&client, &credit_note("c4", "d1"), &KNOWN)), "CREDIT_BEYOND");
    // A note that counts no more is voided where it is, and not made where it is not.
    let pushed = push(&client, &ended(note, Status::Void), &KNOWN).unwrap();
    assert_eq!((pushed.changes, fake.books().notes[0]["status"].clone()), (1, json!("void")));
    let pushed = push(&client, &ended(credit_note("c5", "d1"), Status::Void), &KNOWN).unwrap();
    assert_eq!((pushed.changes, pushed.credit_note), (0, None));
    assert_eq!(code(push(&client, &credit_note("c1", "d1"), &KNOWN)), "STRIPE_STANDING");
}

#[test]
fn a_named_customer_must_be_this_tenants() {
    let fake = Fake::start();
    let others = json!({"id": "cus_other", "metadata": {metadata::TENANT: "other"}, "balance": 0});
    let gone = json!({"id": "cus_gone", "deleted": true});
    fake.books().customers.extend([others, gone]);
    for id in ["cus_other", "cus_gone", "cus_none", "in_1", "cus_../invoices", ""] {
        let known = Known { customer: Some(id), now: NOW };
        assert_eq!(code(push(&client(&fake, 1), &invoice("d1"), &known)), "STRIPE_CUSTOMER", "{id}");
    }
    assert!(fake.books().invoices.is_empty());
}

#[test]
fn a_refusal_names_what_stripe_says_and_never_the_key() {
    let fake = Fake::start();
    let client = client(&fake, 1);
    push(&client, &invoice("d1"), &KNOWN).unwrap();
    // The number is taken.
    let mut document = invoice("d2");
    document.number = Some("N-d1".into());
    let error = push(&client, &document, &KNOWN).unwrap_err();
    assert_eq!(error.code(), "STRIPE_REFUSED");
    let text = error.to_string();
    for part in
        ["POST /v1/invoices", "400", "invalid_request_error", "parameter_unknown", "param number", "req_1"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    for shown in [text, format!("{error:?}"), format!("{client:?}"), error.mend().to_owned()] {
        assert!(
            !shown.contains(KEY) && !shown.contains("never_to_be_seen") && !shown.contains('\u{1b}'),
            "{shown}"
        );
    }
}

/// Everything that is logged, at every level.
#[derive(Clone, Default)]
struct Lines(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_key_is_in_no_line_that_is_logged_here() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let fake = Fake::start();
        fake.books().fault = Some((2, 1, Fault::Limited));
        push(&client(&fake, 2), &invoice("d1"), &KNOWN).unwrap();
    });
    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("asked again"), "{logged}");
    assert!(!logged.contains("never_to_be_seen"), "{logged}");
}

#[test]
fn addresses_and_keys_are_checked_before_anything_is_sent() {
    let made = |url: &str, key: &str| {
        StripeClient::new(url, Redacted::new(key.into())).map(drop).map_err(|e| e.code())
    };
    for good in ["https://api.stripe.com", "http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1/"] {
        assert_eq!(made(good, KEY), Ok(()), "{good}");
    }
    for bad in [
        "http://api.stripe.com",
        "ftp://127.0.0.1",
        "api.stripe.com",
        "https://u:p@x",
        "https://x/?a",
        "https://x/#a",
        "",
    ] {
        assert_eq!(made(bad, KEY), Err("BAD_URL"), "{bad}");
    }
    for bad in ["pk_test_x", "", "sk_a b", "sk_a\nb", "sk_ä", &format!("sk_{}", "a".repeat(2000))] {
        assert_eq!(made("https://api.stripe.com", bad), Err("STRIPE_KEY"), "{bad}");
    }
}

#[test]
fn whoever_is_not_stripe_is_told_apart() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for body in ["<html>", "[]", r#"{"data":[{}],"has_more":true}"#] {
            use std::io::{Read as _, Write as _};
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let answer = format!(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let client = StripeClient::new(&url, Redacted::new(KEY.into())).unwrap();
    let client = client.with_patience(Patience { tries: 1, first: Duration::ZERO, longest: Duration::ZERO });
    for _ in 0..3 {
        assert_eq!(code(push(&client, &invoice("d1"), &KNOWN)), "STRIPE_ANSWER");
    }
    assert_eq!(code(push(&client, &invoice("d1"), &KNOWN)), "STRIPE_UNREACHABLE");
}
