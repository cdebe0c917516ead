//! Corrections stand beside the records, with their reason, and no month falls below zero.

use super::{number, seconds, sums_of};
use crate::reports::BooksError;
use crate::reports::correction::{Corrected, CorrectionOrder};
use crate::testkit::{Bench, DAY, Edge, START, TENANT};
use brink_license::UnixSeconds;

fn used() -> (Bench, Edge) {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    bench.pass_with(&mut edge, DAY);
    edge.journal().record("sms", "cam-1", 10_500);
    edge.exchange(&bench.issuer).unwrap();
    bench.pass_with(&mut edge, DAY);
    (bench, edge)
}

fn order(edge: &Edge, quantity: &str) -> CorrectionOrder {
    CorrectionOrder {
        tenant: TENANT.parse().unwrap(),
        device: edge.id(),
        meter: "sms".parse().unwrap(),
        resource: "cam-1".parse().ok(),
        at: UnixSeconds::new(START + DAY + 77),
        quantity: quantity.parse().unwrap(),
        reason: "  counted twice by a host  ".into(),
    }
}

#[test]
fn a_correction_is_apart_and_in_the_net_and_the_audit_and_records_stay() {
    let (bench, edge) = used();
    let Corrected { month, before, after, .. } = bench.admin.correct_usage(&order(&edge, "-0.25")).unwrap();
    assert_eq!(
        (month.as_str(), before.to_string(), after.to_string()),
        ("2026-03", "10.5".into(), "10.25".into())
    );
    assert_eq!(sums_of(&bench, "sms"), ["10.5", "-0.25", "10.25"]);
    let rows = bench.admin.corrections(&TENANT.parse().unwrap()).unwrap();
    assert_eq!(
        (rows.len(), rows[0].reason.as_str(), rows[0].actor.as_str()),
        (1, "counted twice by a host", "test")
    );
    let audited = "SELECT count(*) FROM audit WHERE action = 'usage.correct' AND detail LIKE '%\"-0.25\"%'
                     AND detail LIKE '%counted twice%' AND actor = 'test'";
    assert_eq!(number(&bench, audited), 1);
    // By the catalogue's other name of the meter it is the same one.
    let other = CorrectionOrder { meter: "sms_sent".parse().unwrap(), ..order(&edge, "+1") };
    assert_eq!(bench.admin.correct_usage(&other).unwrap().meter.as_str(), "sms");
    assert_eq!(sums_of(&bench, "sms"), ["10.5", "0.75", "11.25"]);
    bench.admin.verify_usage(None).unwrap();
    let edited = bench.try_sql("UPDATE usage_corrections SET reason = 'x'", &[]).unwrap_err();
    assert!(edited.contains("insert-only"), "{edited}");
}

#[test]
fn a_month_never_falls_below_zero_in_a_meter() {
    let (bench, edge) = used();
    let refused = bench.admin.correct_usage(&order(&edge, "-10.500000000001")).unwrap_err();
    let words = refused.to_string();
    assert!(words.contains("2026-03") && words.contains("10.5"), "{words}");
    assert_eq!((refused.code(), refused.is_of_state()), ("CORRECTION_BELOW_ZERO", true));
    assert_eq!(number(&bench, "SELECT count(*) FROM usage_corrections"), 0);
    bench.admin.correct_usage(&order(&edge, "-10.5")).unwrap();
    assert!(bench.admin.correct_usage(&order(&edge, "-0.000000000001")).is_err(), "corrections count too");
    // The last quarter of an hour of February in the tenant's zone is the UTC day before the first of March.
    let february =
        CorrectionOrder { at: UnixSeconds::new(seconds("2026-02-28T22:59:59Z")), ..order(&edge, "-1") };
    let words = bench.admin.correct_usage(&february).unwrap_err().to_string();
    assert!(words.contains("2026-02"), "{words}");
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_reason() {
    let (bench, edge) = used();
    let good = || order(&edge, "+1");
    let blank = CorrectionOrder { reason: " ".into(), ..good() };
    let long = CorrectionOrder { reason: "x".repeat(501), ..good() };
    let lines = CorrectionOrder { reason: "a\nb".into(), ..good() };
    let nothing = order(&edge, "-0");
    let future = CorrectionOrder { at: UnixSeconds::new(START + 3 * DAY), ..good() };
    let meter = CorrectionOrder { meter: "smms".parse().unwrap(), ..good() };
    for (order, code) in [
        (blank, "REASON"),
        (long, "REASON"),
        (lines, "REASON"),
        (nothing, "CORRECTION_NOTHING"),
        (future, "CORRECTION_FUTURE"),
        (meter, "UNKNOWN_METER"),
    ] {
        assert_eq!(bench.admin.correct_usage(&order).unwrap_err().code(), code);
    }
    let foreign = CorrectionOrder { tenant: bench.another_tenant("tenant-other"), ..good() };
    let refused = bench.admin.correct_usage(&foreign).unwrap_err();
    assert!(matches!(refused, BooksError::OtherTenant { .. }), "{refused}");
    // A meter of the catalogue that was never used may be added.
    let first = CorrectionOrder { meter: "api_call".parse().unwrap(), ..good() };
    bench.admin.correct_usage(&first).unwrap();
    assert_eq!(number(&bench, "SELECT count(*) FROM usage_corrections"), 1);
}
