//! The clock under adversaries: properties P1 to P4, over random lives of a device, with extensions and clock resets.

use brink_license::token::{CHALLENGE_SECONDS_MAX, EXTENSION_SECONDS_MAX};
use brink_tests::clock_sim::{DAY, HONEST_ERROR, Lease, START, Step, live};
use proptest::prelude::*;

const HOUR: i64 = 3600;

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

/// The same with an issuer who extends and resets whenever it is asked.
fn any_corresponding_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => any_step(),
        1 => (1..=EXTENSION_SECONDS_MAX).prop_map(Step::Extend),
        2 => Just(Step::AcceptExtension),
        1 => Just(Step::Challenge),
        1 => Just(Step::Answer),
        2 => Just(Step::AcceptReset),
    ]
}

/// A clock that was far ahead for so long that it was believed, is right again, and counts as held back by now.
fn poisoned(hours_right: i64) -> Vec<Step> {
    let mut steps = vec![Step::SetOffset(3650 * DAY)];
    steps.extend((0..27).map(|_| Step::Run(HOUR)));
    steps.push(Step::SetOffset(0));
    steps.extend((0..hours_right).map(|_| Step::Run(HOUR)));
    steps
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
    fn no_extension_and_no_reset_gives_more_than_the_issuer_gave(
        lease in leases(),
        steps in prop::collection::vec(any_corresponding_step(), 1..200),
    ) {
        let outcome = live(lease, 0, &steps);
        prop_assert!(!outcome.fell, "P1: the lower bound of now falls by a reset alone, and not below its time");
        prop_assert!(!outcome.outlived, "P1: permission ends with licence and extension");
        let most = lease.offline_max + lease.grace + outcome.granted;
        prop_assert!(outcome.permitted_run <= most, "P2: {outcome:?}");
    }

    #[test]
    fn an_extension_runs_no_longer_than_it_says_however_the_clock_is_set(
        lease in leases(),
        length in 1..=EXTENSION_SECONDS_MAX,
        kept_back in 0..20 * DAY,
        frozen in any::<bool>(),
    ) {
        // The lease is used up first; then the clock stands still, or goes back at every boot.
        let mut steps: Vec<Step> = (0..200).map(|_| Step::Run(6 * HOUR)).collect();
        steps.extend([Step::Extend(length), Step::SetWall(START), Step::Off(kept_back), Step::AcceptExtension]);
        let back = if frozen { Step::SetWall(START) } else { Step::SetOffset(-400 * DAY) };
        steps.extend((0..100).flat_map(|_| [Step::Off(60), back, Step::Run(6 * HOUR)]));
        let outcome = live(lease, 0, &steps);
        prop_assert!(outcome.permitted_run <= lease.offline_max + lease.grace + length, "{outcome:?}");
    }

    #[test]
    fn resets_that_are_kept_back_give_no_run_time(
        lease in leases(),
        kept_hours in 1..=72_i64,
        extended in prop::option::of(1..=EXTENSION_SECONDS_MAX),
    ) {
        // It runs on and on with its clock frozen, and sets it back as far as the issuer's own word allows.
        let mut steps = Vec::new();
        let reset = |steps: &mut Vec<Step>| {
            steps.extend([Step::Challenge, Step::Answer]);
            steps.extend((0..kept_hours).flat_map(|_| [Step::SetWall(START), Step::Run(HOUR)]));
            steps.push(Step::AcceptReset);
        };
        (0..=1000 / kept_hours).for_each(|_| reset(&mut steps));
        if let Some(length) = extended {
            steps.extend([Step::Extend(length), Step::AcceptExtension]);
            (0..=1000 / kept_hours).for_each(|_| reset(&mut steps));
        }
        let outcome = live(lease, 0, &steps);
        let most = lease.offline_max + lease.grace + outcome.granted;
        prop_assert!(outcome.resets > 0 && outcome.permitted_run <= most, "P2: {outcome:?}");
    }

    #[test]
    fn an_honest_device_is_never_locked_out_after_a_reset(
        lease in leases(),
        hours_right in 0..40_i64,
        on_its_way in 0..CHALLENGE_SECONDS_MAX,
        drift in -400i64..=400,
        steps in prop::collection::vec(honest_step(), 1..100),
    ) {
        let mut life = poisoned(hours_right);
        life.extend([Step::Challenge, Step::Answer, Step::Suspend(on_its_way * 9 / 10), Step::AcceptReset]);
        life.extend(steps);
        let outcome = live(lease, drift, &life);
        prop_assert_eq!(outcome.resets, 1);
        prop_assert!(!outcome.denied_early && !outcome.back && !outcome.tampered, "P4: {outcome:?}");
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

#[test]
fn without_a_reset_a_clock_that_was_believed_locks_an_honest_device_out() {
    let life = |reset: &[Step]| {
        let mut life = poisoned(26);
        life.extend_from_slice(reset);
        life.push(Step::Run(HOUR));
        live(Lease::USUAL, 0, &life)
    };
    let locked = life(&[]);
    assert!(locked.denied_early && locked.tampered, "{locked:?}");
    let free = life(&[Step::Challenge, Step::Answer, Step::AcceptReset]);
    assert!(!free.denied_early && !free.tampered, "{free:?}");
    for refused in [
        &[Step::Answer, Step::AcceptReset][..],
        &[Step::Challenge, Step::AcceptReset],
        &[Step::Challenge, Step::Answer, Step::Off(60), Step::AcceptReset],
        &[Step::Challenge, Step::Answer, Step::Suspend(CHALLENGE_SECONDS_MAX + 1), Step::AcceptReset],
        &[Step::Challenge, Step::Answer, Step::Challenge, Step::AcceptReset],
    ] {
        let outcome = life(refused);
        assert!(outcome.denied_early && outcome.tampered && outcome.resets == 0, "{refused:?}: {outcome:?}");
    }
    let twice = [Step::Challenge, Step::Answer, Step::AcceptReset, Step::Run(HOUR), Step::AcceptReset];
    assert_eq!(life(&twice).resets, 1);
}
