//! What is given back, and what discounts, taxes and the wallet make of it.

use super::*;

#[test]
fn fewer_cameras_than_were_billed_are_credited_for_the_invoice_that_billed_them() {
    let firm = Firm::since("2026-03-31", "UTC");
    firm.subscribe(10, &[]);
    firm.profiles(r#","tax":[{"rate":"0.2","reason":"VAT","on":"all"}]"#);
    firm.at("2026-04-01");
    let march = firm.close();
    let first = firm.issue(&march[0]);
    assert_eq!(first.number.as_deref(), Some("INV-000001"));
    firm.at("2026-04-16");
    firm.cameras(-4);
    firm.profile(r#","tax":[{"rate":"0.25","reason":"VAT","on":"all"}]"#).unwrap();
    firm.at("2026-05-01");
    let april = firm.close();
    let note = april.iter().find(|document| document.kind == DocumentKind::CreditNote).unwrap();
    assert_eq!(nets(std::slice::from_ref(note), "2026-04-01"), [net("base_camera", "-120.00")]);
    let note = firm.issue(note);
    assert_eq!(note.number.as_deref(), Some("CN-000001"));
    assert_eq!(note.credits.as_ref().unwrap().number.as_deref(), Some("INV-000001"));
    assert_eq!(note.totals.tax_minor, -2400, "at the rate that the invoice had");
    assert_eq!(firm.invoicing.wallet(&firm.tenant).unwrap().1, 14_400);
    let invoice = firm.issue(invoices(&april)[0]);
    assert_eq!((invoice.totals.net_minor, invoice.totals.tax_minor), (36_000, 9000));
    assert_eq!((invoice.totals.from_wallet_minor, invoice.totals.due_minor), (14_400, 30_600));
    assert_eq!(firm.invoicing.wallet(&firm.tenant).unwrap().1, 0);
}

#[test]
fn a_discount_goes_with_what_it_was_on_and_running_again_yields_nothing() {
    let firm = Firm::since("2026-03-31", "UTC");
    firm.subscribe(10, &["advanced_analytics", "intelligence"]);
    let device = &firm.devices(1)[0];
    firm.assign(device, 0..6, &["advanced_analytics"]);
    firm.profiles(r#","discounts":[{"name":"launch","percent":"10","on":"all","from":"2026-04-01"}]"#);
    firm.at("2026-04-01");
    for document in firm.close() {
        firm.issue(&document);
    }
    firm.at("2026-04-11");
    firm.cameras(-3);
    firm.unassign(device, 3..6);
    firm.assign(device, 0..1, &[]);
    firm.at("2026-04-21");
    firm.cameras(5);
    firm.at("2026-05-01");
    let documents = firm.close();
    // What all documents have of April is what April comes to, 10 percent off.
    let all: Vec<Document> =
        firm.invoicing.storage.documents(&crate::storage::DocumentQuery::default()).unwrap();
    let net: i64 = of(&all, "2026-04-01").iter().map(|line| line.net_minor).sum();
    let of_price = |price: &str| -> i64 {
        of(&all, "2026-04-01").iter().filter(|line| &*line.price == price).map(|line| line.net_minor).sum()
    };
    let charges: i64 = ["base_camera", "advanced_analytics", "intelligence"].map(of_price).iter().sum();
    assert_eq!(of_price("launch"), -(charges + 5) / 10);
    assert_eq!(net, charges + of_price("launch"));
    let note = documents.iter().find(|document| document.kind == DocumentKind::CreditNote).unwrap();
    assert!(note.lines.iter().any(|line| &*line.price == "launch" && line.net_minor > 0), "{note:?}");
    for document in &documents {
        let base: i64 = document.lines.iter().map(|line| line.base_minor).sum();
        assert_eq!(base, document.totals.net_minor);
        assert!(document.lines.iter().all(|line| line.base_minor != 0 || line.net_minor != 0));
    }
    assert!(firm.invoicing.close_again(&firm.tenant).unwrap().is_none(), "nothing is left");
    assert!(firm.close().is_empty());
    firm.at("2026-06-01");
    assert_eq!(nets(&firm.close(), "2026-04-01"), []);
}

#[test]
fn what_is_passed_through_costs_what_it_cost_and_nothing_goes_unsaid() {
    let firm = Firm::since("2026-03-01", "UTC");
    firm.subscribe(0, &[]);
    let device = &firm.devices(1)[0];
    firm.at("2026-03-20");
    firm.uses(device, "sms", "120");
    let (sms, on) = ("sms_sent".parse().unwrap(), day("2026-03-20"));
    let row = firm.invoicing.add_cost(&firm.tenant, (&sms, on), "8.405".parse().unwrap(), "bill 7").unwrap();
    assert_eq!(row.meter.as_str(), "sms");
    firm.at("2026-04-01");
    let documents = firm.close();
    assert_eq!(nets(&documents, "2026-03-01"), [net("sms", "8.41")]);
    firm.invoicing.add_cost(&firm.tenant, (&sms, on), "-1".parse().unwrap(), "given back").unwrap();
    firm.at("2026-05-01");
    let later = firm.close();
    assert_eq!(
        (later[0].kind, nets(&later, "2026-03-01")),
        (DocumentKind::CreditNote, vec![net("sms", "-1.00")])
    );
    for early in ["2026-02-28", "2025-01-01"] {
        let refused = firm.invoicing.add_cost(&firm.tenant, (&sms, day(early)), "1".parse().unwrap(), "x");
        assert_eq!(refused.unwrap_err().code(), "TOO_EARLY", "it would never be invoiced");
    }
    let calls =
        firm.invoicing.add_cost(&firm.tenant, (&"api_call".parse().unwrap(), on), "1".parse().unwrap(), "x");
    assert_eq!(calls.unwrap_err().code(), "NOT_PASSED_THROUGH");
}
