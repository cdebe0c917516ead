//! What holds of every timeline.

use super::rated;
use crate::billing::quote::Quote;
use crate::billing::{
    Billed, Change, Cycle, Detail, Discount, Event, Exact, Grant, Kind, Line, LineKey, Off, On, Period,
    Shares, Tariff, TaxRule, Terms, Timeline, Usage, desired, difference, parts, settle,
};
use crate::catalog::Catalog;
use brink_license::{Slug, UnixSeconds};
use chrono::{Days, NaiveDate};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const MONTHLY: [&str; 3] = ["base_camera", "device_basic", "device_managed"];
/// 2026-02-01, UTC.
const START: i64 = 1_769_904_000;

fn march(zone: &str) -> Period {
    let day = NaiveDate::from_ymd_opt(2026, 3, 1).unwrap();
    Period::around(Cycle::Calendar, day, zone.parse().unwrap()).unwrap()
}

fn slug(name: &str) -> Slug {
    name.parse().unwrap()
}

/// Changes of which none takes away what is not there: an instant of each, an hour apart at least or the same.
fn changes() -> impl Strategy<Value = Vec<Change>> {
    let step = (0_i64..24 * 65, 0_usize..3, 1_i64..9, prop::bool::ANY);
    let moves = (0_i64..24 * 65, 0_usize..3, 1_usize..3);
    (prop::collection::vec(step, 1..12), prop::collection::vec(moves, 0..8)).prop_map(|(steps, moves)| {
        let mut found = Vec::new();
        for (hour, price, delta, leaves) in steps {
            let event = |delta| Event::Quantity { price: slug(MONTHLY[price]), delta };
            let at = |hour| UnixSeconds::new(START + hour * 3600);
            found.push(Change { at: at(hour), event: event(delta) });
            if leaves {
                found.push(Change { at: at(hour + hour % 40), event: event(-delta) });
            }
        }
        let mut taken = std::collections::BTreeSet::new();
        for (hour, resource, price) in moves {
            if taken.insert((hour, resource)) {
                let event = Event::Resource {
                    resource: format!("dev-{resource}").into(),
                    price: Some(slug(MONTHLY[price])),
                };
                found.push(Change { at: UnixSeconds::new(START + hour * 3600), event });
            }
        }
        found
    })
}

struct World {
    tariff: Tariff,
    grants: Vec<Grant>,
    discounts: Vec<Discount>,
}

impl World {
    fn new(percent: i64, amount: i64) -> Self {
        let catalog = Catalog::embedded().unwrap();
        let trial = NaiveDate::from_ymd_opt(2025, 12, 20).unwrap();
        let some = [Box::from("device_managed"), Box::from("base_camera")];
        Self {
            tariff: Tariff::of(&catalog, catalog.currency),
            grants: vec![Grant::trial(slug("base_camera"), 2, trial, 3).unwrap()],
            discounts: vec![
                Discount {
                    name: "some".into(),
                    off: Off::Percent(Exact::whole(percent)),
                    on: On::Prices(some.into()),
                },
                Discount { name: "all".into(), off: Off::Minor(amount), on: On::All },
            ],
        }
    }

    fn terms<'a>(&'a self, timeline: &'a Timeline) -> Terms<'a> {
        Terms { tariff: &self.tariff, timeline, grants: &self.grants, discounts: &self.discounts }
    }
}

fn calls(quantity: i64) -> Usage {
    let zero = Exact::zero;
    let (quantity, included) = (Exact::whole(quantity), Exact::whole(20_000));
    Usage { meter: slug("api_call"), on: None, quantity, included, cost: zero(), evidence: None }
}

fn quoted(changes: &[Change], more: &Value) -> Quote {
    let written = |change: &Change| {
        let at = crate::calendar::rfc3339(change.at);
        match &change.event {
            Event::Quantity { price, delta } => json!({ "at": at, "price": price, "delta": delta }),
            Event::Resource { resource, price } => json!({ "at": at, "resource": resource, "price": price }),
            Event::Price { .. } => Value::Null,
        }
    };
    let mut file = json!({
        "timezone": "Europe/Berlin", "period": { "from": "2026-03-01", "to": "2026-04-01" },
        "changes": changes.iter().map(written).collect::<Vec<_>>(),
        "usage": [{ "meter": "api_call", "quantity": "123456.7", "included": "20000" }],
        "discounts": [{ "name": "launch", "percent": "12.5", "on": "all" }],
        "tax": [{ "rate": "0.0825", "on": "all" }],
    });
    for (name, value) in more.as_object().unwrap() {
        file[name] = value.clone();
    }
    rated(&file.to_string()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_order_of_changes_does_not_matter(
        (listed, shuffled) in changes().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        prop_assert_eq!(Timeline::new(&listed), Timeline::new(&shuffled));
        prop_assert_eq!(quoted(&listed, &json!({})), quoted(&shuffled, &json!({})));
    }

    /// The rule: parts are exact, so they add up to the whole exactly; each line is rounded once, so of n parts the rounded
    /// sum is at most (n + 1) / 2 minor units from the whole line.
    #[test]
    fn parts_of_a_period_add_up_to_the_whole(
        all in changes(), mut cuts in prop::collection::vec(0_u64..32, 0..4), zone in prop::sample::select(&["UTC", "Europe/Berlin", "America/Havana"][..]),
    ) {
        let (world, timeline, period) = (World::new(0, 0), Timeline::new(&all).unwrap(), march(zone));
        cuts.extend([0, 31]);
        cuts.sort_unstable();
        let sums = |period: &Period| -> BTreeMap<_, _> {
            let lines = desired(world.terms(&timeline), &[], period).unwrap();
            lines.into_iter().map(|line| (line.key, (line.exact, line.net_minor, line.unit_days.unwrap()))).collect()
        };
        let mut parts: BTreeMap<_, (Exact, i64, i64)> = BTreeMap::new();
        for pair in cuts.windows(2) {
            let day = |days: u64| period.from + Days::new(days.min(31));
            for (key, (exact, minor, days)) in sums(&period.only(day(pair[0])..day(pair[1]))) {
                let sum = parts.entry(key).or_insert_with(|| (Exact::zero(), 0, 0));
                *sum = (sum.0.plus(&exact), sum.1 + minor, sum.2 + days);
            }
        }
        let whole = sums(&period);
        prop_assert_eq!(parts.len(), whole.len());
        let most = i64::try_from(cuts.len()).unwrap() / 2;
        for (key, (exact, minor, days)) in &whole {
            let (exact_parts, minor_parts, days_parts) = &parts[key];
            prop_assert_eq!((exact, days), (exact_parts, days_parts));
            prop_assert!((minor - minor_parts).abs() <= most, "{}: {} {}", key, minor, minor_parts);
        }
    }

    #[test]
    fn what_was_billed_is_not_billed_again(all in changes(), twice in prop::bool::ANY) {
        let first = quoted(&all, &json!({})).document();
        let mut billed = first["lines"].as_array().unwrap().iter()
            .map(|line| json!({ "price": line["price"], "net": line["net"] })).collect::<Vec<_>>();
        if twice {
            // More changes later: the difference alone, and then nothing any more.
            let usage = json!([{ "meter": "api_call", "quantity": "999999", "included": "20000" }]);
            let more = quoted(&all[..all.len().min(1)], &json!({ "usage": usage, "billed": billed })).document();
            billed.extend(more["lines"].as_array().unwrap().iter().map(|line| json!({ "price": line["price"], "net": line["net"] })));
            let again = quoted(&all[..all.len().min(1)], &json!({ "usage": usage, "billed": billed })).document();
            prop_assert_eq!(&again["lines"], &json!([]));
            prop_assert_eq!((&again["net"], &again["total"]), (&json!("0.00"), &json!("0.00")));
        } else {
            let again = quoted(&all, &json!({ "billed": billed })).document();
            prop_assert_eq!(&again["lines"], &json!([]));
            prop_assert_eq!(&again["taxes"], &json!([]));
        }
    }

    #[test]
    fn a_credit_gives_no_more_than_was_billed_and_no_charge_is_below_zero(
        all in changes(), billed in prop::collection::btree_map(0_usize..3, 0_u32..200_000, 0..3),
    ) {
        let of = |(price, minor): (&usize, &u32)| json!({ "price": MONTHLY[*price], "net": format!("{}.{:02}", minor / 100, minor % 100) });
        let stated: Vec<_> = billed.iter().map(of).collect();
        let quote = quoted(&all, &json!({ "billed": stated }));
        for line in &quote.lines.lines {
            let before = MONTHLY.iter().position(|name| **name == *line.price).and_then(|place| billed.get(&place));
            let before = before.map_or(0, |minor| i64::from(*minor));
            match line.kind {
                Kind::Recurring | Kind::Usage | Kind::Adjustment => prop_assert!(line.net_minor > 0),
                Kind::Credit => prop_assert!(line.net_minor < 0 && before + line.net_minor >= 0),
                Kind::Discount => prop_assert!(line.net_minor < 0),
            }
        }
    }

    #[test]
    fn discounts_and_taxes_are_shared_out_to_the_last_cent(
        all in changes(), percent in 0_i64..=100, amount in 0_i64..90_000, used in 0_i64..90_000, rate in 0_i64..400,
    ) {
        let (world, timeline, period) = (World::new(percent, amount), Timeline::new(&all).unwrap(), march("UTC"));
        let lines = desired(world.terms(&timeline), &[calls(used)], &period).unwrap();
        let charges: i64 = lines.iter().filter(|line| line.kind != Kind::Discount).map(|line| line.net_minor).sum();
        let net: i64 = lines.iter().map(|line| line.net_minor).sum();
        prop_assert!(0 <= net && net <= charges);
        let found = difference(world.terms(&timeline), &period, lines, &BTreeMap::new()).unwrap();
        prop_assert_eq!(found.bases.iter().map(|base| base.minor).sum::<i64>(), net);
        prop_assert!(found.bases.iter().all(|base| base.minor >= 0), "no line gives more than it comes to");
        let thousandth = std::num::NonZeroU64::new(1000).unwrap();
        let rules = [TaxRule { rate: Exact::whole(rate).over(thousandth), reason: None, on: On::All }];
        let settled = settle(&found, &rules, 1000).unwrap();
        for tax in &settled.taxes {
            prop_assert_eq!(tax.shares.iter().map(|(_, minor)| minor).sum::<i64>(), tax.tax_minor);
            prop_assert_eq!(Some(tax.tax_minor), tax.rate.times(&Exact::whole(tax.base_minor)).rounded());
        }
        prop_assert_eq!(settled.due_minor, (settled.total_minor - 1000).max(0));
    }

    #[test]
    fn what_invoices_and_credit_notes_have_of_a_period_adds_up_to_it_whatever_became_known_when(
        known in prop::collection::vec((changes(), 0_i64..90_000, 0_i64..=100, 0_i64..90_000), 1..5),
    ) {
        let period = march("UTC");
        let mut billed: BTreeMap<LineKey, Billed> = BTreeMap::new();
        for (all, used, percent, amount) in known {
            let (world, timeline) = (World::new(percent, amount), Timeline::new(&all).unwrap());
            let terms = world.terms(&timeline);
            let lines = desired(terms, &[calls(used)], &period).unwrap();
            let whole = difference(terms, &period, lines.clone(), &billed).unwrap();
            for (is_credit, part) in parts(&whole, |base| base.minor < 0) {
                let sum: i64 = part.lines.iter().map(|line| line.net_minor).sum();
                prop_assert_eq!(sum, part.bases.iter().map(|base| base.minor).sum::<i64>());
                prop_assert!(part.bases.iter().all(|base| (base.minor < 0) == is_credit));
                for base in &part.bases {
                    prop_assert!(part.lines.iter().any(|line| line.key == base.key), "{} has its line", base.key);
                }
                for line in &part.lines {
                    record(&mut billed, line);
                }
            }
            for (key, earlier) in &billed {
                let wanted = lines.iter().find(|line| line.key == *key).map_or(0, |line| line.net_minor);
                prop_assert_eq!(earlier.net_minor, wanted, "{}", key);
            }
            let again = difference(terms, &period, lines, &billed).unwrap();
            prop_assert!(again.lines.is_empty() && again.moved.is_empty(), "{:?}", again);
            prop_assert!(again.bases.iter().all(|base| base.minor == 0));
        }
    }
}

/// As a document keeps it.
fn record(billed: &mut BTreeMap<LineKey, Billed>, line: &Line) {
    let is_discount = line.kind == Kind::Discount;
    let entry = billed.entry(line.key.clone()).or_insert_with(|| Billed {
        price: line.price.clone(),
        net_minor: 0,
        lines: 0,
        discount: is_discount.then(|| Shares::Recorded(BTreeMap::new())),
    });
    entry.net_minor += line.net_minor;
    entry.lines += 1;
    if let Some(Shares::Recorded(shares)) = &mut entry.discount {
        for detail in &line.detail {
            if let Detail::Share { key, minor } = detail {
                *shares.entry(key.clone()).or_default() += minor;
            }
        }
    }
}
