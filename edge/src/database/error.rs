//! From the driver's and the server's errors to ours: the one table.

use brink_postgres::{Unanswered, UrlError};
use deadpool_postgres::{HookError, PoolError, TimeoutType};
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// Why the device's PostgreSQL did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// Not the address of one.
    #[error("{0}")]
    Url(#[from] UrlError),
    /// It is not there, does not answer, or went away.
    #[error("PostgreSQL is not there: {0}")]
    Unavailable(String),
    /// It does not let us in, or we do not believe that it is the right one.
    #[error("PostgreSQL does not let this program in: {0}")]
    Denied(String),
    /// Nobody has made the tables yet.
    #[error("the database has no tables of Brink")]
    NoSchema,
    /// An earlier program's tables.
    #[error("the database has schema {found}, and this program needs {known}")]
    SchemaOlder {
        /// Its newest migration.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// A later program's tables.
    #[error("the database has schema {found}, and this program knows {known} at most")]
    SchemaNewer {
        /// Its newest migration.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// Somebody else's table has a name that ours needs.
    #[error("the database has a table of another program where ours go: {0}")]
    Occupied(String),
    /// Not every text has a place in it.
    #[error("the database has the encoding {0}, which does not hold every text")]
    Encoding(String),
    /// Another program does the same to it at this moment.
    #[error("another program is at it: {0}")]
    Busy(String),
    /// Its disk is full.
    #[error("PostgreSQL's disk is full: {0}")]
    Full(String),
    /// It takes no writes.
    #[error("PostgreSQL is read-only: {0}")]
    ReadOnly(String),
    /// A value that it cannot hold (SQLSTATE class 21, 22, 23 or 54).
    #[error("PostgreSQL cannot hold a value: {0}")]
    Value(String),
    /// A migration that was changed after it ran, or that failed.
    #[error("the tables cannot be brought up to date: {0}")]
    Migration(String),
    /// Anything else, in its words.
    #[error("PostgreSQL: {0}")]
    Engine(String),
}

impl DatabaseError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            DatabaseError::Url(_) => "DATABASE_URL",
            DatabaseError::Unavailable(_) => "DATABASE_UNAVAILABLE",
            DatabaseError::Denied(_) => "DATABASE_DENIED",
            DatabaseError::NoSchema => "DATABASE_NO_SCHEMA",
            DatabaseError::SchemaOlder { .. } => "DATABASE_SCHEMA_OLDER",
            DatabaseError::SchemaNewer { .. } => "DATABASE_SCHEMA_NEWER",
            DatabaseError::Occupied(_) => "DATABASE_OCCUPIED",
            DatabaseError::Encoding(_) => "DATABASE_ENCODING",
            DatabaseError::Busy(_) => "DATABASE_BUSY",
            DatabaseError::Full(_) => "DATABASE_FULL",
            DatabaseError::ReadOnly(_) => "DATABASE_READ_ONLY",
            DatabaseError::Value(_) => "DATABASE_VALUE",
            DatabaseError::Migration(_) => "DATABASE_MIGRATION",
            DatabaseError::Engine(_) => "DATABASE_ENGINE",
        }
    }

    /// What helps.
    #[must_use]
    pub fn mend(&self) -> String {
        let mend = match self {
            DatabaseError::Url(_) => "give postgres://USER@HOST/DATABASE",
            DatabaseError::Unavailable(_) => {
                "see that the server runs and that its address is right, and run this again"
            }
            DatabaseError::Denied(_) => "see the user, the password and what the server's pg_hba.conf allows",
            DatabaseError::NoSchema | DatabaseError::SchemaOlder { .. } => "run brink-edge migrate",
            DatabaseError::SchemaNewer { .. } => "update this program",
            DatabaseError::Occupied(_) => {
                "give another database, or another schema of this one: CREATE SCHEMA brink, and in the address \
                 ?options=-csearch_path%3Dbrink, or ALTER ROLE user SET search_path = brink"
            }
            DatabaseError::Encoding(_) => {
                "make one with CREATE DATABASE .. ENCODING 'UTF8' TEMPLATE template0, and give that"
            }
            DatabaseError::Busy(_) => "wait until it is done and run this again",
            DatabaseError::Full(_) => "make room where PostgreSQL keeps its data, and run this again",
            DatabaseError::ReadOnly(_) => "give the address of the primary server",
            DatabaseError::Value(_) | DatabaseError::Migration(_) | DatabaseError::Engine(_) => {
                "see the server's log at this moment"
            }
        };
        mend.to_owned()
    }

    /// Whether the same again may help by itself.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, DatabaseError::Unavailable(_) | DatabaseError::Busy(_) | DatabaseError::Full(_))
    }
}

impl From<Error> for DatabaseError {
    fn from(error: Error) -> Self {
        let said = words(&error);
        let Some(state) = error.code() else { return of_driver(&error, said) };
        match state {
            &SqlState::T_R_SERIALIZATION_FAILURE
            | &SqlState::T_R_DEADLOCK_DETECTED
            | &SqlState::LOCK_NOT_AVAILABLE
            | &SqlState::QUERY_CANCELED => Self::Busy(said),
            &SqlState::DISK_FULL => Self::Full(said),
            &SqlState::READ_ONLY_SQL_TRANSACTION => Self::ReadOnly(said),
            &SqlState::TOO_MANY_CONNECTIONS
            | &SqlState::ADMIN_SHUTDOWN
            | &SqlState::CRASH_SHUTDOWN
            | &SqlState::CANNOT_CONNECT_NOW => Self::Unavailable(said),
            &SqlState::INVALID_PASSWORD
            | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION
            | &SqlState::INVALID_CATALOG_NAME
            | &SqlState::INSUFFICIENT_PRIVILEGE => Self::Denied(said),
            &SqlState::UNDEFINED_TABLE | &SqlState::UNDEFINED_COLUMN | &SqlState::UNDEFINED_FUNCTION => {
                Self::Migration(said)
            }
            state if state.code().starts_with("08") => Self::Unavailable(said),
            // Beside the disk: memory, and what an administrator bounds.
            state if state.code().starts_with("53") => Self::Full(said),
            // Values, what constraints and one another say of them, and rows that no index holds.
            state if ["21", "22", "23", "54"].iter().any(|class| state.code().starts_with(class)) => {
                Self::Value(said)
            }
            _ => Self::Engine(said),
        }
    }
}

/// Errors without a code of the server.
fn of_driver(error: &Error, said: String) -> DatabaseError {
    match Unanswered::of(error) {
        Unanswered::Away => DatabaseError::Unavailable(said),
        Unanswered::Denied => DatabaseError::Denied(said),
        Unanswered::Otherwise => DatabaseError::Engine(said),
    }
}

/// The error and what is behind it. The server's words name users, tables and values, never passwords.
fn words(error: &Error) -> String {
    use std::error::Error as _;
    if let Some(said) = error.as_db_error() {
        return said.message().to_owned();
    }
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

impl From<PoolError> for DatabaseError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => error.into(),
            PoolError::PostCreateHook(HookError::Message(said)) => Self::Engine(said.into_owned()),
            PoolError::Timeout(TimeoutType::Wait) => Self::Busy("every connection is taken".to_owned()),
            PoolError::Timeout(TimeoutType::Create | TimeoutType::Recycle) => {
                Self::Unavailable("it does not answer".to_owned())
            }
            PoolError::Closed | PoolError::NoRuntimeSpecified => {
                Self::Unavailable("this program is closing it".to_owned())
            }
        }
    }
}
