//! A host process that does nothing but ask, for what is shown of the hot path by counting.
//!
//! ```text
//! hot-path ask names|handles COUNT   asks COUNT times; scripts/instructions counts what one check executes
//! hot-path allocations COUNT         says how often the asking thread allocated
//! hot-path first-allocations         the same for the first check of a thread
//! hot-path confined COUNT            asks in a thread that the kernel ends at its first system call
//! hot-path confined-call             makes one there, to show that the kernel does
//! hot-path counting COUNT            counts COUNT uses of meters in such a thread; says how many were taken
//! hot-path counted-allocations COUNT says how often the counting thread allocated
//! ```
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's program: it talks to its test, and a broken step is a failed test"
)]

use brink_license::token::{Enforce, LicenceClaims, LicenceStanding, Over, Period};
use brink_store::{CameraHandle, FeatureHandle, Gate, Meter, MeterLine, machine};
use brink_tests::forge::{self, DAY};
use brink_tests::metered::{Metered, quota, slug, units};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::thread::{SecureComputingMode, gettid, set_secure_computing_mode};
use std::hint::black_box;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::channel;

const CAMERAS: usize = 100;
const FEATURE: &str = "analytics/near_miss";
/// Granted, not granted, of no pack, of no camera: every way through a check.
const FEATURES: [&str; 4] = [FEATURE, "analytics/counting", "cv_models/unknown", "outputs/sms"];
const STRANGER: &str = "cam-of-another-site";

/// An open gate with its questions made ready, so that asking is all that is counted.
struct Host {
    gate: Gate,
    names: Vec<String>,
    handles: Vec<CameraHandle>,
    features: Vec<FeatureHandle>,
}

impl Host {
    fn open(dir: &Path) -> Self {
        let iat = machine::read().expect("a clock").wall.max(forge::at(0));
        let claims =
            LicenceClaims { iat, nbf: iat, exp: iat.saturating_add(30 * DAY), ..forge::licence(CAMERAS) };
        let receipt = forge::receipt(&claims, 1, iat.since(forge::at(0)), LicenceStanding::Active);
        let bundle = forge::bundle(&claims, &receipt, machine::boot_id().expect("a boot id"));
        let path = dir.join("licence.bundle");
        std::fs::write(&path, bundle.encode().expect("a bundle")).expect("a file");
        let gate = Gate::open(path, forge::anchor()).expect("a gate");
        let names: Vec<String> =
            (0..CAMERAS).map(|i| format!("cam-{i:03}")).chain([STRANGER.into()]).collect();
        let handles = names.iter().map(|name| gate.camera(name).expect("a handle")).collect();
        let features = FEATURES.iter().map(|name| gate.feature(name).expect("a handle")).collect();
        Self { gate, names, handles, features }
    }

    /// Asks for licensed cameras and one feature, as a host does for each frame.
    fn ask_names(&self, count: u64) -> u64 {
        let mut allowed = 0;
        for name in self.names[..CAMERAS].iter().cycle().take(count as usize) {
            allowed += u64::from(black_box(self.gate.check(black_box(name), black_box(FEATURE))).allowed);
        }
        allowed
    }

    fn ask_handles(&self, count: u64) -> u64 {
        let (mut allowed, feature) = (0, self.features[0]);
        for camera in self.handles[..CAMERAS].iter().cycle().take(count as usize) {
            let answer = self.gate.check_handles(black_box(*camera), black_box(feature));
            allowed += u64::from(black_box(answer).allowed);
        }
        allowed
    }

    /// Asks for everything in every way.
    fn ask_all(&self, count: u64) -> u64 {
        let mut allowed = 0;
        for at in 0..count as usize {
            let (camera, feature) = (at % self.names.len(), at % FEATURES.len());
            let by_name = self.gate.check(&self.names[camera], FEATURES[feature]);
            let by_handle = self.gate.check_handles(self.handles[camera], self.features[feature]);
            allowed += u64::from(black_box(by_name).allowed) + u64::from(black_box(by_handle).allowed);
        }
        allowed
    }
}

/// An open meter with a line under a quota that refuses and one without any.
struct Counter {
    meter: Meter,
    lines: [MeterLine; 2],
    _gate: Gate,
}

impl Counter {
    fn open(dir: &Path) -> Self {
        let quotas = vec![quota("frame", 1 << 40, Period::Month, Over::Deny)];
        let (gate, meter) = Metered::activate(&dir.join("metered"), quotas, Enforce::Deny).host();
        let lines = ["frame", "api_call"].map(|name| meter.line(&slug(name), None).expect("a line"));
        Self { meter, lines, _gate: gate }
    }

    /// How many of so many uses were taken: more than can wait are refused, in no other way than they are taken.
    fn count(&self, count: u64) -> u64 {
        let line = |at: u64| self.lines[usize::from(at.is_multiple_of(2))];
        (0..count).map(|at| u64::from(self.meter.record_nowait(line(at), units(1)).is_ok())).sum()
    }
}

/// Runs `work` in a thread that the kernel ends at its first system call but read and write (seccomp(2),
/// SECCOMP_SET_MODE_STRICT). `None` when it did.
fn confined(
    ready: impl FnOnce() + Send + 'static,
    work: impl FnOnce() -> u64 + Send + 'static,
) -> Option<u64> {
    let (mut done, told) = pipe().expect("a pipe");
    let (never, held) = pipe().expect("a pipe");
    let (introduce, introduced) = channel();
    std::thread::spawn(move || {
        // A thread's first look at anything shared makes it known to the swap, which is the one time it allocates.
        ready();
        introduce.send(gettid()).expect("the thread that waits");
        confine(work, told, never);
    });
    let task = format!("/proc/self/task/{}", introduced.recv().expect("a thread").as_raw_nonzero());
    while !is_readable(&done) {
        if !Path::new(&task).exists() {
            return None;
        }
    }
    let mut answer = [0; 8];
    done.read_exact(&mut answer).expect("an answer");
    drop(held);
    Some(u64::from_le_bytes(answer))
}

/// Ends in a read that nothing comes to: a thread's own end takes calls that are not allowed here.
fn confine(work: impl FnOnce() -> u64, mut told: PipeWriter, mut never: PipeReader) {
    set_secure_computing_mode(SecureComputingMode::Strict).expect("seccomp: a kernel that has it");
    let answer = work();
    told.write_all(&answer.to_le_bytes()).expect("a pipe");
    loop {
        let _ = never.read(&mut [0]);
    }
}

/// Waits a little for the other end, which says nothing when its thread is ended.
fn is_readable(pipe: &PipeReader) -> bool {
    let timeout = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
    poll(&mut [PollFd::new(pipe, PollFlags::IN)], Some(&timeout)).expect("poll") > 0
}

fn allocations<T>(work: impl FnOnce() -> T) -> u64 {
    let counted = allocation_counter::measure(|| {
        black_box(work());
    });
    counted.count_total
}

fn say(answer: Option<u64>) -> ExitCode {
    match answer {
        Some(answer) => {
            println!("{answer}");
            ExitCode::SUCCESS
        }
        None => {
            println!("ended by the kernel");
            ExitCode::FAILURE
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let count = words.last().and_then(|word| word.parse().ok()).unwrap_or(0);
    let dir = tempfile::tempdir().expect("a directory");
    let host = Host::open(dir.path());
    match words[..] {
        ["ask", "names", _] => say(Some(host.ask_names(count))),
        ["ask", "handles", _] => say(Some(host.ask_handles(count))),
        ["allocations", _] => {
            assert_eq!(allocations(|| drop(black_box(vec![0_u8; 64]))), 1, "the counter counts");
            say(Some(allocations(|| host.ask_all(count))))
        }
        ["first-allocations"] => {
            let first = || allocations(|| host.ask_all(1));
            say(std::thread::scope(|scope| scope.spawn(first).join().ok()))
        }
        ["confined", _] => {
            // Never dropped: closing a gate takes calls that are not allowed there.
            let host: &'static Host = Box::leak(Box::new(host));
            let ready = || {
                black_box(host.ask_all(1));
            };
            say(confined(ready, move || host.ask_all(count)))
        }
        ["counting", _] => {
            let counter: &'static Counter = Box::leak(Box::new(Counter::open(dir.path())));
            let ready = || {
                black_box(counter.count(1));
            };
            say(confined(ready, move || counter.count(count)))
        }
        ["counted-allocations", _] => {
            let counter = Counter::open(dir.path());
            counter.count(1);
            say(Some(allocations(|| counter.count(count))))
        }
        ["confined-call"] => say(confined(|| {}, || u64::from(std::process::id()))),
        _ => panic!("hot-path: one of the words at the top of its source"),
    }
}
