//! Waiting for another process: the one place where a test looks at a running clock or sleeps.

use std::time::{Duration, Instant};

/// Generous, since two cores may be shared by everything else that runs; a healthy step takes milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(5);

/// Polls until `ready` gives a value, at most for `limit`.
#[allow(
    clippy::disallowed_methods,
    reason = "a deadline for what a test waits for, where nothing can be waited on"
)]
pub fn within<T>(limit: Duration, mut ready: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = ready() {
            return Some(value);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(POLL);
    }
}

/// Polls until `ready` is true and panics with `what` if it never is.
pub fn until(what: &str, mut ready: impl FnMut() -> bool) {
    assert!(within(PATIENCE, || ready().then_some(())).is_some(), "gave up after {PATIENCE:?}: {what}");
}
