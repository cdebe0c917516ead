//! Sums of every granularity are those of the records, on days when clocks are turned as well.

use super::{bound, report, seconds};
use crate::amount::Amount;
use crate::reports::report::{By, Report, ReportLine, ReportOrder};
use crate::testkit::{Bench, Edge, START, TENANT};
use brink_license::usage::{Entry, quarter_of};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Zones, and when some hours before their clocks are turned begin.
const TURNS: [(&str, &str); 5] = [
    ("Europe/Berlin", "2026-03-28T15:10:00Z"),
    ("Europe/Berlin", "2026-10-24T15:10:00Z"),
    ("Australia/Adelaide", "2026-04-04T06:10:00Z"),
    ("Australia/Adelaide", "2026-10-03T06:10:00Z"),
    // By half an hour.
    ("Australia/Lord_Howe", "2026-04-04T06:10:00Z"),
];
/// Everything lies in it, whenever clocks are turned.
const YEAR: (&str, &str) = ("2026-01-01", "2027-01-01");

type Sums = BTreeMap<(String, String), i128>;

fn add(sums: &mut Sums, meter: &str, key: &str, amount: Amount) {
    *sums.entry((meter.to_owned(), key.to_owned())).or_default() += amount.units();
}

/// What was reported, by meter and the first of its keys.
fn reported(report: &Report) -> Sums {
    let mut sums = Sums::new();
    let key = |line: &ReportLine| line.keys.first().cloned().unwrap_or_default();
    report.lines.iter().for_each(|line| {
        add(&mut sums, line.meter.as_str(), &key(line), line.sums.net().unwrap());
    });
    sums
}

/// Sums of what a quarter of an hour is named, by a part of that name.
fn coarser(quarters: &Sums, part: impl Fn(&str) -> String) -> Sums {
    let mut sums = Sums::new();
    for ((meter, quarter), units) in quarters {
        *sums.entry((meter.clone(), part(quarter))).or_default() += units;
    }
    sums
}

/// What the journal holds, by meter and quarter.
fn in_journal(edge: &Edge) -> BTreeMap<(String, i64), i128> {
    let mut sums = BTreeMap::new();
    let kept = edge.journal.as_ref().unwrap().chains.iter().flat_map(|chain| &chain.kept);
    for kept in kept {
        let mut add = |meter: &str, quarter: i64, quantity| {
            *sums.entry((meter.to_owned(), quarter)).or_default() += Amount::from(quantity).units();
        };
        match &kept.record.entry {
            Entry::Usage(usage) => {
                add(usage.meter.as_str(), quarter_of(kept.record.at.wall_ms), usage.quantity);
            }
            Entry::Fold(fold) => {
                fold.named().for_each(|(meter, sum)| add(meter.as_str(), sum.quarter, sum.quantity));
            }
            Entry::Recover(_) | Entry::Close => {}
        }
    }
    sums
}

/// Meter, camera, minutes since the use before, and quantity of each.
type Step = (u8, u8, u8, u64);

/// A tenant of that zone whose device used this, some of it folded, in a few exchanges.
fn used(turn: (&str, &str), steps: &[Step], fold: usize) -> (Bench, Edge) {
    let bench = Bench::with(10, &[]);
    bench.sql("UPDATE tenants SET timezone = ?1", &[&turn.0]);
    bench.pass(seconds(turn.1) - START);
    let mut edge = bench.metering();
    let third = steps.len() / 3;
    for (at, (meter, camera, minutes, quantity)) in steps.iter().enumerate() {
        edge.journal().record(&format!("meter_{}", meter % 3), &format!("cam-{}", camera % 3), *quantity);
        bench.pass_with(&mut edge, i64::from(*minutes) * 60);
        if at == third {
            edge.exchange(&bench.issuer).unwrap();
        }
    }
    edge.journal().fold(fold);
    edge.exchange(&bench.issuer).unwrap();
    (bench, edge)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn sums_of_every_granularity_are_those_of_the_records_and_of_each_other(
        turn in prop::sample::select(&TURNS[..]),
        steps in prop::collection::vec(any::<Step>(), 3..40),
        fold in 0..30usize,
        split in 0..96i64,
    ) {
        let (bench, edge) = used(turn, &steps, fold);
        let of = |by| reported(&report(&bench, YEAR, &[by]));
        let quarters = of(By::Quarter);
        // By the records.
        let labelled = |label: &str| quarter_of(seconds(label) * 1000);
        let by_number: BTreeMap<_, _> = quarters
            .iter()
            .map(|((meter, label), units)| ((meter.clone(), labelled(label)), *units))
            .collect();
        prop_assert_eq!(&by_number, &in_journal(&edge));
        // By each other: names of quarters are local times with their offset, so that coarser ones are parts of them.
        prop_assert_eq!(of(By::Hour), coarser(&quarters, |label| format!("{}:00:00{}", &label[..13], &label[19..])));
        prop_assert_eq!(of(By::Day), coarser(&quarters, |label| label[..10].to_owned()));
        prop_assert_eq!(of(By::Month), coarser(&quarters, |label| label[..7].to_owned()));
        prop_assert_eq!(of(By::Meter), coarser(&quarters, |_| String::new()));
        for by in [By::Device, By::Camera] {
            prop_assert_eq!(coarser(&of(by), |_| String::new()), of(By::Meter));
        }
        // Cut anywhere, the parts are the whole.
        let cut = chrono::DateTime::from_timestamp(seconds(turn.1).div_euclid(900) * 900 + split * 900, 0).unwrap();
        let cut = cut.to_rfc3339();
        let mut parts = reported(&report(&bench, (YEAR.0, &cut), &[]));
        for (key, units) in reported(&report(&bench, (&cut, YEAR.1), &[])) {
            *parts.entry(key).or_default() += units;
        }
        prop_assert_eq!(parts, of(By::Meter));
        bench.admin.verify_usage(None).unwrap();
    }
}

#[test]
fn a_day_of_25_hours_has_them_all_and_one_of_23_none_too_many() {
    for (turn, day, hours) in [
        (TURNS[0], "2026-03-29", 23),
        (TURNS[1], "2026-10-25", 25),
        (TURNS[2], "2026-04-05", 25),
        (TURNS[3], "2026-10-04", 23),
    ] {
        let steps = vec![(0, 0, 15, 1000); 4 * 48];
        let (bench, _) = used(turn, &steps, 0);
        let order = ReportOrder {
            tenant: TENANT.parse().unwrap(),
            from: bound(day),
            to: bound(&next(day)),
            by: vec![By::Hour],
            meter: None,
            device: None,
        };
        let report = bench.admin.usage_report(&order).unwrap();
        assert_eq!((report.lines.len(), report.totals[0].sums.uses), (hours, hours as u64 * 4), "{turn:?}");
    }
}

fn next(day: &str) -> String {
    day.parse::<chrono::NaiveDate>().unwrap().succ_opt().unwrap().to_string()
}

#[test]
fn a_filter_leaves_the_others_out_and_several_keys_stand_beside_each_other() {
    let (bench, edge) = used(TURNS[0], &[(0, 0, 15, 1000), (1, 1, 15, 2000), (0, 2, 15, 500)], 0);
    let mut order = ReportOrder {
        tenant: TENANT.parse().unwrap(),
        from: bound(YEAR.0),
        to: bound(YEAR.1),
        by: vec![By::Camera, By::Day, By::Camera, By::Meter],
        meter: Some("meter_0".parse().unwrap()),
        device: Some(edge.id()),
    };
    let report = bench.admin.usage_report(&order).unwrap();
    let keys: Vec<_> = report.lines.iter().map(|line| line.keys.join(" ")).collect();
    assert_eq!(
        (report.by.len(), keys),
        (2, vec!["cam-0 2026-03-28".to_owned(), "cam-2 2026-03-28".to_owned()])
    );
    order.device = Some("dev-other".parse().unwrap());
    let error = bench.admin.usage_report(&order).unwrap_err();
    assert!(error.to_string().contains("unknown device dev-other"), "{error}");
}
