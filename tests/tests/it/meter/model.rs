//! Two hosts that share a firm quota, beside a model that adds up what they were told.

use super::{firm, record, recorded, standing, walk};
use brink_tests::metered::{slug, units};
use proptest::prelude::*;

/// One step of a host's life.
#[derive(Clone, Debug)]
enum Step {
    Record { host: usize, quantity: u64 },
    Count { host: usize, quantity: u64 },
    Reserve { host: usize, max: u64 },
    Commit { actual: u64 },
    Release,
    Drop,
    Flush { host: usize },
    Restart { host: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let host = 0..2usize;
    prop_oneof![
        6 => (host.clone(), 0..12u64).prop_map(|(host, quantity)| Step::Record { host, quantity }),
        6 => (host.clone(), 0..3u64).prop_map(|(host, quantity)| Step::Count { host, quantity }),
        4 => (host.clone(), 1..12u64).prop_map(|(host, max)| Step::Reserve { host, max }),
        3 => (0..12u64).prop_map(|actual| Step::Commit { actual }),
        1 => Just(Step::Release),
        1 => Just(Step::Drop),
        2 => host.clone().prop_map(|host| Step::Flush { host }),
        1 => host.prop_map(|host| Step::Restart { host }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// The model adds up what was acknowledged, and what was reserved and never settled.
    #[test]
    fn in_every_life_what_was_acknowledged_is_recorded_and_a_firm_quota_is_kept(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        const LIMIT: u64 = 60;
        let (_dir, device) = firm(LIMIT);
        let mut hosts = [device.host(), device.host()];
        let mut open = Vec::new();
        let (mut acknowledged, mut beyond, mut wasted) = (0u64, 0u64, 0u64);
        for step in steps {
            match step {
                Step::Record { host, quantity } => {
                    acknowledged += record(&hosts[host].1, "sms", quantity).map_or(0, |_| quantity);
                }
                Step::Count { host, quantity } => {
                    let line = hosts[host].1.line(&slug("sms"), None).unwrap();
                    let counted = hosts[host].1.record_nowait(line, units(quantity));
                    acknowledged += counted.map_or(0, |()| quantity);
                }
                Step::Reserve { host, max } => {
                    open.extend(hosts[host].1.reserve(&slug("sms"), None, units(max)).map(|held| (max, held)));
                }
                Step::Commit { actual } => {
                    if let Some((max, mut held)) = open.pop() {
                        held.commit(units(actual)).unwrap();
                        acknowledged += actual;
                        beyond += actual.saturating_sub(max);
                    }
                }
                Step::Release => {
                    if let Some((_, mut held)) = open.pop() {
                        held.release().unwrap();
                    }
                }
                Step::Drop => wasted += open.pop().map_or(0, |(max, _)| max),
                Step::Flush { host } => hosts[host].1.flush().unwrap(),
                Step::Restart { host } => {
                    hosts[host].1.close().unwrap();
                    hosts[host] = device.host();
                }
            }
            prop_assert!(acknowledged - beyond + wasted <= LIMIT);
        }
        hosts.iter().for_each(|(_, meter)| meter.close().unwrap());
        let reserved: u64 = open.iter().map(|(max, _)| max).sum();
        prop_assert_eq!(recorded(&device, "sms"), units(acknowledged));
        let (_gate, look) = device.host();
        let now = standing(&look, "sms");
        prop_assert_eq!((now.used, now.aside), (units(acknowledged), units(reserved + wasted)));
        prop_assert_eq!(now.remaining, units(LIMIT.saturating_sub(acknowledged + reserved + wasted)));
        walk(&device);
    }
}
