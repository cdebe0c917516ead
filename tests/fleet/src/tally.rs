//! What a fleet has seen so far: counts, latencies, errors, and whatever must not be.

use crate::uplink::Reply;
use crate::wrong::Wrong;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Longest latency told apart, in microseconds: above the time that any request has.
const LATENCY_MICROS_MAX: u64 = 120_000_000;
/// Digits of a latency that are exact.
const LATENCY_DIGITS: u8 = 3;
/// Wrongs that are kept in words; of the others their number is.
const WRONGS_KEPT: usize = 20;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// To become a device.
    Activate,
    /// To report and be answered.
    Exchange,
    /// The same bytes once more.
    Replay,
    /// A copy of a device that reports.
    Copy,
}

impl Kind {
    /// All of them, in the order of the table.
    pub const ALL: [Kind; 4] = [Kind::Activate, Kind::Exchange, Kind::Replay, Kind::Copy];

    /// Its name in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Activate => "activate",
            Kind::Exchange => "exchange",
            Kind::Replay => "replay",
            Kind::Copy => "copy",
        }
    }
}

/// Counts that rise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Devices that are activated.
    pub activated: u64,
    /// Records that devices have made.
    pub recorded: u64,
    /// Requests whose answer a device has taken up.
    pub exchanges: u64,
    /// Records that receipts acknowledged for the first time.
    pub records: u64,
    /// Attempts that had to be made again.
    pub retries: u64,
    /// Answers that were thrown away.
    pub lost: u64,
    /// Copies of devices that were refused as such.
    pub forks: u64,
}

impl Counts {
    /// What has come since `before`.
    #[must_use]
    pub const fn since(&self, before: &Self) -> Self {
        Self {
            activated: self.activated - before.activated,
            recorded: self.recorded - before.recorded,
            exchanges: self.exchanges - before.exchanges,
            records: self.records - before.records,
            retries: self.retries - before.retries,
            lost: self.lost - before.lost,
            forks: self.forks - before.forks,
        }
    }
}

/// All that was seen. Locked for moments only.
#[derive(Debug)]
pub struct Tally(Mutex<Seen>);

/// A copy of what was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What rises.
    pub counts: Counts,
    /// Microseconds of each answered attempt, by what it was for.
    pub latencies: BTreeMap<Kind, Histogram<u64>>,
    /// Attempts without an answer, by what they were for and what came instead.
    pub errors: BTreeMap<(Kind, String), u64>,
    /// What must not be, by its code.
    pub wrongs: BTreeMap<&'static str, u64>,
    /// The first of them in words, each with its device.
    pub words: Vec<String>,
}

impl Tally {
    /// Nothing yet; an error in words if no latency can be kept.
    pub fn new() -> Result<Self, String> {
        let of = |kind| {
            let empty = Histogram::new_with_bounds(1, LATENCY_MICROS_MAX, LATENCY_DIGITS);
            empty.map(|empty| (kind, empty)).map_err(|error| error.to_string())
        };
        Ok(Self(Mutex::new(Seen {
            counts: Counts::default(),
            latencies: Kind::ALL.into_iter().map(of).collect::<Result<_, _>>()?,
            errors: BTreeMap::new(),
            wrongs: BTreeMap::new(),
            words: Vec::new(),
        })))
    }

    /// One attempt.
    pub fn attempt(&self, kind: Kind, reply: &Reply, took: Duration) {
        self.with(|seen| match reply {
            Reply::Answer(_) => {
                let micros = u64::try_from(took.as_micros()).unwrap_or(LATENCY_MICROS_MAX);
                if let Some(of_kind) = seen.latencies.get_mut(&kind) {
                    of_kind.saturating_record(micros);
                }
            }
            Reply::Refused { status, code, .. } => {
                *seen.errors.entry((kind, format!("{status} {code}"))).or_default() += 1;
            }
            Reply::Later(failure) => *seen.errors.entry((kind, failure.code.clone())).or_default() += 1,
        });
    }

    /// Counts.
    pub fn count(&self, change: impl FnOnce(&mut Counts)) {
        self.with(|seen| change(&mut seen.counts));
    }

    /// Something that must not be, of a device by its name or number.
    pub fn wrong(&self, device: &dyn std::fmt::Display, wrong: &Wrong) {
        self.with(|seen| {
            *seen.wrongs.entry(wrong.code()).or_default() += 1;
            if seen.words.len() < WRONGS_KEPT {
                seen.words.push(format!("device {device}: {} {wrong}", wrong.code()));
            }
        });
    }

    /// The counts as they are.
    pub fn counts(&self) -> Counts {
        self.with(|seen| seen.counts)
    }

    /// Everything as it is.
    pub fn seen(&self) -> Seen {
        self.with(|seen| seen.clone())
    }

    fn with<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
