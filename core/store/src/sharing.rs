//! What the threads of a process share: values behind a lock, and tags that tell one owner from the next.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The tag of nobody.
pub(crate) const NO_TAG: u32 = 0;

/// Locks, also after a thread that panicked with it.
pub(crate) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives tags out, each once; after 2^32 they begin again.
pub(crate) struct Tags(AtomicU32);

impl Tags {
    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(1))
    }

    pub(crate) fn next(&self) -> u32 {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            NO_TAG => self.0.fetch_add(1, Ordering::Relaxed),
            tag => tag,
        }
    }
}
