//! A new bundle in a host: how long until decisions are of it, and what checks take meanwhile.
//!
//! One thread asks without pause. Another publishes bundles as the agent does, by fsync and rename; each says the
//! opposite of the one before about one camera. A change begins when the publisher begins to write and ends with the
//! first new answer; what checks take is noted from there until a moment after, and as long again while nothing changes.

use crate::harness::{Histogram, Pace, Tails, clock_nanos};
use crate::report::{Report, Sheet, Wanted, nanos};
use crate::scene::{self, FEATURE, Questions, Turn};
use brink_license::token::LicenceClaims;
use brink_store::{Gate, machine, write_atomically};
use brink_tests::forge;
use std::hint::black_box;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

const CAMERAS: usize = 100;
/// As the agent publishes it: hosts read it.
const MODE: u32 = 0o644;
const BATCH: u32 = 16;
/// Batches between two looks at the camera that changes.
const ROUND: usize = 64;
/// Checks are watched so much longer than the change: what it left in the caches belongs to it.
const AFTERWARDS: Duration = Duration::from_millis(20);
/// The goal's second, ten times over: a change that takes longer is a defect and not a slow one.
const GIVE_UP: Duration = Duration::from_secs(10);

/// Licence number `seq`: the camera that is watched is in the first grant, without the feature, or in the second.
fn licence(seq: u64) -> LicenceClaims {
    let mut claims = LicenceClaims { seq, ..scene::claims(CAMERAS) };
    if seq % 2 == 0 {
        let (first, second) = (claims.grants[0].seats.clone(), claims.grants[1].seats.clone());
        (claims.grants[0].seats, claims.grants[1].seats) = (second, first);
    }
    claims
}

/// The thread that publishes: each word to it is one bundle, and it answers with the moment when it began.
fn publish(path: &Path, bundles: &[Vec<u8>], wanted: &Receiver<()>, began: &Sender<Instant>) {
    for bundle in bundles {
        if wanted.recv().is_err() {
            return;
        }
        let start = Instant::now();
        write_atomically(path, bundle, MODE).expect("a published bundle");
        if began.send(start).is_err() {
            return;
        }
    }
}

/// Asks about all cameras in turn and notes what it took.
struct Asker<'a> {
    gate: &'a Gate,
    turn: Turn<'a, String>,
    watched: &'a str,
}

impl Asker<'_> {
    fn round(&self, lengths: &mut Histogram) -> bool {
        for _ in 0..ROUND {
            let start = Instant::now();
            for _ in 0..BATCH {
                black_box(self.gate.check(self.turn.next(), FEATURE));
            }
            lengths.add(start.elapsed().as_nanos() as u64);
        }
        self.gate.check(self.watched, FEATURE).allowed
    }

    fn rest(&self, time: Duration, lengths: &mut Histogram) {
        let start = Instant::now();
        while start.elapsed() < time {
            self.round(lengths);
        }
    }
}

pub fn measure(pace: Pace, report: &mut Report) {
    eprintln!("measuring: bundles that change");
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("licence.bundle");
    let boot = machine::boot_id().expect("a boot id");
    let bundles: Vec<Vec<u8>> =
        (1..=pace.changes as u64 + 1).map(|seq| scene::bundle(&licence(seq), boot)).collect();
    write_atomically(&path, &bundles[0], MODE).expect("a published bundle");
    let gate = Gate::open(&path, forge::anchor()).expect("a gate");
    let (questions, watched) = (Questions::of(CAMERAS), scene::camera(0));
    let asker = Asker { gate: &gate, turn: Turn::of(&questions.cameras), watched: &watched };

    let (want, wanted) = channel();
    let (began, begun) = channel();
    let (mut idle, mut during, mut took) = (Histogram::new(), Histogram::new(), Vec::new());
    std::thread::scope(|scope| {
        let (path, bundles) = (&path, &bundles[1..]);
        scope.spawn(move || publish(path, bundles, &wanted, &began));
        asker.rest(AFTERWARDS, &mut Histogram::new());
        for _ in 0..pace.changes {
            let before = asker.round(&mut idle);
            want.send(()).expect("the publisher runs");
            let start = Instant::now();
            while asker.round(&mut during) == before {
                assert!(
                    start.elapsed() < GIVE_UP,
                    "no new decisions: {:?}",
                    gate.status().map(|s| s.refused().cloned())
                );
            }
            let seen = Instant::now();
            asker.rest(AFTERWARDS, &mut during);
            took.push(seen - begun.recv().expect("the publisher runs"));
            asker.rest(start.elapsed(), &mut idle);
        }
        drop(want);
    });
    took.sort_unstable();
    show(&took, &[idle, during], report);
}

fn show(took: &[Duration], lengths: &[Histogram; 2], report: &mut Report) {
    let clock = clock_nanos();
    let [idle, during] = [0, 1].map(|at| Tails::of(&lengths[at], BATCH, clock));
    let mut sheet = Sheet::new(
        format!("Gate::check by strings while {} bundles change, in batches of {BATCH}", took.len()),
        &["single p50", "p99", "p99.9", "batches"],
    );
    for (name, tail, lengths) in [("idle", idle, &lengths[0]), ("a bundle changes", during, &lengths[1])] {
        let [p50, p99, p999] = [tail.p50, tail.p99, tail.p999].map(nanos);
        sheet.row([name.to_owned(), p50, p99, p999, lengths.count().to_string()]);
    }
    report.sheet(sheet);
    let mut sheet = Sheet::new("From the start of publishing to the first new decision", &["p50", "longest"]);
    let (median, longest) = (took[took.len() / 2], took[took.len() - 1]);
    let [p50, most] = [median, longest].map(|took| nanos(took.as_nanos() as f64));
    sheet.row([format!("{} bundles", took.len()), p50, most]);
    report.sheet(sheet);
    let name = "bundle change to new decisions in a host, the longest";
    report.figure(name, Wanted::AtMost(1.0), longest.as_secs_f64(), " s");
    report.goal(
        "p99.9 of checks while a bundle changes / idle",
        Wanted::AtMost(2.0),
        during.p999 / idle.p999,
    );
}
