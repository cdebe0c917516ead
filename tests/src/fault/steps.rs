//! Killed at every numbered step of every verb.

use super::strace::{self, Point};
use super::{Bench, Job, Random, Tally};

/// Every step of every verb.
pub(super) fn all(bench: &Bench) -> Vec<(&Job, Point)> {
    let steps = |job| {
        let directory = bench.copy(template(job));
        let log = bench.path("strace.log");
        let points = strace::points(&job.command(&directory), &directory, &log);
        bench.remove(&directory);
        points.into_iter().map(move |point| (job, point))
    };
    bench.jobs.iter().flat_map(steps).collect()
}

fn template(job: &Job) -> &std::path::Path {
    &job.template
}

/// Killed with -9 at these steps: none is made any more, and everything before it is.
pub(super) fn killed(bench: &Bench, random: &mut Random, rounds: usize) -> Tally {
    if let Err(why) = strace::available() {
        return Tally::not_run(why);
    }
    let steps = all(bench);
    let mut tally = Tally::default();
    let mut reached = 0;
    for (job, point) in random.spread(&steps, rounds) {
        let directory = bench.copy(template(job));
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
    tally.notes.extend(bench.absent.clone());
    tally
}
