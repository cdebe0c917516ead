//! Backup and restore of an issuer's database. Keys are not in it: they have a safe of their own, and a backup that is
//! stolen mints nothing.
//!
//! A file has its name once it was read back and found whole, and nothing that is there is ever overwritten.

mod files;

pub use files::{Backup, back_up, restore};

use crate::keys::KeysError;
use crate::storage::StorageError;
use std::io;
use std::path::PathBuf;

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file of that name.
    #[error("{} exists already; a backup is never overwritten, choose another name", .0.display())]
    Exists(PathBuf),
    /// A database where it would go.
    #[error("{} exists already; a database is never overwritten: stop what serves it, and move it and what begins with its name away", .0.display())]
    NotEmpty(PathBuf),
    /// Not what it should be.
    #[error("{} is no whole backup of an issuer's database ({problem}); take another one", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// In words.
        problem: String,
    },
    /// The issuer directory has other keys than the backup is of.
    #[error("{} does not belong to this directory: {error}; restore it where its trust.json and keys are", path.display())]
    OtherIssuer {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        error: KeysError,
    },
    /// Nothing says whose issuer this is to be.
    #[error("{} is absent; first put back trust.json, keyset.json and keys/ from where they are kept, since no backup holds them", .0.display())]
    NoTrust(PathBuf),
    /// A file.
    #[error("{}: {error}; check the path, its permissions and the space left", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// A name that the database cannot be told.
    #[error("{} is not UTF-8; choose another name", .0.display())]
    Name(PathBuf),
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl BackupError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Exists(_) => "BACKUP_EXISTS",
            Self::NotEmpty(_) => "DATABASE_EXISTS",
            Self::Damaged { .. } => "BACKUP_DAMAGED",
            Self::OtherIssuer { .. } => "OTHER_ISSUER",
            Self::NoTrust(_) => "NO_TRUST",
            Self::Io { .. } | Self::Name(_) => "FILE",
            Self::Storage(error) => error.code(),
        }
    }

    /// Whether it was understood, and is not allowed as things are.
    #[must_use]
    pub const fn is_of_state(&self) -> bool {
        matches!(self, Self::Exists(_) | Self::NotEmpty(_) | Self::OtherIssuer { .. })
    }
}
