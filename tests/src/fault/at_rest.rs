//! Files that changed while nobody looked.

use std::fs;
use std::path::{Path, PathBuf};

use super::damage::{Damage, files, inflict};
use super::judge::examinable;
use super::seen::{Numbers, Seen, of_gate, refusal, through_a_gate, told, unharmed};
use super::{Bench, Random, Tally};
use crate::{Device, Running};
use brink_license::clock::State;
use brink_store::Gate;

/// A directory with more in it than one at rest has: the logs of a writer that was killed.
const BUSY: &str = "busy";

impl Bench {
    /// A renewed device whose agent was killed: with everything that lies beside the files then.
    fn busy(&self) -> PathBuf {
        let path = self.path(BUSY);
        if path.exists() {
            return path;
        }
        let copy = self.copy(&self.path("renewed"));
        let agent = Device::at(copy.clone()).agent();
        Device::at(copy.clone())
            .run(&["exchange", "--export", super::bench::text(&self.path("busy.out"))])
            .ok();
        agent.kill();
        super::bench::copy_tree(&copy, &path);
        self.remove(&copy);
        path
    }

    /// One file of one directory, damaged in one way.
    fn rot(
        &self,
        template: &Path,
        damage: Damage,
        random: &mut Random,
    ) -> Option<(String, Result<(), String>)> {
        let directory = self.copy(template);
        let file = random.among(&files(&directory)).clone();
        let older = self.path("active").join(&file);
        let inflicted = inflict(damage, &directory.join(&file), &older, random);
        let came_to = inflicted.map(|what| {
            let judged = self.judge_rot(&directory, &file, damage);
            (format!("{} {what}", file.display()), judged)
        });
        self.remove(&directory);
        came_to
    }

    /// 1. A host that starts sees what was in force, or nothing. (An older bundle verifies by itself, and where no anchor
    ///    lies beside it, it is the verb that writes next that puts the newest back.)
    /// 2. `status` and `doctor` run; what is in force is what was, or nothing, and then something is named.
    /// 3. A verb that writes is carried out or refused with a code, and is never told that this is a new install.
    /// 4. Afterwards the same as in 1 and 2 holds, the older bundle included.
    fn judge_rot(&self, directory: &Path, file: &Path, damage: Damage) -> Result<(), String> {
        let (device, wanted) = (Device::at(directory.to_owned()), self.renewed());
        let verifies = file == Path::new("licence.bundle") && matches!(damage, Damage::Older | Damage::Torn);
        let (host, first) = (through_a_gate(directory, &self.anchor), told(&device)?);
        if !verifies || directory.join("anchor.a").exists() {
            unless_held("a host", &host, wanted)?;
            unless_held("status", &first.seen, wanted)?;
        }
        examinable(&device)?;
        let out = directory.with_extension("out");
        let wrote = device.run(&["exchange", "--export", super::bench::text(&out), "--json"]);
        unharmed(&wrote)?;
        if wrote.code != Some(0) {
            let code = refusal(&wrote)?;
            if code == "NOT_ACTIVATED" {
                return Err(format!("taken for a new install\n{wrote}"));
            }
            return this_or_nothing("status after a refusal", &told(&device)?.seen, wanted);
        }
        let after = told(&device)?;
        this_or_nothing("status in the end", &after.seen, wanted)?;
        let lost = after.document["store"]["documents"].as_str().unwrap_or_default();
        if after.seen.numbers == Numbers::default() && !lost.starts_with("lost") && file_is_kept(directory) {
            return Err(format!("nothing is in force, and nothing says so: {}", after.document["store"]));
        }
        this_or_nothing("a host in the end", &through_a_gate(directory, &self.anchor), wanted)
    }

    fn renewed(&self) -> Numbers {
        let job = self.jobs.iter().find(|job| job.name == "exchange --import").expect("the job");
        job.after.0.numbers
    }
}

/// Whether the device still has what proves that it is none that is new.
fn file_is_kept(directory: &Path) -> bool {
    fs::exists(directory.join("device.key")).unwrap_or(false)
}

/// What is older than the anchor is told as such, and permits nothing.
fn unless_held(who: &str, seen: &Seen, wanted: Numbers) -> Result<(), String> {
    if seen.state == State::StoreTampered.as_str() { Ok(()) } else { this_or_nothing(who, seen, wanted) }
}

fn this_or_nothing(who: &str, seen: &Seen, wanted: Numbers) -> Result<(), String> {
    if seen.numbers == wanted || seen.numbers == Numbers::default() {
        return Ok(());
    }
    Err(format!("{who} sees {seen:?} and not {wanted:?}"))
}

fn damaged(bench: &Bench, random: &mut Random, rounds: usize, kinds: &[Damage]) -> Tally {
    let templates = [bench.path("renewed"), bench.busy()];
    let mut tally = Tally::default();
    while tally.rounds < rounds {
        let (template, damage) = (random.among(&templates).clone(), *random.among(kinds));
        if let Some((what, judged)) = bench.rot(&template, damage, random) {
            tally.count(what, judged);
        }
    }
    let names: std::collections::BTreeSet<_> =
        templates.iter().flat_map(|template| files(template)).collect();
    tally.notes.push(format!("{} files.", names.len()));
    tally
}

/// The same while an agent and a host are there: files that are mapped into memory are left alone, since nothing but a
/// person changes them under a process.
pub(super) fn under_an_agent(bench: &Bench, random: &mut Random, rounds: usize) -> Tally {
    let mut tally = Tally::default();
    while tally.rounds < rounds {
        let directory = bench.copy(&bench.path("renewed"));
        let device = Device::at(directory.clone());
        let agent = device.agent();
        let host = Gate::open(device.bundle(), bench.anchor.clone()).expect("a gate opens");
        let files: Vec<_> =
            files(&directory).into_iter().filter(|file| !file.to_string_lossy().ends_with("-shm")).collect();
        let (file, damage) = (random.among(&files).clone(), *random.among(&Damage::ALL));
        let older = bench.path("active").join(&file);
        if let Some(what) = inflict(damage, &directory.join(&file), &older, random) {
            let judged = bench.judge_watched(&device, agent, &host);
            let judged = judged.and_then(|()| bench.judge_rot(&directory, &file, damage));
            tally.count(format_args!("{} {what}", file.display()), judged);
        }
        bench.remove(&directory);
    }
    tally
}

impl Bench {
    /// The agent answers and ends when it is told to, and the host sees what it saw.
    fn judge_watched(&self, device: &Device, mut agent: Running, host: &Gate) -> Result<(), String> {
        let wanted = self.renewed();
        this_or_nothing("status", &told(device)?.seen, wanted)?;
        let out = device.data().with_extension("out");
        let wrote = device.run(&["exchange", "--export", super::bench::text(&out), "--json"]);
        unharmed(&wrote)?;
        if wrote.code != Some(0) {
            refusal(&wrote)?;
        }
        this_or_nothing("status after a request", &told(device)?.seen, wanted)?;
        if of_gate(host).numbers != wanted {
            return Err(format!("the host that was there sees {:?}", of_gate(host)));
        }
        if !agent.is_alive() {
            return Err(format!("the agent has ended\n{}", agent.log()));
        }
        let log = agent.log();
        agent.stop();
        if log.contains("panicked at") { Err(format!("the agent panicked\n{log}")) } else { Ok(()) }
    }
}

/// Bits that flip.
pub(super) fn flipped(bench: &Bench, random: &mut Random, rounds: usize) -> Tally {
    damaged(bench, random, rounds, &[Damage::Flipped])
}

/// Writes that were torn.
pub(super) fn torn(bench: &Bench, random: &mut Random, rounds: usize) -> Tally {
    damaged(bench, random, rounds, &[Damage::Zeroed, Damage::Noise, Damage::Torn])
}

/// Files that end early.
pub(super) fn truncated(bench: &Bench, random: &mut Random, rounds: usize) -> Tally {
    damaged(bench, random, rounds, &[Damage::Truncated])
}

/// Files that are gone, or older.
pub(super) fn replaced(bench: &Bench, random: &mut Random, rounds: usize) -> Tally {
    damaged(bench, random, rounds, &[Damage::Deleted, Damage::Older])
}
