//! Forks: a child has none of its parent's threads, so every gate of the parent must stop answering in it.

use brink_license::Code;
use std::sync::atomic::{AtomicBool, Ordering};

static WATCHED: AtomicBool = AtomicBool::new(false);

extern "C" fn in_the_child() {
    brink_store::gate::forked();
}

/// Watches for forks from now on. Two threads that open their first gates at once may both register: a fork is then
/// counted twice, which says the same. A lock here could be held by a third thread at the moment of a fork.
pub(crate) fn watch() -> Result<(), Code> {
    if WATCHED.load(Ordering::Acquire) {
        return Ok(());
    }
    // SAFETY: pthread_atfork(3); the handler adds one to an atomic, which is all that a child of a process with threads
    // may do.
    if unsafe { libc::pthread_atfork(None, None, Some(in_the_child)) } != 0 {
        return Err(Code::Unavailable);
    }
    WATCHED.store(true, Ordering::Release);
    Ok(())
}
