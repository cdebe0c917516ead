//! The shell's one clock: the only place that reads the time.

use brink_license::UnixSeconds;

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
