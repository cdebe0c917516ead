//! No room, and no right to write.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use brink_store::Gate;

use super::bench::copy_tree;
use super::disk::{Disk, Kind};
use super::seen::{CAMERA, FEATURE, of_gate, unharmed};
use super::{Bench, Job, Random, Tally};
use crate::{Device, Program, Ran, User};

/// Blocks of this size are what SQLite's pages need; with smaller ones a full disk may kill whoever maps a page.
const WHOLE_PAGE: u32 = 4096;
/// Takes what is free down to this many KiB: an acceptance needs about a hundred.
const FREE_KIB_MAX: usize = 160;
/// SIGBUS.
const TORN_PAGE: i32 = 7;
const NOBODY: User = User { uid: 4711, gid: 4711 };

/// Fills the disk but for some.
fn fill(disk: &Disk, free_kib: usize) -> std::io::Result<()> {
    let path = disk.path().join("filler");
    let mut filler = File::create(&path)?;
    for piece in [vec![0; 64 * 1024], vec![0; 4096], vec![0; 1024]] {
        while filler.write_all(&piece).is_ok() {}
    }
    let length = filler.metadata()?.len();
    filler.set_len(length.saturating_sub(free_kib as u64 * 1024))?;
    // What is given back is free only once it is known to be.
    let _ = filler.sync_all();
    Ok(())
}

/// Both ends of a hindrance: the verb that is run in it, and how it is lifted.
struct Hindrance<During, Over> {
    during: During,
    over: Over,
    /// Whether a host was there before. One that is keeps its journal open for writing.
    watched: bool,
}

/// While it is hindered, one verb is run and hosts ask; afterwards everything goes on by itself.
fn hindered<During, Over>(
    bench: &Bench,
    job: &Job,
    directory: &Path,
    torn_pages: Option<&mut TornPages>,
    hindrance: Hindrance<During, Over>,
) -> Result<(), String>
where
    During: FnOnce() -> Result<Ran, String>,
    Over: FnOnce() -> Result<(), String>,
{
    let bundle = directory.join("licence.bundle");
    let open = || Gate::open(&bundle, bench.anchor.clone()).expect("a gate opens");
    let host = hindrance.watched.then(open);
    let ran = (hindrance.during)();
    let watched = host.as_ref().map(|host| of_gate(host).state);
    drop(host);
    let asked = ask_as_host(bench, directory);
    (hindrance.over)()?;
    let ran = ran?;
    unharmed(&asked)?;
    let starts = asked.stdout.lines().find_map(|line| line.strip_prefix("ready ")).map(str::to_owned);
    // A host that was there may not have seen the newest yet; one that starts sees the old or the new.
    for (who, reason) in [("the host that was there", &watched), ("a host that starts", &starts)] {
        if reason.as_ref().is_some_and(|reason| *reason != job.before.1.state && *reason != job.after.1.state)
        {
            return Err(format!("{who} is told {reason:?}\nafter {ran}"));
        }
    }
    if let Some(torn) = torn_pages
        && ran.signal == Some(TORN_PAGE)
    {
        torn.verbs += 1;
        return bench.judge_left(job, directory, false);
    }
    let coded = if job.acknowledged(&ran) { Ok(()) } else { super::seen::refusal(&ran).map(|_| ()) };
    coded.and_then(|()| bench.judge(job, directory, &ran))
}

/// How many were killed by a page of a mapped file that the disk had no room for.
#[derive(Debug, Default)]
struct TornPages {
    verbs: usize,
}

/// A host process that starts, asks, and ends.
fn ask_as_host(bench: &Bench, directory: &Path) -> Ran {
    let mut host = Command::new(Program::GateHost.path());
    host.arg(directory.join("licence.bundle")).arg(bench.issuer.trust()).args([CAMERA, FEATURE]);
    Ran::to_end(&mut host)
}

fn on_full(bench: &Bench, random: &mut Random, rounds: usize, kind: Kind) -> Tally {
    let disk = Disk::make(&bench.path("full"), kind).expect("a file system of our own");
    let (mut tally, mut torn, mut refused) = (Tally::default(), TornPages::default(), 0);
    let small_blocks = matches!(kind, Kind::Ext4 { block, .. } if block < WHOLE_PAGE);
    // Where nobody opens the journal, nothing is recorded, full or not.
    let jobs: Vec<&Job> = bench.jobs.iter().filter(|job| !(small_blocks && job.records())).collect();
    for _ in 0..rounds {
        let (job, free) = (*random.among(&jobs), random.below(FREE_KIB_MAX));
        let directory = disk.path().join("device");
        let _ = fs::remove_dir_all(&directory);
        let _ = fs::remove_file(directory.with_extension("out"));
        copy_tree(&job.template, &directory);
        let during = || {
            fill(&disk, free).map_err(|error| error.to_string())?;
            let ran = Ran::to_end(&mut job.command(&directory));
            refused += usize::from(!job.acknowledged(&ran));
            Ok(ran)
        };
        let over = || fs::remove_file(disk.path().join("filler")).map_err(|error| error.to_string());
        let counted = small_blocks.then_some(&mut torn);
        let judged = hindered(bench, job, &directory, counted, Hindrance { during, over, watched: true });
        tally.count(format_args!("{} with {free} KiB free", job.name), judged);
    }
    tally.notes.push(format!("{refused} of {} verbs were refused.", tally.rounds));
    if small_blocks {
        let TornPages { verbs } = torn;
        tally.notes.push(format!(
            "{verbs} verbs were killed by SIGBUS, which doctor foretells (`block_size`); no host was."
        ));
    }
    tally
}

/// ext4 of 4 MiB with blocks of 4096 bytes.
pub(super) fn large_blocks(bench: &Bench, random: &mut Random, rounds: usize) -> Tally {
    on_full(bench, random, rounds, Kind::Ext4 { mib: 4, block: WHOLE_PAGE })
}

/// ext4 of 4 MiB with blocks of 1024 bytes.
pub(super) fn small_blocks(bench: &Bench, random: &mut Random, rounds: usize) -> Tally {
    on_full(bench, random, rounds, Kind::Ext4 { mib: 4, block: 1024 })
}

/// tmpfs of 2 MiB.
pub(super) fn memory(bench: &Bench, random: &mut Random, rounds: usize) -> Tally {
    on_full(bench, random, rounds, Kind::Tmpfs { mib: 2 })
}

/// Mounted read-only.
pub(super) fn read_only(bench: &Bench, random: &mut Random, rounds: usize) -> Tally {
    let disk = Disk::make(&bench.path("read-only"), Kind::Ext4 { mib: 16, block: WHOLE_PAGE })
        .expect("a file system of our own");
    let mut tally = Tally::default();
    for _ in 0..rounds {
        let job = random.among(&bench.jobs);
        let directory = disk.path().join("device");
        let _ = fs::remove_dir_all(&directory);
        let _ = fs::remove_file(directory.with_extension("out"));
        copy_tree(&job.template, &directory);
        let during = || {
            disk.set_read_only(true)?;
            Ok(Ran::to_end(&mut job.command(&directory)))
        };
        let over = || disk.set_read_only(false);
        let judged = hindered(bench, job, &directory, None, Hindrance { during, over, watched: false });
        tally.count(job.name, judged);
    }
    tally
}

/// A user who may not write in the directory, and it is not root's either.
pub(super) fn forbidden(bench: &Bench, random: &mut Random, rounds: usize) -> Tally {
    let mut tally = Tally::default();
    let place = bench.path("forbidden");
    fs::create_dir_all(&place).expect("a directory");
    // Everybody may pass, or the other user does not even see the directory.
    for way in [&place, &bench.path(".")] {
        fs::set_permissions(way, Permissions::from_mode(0o777)).expect("a mode can be set");
    }
    let verbs = [
        &["exchange", "--export", "OUT"][..],
        &["status"],
        &["check", "--camera", "cam-1", "--feature", "a/b"],
    ];
    for _ in 0..rounds {
        let directory = bench.copy(&bench.path("renewed"));
        let device = Device::at(directory.clone());
        device.give_to(NOBODY);
        fs::set_permissions(&directory, Permissions::from_mode(0o555)).expect("a mode can be set");
        let verb = random.among(&verbs);
        let out = place.join("request");
        let arguments: Vec<&str> =
            verb.iter().map(|word| if *word == "OUT" { super::bench::text(&out) } else { word }).collect();
        let ran = device.seen_by(NOBODY, &place).run(&[&arguments[..], &["--json"]].concat());
        let before = bench.in_force(&bench.path("renewed")).1;
        fs::set_permissions(&directory, Permissions::from_mode(0o755)).expect("a mode can be set");
        let judged = unharmed(&ran).and_then(|()| {
            let coded = matches!(ran.code, Some(0 | 3)) || super::seen::refusal(&ran).is_ok();
            let seen = super::seen::through_a_gate(&directory, &bench.anchor);
            let same = super::judge::same("a host", &seen, &before);
            if coded { same } else { Err(format!("a refusal without a code\n{ran}")) }
        });
        let judged = judged.and_then(|()| {
            let said =
                device.seen_by(NOBODY, &place).run(&["exchange", "--export", super::bench::text(&out)]);
            if said.code == Some(0) { Ok(()) } else { Err(format!("it does not recover\n{said}")) }
        });
        tally.count(verb[0], judged);
        bench.remove(&directory);
    }
    tally
}
