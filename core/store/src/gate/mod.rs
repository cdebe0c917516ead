//! The gate: the in-process reader that every host holds.
//!
//! It is opened with the root thumbprints and the issuer that the host was built with, verifies the published bundle
//! itself, and answers from memory. It needs no lock, no agent and no network; any number of processes may hold one.
//! A thread of its own publishes the guarded time and takes up new bundles; a check is a few loads and comparisons.
//!
//! `reader` turns a file and a reading into a snapshot, `watch` holds it against the anchor, `grants` lists what it grants,
//! `component` asks for a part of a pipeline, `time`, `handles` and `fast` are what checks read beside it, `slot` is where
//! they read it.

mod component;
mod fast;
mod grants;
mod handles;
mod reader;
mod seats;
mod slot;
mod time;
mod watch;

pub use component::component_allowed;
pub use grants::{Granted, Grants};
pub use handles::{CameraHandle, FeatureHandle, HANDLES_MAX, HandleError};
pub use reader::{BundleReader, Snapshot};
use slot::Taken;
pub(crate) use slot::forks;
pub use slot::{GATES_MAX, GateId, GateLife, GateRef, find, forked};

use crate::bundle::{BundleError, VerifiedBundle};
use crate::journal::UsageError;
use crate::layout::journal_beside;
use crate::machine;
use crate::meter::Meter;
use crate::ticker::Ticker;
use brink_license::clock::{BootId, Standing};
use brink_license::keyset::TrustAnchor;
use brink_license::{Code, Decision, Reason, Slug, Table, UnixSeconds};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How often time is published and the bundle looked at: a new bundle is taken up well within a second.
const TICK: Duration = Duration::from_millis(250);

/// Why a gate cannot be opened. A bundle that is absent or refused is no reason.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The machine does not tell its boot id.
    #[error("cannot read which boot this is: {0}")]
    Boot(#[source] io::Error),
    /// No thread can be started.
    #[error("cannot start the gate's thread: {0}")]
    Thread(#[source] io::Error),
    /// Too many are open.
    #[error("this process has {GATES_MAX} gates open: close those that it no longer needs")]
    TooMany,
}

impl OpenError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            OpenError::Boot(_) | OpenError::Thread(_) => Code::Unavailable,
            OpenError::TooMany => Code::TooMany,
        }
    }
}

/// Answers "may this camera use this feature now?" from memory. Share it between threads; drop it to close.
#[derive(Debug)]
pub struct Gate {
    id: GateId,
    here: GateRef,
    ticker: Option<Ticker>,
}

impl Gate {
    /// Opens the gate of a bundle file. A file that is absent or refused is not an error: the gate answers
    /// `Unlicensed` and takes up the first good bundle within a second.
    pub fn open(path: impl AsRef<Path>, anchor: TrustAnchor) -> Result<Self, OpenError> {
        let boot = machine::boot_id().map_err(OpenError::Boot)?;
        let mut reader = BundleReader::new(path.as_ref(), anchor);
        let taken = Taken::now(boot);
        let first = reader.tick(&taken.reading);
        let (id, here) = slot::claim(&first, &taken).ok_or(OpenError::TooMany)?;
        here.keep_journal(journal_beside(path.as_ref()));
        here.refuse(reader.refused());
        // From here on dropping it frees the slot.
        let mut gate = Self { id, here, ticker: None };
        let ticker = Ticker::start("brink-gate", TICK, move || tick(&mut reader, here, boot));
        gate.ticker = Some(ticker.map_err(OpenError::Thread)?);
        Ok(gate)
    }

    /// May `camera` use `feature` now? No lock, system call or cryptography, and after a
    /// thread's first question no allocation.
    #[inline]
    #[must_use]
    pub fn check(&self, camera: &str, feature: &str) -> Decision {
        self.here.check(camera, feature)
    }

    /// The same by handles of this gate, several times as fast.
    #[inline]
    #[must_use]
    pub fn check_handles(&self, camera: CameraHandle, feature: FeatureHandle) -> Decision {
        self.here.check_handles(camera, feature)
    }

    /// The handle of a camera, licensed or not. It stays valid over every bundle, until the gate is closed.
    pub fn camera(&self, name: &str) -> Result<CameraHandle, HandleError> {
        self.here.camera(name)
    }

    /// The handle of a feature, known or not.
    pub fn feature(&self, name: &str) -> Result<FeatureHandle, HandleError> {
        self.here.feature(name)
    }

    /// Names this gate to those who cannot own it: [`find`].
    #[must_use]
    pub const fn id(&self) -> GateId {
        self.id
    }

    /// Records usage under the quotas of the licence in force, in the journal beside the bundle.
    pub fn meter(&self) -> Result<Meter, UsageError> {
        Meter::open(self.here)
    }

    /// The guarded time that checks use; `None` in a forked process.
    #[must_use]
    pub fn now(&self) -> Option<UnixSeconds> {
        self.here.now()
    }

    /// What is in force, and why a newer bundle is not; `None` in a forked process.
    #[must_use]
    pub fn status(&self) -> Option<GateStatus> {
        self.here.status()
    }
}

impl GateRef {
    /// What a meter goes by: the bundle in force, and how it stands now.
    pub(crate) fn metered_by(self) -> Option<(Option<Arc<VerifiedBundle>>, Standing)> {
        let (snapshot, _) = self.held()?;
        let standing = snapshot.standing().moved_to(self.now()?);
        Some((snapshot.shared_bundle(), standing))
    }

    /// What is in force now, and why a newer bundle is not; `None` when the gate is closed or of another process.
    #[must_use]
    pub fn status(self) -> Option<GateStatus> {
        let (snapshot, refused) = self.held()?;
        let standing = snapshot.standing().moved_to(self.now()?);
        Some(GateStatus { snapshot, standing, refused })
    }

    /// The code of a decision that says nothing about a licence, for those who keep the two apart.
    #[inline]
    #[must_use]
    pub fn refusal(self, decision: &Decision) -> Option<Code> {
        // They come first in the order of reasons, so that a check compares once.
        (decision.reason <= Reason::UnknownHandle).then(|| self.refusal_of(decision.reason))
    }

    #[cold]
    fn refusal_of(self, reason: Reason) -> Code {
        match self.check_open() {
            Err(code) => code,
            Ok(()) if reason == Reason::UnknownHandle => Code::BadHandle,
            // Another process's ticker was noticed by the time alone.
            Ok(()) => Code::NeedsReopen,
        }
    }

    /// Says by code why a gate cannot be asked.
    pub fn check_open(self) -> Result<(), Code> {
        match self.life() {
            GateLife::Open => Ok(()),
            GateLife::Closed => Err(Code::BadHandle),
            GateLife::Foreign => Err(Code::NeedsReopen),
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let ticker = self.ticker.take();
        if self.here.is_foreign() {
            // The thread is in the process that this one was forked from, and so may be whoever holds its locks.
            std::mem::forget(ticker);
            return;
        }
        drop(ticker);
        self.here.close();
    }
}

/// What a gate holds, as of the moment it was asked.
#[derive(Clone, Debug)]
pub struct GateStatus {
    snapshot: Snapshot,
    standing: Standing,
    refused: Option<BundleError>,
}

impl GateStatus {
    /// What a reader has just found, for whoever does not wait for a gate's next turn.
    #[must_use]
    pub fn of(snapshot: &Snapshot, refused: Option<&BundleError>) -> Self {
        Self { snapshot: snapshot.clone(), standing: *snapshot.standing(), refused: refused.cloned() }
    }

    /// State, deadlines and flags.
    #[must_use]
    pub const fn standing(&self) -> &Standing {
        &self.standing
    }

    /// The documents in force; `None` before the first bundle.
    #[must_use]
    pub fn bundle(&self) -> Option<&VerifiedBundle> {
        self.snapshot.bundle()
    }

    /// What the licence grants, to be decided by.
    #[must_use]
    pub fn table(&self) -> &Table {
        self.snapshot.table()
    }

    /// What the licence grants, to be shown: nothing before the first bundle.
    #[must_use]
    pub fn grants(&self) -> Grants {
        let seats = self.snapshot.seats();
        self.bundle().map(|bundle| Grants::of(bundle.licence(), seats)).unwrap_or_default()
    }

    /// When the grant of one camera is over, if before the licence, and its packs; `None` for a camera that it does not
    /// license. Whether the licence is in force is another question.
    #[must_use]
    pub fn granted(&self, camera: &str) -> Option<(Option<UnixSeconds>, Vec<Slug>)> {
        grants::granted(self.bundle()?.licence().claims(), self.table(), camera)
    }

    /// Why the file as it stands is not in force.
    #[must_use]
    pub const fn refused(&self) -> Option<&BundleError> {
        self.refused.as_ref()
    }
}

fn tick(reader: &mut BundleReader, gate: GateRef, boot: BootId) {
    let taken = Taken::now(boot);
    let snapshot = reader.tick(&taken.reading);
    gate.publish(&snapshot, &taken);
    gate.refuse(reader.refused());
}
