//! The crash programme, short: every fault once, each in a test of its own. `scripts/reliability` makes the long run, and
//! its table.

use brink_tests::fault::{Bench, PROGRAMME, fault};

/// Printed with every loss; the long run tries others.
const SEED: u64 = 20;

/// What cannot be tried here is said by `reliability --probe`, which `scripts/test` asks: a test that passes is silent.
#[allow(clippy::print_stderr, reason = "what could not be tried is said loudly")]
fn nothing_is_lost_by(name: &str) {
    let fault = fault(name);
    let tally = fault.run(&Bench::new(), SEED, fault.short);
    if let Some(why) = &tally.not_run {
        eprintln!("!!! NOT RUN: {name}: {why}");
        return;
    }
    assert!(tally.rounds >= fault.short, "only {} rounds were run", tally.rounds);
    let (lost, rounds) = (&tally.lost, tally.rounds);
    assert!(lost.is_empty(), "{name}: {} of {rounds}, seed {SEED}:\n{}", lost.len(), lost.join("\n\n"));
}

#[test]
fn every_fault_of_the_programme_has_its_test() {
    let here = include_str!("mod.rs");
    let untried: Vec<_> =
        PROGRAMME.iter().filter(|fault| !here.contains(&format!("(\"{}\")", fault.name))).collect();
    assert!(
        untried.is_empty(),
        "no test tries {:?}",
        untried.iter().map(|fault| fault.name).collect::<Vec<_>>()
    );
}

#[test]
fn a_kill_at_any_numbered_step_of_a_verb_loses_nothing() {
    nothing_is_lost_by("kill -9 at every numbered step of a verb");
}

#[test]
fn every_name_is_synced_before_its_program_ends() {
    nothing_is_lost_by("a name that is not synced");
}

#[test]
fn a_sync_that_fails_loses_nothing() {
    nothing_is_lost_by("fsync fails (EIO)");
}

#[test]
fn a_kernel_that_refuses_loses_nothing() {
    nothing_is_lost_by("write, open, rename, unlink, mode fail (ENOSPC, EIO, EDQUOT, EACCES, EPERM)");
}

#[test]
fn flipped_bits_bring_nothing_old_into_force() {
    nothing_is_lost_by("1 to 8 bits flip in any file");
}

#[test]
fn torn_writes_bring_nothing_old_into_force() {
    nothing_is_lost_by("a torn write in any file: zeros, noise or older sectors");
}

#[test]
fn truncated_files_bring_nothing_old_into_force() {
    nothing_is_lost_by("any file truncated");
}

#[test]
fn lost_and_older_files_bring_nothing_old_into_force() {
    nothing_is_lost_by("any file deleted, or replaced by an older copy");
}

#[test]
fn agents_and_issuers_killed_at_random_lose_nothing() {
    nothing_is_lost_by("kill -9 at random: an agent or an issuer that exchange without pause");
}

#[test]
fn a_kill_at_any_numbered_step_of_an_agent_loses_nothing() {
    nothing_is_lost_by("kill -9 at every numbered step of a running agent");
}

#[test]
fn an_issuer_killed_at_any_step_answers_the_same_again() {
    nothing_is_lost_by("the issuer killed at every numbered step of an answer");
}

#[test]
fn periods_closed_by_an_issuer_that_is_killed_at_any_step_are_invoiced_once() {
    nothing_is_lost_by("the issuer killed at every numbered step of closing periods");
}

#[test]
fn an_issuer_whose_disk_refuses_answers_the_same_again() {
    nothing_is_lost_by("the issuer's disk refuses");
}

#[test]
fn an_answer_outlives_the_power_of_its_issuer() {
    nothing_is_lost_by("power cut at the issuer right after an answer");
}

#[test]
fn what_was_acknowledged_outlives_the_power() {
    nothing_is_lost_by("power cut after and during a verb (ext4 without its log)");
}

#[test]
fn nothing_is_acknowledged_that_a_failed_sync_left_in_memory() {
    nothing_is_lost_by("fsync fails, then a power cut");
}

#[test]
fn the_harness_takes_away_what_was_not_synced() {
    nothing_is_lost_by("negative control: power cut with syncing left out");
}

#[test]
fn a_full_disk_loses_nothing() {
    nothing_is_lost_by("disk full: ext4 of 4 MiB, blocks of 4096");
}

#[test]
fn a_full_disk_of_small_blocks_loses_nothing() {
    nothing_is_lost_by("disk full: ext4 of 4 MiB, blocks of 1024");
}

#[test]
fn a_full_memory_loses_nothing() {
    nothing_is_lost_by("disk full: tmpfs of 2 MiB");
}

#[test]
fn a_read_only_disk_loses_nothing() {
    nothing_is_lost_by("read-only file system");
}

#[test]
fn a_forbidden_directory_loses_nothing() {
    nothing_is_lost_by("a directory that its user may not write in");
}

#[test]
fn the_power_goes_under_an_agent_and_nothing_is_lost() {
    nothing_is_lost_by("power cut at random under an agent that exchanges");
}

#[test]
fn files_that_change_under_an_agent_bring_nothing_old_into_force() {
    nothing_is_lost_by("any file flipped, torn, truncated, deleted or older under a running agent");
}
