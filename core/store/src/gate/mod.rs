//! The gate: the in-process reader that every host holds.
//!
//! It is opened with the root thumbprints and the issuer that the host was built with, verifies the published bundle
//! itself, and answers from memory. It needs no lock, no agent and no network; any number of processes may hold one.
//! A thread of its own publishes the guarded time and takes up new bundles; a check is a few loads and comparisons.

mod reader;

pub use reader::{BundleReader, Snapshot};

use crate::bundle::{BundleError, VerifiedBundle};
use crate::machine;
use arc_swap::ArcSwap;
use brink_license::clock::Standing;
use brink_license::keyset::TrustAnchor;
use brink_license::{Decision, UnixSeconds};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often time is published and the bundle looked at: a new bundle is taken up well within a second.
const TICK: Duration = Duration::from_millis(250);

/// Answers "may this camera use this feature now?" from memory. Share it between threads; drop it to close.
#[derive(Debug)]
pub struct Gate {
    shared: Arc<Shared>,
    /// Dropping the sender ends the ticker at once.
    stop: Option<Sender<()>>,
    ticker: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    snapshot: ArcSwap<Snapshot>,
    now: AtomicI64,
    refused: Mutex<Option<BundleError>>,
}

impl Shared {
    fn publish(&self, snapshot: Arc<Snapshot>, refused: Option<&BundleError>) {
        // The time is stored first: a decision may see a new time with old deadlines, never the other way round.
        self.now.store(snapshot.standing().now.as_i64(), Ordering::Release);
        if !self.snapshot.load().says_the_same(&snapshot) {
            self.snapshot.store(snapshot);
        }
        let mut last = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref() != refused {
            *last = refused.cloned();
        }
    }
}

impl Gate {
    /// Opens the gate of a bundle file. A file that is absent or refused is not an error: the gate answers
    /// `Unlicensed` and takes up the first good bundle within a second.
    ///
    /// Fails only when the machine does not tell its boot id or no thread can be started.
    pub fn open(path: impl AsRef<Path>, anchor: TrustAnchor) -> io::Result<Self> {
        let boot = machine::boot_id()?;
        let mut reader = BundleReader::new(path.as_ref(), anchor);
        let first = reader.tick(&machine::reading_of(boot));
        let shared = Arc::new(Shared {
            now: AtomicI64::new(first.standing().now.as_i64()),
            snapshot: ArcSwap::new(first),
            refused: Mutex::new(reader.refused().cloned()),
        });
        let (stop, stopped) = channel();
        let ticking = Arc::clone(&shared);
        let ticker = std::thread::Builder::new().name("brink-gate".into()).spawn(move || {
            tick_until(&stopped, || {
                let snapshot = reader.tick(&machine::reading_of(boot));
                ticking.publish(snapshot, reader.refused());
            });
        })?;
        Ok(Self { shared, stop: Some(stop), ticker: Some(ticker) })
    }

    /// May `camera` use `feature` now? No allocation, lock, system call or cryptography.
    #[inline]
    #[must_use]
    pub fn check(&self, camera: &str, feature: &str) -> Decision {
        let now = UnixSeconds::new(self.shared.now.load(Ordering::Acquire));
        self.shared.snapshot.load().decide(camera, feature, now)
    }

    /// The guarded time that checks use.
    #[must_use]
    pub fn now(&self) -> UnixSeconds {
        UnixSeconds::new(self.shared.now.load(Ordering::Acquire))
    }

    /// What is in force, and why a newer bundle is not.
    #[must_use]
    pub fn status(&self) -> GateStatus {
        let snapshot = self.shared.snapshot.load_full();
        let refused = self.shared.refused.lock().unwrap_or_else(PoisonError::into_inner).clone();
        GateStatus { snapshot, refused }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(ticker) = self.ticker.take() {
            // A ticker that panicked has nothing left to say that its last snapshot does not.
            let _ = ticker.join();
        }
    }
}

/// What a gate holds.
#[derive(Clone, Debug)]
pub struct GateStatus {
    snapshot: Arc<Snapshot>,
    refused: Option<BundleError>,
}

impl GateStatus {
    /// State, deadlines and flags.
    #[must_use]
    pub fn standing(&self) -> &Standing {
        self.snapshot.standing()
    }

    /// The documents in force; `None` before the first bundle.
    #[must_use]
    pub fn bundle(&self) -> Option<&VerifiedBundle> {
        self.snapshot.bundle()
    }

    /// Why the file as it stands is not in force.
    #[must_use]
    pub const fn refused(&self) -> Option<&BundleError> {
        self.refused.as_ref()
    }
}

fn tick_until(stopped: &Receiver<()>, mut tick: impl FnMut()) {
    loop {
        match stopped.recv_timeout(TICK) {
            Err(RecvTimeoutError::Timeout) => tick(),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
