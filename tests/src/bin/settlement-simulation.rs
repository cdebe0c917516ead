//! Lives many lives of a device, its hosts and its issuer over a bad network, with ends at any moment, and says what
//! happened in them. `settlement-simulation [LIVES [FIRST-SEED]]`; ends with 1 at the first life that lost or counted twice.
#![allow(clippy::print_stdout, reason = "a program whose output is its purpose")]

use brink_tests::settlement_sim::{Outcome, live};
use std::process::ExitCode;

/// Lives unless the caller says otherwise.
const LIVES: u64 = 1000;
/// Steps of one life.
const STEPS: usize = 60;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let (Ok(lives), Ok(first)) = (arguments.next().unwrap_or(Ok(LIVES)), arguments.next().unwrap_or(Ok(1)))
    else {
        println!("usage: settlement-simulation [LIVES [FIRST-SEED]]");
        return ExitCode::from(2);
    };
    let mut all = Outcome::default();
    for seed in first..first + lives {
        match live(seed, STEPS) {
            Ok(outcome) => all += outcome,
            Err(problem) => {
                println!("seed {seed}: {problem}");
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{lives} lives from seed {first}: every use settled once; {all:?}");
    ExitCode::SUCCESS
}
