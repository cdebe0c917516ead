//! From the driver's and the server's errors to ours: the one table.

use super::StorageError;
use brink_postgres::Unanswered;
use deadpool_postgres::{HookError, PoolError};
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

impl From<Error> for StorageError {
    fn from(error: Error) -> Self {
        let Some(state) = error.code() else { return of_driver(error) };
        match state {
            &SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED => Self::Conflict,
            // Of a constraint without a name, which is that of a partition: one was attached while a row for its days was on
            // its way into another. Begun again, each finds what the other did.
            &SqlState::CHECK_VIOLATION if is_of_partition(&error) => Self::Conflict,
            // Heard of before the cause, by a statement that was under way behind the one that failed: begun again, the
            // transaction goes through or says why not.
            &SqlState::IN_FAILED_SQL_TRANSACTION => Self::Conflict,
            // lock_timeout; statement_timeout; and no connection left.
            &SqlState::LOCK_NOT_AVAILABLE | &SqlState::QUERY_CANCELED | &SqlState::TOO_MANY_CONNECTIONS => {
                Self::Busy
            }
            &SqlState::READ_ONLY_SQL_TRANSACTION => Self::ReadOnly,
            &SqlState::DISK_FULL => Self::Full,
            // It stops, starts, or has given up on us.
            &SqlState::ADMIN_SHUTDOWN
            | &SqlState::CRASH_SHUTDOWN
            | &SqlState::CANNOT_CONNECT_NOW
            | &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => Self::Unavailable { problem: words(&error) },
            &SqlState::INVALID_PASSWORD
            | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION
            | &SqlState::INVALID_CATALOG_NAME
            | &SqlState::INSUFFICIENT_PRIVILEGE => Self::Denied { problem: words(&error) },
            state if state.code().starts_with("08") => Self::Unavailable { problem: words(&error) },
            _ => Self::Engine(Box::new(error)),
        }
    }
}

fn is_of_partition(error: &Error) -> bool {
    error.as_db_error().is_some_and(|error| error.constraint().is_none())
}

/// Errors without a code of the server.
fn of_driver(error: Error) -> StorageError {
    let problem = words(&error);
    match Unanswered::of(&error) {
        Unanswered::Away => StorageError::Unavailable { problem },
        Unanswered::Denied => StorageError::Denied { problem },
        Unanswered::Otherwise => StorageError::Engine(Box::new(error)),
    }
}

/// The error and what is behind it. The server's words on a refused connection name users and databases, never passwords.
fn words(error: &Error) -> String {
    use std::error::Error as _;
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

pub(super) fn of_pool(error: PoolError) -> StorageError {
    match error {
        PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => error.into(),
        PoolError::PostCreateHook(HookError::Message(found)) => {
            StorageError::Unsafe { setting: super::session::DURABLE, found: found.into_owned() }
        }
        PoolError::Timeout(deadpool_postgres::TimeoutType::Wait) => StorageError::Busy,
        PoolError::Timeout(_) => StorageError::Unavailable { problem: "it does not answer".to_owned() },
        PoolError::Closed | PoolError::NoRuntimeSpecified => closed(),
    }
}

pub(super) fn of_tls(error: brink_postgres::TlsError) -> StorageError {
    StorageError::Denied { problem: error.0 }
}

pub(super) fn closed() -> StorageError {
    StorageError::Unavailable { problem: "this program is closing it".to_owned() }
}

/// What COMMIT said. An answer of the server is one; without it nobody knows, nor where it was ended meanwhile.
pub(super) fn of_commit(error: Error) -> StorageError {
    let said = StorageError::from(error);
    if let StorageError::Unavailable { problem } = said {
        return StorageError::OutcomeUnknown { problem };
    }
    said
}

/// A unique index that another transaction came to first: whoever looks again sees what it wrote.
pub(super) fn taken_meanwhile(error: StorageError) -> StorageError {
    let StorageError::Engine(engine) = &error else { return error };
    let state = engine.downcast_ref::<Error>().and_then(Error::code);
    if state == Some(&SqlState::UNIQUE_VIOLATION) { StorageError::Conflict } else { error }
}

pub(super) const fn may_be_tried_again(error: &StorageError) -> bool {
    matches!(error, StorageError::Conflict | StorageError::Unavailable { .. })
}

/// Whoever lost every time came at a busy moment.
pub(super) fn given_up(error: StorageError) -> StorageError {
    if matches!(error, StorageError::Conflict) { StorageError::Busy } else { error }
}
