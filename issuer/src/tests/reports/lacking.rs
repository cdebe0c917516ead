//! Nobody takes an incomplete sum for complete.

use super::{ALL, report};
use crate::storage::Lacks;
use crate::testkit::{Bench, DAY};

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
    edge.journal().append(wrong_total());
    edge.exchange(&bench.issuer).unwrap();
    bench.pass_with(&mut edge, 40 * DAY);
    edge.exchange(&bench.issuer).unwrap();
    let lacks = report(&bench, MARCH, &[]).lacks;
    assert_eq!((lacks.losses[0].from_seq, lacks.losses[0].reason.as_str()), (11, "recovered"));
    assert_eq!((lacks.quarantined.len(), lacks.quarantined[0].reason.as_str()), (1, "TOTAL"));
    assert_eq!(report(&bench, APRIL, &[]).lacks, Lacks::default());
    assert!(!report(&bench, ALL, &[]).is_complete());
}

/// A use whose total is less than itself.
fn wrong_total() -> brink_license::usage::Entry {
    use brink_license::usage::{Entry, Quantity, Usage};
    Entry::Usage(Usage {
        meter: "sms".parse().unwrap(),
        resource: None,
        quantity: Quantity::whole(5),
        count: 1,
        total: Quantity::whole(1),
    })
}
