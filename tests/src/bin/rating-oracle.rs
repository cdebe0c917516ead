//! Rates random timelines here and in an independent program in Python, and says in how many they differ.
//! `rating-oracle PYTHON [TIMELINES [FIRST-SEED]]`; ends with 1 where they differ in any.
#![allow(clippy::print_stdout, reason = "a program whose output is its purpose")]

use brink_tests::rating::compare;
use std::process::ExitCode;

/// Timelines unless the caller says otherwise.
const TIMELINES: u64 = 1_000_000;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let python = arguments.next();
    let mut numbers = arguments.map(|argument| argument.parse::<u64>());
    let (Some(python), Ok(count), Ok(first)) =
        (python, numbers.next().unwrap_or(Ok(TIMELINES)), numbers.next().unwrap_or(Ok(1)))
    else {
        println!("usage: rating-oracle PYTHON [TIMELINES [FIRST-SEED]]");
        return ExitCode::from(2);
    };
    let found = compare(python.as_ref(), first..first + count);
    println!("{found:#}");
    if found["differences"] == 0 && found["compared"] == count {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
