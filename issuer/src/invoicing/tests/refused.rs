//! What is refused, by its code and with what helps.

use super::*;
use crate::reports::period::Bound;

#[test]
fn a_period_that_runs_or_is_closed_is_not_closed_again() {
    let firm = Firm::since("2026-03-10", "UTC");
    assert_eq!(firm.invoicing.close(&firm.tenant, None).unwrap_err().code(), "NOTHING_SOLD");
    firm.subscribe(10, &[]);
    assert!(firm.close().is_empty(), "it runs");
    let running = firm.invoicing.close(&firm.tenant, Some(day("2026-03-31"))).unwrap_err();
    assert_eq!(
        (running.code(), running.mend().unwrap().as_str()),
        ("PERIOD_RUNNING", "close it from 2026-04-01 on")
    );
    firm.at("2026-05-01");
    let through = |text: &str| firm.invoicing.close(&firm.tenant, Some(day(text))).unwrap().len();
    assert_eq!(through("2026-03-31"), 1);
    assert_eq!(through("2026-03-01"), 0, "closed already");
    assert_eq!(through("2026-04-01"), 1);
    assert_eq!(firm.now(), "2026-05-01T00:00:00Z");
}

#[test]
fn what_is_agreed_of_a_closed_period_stays() {
    let firm = Firm::since("2026-03-01", "UTC");
    firm.subscribe(10, &[]);
    let launch = r#","discounts":[{"name":"launch","percent":"10","from":"2026-03-01"}]"#;
    firm.profile(launch).unwrap();
    firm.at("2026-04-01");
    firm.close();
    for changed in [
        "",
        r#","discounts":[{"name":"launch","percent":"11","from":"2026-03-01"}]"#,
        r#","discounts":[{"name":"launch","percent":"10","from":"2026-04-01"}]"#,
        r#","discounts":[{"name":"launch","percent":"10","from":"2026-03-01"}],"anchor":"2026-03-01""#,
    ] {
        assert_eq!(firm.profile(changed).unwrap_err().code(), "PROFILE_CLOSED", "{changed}");
    }
    firm.profile(r#","discounts":[{"name":"launch","percent":"10","from":"2026-03-01","until":"2026-04-01"},{"name":"loyal","amount":"5","from":"2026-05-01"}]"#).unwrap();
}

#[test]
fn profiles_that_cannot_be_are_refused_with_their_place() {
    let firm = Firm::since("2026-03-01", "UTC");
    for (more, path) in [
        (r#","anchor":"2026-02-30""#, "anchor"),
        (r#","due_days":366"#, "due_days"),
        (r#","colour":1"#, "colour"),
        (r#","remarks":[""]"#, "remarks[0]"),
        (r#","tax":[{"rate":"8.25","reason":"x"}]"#, "tax[0].rate"),
        (r#","tax":[{"rate":0.2,"reason":"x"}]"#, "tax[0].rate"),
        (r#","tax":[{"rate":"0.2","reason":"x","on":["nothing"]}]"#, "tax[0].on"),
        (r#","tax":[{"rate":"0.2","reason":"x"},{"rate":"0.20","reason":"y"}]"#, "tax[1]"),
        (r#","tax":[["0.2","x","all"]]"#, "tax"),
        (r#","discounts":[{"name":"base_camera","percent":"1","from":"2026-03-01"}]"#, "discounts[0]"),
        (r#","discounts":[{"name":"a","percent":"101","from":"2026-03-01"}]"#, "discounts[0]"),
        (r#","discounts":[{"name":"a","amount":"1.001","from":"2026-03-01"}]"#, "discounts[0]"),
        (r#","discounts":[{"name":"a","amount":"1","percent":"1","from":"2026-03-01"}]"#, "discounts[0]"),
        (
            r#","discounts":[{"name":"a","amount":"1","from":"2026-03-01","until":"2026-03-01"}]"#,
            "discounts[0]",
        ),
        (
            r#","discounts":[{"name":"a","amount":"1","from":"2026-03-01"},{"name":"a","amount":"2","from":"2027-03-01"}]"#,
            "discounts[1]",
        ),
    ] {
        let refused = firm.profile(more).unwrap_err();
        assert_eq!(refused.code(), "BAD_PROFILE", "{more}");
        assert!(refused.to_string().contains(path), "{more}: {refused}");
    }
    let seller = |text: &str| firm.invoicing.set_profile(&ProfileOwner::Seller, text.as_bytes());
    assert_eq!(seller("{}").unwrap_err().code(), "BAD_PROFILE");
    assert_eq!(seller("[]").unwrap_err().code(), "BAD_PROFILE");
    let digits = SELLER.replacen('}', r#","invoice_prefix":"INV-2"}"#, 1);
    assert!(seller(&digits).unwrap_err().to_string().contains("invoice_prefix"));
    let same = SELLER.replacen('}', r#","invoice_prefix":"CN-"}"#, 1);
    assert!(seller(&same).unwrap_err().to_string().contains("credit_note_prefix"));
}

#[test]
fn a_version_of_the_catalogue_that_was_sold_and_is_not_given_is_named() {
    let mut firm = Firm::since("2026-03-01", "UTC");
    firm.subscribe(1, &[]);
    let other = DEFAULT.replacen("version = 1\n", "version = 2\n", 1);
    firm.invoicing.catalogs = Versions::new(vec![Catalog::parse(&other).unwrap()]).unwrap();
    firm.at("2026-04-01");
    let refused = firm.invoicing.close(&firm.tenant, None).unwrap_err();
    assert_eq!((refused.code(), refused.is_of_state()), ("CATALOGUE_MISSING", true));
    firm.invoicing.catalogs = Versions::new(vec![firm.catalog.clone()]).unwrap();
    assert_eq!(firm.close().len(), 1, "nothing was lost");
    let dearer = DEFAULT.replacen("amount = \"60\"", "amount = \"61\"", 1);
    firm.invoicing.catalogs = Versions::new(vec![Catalog::parse(&dearer).unwrap()]).unwrap();
    firm.at("2026-05-01");
    let refused = firm.invoicing.close(&firm.tenant, None).unwrap_err();
    assert_eq!((refused.code(), refused.is_of_state()), ("CATALOGUE_CHANGED", true));
}

#[test]
fn a_moment_that_has_not_been_or_was_before_the_issue_pays_nothing() {
    let firm = Firm::since("2026-03-01", "UTC");
    firm.subscribe(1, &[]);
    firm.profiles("");
    firm.at("2026-04-01");
    let draft = firm.close().remove(0);
    assert_eq!(firm.invoicing.pay(&draft.id, None, None).unwrap_err().code(), "INVOICE_STANDING");
    let issued = firm.issue(&draft);
    let at = |by: i64| Some(Bound::Instant(firm.bench.clock.now().saturating_add(by)));
    let on = |text: &str| Some(Bound::Day(day(text)));
    assert_eq!(firm.invoicing.pay(issued.name(), on("2026-03-31"), None).unwrap_err().code(), "BEFORE_ISSUE");
    assert_eq!(
        firm.invoicing.pay(issued.name(), on("2026-04-02"), None).unwrap_err().code(),
        "IN_THE_FUTURE"
    );
    assert_eq!(firm.invoicing.pay(issued.name(), at(1), None).unwrap_err().code(), "IN_THE_FUTURE");
    assert_eq!(firm.invoicing.pay(issued.name(), at(-1), None).unwrap_err().code(), "BEFORE_ISSUE");
    assert_eq!(firm.invoicing.void(issued.name(), "\n").unwrap_err().code(), "REASON");
    firm.bench.pass(3600);
    let paid = firm.invoicing.pay(issued.name(), on("2026-04-01"), None).unwrap();
    assert_eq!(paid.paid_at, issued.issued_at, "of that day no earlier than its issue");
    assert_eq!(firm.invoicing.issue("INV-000009").unwrap_err().code(), "UNKNOWN_INVOICE");
}
