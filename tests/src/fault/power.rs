//! The power goes: everything that was not synced is lost.

use std::fs;
use std::io::Write;
use std::path::Path;

use super::bench::copy_tree;
use super::disk::{Disk, Kind};
use super::{Bench, Job, Random, Tally, strace};
use crate::Ran;

/// Room enough for a log: ext4 keeps none on the smallest.
const DISK: Kind = Kind::Ext4 { mib: 64, block: 4096 };

/// One round: a directory on a disk whose state of before is safe, something that happens in it, and a cut.
fn round(
    disk: &Disk,
    job: &Job,
    happen: impl FnOnce(&Path) -> Ran,
) -> Result<(std::path::PathBuf, Ran), String> {
    let directory = disk.path().join("device");
    if directory.exists() {
        fs::remove_dir_all(&directory).map_err(|error| error.to_string())?;
    }
    let _ = fs::remove_file(directory.with_extension("out"));
    copy_tree(&job.template, &directory);
    disk.sync()?;
    let ran = happen(&directory);
    disk.cut_power()?;
    Ok((directory, ran))
}

/// The cut comes right after a verb has ended, and at every numbered step of it.
pub(super) fn cut(bench: &Bench, random: &mut Random, rounds: usize) -> Tally {
    let disk = Disk::make(&bench.path("power"), DISK).expect("a file system of our own");
    let steps = super::steps::all(bench);
    let (mut tally, mut acknowledged) = (Tally::default(), 0);
    for _ in 0..rounds {
        // Every other one after the end, where there is something to lose.
        let step = (random.below(2) == 0).then(|| random.among(&steps));
        let job = step.map_or_else(|| random.among(&bench.jobs), |(job, _)| job);
        let came_to = round(&disk, job, |directory| match step {
            Some((_, point)) => strace::killed_at(point, &job.command(directory), directory),
            None => Ran::to_end(&mut job.command(directory)),
        });
        let judged = came_to.and_then(|(directory, ran)| {
            acknowledged += usize::from(job.acknowledged(&ran));
            bench.judge(job, &directory, &ran)
        });
        let at = step.map_or_else(|| "after its end".to_owned(), |(_, point)| format!("at {point}"));
        tally.count(format_args!("{} {at}", job.name), judged);
    }
    tally.notes.push(format!("{acknowledged} of {} cuts came right after an acknowledgement.", tally.rounds));
    tally
}

/// A call that syncs fails, and then the power goes: whatever was acknowledged nevertheless is there.
pub(super) fn cut_after_failed_sync(bench: &Bench, random: &mut Random, rounds: usize) -> Tally {
    let disk = Disk::make(&bench.path("power"), DISK).expect("a file system of our own");
    let steps: Vec<_> = super::steps::all(bench);
    let syncs: Vec<_> =
        steps.into_iter().filter(|(_, point)| strace::SYNCING.contains(&point.syscall)).collect();
    let (mut tally, mut acknowledged) = (Tally::default(), 0);
    for (job, point) in random.spread(&syncs, rounds) {
        let came_to = round(&disk, job, |directory| {
            strace::refused_at(point, "EIO", false, &job.command(directory), directory)
        });
        let judged = came_to.and_then(|(directory, ran)| {
            acknowledged += usize::from(job.acknowledged(&ran));
            bench.judge(job, &directory, &ran)
        });
        tally.count(format_args!("{} at {point}", job.name), judged);
    }
    tally.notes.push(format!("{acknowledged} of {} were acknowledged and kept.", tally.rounds));
    tally
}

/// Negative controls: this harness does take away what was not synced. Each lost round is what is wanted.
pub(super) fn control(bench: &Bench, random: &mut Random, rounds: usize) -> Tally {
    let disk = Disk::make(&bench.path("power"), DISK).expect("a file system of our own");
    let mut tally = Tally::default();
    let job = bench.jobs.iter().find(|job| job.name == "exchange --import").expect("the job");
    for number in 0..rounds {
        let lost = if random.below(2) == 0 {
            let came_to = round(&disk, job, |directory| strace::without_syncing(&job.command(directory)));
            came_to.map(|(directory, ran)| {
                assert!(
                    job.acknowledged(&ran),
                    "a verb whose syncs do nothing still says that it is done\n{ran}"
                );
                bench.judge(job, &directory, &ran).is_err()
            })
        } else {
            plain_rename(&disk, number)
        };
        let bites = lost.and_then(|lost| if lost { Ok(()) } else { Err("nothing was lost".to_owned()) });
        tally.count(number, bites);
    }
    tally
}

/// A file that is written and renamed and never synced, as many programs do it; whether it was lost.
fn plain_rename(disk: &Disk, number: usize) -> Result<bool, String> {
    let file = disk.path().join("plain");
    let temporary = file.with_extension("new");
    let write = || -> std::io::Result<()> {
        fs::write(&file, b"old")?;
        fs::File::open(&file)?.sync_all()?;
        fs::File::open(disk.path())?.sync_all()?;
        fs::File::create(&temporary)?.write_all(format!("new {number}").as_bytes())?;
        fs::rename(&temporary, &file)
    };
    write().map_err(|error| error.to_string())?;
    disk.cut_power()?;
    let found = fs::read(&file).map_err(|error| error.to_string())?;
    Ok(found != format!("new {number}").as_bytes())
}
