//! The shell's one clock: the only place that reads the time, and measures how long something took.

use brink_license::UnixSeconds;
use std::time::{Duration, Instant};

/// Tells the time. Tests bring their own, so none depends on today's date.
pub trait Clock: Send + Sync {
    /// Whole seconds since 1970.
    fn now(&self) -> UnixSeconds;
}

/// The system's wall clock. A clock set before 1970 reads as 0, which every key's validity then refuses.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> UnixSeconds {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        UnixSeconds::new(since.map_or(0, |elapsed| i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)))
    }
}

/// How long something takes, by a clock that nobody sets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the running clock")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
