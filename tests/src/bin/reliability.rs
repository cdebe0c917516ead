//! The crash programme at length, and its table.
//!
//! `reliability [--rounds K | --hours H] [--seed S] [--only TEXT]`: K rounds a fault (slow ones fewer), or again and
//! again for H hours. `reliability --probe` says which faults cannot be tried on this machine, and why. The table goes to standard output, what is lost to standard error; ends with 1 if anything was.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's program: it talks to a person, and a broken step is a failed run"
)]

use std::process::ExitCode;
use std::time::Duration;

use brink_tests::fault::{Bench, PROGRAMME, Tally, table};
use brink_tests::within;

/// Rounds of a pass over all faults when hours are asked for.
const ROUNDS_OF_A_PASS: usize = 100;

struct Wanted {
    rounds: usize,
    hours: Option<f64>,
    seed: u64,
    only: String,
    probe: bool,
}

fn wanted() -> Wanted {
    let mut wanted =
        Wanted { rounds: ROUNDS_OF_A_PASS, hours: None, seed: 1, only: String::new(), probe: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        if name == "--probe" {
            wanted.probe = true;
            continue;
        }
        let value = arguments.next().unwrap_or_else(|| panic!("{name} takes a value"));
        match name.as_str() {
            "--rounds" => wanted.rounds = value.parse().expect("a number of rounds"),
            "--hours" => wanted.hours = Some(value.parse().expect("a number of hours")),
            "--seed" => wanted.seed = value.parse().expect("a seed"),
            "--only" => wanted.only = value,
            _ => panic!("reliability [--rounds K | --hours H] [--seed S] [--only TEXT], not {name}"),
        }
    }
    wanted
}

fn main() -> ExitCode {
    let Wanted { rounds, hours, seed, only, probe } = wanted();
    let bench = Bench::new();
    let chosen: Vec<_> = PROGRAMME.iter().filter(|fault| fault.name.contains(&only)).collect();
    if probe {
        say_what_is_missing(&bench);
        return ExitCode::SUCCESS;
    }
    let mut rows: Vec<_> = chosen.iter().map(|fault| (fault.name, fault.checked, Tally::default())).collect();
    let mut passes = 0;
    let mut pass = || {
        for (fault, row) in chosen.iter().zip(&mut rows) {
            let rounds = (rounds * fault.per_hundred / 100).max(1);
            eprintln!("{}: {rounds} rounds, seed {}", fault.name, seed + passes);
            let tally = fault.run(&bench, seed + passes, rounds);
            for lost in &tally.lost {
                eprintln!("LOST: {lost}\n");
            }
            if let Some(why) = &tally.not_run {
                eprintln!("!!! NOT RUN: {why}");
            }
            // What was seen on the way is told of the last pass.
            row.2.notes.clear();
            row.2.add(tally);
        }
        passes += 1;
    };
    match hours {
        None => pass(),
        Some(hours) => {
            within(Duration::from_secs_f64(hours * 3600.0), || {
                pass();
                None::<()>
            });
        }
    }
    println!("{}", table(&rows));
    let lost: usize = rows.iter().map(|(.., tally)| tally.lost.len()).sum();
    eprintln!("{lost} lost, {passes} passes, first seed {seed}");
    ExitCode::from(u8::from(lost > 0))
}

/// One line for each fault that cannot be tried here.
fn say_what_is_missing(bench: &Bench) {
    for why in bench.absent() {
        println!("{why}");
    }
    for fault in PROGRAMME {
        if let Some(why) = fault.missing(bench) {
            println!("{}: {why}", fault.name);
        }
    }
}
