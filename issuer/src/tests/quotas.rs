//! The quotas of a month: whoever holds which part of them when, together they are never more than there are.

use crate::calendar::months_later;
use crate::clock::Clock;
use crate::retirement::{RetirementOrder, Successor};
use crate::testkit::{Bench, DAY, Edge};
use brink_license::exchange::RequestKind;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Of `api_call`, with the base pack.
const INCLUDED: u64 = 50_000;

#[derive(Clone, Copy, Debug)]
enum Step {
    Join,
    Exchange(usize),
    LoseAnswer(usize),
    Leave(usize),
    Anew(usize),
    Hours(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Join),
        8 => (0_usize..5).prop_map(Step::Exchange),
        2 => (0_usize..5).prop_map(Step::LoseAnswer),
        1 => (0_usize..5).prop_map(Step::Leave),
        1 => (0_usize..5).prop_map(Step::Anew),
        4 => prop_oneof![3 => 0..100_u16, 1 => 600..1000_u16].prop_map(Step::Hours),
    ]
}

/// A fleet, and the most that each of its keys could use of each month.
struct Fleet {
    bench: Bench,
    edges: Vec<Edge>,
    most: BTreeMap<(i64, String), u64>,
}

impl Fleet {
    fn month(&self) -> i64 {
        // Every month of the customer's begins at its local midnight.
        let zone = crate::calendar::parse_zone("Europe/Berlin").unwrap();
        crate::calendar::month_start(self.bench.clock.now(), zone).as_i64()
    }

    fn take(&mut self, step: Step) {
        let issuer = std::sync::Arc::clone(&self.bench.issuer);
        match step {
            Step::Join if self.edges.len() < 5 => self.edges.push(self.bench.activated()),
            Step::Join => {}
            // One that is retired is refused.
            Step::Exchange(at) => drop(self.edges.get_mut(at).map(|edge| edge.exchange(&issuer))),
            Step::LoseAnswer(at) => {
                if let Some(edge) = self.edges.get_mut(at) {
                    let request = edge.request(RequestKind::Exchange);
                    drop(issuer.answer(&request, None));
                }
            }
            Step::Leave(at) => {
                if let Some(edge) = self.edges.get(at) {
                    let (device, successor) = (edge.id(), Successor::None);
                    let order = RetirementOrder { device, successor, accept_overlap: false, reason: None };
                    drop(self.bench.admin.retire(&order));
                }
            }
            Step::Anew(at) => {
                if let Some(edge) = self.edges.get(at)
                    && let Ok(made) = self.bench.reactivation(&edge.id(), None)
                {
                    // The old key runs on where it is.
                    let anew = self.bench.anew(&made);
                    self.edges.push(anew);
                }
            }
            Step::Hours(hours) => self.bench.pass(i64::from(hours) * 3600),
        }
    }

    /// What each could use, with the licence that it has now.
    fn count(&mut self) -> u64 {
        let (now, month) = (self.bench.clock.now(), self.month());
        for edge in &self.edges {
            let Some(quota) = edge.licence.as_ref().and_then(|licence| licence.claims().quotas.first())
            else {
                continue;
            };
            if edge.claims().ends_at() > now {
                let key = (month, format!("{}-{}", edge.id(), edge.epoch));
                let most = self.most.entry(key).or_default();
                *most = quota.limit.max(*most);
            }
        }
        self.most.range((month, String::new())..).map(|(_, most)| most).sum()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_all_devices_could_use_in_a_month_is_never_more_than_there_is(
        steps in prop::collection::vec(step(), 1..50),
    ) {
        let bench = Bench::with(100, &[]);
        let mut fleet = Fleet { bench, edges: Vec::new(), most: BTreeMap::new() };
        for step in steps {
            fleet.take(step);
            let sum = fleet.count();
            prop_assert!(sum <= INCLUDED, "{} after {:?}", sum, step);
        }
    }
}

#[test]
fn a_device_that_joins_gets_its_part_with_the_next_month() {
    let bench = Bench::with(100, &[]);
    let mut first = bench.activated();
    assert_eq!(first.claims().quotas[0].limit, INCLUDED);
    bench.pass(9 * DAY);
    let mut second = bench.activated();
    for _ in 0..2 {
        first.exchange(&bench.issuer).unwrap();
        second.exchange(&bench.issuer).unwrap();
    }
    let limits = (first.claims().quotas[0].limit, second.claims().quotas[0].limit);
    assert_eq!(limits, (INCLUDED / 2, 0), "the first may have used up what it had");
    let zone = crate::calendar::parse_zone("Europe/Berlin").unwrap();
    let start = crate::calendar::month_start(bench.clock.now(), zone);
    bench.pass(months_later(start, 1, zone).since(bench.clock.now()));
    second.exchange(&bench.issuer).unwrap();
    assert_eq!(second.claims().quotas[0].limit, INCLUDED / 2);
}
