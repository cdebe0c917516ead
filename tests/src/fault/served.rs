//! The issuer, killed while it answers.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::bench::text;
use super::disk::{Disk, Kind};
use super::judge::same;
use super::seen::{told, unharmed};
use super::strace::{self, Point};
use super::{Bench, Random, Tally};
use crate::{Device, Issuer, Ran};

/// A request, who made it, and with which verb the answer is taken up.
const ANSWERS: [(&str, &str, &str); 2] =
    [("exchange.req", "asked", "exchange"), ("activation.req", "waiting", "activate")];

pub(super) fn answer(data: &Path, request: &Path) -> Command {
    let (request, response) = (text(request).to_owned(), data.with_extension("out"));
    Issuer::at(data.to_owned()).command(&["exchange", "--json", "--in", &request, "--out", text(&response)])
}

/// After a kill: the file is whole or absent; the same request is answered, by the same bytes if an answer was out; and
/// the device takes it up.
fn judge(
    bench: &Bench,
    data: &Path,
    (request, asker, verb): (&str, &str, &str),
    ran: &Ran,
) -> Result<(), String> {
    unharmed(ran)?;
    let out = data.with_extension("out");
    let first = fs::read(&out).ok();
    if first.is_none() && ran.code == Some(0) {
        return Err(format!("acknowledged, and there is no answer\n{ran}"));
    }
    let again = Ran::to_end(&mut answer(data, &bench.path(request)));
    unharmed(&again)?;
    if again.code != Some(0) {
        return Err(format!("the request is not answered any more\n{again}\nafter {ran}"));
    }
    let second = fs::read(&out).map_err(|error| error.to_string())?;
    if first.is_some_and(|first| first != second) {
        return Err(format!("two answers to one request\nafter {ran}"));
    }
    let directory = bench.copy(&bench.path(asker));
    let device = Device::at(directory.clone());
    let taken = device.run(&[verb, "--import", text(&out), "--json"]);
    let seen = told(&device);
    bench.remove(&directory);
    if taken.code != Some(0) {
        return Err(format!("the device refuses the answer\n{taken}\nafter {ran}"));
    }
    let wanted = if asker == "asked" { "renewed" } else { "active" };
    same("the device", &seen?.seen, &bench.in_force(&bench.path(wanted)).0)
}

impl Bench {
    /// The issuer as it was before it answered: of the renewal, or of the activation.
    fn issuer_before(&self, asker: &str) -> std::path::PathBuf {
        if asker == "asked" { self.issuer.data().to_owned() } else { self.path("offering") }
    }
}

/// Killed with -9 at every numbered step of an answer.
pub(super) fn killed(bench: &Bench, random: &mut Random, rounds: usize) -> Tally {
    let mut steps: Vec<((&str, &str, &str), Point)> = Vec::new();
    for line in ANSWERS {
        let data = bench.copy(&bench.issuer_before(line.1));
        let points = strace::points(&answer(&data, &bench.path(line.0)), &data, &bench.path("strace.log"));
        bench.remove(&data);
        steps.extend(points.into_iter().map(|point| (line, point)));
    }
    let mut tally = Tally::default();
    for (line, point) in random.spread(&steps, rounds) {
        let data = bench.copy(&bench.issuer_before(line.1));
        let ran = strace::killed_at(point, &answer(&data, &bench.path(line.0)), &data);
        tally.count(format_args!("{} at {point}", line.0), judge(bench, &data, *line, &ran));
        bench.remove(&data);
    }
    tally.notes.push(format!("{} numbered steps of two answers.", steps.len()));
    tally
}

/// Every call that changes something fails once.
pub(super) fn refused(bench: &Bench, random: &mut Random, rounds: usize) -> Tally {
    let line = ANSWERS[0];
    let data = bench.copy(&bench.issuer_before(line.1));
    let points = strace::points(&answer(&data, &bench.path(line.0)), &data, &bench.path("strace.log"));
    bench.remove(&data);
    let mut tally = Tally::default();
    for point in random.spread(&points, rounds) {
        let error =
            if strace::SYNCING.contains(&point.syscall) { "EIO" } else { *random.among(&["EIO", "ENOSPC"]) };
        let data = bench.copy(&bench.issuer_before(line.1));
        let ran = strace::refused_at(point, error, false, &answer(&data, &bench.path(line.0)), &data);
        tally.count(format_args!("{error} at {point}"), judge(bench, &data, line, &ran));
        bench.remove(&data);
    }
    tally
}

/// The power goes right after the issuer has said that the answer is in its file.
pub(super) fn cut(bench: &Bench, random: &mut Random, rounds: usize) -> Tally {
    let disk = Disk::make(&bench.path("issuers-power"), Kind::Ext4 { mib: 64, block: 4096 })
        .expect("a file system of our own");
    let mut tally = Tally::default();
    for _ in 0..rounds {
        let line = *random.among(&ANSWERS);
        let data = disk.path().join("issuer");
        let _ = fs::remove_dir_all(&data);
        let _ = fs::remove_file(data.with_extension("out"));
        super::bench::copy_tree(&bench.issuer_before(line.1), &data);
        disk.sync().expect("it syncs");
        let ran = Ran::to_end(&mut answer(&data, &bench.path(line.0)));
        let judged = disk.cut_power().and_then(|()| judge(bench, &data, line, &ran));
        tally.count(line.0, judged);
    }
    tally
}
