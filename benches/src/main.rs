//! Prints one table: what the product takes, what its peers take, and the goals, all measured in this run.
//!
//! Absolute times drift between machines; the ratios are what is compared with the goals. `scripts/bench` runs it. Each
//! part is one module with a function that adds to the report; what else is to be measured gets a module of its own.

mod arguments;
mod c_abi;
mod change;
mod decide;
mod docs;
mod harness;
mod ingest;
mod memory;
mod peers;
mod plot;
mod report;
mod scene;
mod threads;
mod usage;
mod verify;

use arguments::{Arguments, Part};
use report::Report;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(words) => {
            eprintln!("{words}");
            return ExitCode::from(2);
        }
    };
    let machine = docs::machine();
    println!("{machine}");
    let (mut report, pace) = (Report::default(), arguments.pace);
    for part in &arguments.parts {
        match part {
            Part::Verify => verify::measure(pace, &mut report),
            Part::Decide => decide::measure(pace, &mut report),
            Part::CAbi => c_abi::measure(pace, &mut report),
            Part::Threads => threads::measure(pace, &mut report),
            Part::Memory => memory::measure(&mut report),
            Part::Change => change::measure(pace, &mut report),
            Part::Usage => usage::measure(pace, &mut report),
            Part::Ingest => ingest::measure(pace, &mut report),
        }
    }
    println!("{}", report.summary());
    if arguments.write_docs {
        docs::write(&report, &machine);
    }
    if report.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
