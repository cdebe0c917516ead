//! Everything that can go wrong with a transfer, each with a stable code and a mend.

use crate::database::DatabaseError;
use std::io;
use std::path::{Path, PathBuf};

/// Why a file, or the whole transfer, did not go through. Of a file: the others go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// The target.
    #[error("{0}")]
    Database(#[from] DatabaseError),
    /// Another transfer into the same database.
    #[error("another transfer writes into this database")]
    Runs,
    /// It was there and is not any more.
    #[error("{} is not there any more", .0.display())]
    Vanished(PathBuf),
    /// Somebody holds it.
    #[error("{} is locked by another program", .0.display())]
    Locked(PathBuf),
    /// No SQLite, or one that somebody encrypted.
    #[error("{} is no SQLite database, or an encrypted one", .0.display())]
    NotSqlite(PathBuf),
    /// Its pages contradict each other.
    #[error("{} is damaged: {problem}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        problem: String,
    },
    /// It has what nobody here knows, and what would be left behind.
    #[error("{} was made by a later program: {what}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// What it has.
        what: String,
    },
    /// It lacks what every such file has.
    #[error("{} is no such file of tAPI: {what}", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// What it lacks.
        what: String,
    },
    /// It is not the file that it was.
    #[error("{} is another file than was transferred before: {what}", path.display())]
    Replaced {
        /// The file.
        path: PathBuf,
        /// How that is known.
        what: String,
    },
    /// Its rows were given another tenant.
    #[error("{} was transferred with the tenant {known:?} before", path.display())]
    Tenant {
        /// The file.
        path: PathBuf,
        /// The one that its rows have; empty for none.
        known: String,
    },
    /// The target has rows of it, and no word of how they came.
    #[error("the database has rows of {} in {table} that no checkpoint knows of", path.display())]
    Stray {
        /// The file.
        path: PathBuf,
        /// Which table.
        table: &'static str,
    },
    /// The system refused.
    #[error("{}: cannot {doing}: {reason}", path.display())]
    Io {
        /// What with.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// The system's words.
        reason: io::Error,
    },
    /// No room for a copy to read from.
    #[error("{} has no room for a copy of {}", work.display(), path.display())]
    NoRoom {
        /// The work directory.
        work: PathBuf,
        /// The file.
        path: PathBuf,
    },
    /// More files than there are numbers for.
    #[error("there are more than {0} files")]
    TooMany(i32),
    /// Both ends are not the same.
    #[error("{0} differences between the files and the database")]
    Differs(u64),
    /// Some files did not go through; the others did.
    #[error("{0} of the files did not go through")]
    Files(u64),
}

impl TransferError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            TransferError::Database(error) => error.code(),
            TransferError::Runs => "TRANSFER_RUNS",
            TransferError::Vanished(_) => "SOURCE_VANISHED",
            TransferError::Locked(_) => "SOURCE_LOCKED",
            TransferError::NotSqlite(_) => "SOURCE_NOT_SQLITE",
            TransferError::Corrupt { .. } => "SOURCE_CORRUPT",
            TransferError::Newer { .. } => "SOURCE_NEWER",
            TransferError::Schema { .. } => "SOURCE_SCHEMA",
            TransferError::Replaced { .. } => "SOURCE_REPLACED",
            TransferError::Tenant { .. } => "TRANSFER_TENANT",
            TransferError::Stray { .. } => "TRANSFER_STRAY",
            TransferError::Io { .. } => "SOURCE_UNREADABLE",
            TransferError::NoRoom { .. } => "WORK_FULL",
            TransferError::TooMany(_) => "SOURCES_TOO_MANY",
            TransferError::Differs(_) => "TRANSFER_DIFFERS",
            TransferError::Files(_) => "TRANSFER_INCOMPLETE",
        }
    }

    /// What helps.
    #[must_use]
    pub fn mend(&self) -> String {
        let mend = match self {
            TransferError::Database(error) => return error.mend(),
            TransferError::Runs => "wait until that one is done; what it has copied is not copied again",
            TransferError::Vanished(_) => "if it was moved, put it back and run this again",
            TransferError::Locked(_) => "end the program that holds it, and run this again",
            TransferError::NotSqlite(_) => "decrypt it, or take it out of the directory if it is no database",
            TransferError::Corrupt { .. } => {
                "recover what is left with sqlite3 FILE .recover into a file of the same name in another directory, and \
                 transfer that"
            }
            TransferError::Newer { .. } => "update this program",
            TransferError::Schema { .. } => "see that --config-db and --telemetry-dir are those of tAPI",
            TransferError::Replaced { .. } => {
                "if it is another file, give it another name; if it is the same and only its retention has passed, give --trust-names"
            }
            TransferError::Tenant { .. } => {
                "leave --tenant out or give that one; for another, remove the rows as the roll-back plan says first"
            }
            TransferError::Stray { .. } => {
                "put transfer_progress back as it was, or remove the rows as the roll-back plan says, and run this again"
            }
            TransferError::Io { .. } => {
                "see that this user may read it, and write in its directory and in --work-dir"
            }
            TransferError::NoRoom { .. } => "give a --work-dir with as much room as the largest file",
            TransferError::TooMany(_) => "transfer some of them into another database",
            TransferError::Differs(_) => {
                "see what differs above; while tAPI writes, run the transfer again first"
            }
            TransferError::Files(_) => {
                "mend each as it says above, and run the transfer again: what is done stays done"
            }
        };
        mend.to_owned()
    }

    /// Whether it is about one file, so that the others go on.
    #[must_use]
    pub const fn is_of_one_file(&self) -> bool {
        match self {
            TransferError::Vanished(_)
            | TransferError::Locked(_)
            | TransferError::NotSqlite(_)
            | TransferError::Corrupt { .. }
            | TransferError::Newer { .. }
            | TransferError::Schema { .. }
            | TransferError::Replaced { .. }
            | TransferError::Tenant { .. }
            | TransferError::Stray { .. }
            | TransferError::Io { .. }
            | TransferError::NoRoom { .. }
            // What one file holds, and what nothing here knew that the server refuses.
            | TransferError::Database(DatabaseError::Value(_)) => true,
            TransferError::Database(_)
            | TransferError::Runs
            | TransferError::TooMany(_)
            | TransferError::Differs(_)
            | TransferError::Files(_) => false,
        }
    }

    /// Whether the server may be back in a while. A disk that is full is for somebody to see; the lock of a connection that was
    /// lost goes when the server notices.
    pub(super) const fn is_passing(&self) -> bool {
        matches!(
            self,
            TransferError::Runs
                | TransferError::Database(DatabaseError::Unavailable(_) | DatabaseError::Busy(_))
        )
    }

    /// The thread that reads a file has ended without a word.
    pub(super) fn unread(path: &Path) -> Self {
        let reason = io::Error::other("the thread that reads it has ended");
        TransferError::Io { path: path.to_owned(), doing: "read it", reason }
    }

    pub(super) fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |reason| {
            if reason.kind() == io::ErrorKind::NotFound {
                return TransferError::Vanished(path.to_owned());
            }
            TransferError::Io { path: path.to_owned(), doing, reason }
        }
    }

    /// What SQLite said of a file.
    pub(super) fn of_sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let path_buf = path.to_owned();
        let problem = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => TransferError::Locked(path_buf),
            Some(ErrorCode::NotADatabase) => TransferError::NotSqlite(path_buf),
            Some(ErrorCode::CannotOpen) if !path.exists() => TransferError::Vanished(path_buf),
            Some(
                ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::SystemIoFailure,
            ) => TransferError::Io { path: path_buf, doing: "read it", reason: io::Error::other(problem) },
            Some(_) | None => TransferError::Corrupt { path: path_buf, problem },
        }
    }
}

/// A row of the target that its columns cannot have.
pub(super) fn unreadable(table: &str) -> TransferError {
    TransferError::Database(DatabaseError::Engine(format!(
        "it sent a row of {table} that its columns cannot hold"
    )))
}
