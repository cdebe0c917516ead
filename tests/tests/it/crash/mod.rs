//! The crash programme, short: every fault once, each in a test of its own. `scripts/reliability` makes the long run, and
//! its table.

use brink_tests::fault::{Bench, fault};

/// Printed with every loss; the long run tries others.
const SEED: u64 = 20;

#[allow(clippy::print_stderr, reason = "what could not be tried is said loudly")]
fn nothing_is_lost_by(name: &str) {
    let fault = fault(name);
    let tally = fault.run(&Bench::new(), SEED, fault.short);
    if let Some(why) = &tally.not_run {
        eprintln!("!!! NOT RUN: {name}: {why}");
        return;
    }
    assert!(tally.rounds > 0, "no round was run");
    assert!(
        tally.lost.is_empty(),
        "{name}: {} of {} rounds, seed {SEED}:\n{}",
        tally.lost.len(),
        tally.rounds,
        tally.lost.join("\n\n")
    );
}

#[test]
fn a_kill_at_any_numbered_step_loses_nothing() {
    nothing_is_lost_by("kill -9 at every numbered step of a verb");
}
