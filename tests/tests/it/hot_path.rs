//! A check makes no system call and no allocation: shown by a thread that may make no call and by a counter. How many
//! instructions it takes is what scripts/instructions counts.

use brink_tests::Program;
use std::process::Command;

/// Past every branch of a check, and many times over.
const COUNT: &str = "100000";
/// Of 4 features one is of no pack, and half of the cameras have another; each is asked for by name and by handle.
const ALLOWED_MIN: u64 = 100_000;

fn hot_path(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(Program::HotPath.path()).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (
        output.status.success(),
        if said.is_empty() { String::from_utf8_lossy(&output.stderr).into() } else { said },
    )
}

#[test]
fn a_check_makes_no_system_call() {
    let (ended_well, said) = hot_path(&["confined", COUNT]);
    assert!(ended_well, "asking in a thread that may make no system call: {said}");
    assert!(said.parse::<u64>().unwrap() > ALLOWED_MIN, "only {said} answers allowed anything");
}

#[test]
fn a_thread_that_may_make_no_system_call_is_ended_by_its_first() {
    assert_eq!(hot_path(&["confined-call"]), (false, "ended by the kernel".to_owned()));
}

#[test]
fn a_check_allocates_nothing() {
    assert_eq!(hot_path(&["allocations", COUNT]), (true, "0".to_owned()));
}

/// Each thread that asks has a place in the swap, made at its first check unless one is free.
#[test]
fn the_first_check_of_a_thread_allocates_its_place_in_the_swap_and_no_more() {
    let (ended_well, said) = hot_path(&["first-allocations"]);
    assert!(ended_well && said.parse::<u64>().unwrap() <= 1, "{said}");
}

/// As many as wait at once were taken, and every other was refused in the same way.
#[test]
fn counting_makes_no_system_call_and_allocates_nothing() {
    let (ended_well, said) = hot_path(&["counting", COUNT]);
    assert!(ended_well, "counting in a thread that may make no system call: {said}");
    assert!(said.parse::<u64>().unwrap() > 8000, "only {said} uses were taken");
    assert_eq!(hot_path(&["counted-allocations", COUNT]), (true, "0".to_owned()));
}
