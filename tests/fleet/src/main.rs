//! `brink-fleet`: see the crate's documentation.
#![allow(clippy::print_stdout, reason = "a program whose output is its purpose")]

use anyhow::{Context as _, Result, anyhow};
use brink_fleet::ledger::Ledger;
use brink_fleet::options::{Compare, Options, Run, Verb};
use brink_fleet::progress::Progress;
use brink_fleet::report;
use brink_fleet::run::run;
use clap::Parser as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    match execute(Options::parse().verb) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(&error);
            ExitCode::from(2)
        }
    }
}

#[allow(clippy::print_stderr, reason = "why nothing was run")]
fn complain(error: &anyhow::Error) {
    eprintln!("brink-fleet: {error:#}");
}

/// Whether everything was as it has to be.
fn execute(verb: Verb) -> Result<bool> {
    match verb {
        Verb::Run(options) => fleet(&options),
        Verb::Compare(Compare { ledger, data, issuer }) => {
            let text = std::fs::read(&ledger).with_context(|| ledger.display().to_string())?;
            let ledger: Ledger = serde_json::from_slice(&text).context("--ledger")?;
            let found = differences(&ledger, (&issuer, &data))?;
            say_differences(&ledger, &found);
            Ok(found.is_empty())
        }
    }
}

fn fleet(options: &Run) -> Result<bool> {
    let order = options.order()?;
    open_many_files();
    let progress = Progress::new(options.devices());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        let interrupted = async {
            // Without it the run ends when it ends.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        run(order, |phase, counts| progress.show(phase, counts), interrupted).await
    });
    progress.end();
    let outcome = outcome?;
    if let Some(path) = &options.ledger {
        let text = serde_json::to_string_pretty(&outcome.ledger)?;
        std::fs::write(path, text).with_context(|| path.display().to_string())?;
    }
    let compared = options.verify.as_ref().map(|data| differences(&outcome.ledger, (&options.issuer, data)));
    let found = compared.transpose()?;
    if options.json {
        let mut document = report::document(&outcome);
        document["differences"] = found.clone().into();
        println!("{document:#}");
    } else {
        let text = if options.markdown { report::markdown(&outcome) } else { report::table(&outcome) };
        print!("{text}");
        if let Some(found) = &found {
            say_differences(&outcome.ledger, found);
        }
    }
    Ok(outcome.is_sound() && found.is_none_or(|found| found.is_empty()))
}

fn differences(ledger: &Ledger, (issuer, data): (&Path, &Path)) -> Result<Vec<String>> {
    ledger.compare(issuer, data).map_err(|problem| anyhow!(problem))
}

fn say_differences(ledger: &Ledger, found: &[String]) {
    for line in found {
        println!("{line}");
    }
    if found.is_empty() {
        println!("equal: {} records of {} devices at both ends, sum by sum.", ledger.records, ledger.devices);
    }
}

/// A request is a connection, and a connection is a file: as many as the machine allows. A lower bound shows as failed
/// connections, which are made again.
fn open_many_files() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
