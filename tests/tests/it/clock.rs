//! The clock under adversaries: properties P1 to P4, over random lives of a device.

use brink_tests::clock_sim::{DAY, HONEST_ERROR, Lease, START, Step, live};
use proptest::prelude::*;

fn any_step() -> impl Strategy<Value = Step> {
    let spans = || prop_oneof![0i64..120, 0i64..3 * DAY, 0i64..200 * DAY];
    prop_oneof![
        4 => (1i64..6 * 3600).prop_map(Step::Run),
        1 => spans().prop_map(Step::Suspend),
        2 => spans().prop_map(Step::Off),
        2 => (-400 * DAY..400 * DAY).prop_map(Step::SetOffset),
        1 => prop_oneof![Just(0), Just(i64::MIN), Just(i64::MAX), Just(START), any::<i64>()].prop_map(Step::SetWall),
    ]
}

/// What an honest device does: it runs, sleeps and is switched off; whoever sets its clock is at most 300 s wrong.
fn honest_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1i64..6 * 3600).prop_map(Step::Run),
        1 => (0i64..3 * DAY).prop_map(Step::Suspend),
        1 => (0i64..9 * DAY).prop_map(Step::Off),
        1 => (-HONEST_ERROR..=HONEST_ERROR).prop_map(Step::SetOffset),
    ]
}

fn leases() -> impl Strategy<Value = Lease> {
    prop_oneof![Just(Lease::USUAL), Just(Lease::LONG)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn no_adversary_makes_time_fall_outlives_the_licence_or_runs_longer_than_the_lease(
        lease in leases(),
        steps in prop::collection::vec(any_step(), 1..150),
    ) {
        let outcome = live(lease, 0, &steps);
        prop_assert!(!outcome.fell, "P1: the lower bound of now never falls");
        prop_assert!(!outcome.outlived, "P1: permission ends with the licence");
        prop_assert!(outcome.permitted_run <= lease.offline_max + lease.grace, "P2: {outcome:?}");
    }

    #[test]
    fn an_honest_clock_is_never_denied_before_its_deadline(
        lease in leases(),
        drift in -400i64..=400,
        steps in prop::collection::vec(honest_step(), 1..150),
    ) {
        let outcome = live(lease, drift, &steps);
        prop_assert!(!outcome.denied_early && !outcome.back && !outcome.tampered, "P4: {outcome:?}");
    }

    #[test]
    fn a_device_without_a_clock_of_its_own_is_never_denied_before_its_deadline(
        lease in leases(),
        lives in prop::collection::vec((1i64..6 * 3600, 0i64..2 * DAY, 0i64..3600), 1..100),
    ) {
        // It boots in 1970 and stays there, or somebody sets it right later.
        let steps: Vec<Step> = lives.iter().flat_map(|(run, off, wall)| {
            [Step::Off(*off), Step::SetWall(*wall), Step::Run(*run)]
        }).collect();
        let outcome = live(lease, 0, &steps);
        prop_assert!(!outcome.denied_early && !outcome.tampered, "P4: {outcome:?}");
    }
}

#[test]
fn two_hundred_daily_rollbacks_of_299_seconds_gain_nothing() {
    let day = [Step::Run(DAY), Step::SetOffset(0)];
    let steps: Vec<Step> = (1..=200).flat_map(|n| [day[0], Step::SetOffset(-299 * n)]).collect();
    let outcome = live(Lease::USUAL, 0, &steps);
    assert!(outcome.permitted_run <= Lease::USUAL.ends(), "{outcome:?}");
    assert!(outcome.last_permitted <= Lease::USUAL.ends(), "run time is charged all the same: {outcome:?}");
}

#[test]
fn a_clock_frozen_at_every_boot_still_burns_run_time() {
    let steps: Vec<Step> =
        (0..400).flat_map(|_| [Step::Off(60), Step::SetWall(START), Step::Run(6 * 3600)]).collect();
    let outcome = live(Lease::USUAL, 0, &steps);
    assert!(outcome.permitted_run <= Lease::USUAL.offline_max + Lease::USUAL.grace, "{outcome:?}");
}
