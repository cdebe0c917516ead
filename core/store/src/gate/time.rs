//! The guarded time as checks read it: published by the ticker, and going on by itself where no ticker comes.

use crate::machine;
use brink_license::UnixSeconds;
use brink_license::clock::Reading;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

/// The ticker publishes four times a second. After this many seconds without it a check asks the machine's clock itself,
/// so that no decision outlives its licence because a thread was blocked, starved or lost in a fork.
const LATE_SECONDS: i64 = 2;

/// Time as one process publishes it.
#[derive(Debug)]
pub(super) struct PublishedTime {
    now: AtomicI64,
    /// Coarse seconds when `now` was published.
    ticked_at: AtomicI64,
    /// `now` minus boottime: adding the boottime of a later moment gives the guarded time then.
    ahead: AtomicI64,
    /// The process whose ticker publishes.
    process: AtomicU32,
}

impl PublishedTime {
    /// No time yet: publish before the first read.
    pub(super) const fn unset() -> Self {
        Self {
            now: AtomicI64::new(0),
            ticked_at: AtomicI64::new(0),
            ahead: AtomicI64::new(0),
            process: AtomicU32::new(0),
        }
    }

    /// This process publishes from here on.
    pub(super) fn claim(&self) {
        self.process.store(std::process::id(), Ordering::Relaxed);
    }

    /// Whether another process published: then this one is a fork of it and has no ticker.
    pub(super) fn is_foreign(&self) -> bool {
        self.process.load(Ordering::Relaxed) != std::process::id()
    }

    /// Publishes the guarded time of a reading, which was taken at `coarse` seconds of the coarse clock. A reading that
    /// took long to become a time is late at once: a check then goes on from it by itself.
    pub(super) fn publish(&self, now: UnixSeconds, reading: &Reading, coarse: i64) {
        self.ahead.store(now.as_i64().saturating_sub(reading.boottime), Ordering::Relaxed);
        self.now.store(now.as_i64(), Ordering::Release);
        // Last: whoever sees that the ticker was here also sees the time it brought.
        self.ticked_at.store(coarse, Ordering::Release);
    }

    /// The guarded time now; `None` in a forked process.
    #[inline]
    pub(super) fn read(&self) -> Option<UnixSeconds> {
        let ticked_at = self.ticked_at.load(Ordering::Acquire);
        let now = UnixSeconds::new(self.now.load(Ordering::Acquire));
        if machine::coarse_seconds().wrapping_sub(ticked_at) <= LATE_SECONDS {
            return Some(now);
        }
        self.go_on(now)
    }

    #[cold]
    fn go_on(&self, now: UnixSeconds) -> Option<UnixSeconds> {
        if self.is_foreign() {
            return None;
        }
        let ahead = self.ahead.load(Ordering::Relaxed);
        Some(now.max(UnixSeconds::new(machine::boottime_seconds().saturating_add(ahead))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(seconds_ago: i64) -> (PublishedTime, i64) {
        let (time, reading) = (PublishedTime::unset(), machine::read().unwrap());
        time.claim();
        let boottime = reading.boottime - seconds_ago;
        let coarse = machine::coarse_seconds() - seconds_ago;
        time.publish(UnixSeconds::new(1_800_000_000), &Reading { boottime, ..reading }, coarse);
        (time, reading.boottime)
    }

    #[test]
    fn between_ticks_the_published_time_stands() {
        assert_eq!(published(1).0.read(), Some(UnixSeconds::new(1_800_000_000)));
    }

    #[test]
    fn without_a_ticker_time_goes_on_with_the_machine() {
        let (time, before) = published(86_400);
        let now = time.read().unwrap();
        let passed = machine::boottime_seconds() - before;
        let expected = 1_800_000_000 + 86_400;
        assert!((expected..=expected + passed).contains(&now.as_i64()), "{now:?}");
    }

    #[test]
    fn a_reading_that_took_long_to_become_a_time_is_late_at_once() {
        let (time, before) = published(0);
        let boot = machine::boot_id().unwrap();
        let old = Reading { wall: UnixSeconds::new(0), boot, boottime: before - 10 };
        time.publish(UnixSeconds::new(1_799_999_990), &old, machine::coarse_seconds() - 10);
        assert!(time.read() >= Some(UnixSeconds::new(1_800_000_000)), "{:?}", time.read());
    }

    #[test]
    fn in_a_process_without_the_ticker_there_is_no_time() {
        let (time, _) = published(86_400);
        time.process.store(std::process::id() + 1, Ordering::Relaxed);
        assert_eq!(time.read(), None);
    }
}
