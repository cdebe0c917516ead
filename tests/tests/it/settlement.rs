//! What was recorded arrives once, whatever happens on the way.

use brink_tests::hammer::hammer;
use brink_tests::settlement_sim::{Outcome, live};

/// Fixed seeds, so that what fails fails again; `settlement-simulation` lives thousands more.
const LIVES: u64 = 120;

#[test]
fn whatever_is_lost_repeated_reordered_or_ended_every_use_is_settled_once() {
    let mut all = Outcome::default();
    for seed in 1..=LIVES {
        match live(seed, 60) {
            Ok(outcome) => all += outcome,
            Err(problem) => panic!("seed {seed}: {problem}"),
        }
    }
    println!("{all:?}");
    // The lives had what they are named for.
    assert!(all.recorded > LIVES * 50 && all.lost > LIVES && all.ends > LIVES * 4, "{all:?}");
    assert!(all.refused > 0 && all.restored > LIVES / 10, "{all:?}");
}

/// `usage-hammer` goes on for a minute.
#[test]
fn two_hosts_and_an_agent_that_are_killed_leave_a_whole_chain_and_equal_sums() {
    let outcome = hammer(|round| round < 12);
    assert!(outcome.acknowledged > 100 && outcome.agents == 4, "{outcome:?}");
}
