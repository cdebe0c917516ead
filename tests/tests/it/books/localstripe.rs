//! Exports to a server that others wrote: localstripe holds each invoice once, however often it is exported.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use brink_issuer::billing::Kind;
use brink_issuer::invoicing::document::{
    Days, Document, DocumentKind, DocumentLine, DocumentTax, Party, Status, Totals,
};
use brink_issuer::invoicing::stripe::{Known, Pushed, StripeClient, push};
use brink_issuer::secret::Redacted;
use brink_license::UnixSeconds;
use brink_tests::World;
use chrono::NaiveDate;
use serde_json::Value;

const KEY: &str = "sk_test_localstripe";
/// 2026-04-02T00:00:00Z.
const NOW: UnixSeconds = UnixSeconds::new(1_775_088_000);
/// More than one page of customers.
const TENANTS: usize = 101;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn line(key: String, net_minor: i64) -> DocumentLine {
    let march = Days { from: day("2026-03-01"), to: day("2026-04-01") };
    DocumentLine {
        key: key.clone().into(),
        revision: 0,
        price: key.clone().into(),
        catalogue: 1,
        description: format!("Überwachung & {key} = 100 %"),
        kind: Kind::Recurring,
        period: march,
        days: march,
        quantity: "1".into(),
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

/// An invoice of these lines, with a tax of a tenth, of which the wallet pays so much.
fn invoice(tenant: &str, id: &str, lines: &[i64], (currency, wallet): (&str, i64)) -> Document {
    let net_minor: i64 = lines.iter().sum();
    let tax_minor = net_minor / 10;
    let total_minor = net_minor + tax_minor;
    Document {
        id: id.into(),
        kind: DocumentKind::Invoice,
        status: Status::Issued,
        number: Some(format!("N-{id}")),
        credits: None,
        tenant: tenant.parse().unwrap(),
        currency: currency.parse().unwrap(),
        timezone: "Europe/Berlin".into(),
        period: Days { from: day("2026-03-01"), to: day("2026-04-01") },
        instants: None,
        created_at: NOW,
        issued_at: Some(NOW),
        issued_on: Some(day("2026-04-02")),
        due_on: Some(day("2026-05-02")),
        payment_terms: None,
        paid_at: None,
        paid_by: None,
        voided_at: None,
        seller: None,
        buyer: Some(Party {
            legal_name: format!("{tenant} GmbH & Co. KG"),
            address: vec!["Straße 1".into(), "Berlin".into()],
            tax_id: "DE 1".into(),
            email: Some(format!("{tenant}@example.com")),
            remarks: Vec::new(),
        }),
        lines: lines.iter().enumerate().map(|(place, net)| line(format!("price{place}"), *net)).collect(),
        taxes: vec![DocumentTax {
            rate: "0.1".into(),
            reason: None,
            on: None,
            base_minor: net_minor,
            tax_minor,
            shares: Vec::new(),
        }],
        totals: Totals {
            net_minor,
            tax_minor,
            total_minor,
            from_wallet_minor: wallet,
            due_minor: total_minor - wallet,
        },
        lacks: Vec::new(),
    }
}

fn documents() -> Vec<(Document, &'static str)> {
    let many: Vec<i64> = (1..=120).collect();
    let mut documents = vec![
        (invoice("acme", "a1", &[6000, 1505, -750], ("USD", 0)), "open"),
        (invoice("acme", "a2", &[6000], ("USD", 1000)), "paid"),
        (invoice("acme", "a3", &[6000, 1], ("USD", 0)), "void"),
        (invoice("acme", "a4", &[100, -500], ("USD", 0)), "paid"),
        (invoice("yen", "y1", &[500], ("JPY", 0)), "open"),
        (invoice("dinar", "k1", &[5100], ("KWD", 0)), "open"),
        // More than one page of items.
        (invoice("many", "m1", &many, ("EUR", 0)), "open"),
    ];
    documents[1].0.status = Status::Paid;
    documents[2].0.status = Status::Void;
    documents.extend(
        (0..TENANTS).map(|tenant| {
            (invoice(&format!("t{tenant}"), &format!("t{tenant}"), &[700], ("EUR", 0)), "open")
        }),
    );
    documents
}

/// What it answers, read without our client.
fn held(url: &str, path: &str) -> Value {
    let host = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\nAuthorization: Bearer {KEY}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.0 200"), "{path}: {answer}");
    serde_json::from_str(body).unwrap()
}

fn rows(url: &str, path: &str) -> Vec<Value> {
    held(url, path)["data"].as_array().unwrap().clone()
}

fn export(client: &StripeClient, documents: &[(Document, &str)]) -> Vec<Pushed> {
    let known = Known { customer: None, now: NOW };
    let pushed = documents.iter().map(|(document, _)| {
        push(client, document, &known).unwrap_or_else(|error| panic!("{}: {error}", document.id))
    });
    pushed.collect()
}

#[test]
#[ignore = "needs localstripe: scripts/test installs it beside the build and runs this"]
fn localstripe_receives_the_export_twice_and_holds_it_once() {
    let world = World::new();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/serve_localstripe.py");
    let mut command = Command::new(brink_tests::python());
    let mut server = brink_tests::Running::start(command.arg(script), world.path("localstripe.log"));
    let url = format!("http://{}", server.announced("http://"));
    let client = StripeClient::new(&url, Redacted::new(KEY.into())).unwrap();
    let documents = documents();

    let first = export(&client, &documents);
    let second = export(&client, &documents);
    for (first, second) in first.iter().zip(&second) {
        assert!(first.changes > 0, "{first:?}");
        assert_eq!(second, &Pushed { changes: 0, ..first.clone() });
    }

    let customers = rows(&url, "/v1/customers?limit=1000");
    let mut tenants: Vec<&str> =
        customers.iter().map(|customer| customer["metadata"]["brink_tenant"].as_str().unwrap()).collect();
    let count = tenants.len();
    tenants.sort_unstable();
    tenants.dedup();
    assert_eq!((count, tenants.len()), (TENANTS + 4, TENANTS + 4));

    let invoices = rows(&url, "/v1/invoices?limit=1000");
    assert_eq!(invoices.len(), documents.len());
    let by_id: BTreeMap<&str, &Value> =
        invoices.iter().map(|one| (one["metadata"]["brink_invoice"].as_str().unwrap(), one)).collect();
    for (document, status) in &documents {
        let found = by_id[document.id.as_str()];
        let due = document.totals.due_minor.max(0);
        assert_eq!((&found["total"], &found["status"]), (&due.into(), &(*status).into()), "{}", document.id);
        let path = format!("/v1/invoices/{}/lines?limit=1000", found["id"].as_str().unwrap());
        let lines = rows(&url, &path);
        let of = |name: &str| {
            let wanted = |line: &&Value| line["metadata"]["brink_line"].as_str().unwrap().starts_with(name);
            lines.iter().filter(wanted).map(|line| line["amount"].as_i64().unwrap()).collect::<Vec<_>>()
        };
        let nets: Vec<i64> = document.lines.iter().map(|line| line.net_minor).collect();
        assert_eq!((of("line "), of("tax ")), (nets, vec![document.totals.tax_minor]), "{}", document.id);
    }
    assert!(server.is_alive());
}
