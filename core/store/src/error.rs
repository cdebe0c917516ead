//! Why the device directory could not be used. Every message names the path and the mend.

use brink_license::keyset::TrustError;
use std::io;
use std::path::{Path, PathBuf};

/// What went wrong in the device directory. Nothing that was accepted is lost by any of these.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The system refused.
    #[error("{}: cannot {doing}: {kind}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        kind: io::ErrorKind,
    },
    /// Something else stands where a directory of ours should, a link to a directory perhaps.
    #[error("{} is not a directory: remove it, then run brink-edge init again", path.display())]
    NotADirectory {
        /// The place.
        path: PathBuf,
    },
    /// The one writer is somebody else.
    #[error("another brink-edge is at work in {}: let it finish, or stop it", dir.display())]
    Locked {
        /// The device directory.
        dir: PathBuf,
    },
    /// There is nothing here yet.
    #[error("{} holds no device: run brink-edge init and brink-edge activate", dir.display())]
    NoStore {
        /// The device directory.
        dir: PathBuf,
    },
    /// `device.key` proves that this is no new install, and `state.db` is gone.
    #[error(
        "{} is gone but the device key is there: this is no new install. Put the file back, or activate again with a \
         new code (brink-edge activate --again)",
        path.display()
    )]
    StateLost {
        /// Where the state should be.
        path: PathBuf,
    },
    /// `state.db` or the anchor proves that this is no new install, and `device.key` is gone.
    #[error(
        "{} is gone but the device's state or anchor is there: this is no new install. Put the file back, or activate again \
         with a new code (brink-edge activate --again)",
        path.display()
    )]
    KeyLost {
        /// Where the key should be.
        path: PathBuf,
    },
    /// The state cannot be read, or says what it cannot say.
    #[error(
        "{} is damaged ({problem}): put a good copy back, or activate again with a new code (brink-edge activate \
         --again)",
        path.display()
    )]
    StateDamaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        problem: String,
    },
    /// Written by a newer program.
    #[error("{} has version {version}, this program reads up to {known}: update it", path.display())]
    StateNewer {
        /// The file.
        path: PathBuf,
        /// Found.
        version: i64,
        /// Newest known.
        known: i64,
    },
    /// SQLite refused: a full or failing disk, or another process that holds the file.
    #[error("{}: cannot {doing}: {problem}", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What SQLite said.
        problem: String,
    },
    /// The state belongs to another device key.
    #[error("{} belongs to another device key: put back the key it was made with", path.display())]
    AnotherKey {
        /// The state.
        path: PathBuf,
    },
    /// The trust file is absent.
    #[error("{} is absent: run brink-edge init with the issuer's trust.json", path.display())]
    TrustMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The trust file must not be used.
    #[error("{}: {problem}", path.display())]
    TrustRefused {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: TrustError,
    },
    /// Another trust than the one that the store was made under.
    #[error(
        "{} cannot be replaced: a device was activated under other roots. Put the first trust.json back, or start \
         over in an empty directory",
        path.display()
    )]
    TrustPinned {
        /// The file.
        path: PathBuf,
    },
    /// Nothing is waiting for an answer.
    #[error("no request is waiting for an answer")]
    NothingPending,
    /// A request's counter does not follow the last one: the caller looked at an older state.
    #[error("request counter {ctr} does not follow the last one: start the request again")]
    CounterTaken {
        /// The counter.
        ctr: u64,
    },
    /// Accepted and safe in `state.db`, but hosts do not see it yet.
    #[error("accepted, but not published: {problem}. The next brink-edge verb publishes it")]
    NotPublished {
        /// Why the bundle could not be written.
        problem: Box<StoreError>,
    },
    /// There is no licence to publish.
    #[error("there is no licence to publish yet")]
    NothingToPublish,
    /// Documents that together are more than a file may hold.
    #[error("{what} cannot be stored: {problem}")]
    Unstorable {
        /// Which document.
        what: &'static str,
        /// Why.
        problem: String,
    },
}

impl StoreError {
    /// A stable code for `--json` and logs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            StoreError::Io { .. } => "STORE_IO",
            StoreError::NotADirectory { .. } => "NOT_A_DIRECTORY",
            StoreError::Locked { .. } => "STORE_LOCKED",
            StoreError::NoStore { .. } => "NOT_ACTIVATED",
            StoreError::StateLost { .. } => "STATE_LOST",
            StoreError::KeyLost { .. } => "KEY_LOST",
            StoreError::StateDamaged { .. } => "STATE_DAMAGED",
            StoreError::StateNewer { .. } => "STATE_NEWER",
            StoreError::State { .. } => "STATE_IO",
            StoreError::AnotherKey { .. } => "ANOTHER_KEY",
            StoreError::TrustMissing { .. } => "TRUST_MISSING",
            StoreError::TrustRefused { problem, .. } => problem.code().as_str(),
            StoreError::TrustPinned { .. } => "TRUST_PINNED",
            StoreError::NothingPending => "NOTHING_PENDING",
            StoreError::CounterTaken { .. } => "COUNTER_TAKEN",
            StoreError::NotPublished { .. } => "NOT_PUBLISHED",
            StoreError::NothingToPublish => "NOTHING_TO_PUBLISH",
            StoreError::Unstorable { .. } => "UNSTORABLE",
        }
    }

    pub(crate) fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> StoreError {
        move |error| StoreError::Io { path: path.to_owned(), doing, kind: error.kind() }
    }
}
