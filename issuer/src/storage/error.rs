//! Why a transaction did not happen: one enum, each variant with a stable code.

use brink_license::{DeviceId, TenantId};
use std::path::PathBuf;

/// Why a transaction did not happen.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The engine's own words.
    #[error("the database failed: {0}")]
    Engine(Box<dyn std::error::Error + Send + Sync>),
    /// Somebody else held the database for longer than the busy timeout, or every connection was taken.
    #[error("the database is busy; another process holds it, try again")]
    Busy,
    /// Another transaction was at the same rows; nothing happened, and it can be begun again.
    #[error("the transaction lost against another one; try again")]
    Conflict,
    /// No server, or none that takes work now.
    #[error("the database cannot be reached ({problem}); see that its server runs, then try again")]
    Unavailable {
        /// The driver's or the server's words.
        problem: String,
    },
    /// The connection was lost while the transaction was committed.
    #[error(
        "the database was lost while it committed ({problem}), so what was asked is done or it is not; look before you repeat it"
    )]
    OutcomeUnknown {
        /// The driver's or the server's words.
        problem: String,
    },
    /// The server does not let this program in.
    #[error(
        "the database refuses this program ({problem}); check user, password, database and certificate in its URL"
    )]
    Denied {
        /// The driver's or the server's words.
        problem: String,
    },
    /// A standby, or a server that was set so.
    #[error(
        "the database is read-only; check the permissions of its file, or give the URL of the server that takes writes"
    )]
    ReadOnly,
    /// No space left.
    #[error("the database has no space left; make room on its disk, nothing was changed")]
    Full,
    /// A value in a row that this program would not have written.
    #[error("the database holds a damaged row ({what}); restore it from its backup")]
    Damaged {
        /// Which column, and what was wrong.
        what: String,
    },
    /// No database where one is needed.
    #[error("{} does not exist; create the issuer with `brink-issuer init`", path.display())]
    Missing {
        /// The database file.
        path: PathBuf,
    },
    /// Written by a newer program.
    #[error(
        "the database has schema {found}, newer than {known} which this program knows; run a newer brink-issuer"
    )]
    SchemaNewer {
        /// The schema of the database.
        found: i64,
        /// The newest schema known here.
        known: i64,
    },
    /// Written by an older program, and not brought up to date by itself.
    #[error(
        "the database has schema {found}, older than {known} of this program; run `brink-issuer migrate`"
    )]
    SchemaOlder {
        /// The schema of the database.
        found: i64,
        /// The newest schema known here.
        known: i64,
    },
    /// A database that nobody has made an issuer's.
    #[error("the database is empty; create the issuer with `brink-issuer init --database-url URL`")]
    NoSchema,
    /// An issuer where none was expected.
    #[error("{database} holds an issuer already; an issuer is never overwritten, choose another database")]
    Founded {
        /// The database, without a password.
        database: String,
    },
    /// Another file has taken the place of the one that is open.
    #[error(
        "{} is not the file that this process has open; restart it, so that it serves what is there now", path.display()
    )]
    Replaced {
        /// The database file.
        path: PathBuf,
    },
    /// A safety setting did not take.
    #[error(
        "the database does not keep {setting}: it answered {found}; SQLite needs a local file system with WAL support, PostgreSQL \
         synchronous_commit other than off"
    )]
    Unsafe {
        /// The pragma.
        setting: &'static str,
        /// Its value.
        found: String,
    },
    /// A tenant that is not there.
    #[error("unknown tenant {0}; create it with `brink-issuer tenant create`")]
    UnknownTenant(TenantId),
    /// A tenant that is there already.
    #[error("tenant {0} exists already; choose another id, or use it as it is")]
    TenantExists(TenantId),
    /// A device that is not there.
    #[error("unknown device {0}; `brink-issuer device code` names the device that a code will activate")]
    UnknownDevice(DeviceId),
    /// An invoice or credit note that is not there.
    #[error("no invoice or credit note has the id or number {0:?}; `brink-issuer invoice list` names them")]
    UnknownDocument(String),
}

impl StorageError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Engine(_) => "DATABASE",
            Self::Busy | Self::Conflict => "BUSY",
            Self::Unavailable { .. } => "DATABASE_UNAVAILABLE",
            Self::OutcomeUnknown { .. } => "OUTCOME_UNKNOWN",
            Self::Denied { .. } => "DATABASE_DENIED",
            Self::ReadOnly => "DATABASE_READ_ONLY",
            Self::Full => "DATABASE_FULL",
            Self::Damaged { .. } => "DATABASE_DAMAGED",
            Self::Missing { .. } => "DATABASE_MISSING",
            Self::SchemaNewer { .. } => "DATABASE_NEWER",
            Self::SchemaOlder { .. } => "DATABASE_OLDER",
            Self::NoSchema => "DATABASE_EMPTY",
            Self::Founded { .. } => "ISSUER_EXISTS",
            Self::Replaced { .. } => "DATABASE_REPLACED",
            Self::Unsafe { .. } => "DATABASE_UNSAFE",
            Self::UnknownTenant(_) => "UNKNOWN_TENANT",
            Self::TenantExists(_) => "TENANT_EXISTS",
            Self::UnknownDevice(_) => "UNKNOWN_DEVICE",
            Self::UnknownDocument(_) => "UNKNOWN_INVOICE",
        }
    }

    /// Whether the database could not do its work, rather than answering that it has no such row.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        !matches!(
            self,
            Self::UnknownTenant(_)
                | Self::TenantExists(_)
                | Self::UnknownDevice(_)
                | Self::UnknownDocument(_)
        )
    }

    /// Whether the same request may be sent again after a while: the database does not take it now.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Busy
                | Self::Conflict
                | Self::Unavailable { .. }
                | Self::OutcomeUnknown { .. }
                | Self::ReadOnly
                | Self::Full
        )
    }
}
