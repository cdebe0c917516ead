//! Killed at every numbered step of every verb.

use super::strace::{self, Point};
use std::process::Command;

use super::{Bench, Job, Random, Tally};

/// Every step of every verb.
pub(super) fn all<'b>(bench: &'b Bench) -> Vec<(&'b Job, Point)> {
    let steps = |job: &'b Job| {
        let directory = bench.copy(&job.template);
        let log = bench.path("strace.log");
        let points = strace::points(&job.command(&directory), &directory, &log);
        bench.remove(&directory);
        points.into_iter().map(move |point| (job, point))
    };
    bench.jobs.iter().flat_map(steps).collect()
}

/// Every name that a verb moves a file to is synced before the verb ends, in every verb: the issuer's answer too.
pub(super) fn names(bench: &Bench, _: &mut Random, rounds: usize) -> Tally {
    let mut tally = Tally::default();
    let log = bench.path("strace.log");
    let judge = |command: &Command| {
        let unsynced = strace::names_not_synced(&strace::log_of(command, &log));
        if unsynced.is_empty() { Ok(()) } else { Err(format!("not synced: {unsynced:?}")) }
    };
    while tally.rounds < rounds {
        for job in &bench.jobs {
            let directory = bench.copy(&job.template);
            tally.count(job.name, judge(&job.command(&directory)));
            bench.remove(&directory);
        }
        let data = bench.copy(bench.issuer.data());
        tally.count("an answer", judge(&super::served::answer(&data, &bench.path("exchange.req"))));
        bench.remove(&data);
    }
    tally
}

/// Killed with -9 at these steps: none is made any more, and everything before it is.
pub(super) fn killed(bench: &Bench, random: &mut Random, rounds: usize) -> Tally {
    let steps = all(bench);
    let mut tally = Tally::default();
    let mut reached = 0;
    for (job, point) in random.spread(&steps, rounds) {
        let directory = bench.copy(&job.template);
        let ran = strace::killed_at(point, &job.command(&directory), &directory);
        reached += usize::from(ran.signal == Some(9));
        tally.count(format_args!("{} at {point}", job.name), bench.judge(job, &directory, &ran));
        bench.remove(&directory);
    }
    tally.notes.push(format!(
        "{} numbered steps of {} verbs; {reached} of {} kills arrived before the verb had ended.",
        steps.len(),
        bench.jobs.len(),
        tally.rounds
    ));
    tally.notes.extend(bench.absent().iter().cloned());
    tally
}
