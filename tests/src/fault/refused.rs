//! A kernel that refuses: each call that changes something fails, once or from then on.

use super::strace::{self, Point};
use super::{Bench, Job, Random, Tally};

/// What a kernel says to this kind of call.
fn errors(point: &Point) -> &'static [&'static str] {
    match point.syscall.as_str() {
        "fsync" | "fdatasync" | "sync_file_range" => &["EIO"],
        "write" | "pwrite64" | "pwritev" | "ftruncate" | "fallocate" => &["ENOSPC", "EIO", "EDQUOT"],
        "fchmod" | "fchown" | "chmod" => &["EPERM"],
        _ => &["ENOSPC", "EIO", "EACCES"],
    }
}

/// Every step of every verb that is refused in every way: for syncing alone, or for everything else.
fn refusals<'b>(steps: &[(&'b Job, Point)], syncing: bool) -> Vec<(&'b Job, Point, &'static str, bool)> {
    let chosen = steps.iter().filter(|(_, point)| strace::SYNCING.contains(&point.syscall) == syncing);
    chosen
        .flat_map(|(job, point)| {
            errors(point).iter().flat_map(move |error| {
                // Refusing every call of a kind would keep the program from being loaded or from speaking.
                let kinds: &[bool] = if ["openat", "write"].contains(&point.syscall.as_str()) {
                    &[false]
                } else {
                    &[false, true]
                };
                kinds.iter().map(move |ever_after| (*job, point.clone(), *error, *ever_after))
            })
        })
        .collect()
}

fn refused(bench: &Bench, random: &mut Random, rounds: usize, syncing: bool) -> Tally {
    let refusals = refusals(&super::steps::all(bench), syncing);
    let (mut tally, mut acknowledged) = (Tally::default(), 0);
    for (job, point, error, ever_after) in random.spread(&refusals, rounds) {
        let directory = bench.copy(&job.template);
        let ran = strace::refused_at(point, error, *ever_after, &job.command(&directory), &directory);
        acknowledged += usize::from(job.acknowledged(&ran));
        let coded = if job.acknowledged(&ran) { Ok(()) } else { super::seen::refusal(&ran).map(|_| ()) };
        let judged = coded.and_then(|()| bench.judge(job, &directory, &ran));
        let from = if *ever_after { " and ever after" } else { "" };
        tally.count(format_args!("{} with {error} at {point}{from}", job.name), judged);
        bench.remove(&directory);
    }
    tally.notes.push(format!(
        "{} ways; {acknowledged} of {} verbs did without and ended well.",
        refusals.len(),
        tally.rounds
    ));
    tally
}

/// Syncing fails.
pub(super) fn syncing(bench: &Bench, random: &mut Random, rounds: usize) -> Tally {
    refused(bench, random, rounds, true)
}

/// Everything else fails.
pub(super) fn changing(bench: &Bench, random: &mut Random, rounds: usize) -> Tally {
    refused(bench, random, rounds, false)
}
