//! Backup and restore of an issuer's database. Keys are not in it: they have a safe of their own, and a backup that is
//! stolen mints nothing.
//!
//! A file has its name once it was read back and found whole, and nothing that is there is ever overwritten.

mod files;
mod partial;
mod script;
mod server;

use crate::config::DataDir;
use crate::keys::{KeysError, load_keyset};
use crate::place::DatabasePlace;
use crate::storage::{Actor, AuditNote, Holdings, IssuerRow, StorageError};
use brink_license::keyset::manifests_to_publish;
use brink_license::{IssuerName, UnixSeconds};
use std::io;
use std::path::{Path, PathBuf};

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file of that name.
    #[error("{} exists already; a backup is never overwritten, choose another name", .0.display())]
    Exists(PathBuf),
    /// A database where it would go.
    #[error("{} exists already; a database is never overwritten: stop what serves it, and move it and what begins with its name away", .0.display())]
    NotEmpty(PathBuf),
    /// A database on a server with something in it.
    #[error(
        "{0} holds tables already; a database is never overwritten: create an empty one, and name it with --database-url"
    )]
    NotEmptyServer(String),
    /// A program of PostgreSQL is not there.
    #[error(
        "{tool}: {error}; install PostgreSQL's client programs, of the server's version or a later one, where PATH finds them"
    )]
    ToolAbsent {
        /// Which.
        tool: &'static str,
        /// The system's words.
        error: io::Error,
    },
    /// A program of PostgreSQL did not do it.
    #[error(
        "{tool} failed ({problem}); mend what it says: it is of the server's version or a later one, and what sslrootcert names is for it too"
    )]
    Tool {
        /// Which.
        tool: &'static str,
        /// Its own words.
        problem: String,
    },
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
            Self::NotEmpty(_) | Self::NotEmptyServer(_) => "DATABASE_EXISTS",
            Self::ToolAbsent { .. } => "TOOL_ABSENT",
            Self::Tool { .. } => "TOOL_FAILED",
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
        matches!(
            self,
            Self::Exists(_) | Self::NotEmpty(_) | Self::NotEmptyServer(_) | Self::OtherIssuer { .. }
        )
    }
}

/// A backup that was found whole.
#[derive(Clone, Debug)]
pub struct Backup {
    /// The issuer.
    pub issuer: IssuerName,
    /// What is in it.
    pub holdings: Holdings,
    /// The size of its file.
    pub bytes: u64,
    /// The digest of its file.
    pub sha256: [u8; 32],
}

/// Writes a database as it is at one moment into a file that only its owner may read, while others go on with it.
pub fn back_up(place: &DatabasePlace, out: &Path) -> Result<Backup, BackupError> {
    match place {
        DatabasePlace::File(database) => files::back_up(database, out),
        DatabasePlace::Server(url) => server::back_up(url, out),
    }
}

/// Puts a backup where there is no database, if it is one of the issuer whose keys are in the directory, and brings its schema
/// up to date. The restored database says so in its own audit.
pub fn restore(
    data: &DataDir,
    (place, backup): (&DatabasePlace, &Path),
    by: (UnixSeconds, &Actor),
) -> Result<Backup, BackupError> {
    match place {
        DatabasePlace::File(database) => files::restore(data, (database, backup), by),
        DatabasePlace::Server(url) => server::restore(data, (url, backup), by),
    }
}

/// A backup's issuer has to be the one whose roots `trust.json` pins.
fn check_issuer(
    data: &DataDir,
    (issuer, manifests): (&IssuerRow, &[Vec<u8>]),
    backup: &Path,
) -> Result<(), BackupError> {
    let other = |error| BackupError::OtherIssuer { path: backup.to_owned(), error };
    let published = manifests_to_publish(manifests).map_err(|e| other(KeysError::Manifest(e)))?;
    load_keyset(data, issuer, &published).map(drop).map_err(other)
}

/// What the audit of a restored database begins to go on with.
fn restored_note(
    (issuer, sha256): (&IssuerName, &[u8; 32]),
    holdings: &Holdings,
    (at, actor): (UnixSeconds, &Actor),
) -> AuditNote {
    let digest = crate::secret::hex(sha256);
    AuditNote {
        at,
        actor: actor.clone(),
        action: "database.restore",
        tenant: None,
        subject: issuer.to_string(),
        detail: serde_json::json!({
            "sha256": digest, "devices": holdings.devices, "last_exchange_at": holdings.last_exchange_at,
        }),
    }
}
