//! Wrong activation codes are counted, and slowed down.
//!
//! A code has 128 bits, so no rate of guessing finds one. The bound is there to make guessing visible and cheap to
//! refuse. It never stops a right code: otherwise any stranger could lock every honest device out by sending wrong ones.

use brink_license::UnixSeconds;
use std::sync::{Mutex, PoisonError};

/// Wrong codes in one window before they are refused as too many: people mistype, whole fleets do not.
pub(crate) const FAILURES_MAX: u32 = 30;
/// The window.
pub(crate) const WINDOW_SECONDS: i64 = 60;

/// A bounded count of failures in the current window.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    began: UnixSeconds,
    count: u32,
}

impl Failures {
    /// Counts one failure. `Some` when there are too many: seconds until the window ends.
    pub(crate) fn count(&self, now: UnixSeconds) -> Option<u64> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let age = now.since(window.began);
        if !(0..WINDOW_SECONDS).contains(&age) {
            *window = Window { began: now, count: 0 };
        }
        window.count = window.count.saturating_add(1);
        let left = WINDOW_SECONDS - now.since(window.began);
        (window.count > FAILURES_MAX).then(|| u64::try_from(left).unwrap_or(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_beyond_the_bound_wait_for_the_window_to_end() {
        let failures = Failures::default();
        let at = UnixSeconds::new(1_000_000);
        for _ in 0..FAILURES_MAX {
            assert_eq!(failures.count(at), None);
        }
        assert_eq!(failures.count(at.saturating_add(20)), Some(40));
        assert_eq!(failures.count(at.saturating_add(60)), None);
        assert_eq!(failures.count(at.saturating_add(-600)), None, "a clock set back begins a new window");
    }
}
