//! What is said of a document, before anybody sends it.

use super::super::{End, Exported, InvoicePlan, Plan, Request, Step, plan};
use super::*;
use proptest::prelude::*;

fn planned(document: &Document) -> Plan {
    plan(document, NOW).unwrap()
}

fn invoice_of(plan: &Plan) -> &InvoicePlan {
    match &plan.exported {
        Exported::Invoice(invoice) => invoice,
        Exported::CreditNote(_) => panic!("a credit note"),
    }
}

fn param<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request.params.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

#[test]
fn an_invoice_is_a_draft_and_an_item_for_each_line_tax_and_sum() {
    let plan = planned(&invoice("d1"));
    let invoice = invoice_of(&plan);
    assert_eq!((invoice.total, &invoice.end), (6312, &End::Open));
    let shown: Vec<_> = invoice
        .items
        .iter()
        .map(|item| (item.line.as_str(), item.amount, param(&item.request, "description").unwrap()))
        .collect();
    let expected = [
        ("line 0 base_camera", 6000, "What base_camera is"),
        ("line 1 storage", 1505, "What storage is"),
        ("line 2 launch", -750, "What launch is"),
        ("tax 0", 557, "Tax 8.25 %"),
        ("wallet", -1000, "Paid from your wallet"),
    ];
    assert_eq!(shown, expected);
    // March in Adelaide: from half past one in the afternoon before, in UTC, to a second before the next.
    let item = &invoice.items[0].request;
    assert_eq!(param(item, "period[start]"), Some("1772285400"));
    assert_eq!(param(item, "period[end]"), Some("1774963799"));
    let draft = &invoice.draft;
    for (name, value) in [
        ("auto_advance", "false"),
        ("collection_method", "send_invoice"),
        ("currency", "usd"),
        ("number", "N-d1"),
        ("description", "2026-03-01 to 2026-03-31; due on 2026-05-02 (30 days net)"),
        ("due_date", "1777732199"),
        ("metadata[brink_invoice]", "d1"),
        ("metadata[brink_number]", "N-d1"),
    ] {
        assert_eq!(param(draft, name), Some(value), "{name}");
    }
    assert_eq!(param(&plan.customer, "address[line2]"), Some("Adelaide, Australia"));
}

#[test]
fn a_last_day_that_is_over_is_said_in_words_because_stripe_refuses_it() {
    let document = invoice("d1");
    let due = UnixSeconds::new(1_777_732_199);
    for (now, ahead) in [(due.saturating_add(-3601), true), (due.saturating_add(-3600), false), (due, false)]
    {
        let plan = plan(&document, now).unwrap();
        let draft = &invoice_of(&plan).draft;
        assert_eq!(param(draft, "due_date").is_some(), ahead);
        assert_eq!(param(draft, "days_until_due"), (!ahead).then_some("1"));
        assert!(param(draft, "description").unwrap().contains("due on 2026-05-02"));
    }
}

#[test]
fn percentages_are_said_as_people_write_them() {
    for (rate, text) in [
        ("0.0825", "Tax 8.25 %"),
        ("0.1", "Tax 10 %"),
        ("0.19", "Tax 19 %"),
        ("0", "Tax 0 %"),
        ("1", "Tax 100 %"),
        ("0.005", "Tax 0.5 %"),
        ("0.190", "Tax 19 %"),
    ] {
        let mut document = invoice("d1");
        document.taxes[0].rate = rate.into();
        let plan = planned(&document);
        assert_eq!(param(&invoice_of(&plan).items[3].request, "description"), Some(text));
    }
}

#[test]
fn a_credit_note_is_an_amount_outside_of_stripe_and_its_lines_in_words() {
    let plan = planned(&credit_note("c1", "d1"));
    let Exported::CreditNote(credit) = &plan.exported else { panic!("an invoice") };
    assert_eq!((credit.amount, credit.invoice.as_str()), (1894, "d1"));
    assert_eq!(param(&credit.request, "out_of_band_amount"), Some("1894"));
    let memo = "N-c1\nWhat base_camera is: -20.00\nWhat launch is: 2.50\nTax 8.25 %: -1.44";
    assert_eq!(param(&credit.request, "memo"), Some(memo));
}

#[test]
fn currencies_are_counted_as_stripe_counts_them_or_refused() {
    for (currency, net, expected) in [
        ("JPY", 500, Ok(500)),
        ("KWD", 5120, Ok(5120)),
        ("KWD", 5124, Err("AMOUNT_UNSAYABLE")),
        ("ISK", 5, Ok(500)),
        ("UGX", 5, Err("STRIPE_CURRENCY")),
    ] {
        let mut document = invoice("d1");
        document.currency = currency.parse().unwrap();
        document.lines = vec![line("base_camera", net)];
        document.taxes.clear();
        total(&mut document, 0);
        let found = plan(&document, NOW);
        let found = found.map(|plan| invoice_of(&plan).total).map_err(|error| error.code());
        assert_eq!(found, expected, "{net} {currency}");
    }
}

#[test]
fn what_contradicts_itself_or_is_no_invoice_yet_is_refused() {
    let code = |document: &Document| plan(document, NOW).unwrap_err().code();
    assert_eq!(code(&ended(invoice("d1"), Status::Draft)), "NOT_ISSUED");
    let mut document = invoice("d1");
    document.totals.due_minor += 1;
    assert_eq!(code(&document), "STRIPE_DOCUMENT");
    let mut document = invoice("d1");
    document.timezone = "Mars".into();
    assert_eq!(code(&document), "STRIPE_DOCUMENT");
    let mut document = credit_note("c1", "d1");
    document.totals.total_minor = 5;
    assert_eq!(code(&document), "STRIPE_DOCUMENT");
    document.credits = None;
    assert_eq!(code(&document), "STRIPE_DOCUMENT");
    let mut document = invoice("d1");
    document.lines = (0..249).map(|place| line(&format!("p{place}"), 1)).collect();
    total(&mut document, 1);
    assert_eq!(code(&document), "STRIPE_ITEMS");
    document.lines.pop();
    total(&mut document, 1);
    assert_eq!(invoice_of(&planned(&document)).items.len(), 250);
}

#[test]
fn a_key_is_of_the_step_the_document_and_the_content() {
    let request = |of: &str, params: &[(&str, &str)]| {
        let params = params.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Request::new(Step::Item, of, params)
    };
    let one = request("d1", &[("a", "bc")]);
    assert_eq!(one.key("/p", 0), one.key("/p", 0));
    assert!(one.key("/p", 0).starts_with("brink-item-"), "{}", one.key("/p", 0));
    let others = [
        request("d2", &[("a", "bc")]).key("/p", 0),
        request("d1", &[("ab", "c")]).key("/p", 0),
        request("d1", &[("a", "bc"), ("b", "")]).key("/p", 0),
        one.key("/q", 0),
        one.key("/p", 1),
    ];
    assert!(others.iter().all(|key| *key != one.key("/p", 0)), "{others:?}");
    // Of a customer it is not: who names the buyer differently means the same customer.
    let mut other = invoice("d2");
    other.buyer.as_mut().unwrap().legal_name = "Acme Limited".into();
    assert_eq!(planned(&invoice("d1")).customer.key("/p", 0), planned(&other).customer.key("/p", 0));
}

proptest! {
    #[test]
    fn items_add_up_to_what_is_due(
        nets in prop::collection::vec(-100_000_i64..1_000_000, 0..20), tax in -1000_i64..1000, wallet in 0_i64..1_000_000,
    ) {
        let mut document = invoice("d1");
        document.lines = nets.iter().map(|net| line("price", *net)).collect();
        document.taxes[0].tax_minor = tax;
        total(&mut document, wallet);
        let plan = planned(&document);
        let invoice = invoice_of(&plan);
        prop_assert_eq!(invoice.total, document.totals.due_minor.max(0));
        prop_assert_eq!(invoice.items.iter().map(|item| item.amount).sum::<i64>(), invoice.total);
        let keys: std::collections::BTreeSet<_> = invoice.items.iter().map(|item| item.request.key("/p", 0)).collect();
        prop_assert_eq!(keys.len(), invoice.items.len());
    }
}
