//! Nobody takes an incomplete sum for complete.

use super::{ALL, bound, report};
use crate::reports::report::{Report, ReportOrder};
use crate::storage::Lacks;
use crate::testkit::{Bench, DAY, TENANT};
use brink_license::usage::{Entry, Quantity, Usage};

const MARCH: (&str, &str) = ("2026-03-01", "2026-04-01");
const APRIL: (&str, &str) = ("2026-04-01", "2026-05-01");

#[test]
fn what_is_still_with_a_device_is_named_until_it_came() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    bench.pass_with(&mut edge, DAY);
    for _ in 0..30 {
        edge.journal().record("sms", "", 1000);
    }
    edge.journal().batch_max = 20;
    assert_eq!(report(&bench, MARCH, &[]).lacks.unheard, [edge.id()], "it has never told of usage");
    edge.exchange(&bench.issuer).unwrap();
    let lacks = report(&bench, MARCH, &[]).lacks;
    let chain = &lacks.chains[0];
    assert_eq!((chain.seq, chain.reported_seq, chain.silent, chain.forked), (20, 30, false, false));
    edge.exchange(&bench.issuer).unwrap();
    let during = report(&bench, MARCH, &[]);
    assert_eq!(during.lacks, Lacks::default());
    assert!(!during.is_over && !during.is_complete());
    // The month is over, and what the device did since it was heard of last nobody knows.
    bench.pass_with(&mut edge, 40 * DAY);
    let after = report(&bench, MARCH, &[]);
    assert!(after.is_over && after.lacks.chains[0].silent && !after.is_complete());
    edge.exchange(&bench.issuer).unwrap();
    assert!(report(&bench, MARCH, &[]).is_complete());
    assert!(report(&bench, ("2026-01-01", "2026-02-01"), &[]).is_complete(), "before anything was");
}

#[test]
fn losses_and_quarantine_are_named_in_the_period_that_they_may_lie_in_and_in_no_other() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    bench.pass_with(&mut edge, DAY);
    for _ in 0..10 {
        edge.journal().record("sms", "", 1000);
    }
    edge.exchange(&bench.issuer).unwrap();
    for _ in 0..5 {
        edge.journal().record("sms", "", 1000);
    }
    edge.journal().damage(5);
    edge.journal().append(wrong_total("sms"));
    edge.exchange(&bench.issuer).unwrap();
    bench.pass_with(&mut edge, 40 * DAY);
    edge.exchange(&bench.issuer).unwrap();
    let lacks = report(&bench, MARCH, &[]).lacks;
    assert_eq!((lacks.losses[0].from_seq, lacks.losses[0].reason.as_str()), (11, "recovered"));
    assert_eq!((lacks.quarantined.len(), lacks.quarantined[0].reason.as_str()), (1, "TOTAL"));
    assert_eq!(report(&bench, APRIL, &[]).lacks, Lacks::default());
    assert!(!report(&bench, ALL, &[]).is_complete());
}

/// What is reported of one meter.
fn of_meter(bench: &Bench, (from, to): (&str, &str), meter: &str) -> Report {
    let (tenant, meter) = (TENANT.parse().unwrap(), meter.parse().ok());
    let order = ReportOrder { tenant, from: bound(from), to: bound(to), by: Vec::new(), meter, device: None };
    bench.admin.usage_report(&order).unwrap()
}

#[test]
fn what_is_set_aside_is_named_under_every_name_of_its_meter() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    bench.pass_with(&mut edge, DAY);
    edge.journal().record("sms_sent", "", 1000);
    edge.journal().append(wrong_total("sms_sent"));
    edge.exchange(&bench.issuer).unwrap();
    for name in ["sms", "sms_sent"] {
        let report = of_meter(&bench, MARCH, name);
        let sums: Vec<_> = report.totals.iter().map(|line| (line.meter.as_str(), line.sums.uses)).collect();
        assert_eq!((sums, report.lacks.quarantined.len()), (vec![("sms", 1)], 1), "{name}");
    }
    assert_eq!(of_meter(&bench, MARCH, "api_call").lacks.quarantined, []);
    assert_eq!(of_meter(&bench, APRIL, "sms").lacks.quarantined, []);
}

#[test]
fn sums_that_are_set_aside_are_named_in_the_period_that_the_books_would_have_them_in() {
    for (off, told) in [(10, "2036-01-01"), (-10, "2016-01-01")] {
        let bench = Bench::with(10, &[]);
        let mut edge = bench.metering();
        bench.pass_with(&mut edge, DAY);
        edge.journal().record("sms", "", 1000);
        edge.exchange(&bench.issuer).unwrap();
        edge.journal().clock.est_ms += off * 365 * DAY * 1000;
        (0..20).for_each(|_| edge.journal().record("sms", "", 1000));
        edge.journal().fold(20);
        let last = edge.journal().last_mut().kept.last_mut().unwrap();
        let Entry::Fold(fold) = &mut last.record.entry else { panic!("sums") };
        fold.meters[0].after.total = Quantity::whole(99);
        last.bytes = last.record.to_bytes();
        edge.exchange(&bench.issuer).unwrap();
        assert_eq!(edge.told().quarantined, 1);
        assert_eq!(report(&bench, MARCH, &[]).lacks.quarantined.len(), 1, "{told}");
        let end = format!("{}-12-31", &told[..4]);
        assert_eq!(report(&bench, (told, &end), &[]).lacks.quarantined, [], "no sum would be there");
    }
}

/// A use whose total is less than itself.
fn wrong_total(meter: &str) -> Entry {
    let (quantity, total) = (Quantity::whole(5), Quantity::whole(1));
    Entry::Usage(Usage { meter: meter.parse().unwrap(), resource: None, quantity, count: 1, total })
}
