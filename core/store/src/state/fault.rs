//! What can go wrong inside `state.db`, told apart: damage needs another mend than a full disk.

use crate::StoreError;
use rusqlite::{Error, ErrorCode};
use std::path::Path;

/// A column that holds what it cannot hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Damage(pub(super) &'static str);

/// Anything that a transaction can end in.
#[derive(Debug)]
pub(super) enum Fault {
    Sqlite(Error),
    Damage(Damage),
    /// Refused by a rule of ours.
    Refused(StoreError),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Sqlite(error)
    }
}

impl From<Damage> for Fault {
    fn from(damage: Damage) -> Self {
        Fault::Damage(damage)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Fault::Refused(error)
    }
}

impl Fault {
    /// The error to report for the file at `path`.
    pub(super) fn at(self, path: &Path, doing: &'static str) -> StoreError {
        let path = path.to_owned();
        match self {
            Fault::Refused(error) => error,
            Fault::Damage(Damage(column)) => {
                StoreError::StateDamaged { path, problem: format!("its {column} cannot be read") }
            }
            Fault::Sqlite(error) if is_damage(&error) => {
                StoreError::StateDamaged { path, problem: error.to_string() }
            }
            Fault::Sqlite(error) => StoreError::State { path, doing, problem: error.to_string() },
        }
    }
}

/// Errors that say that the content is wrong, not that the system refused.
fn is_damage(error: &Error) -> bool {
    match error.sqlite_error_code() {
        Some(code) => matches!(
            code,
            ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::ConstraintViolation
                | ErrorCode::TypeMismatch
                // SQLITE_ERROR: our statements are sound, so a table or column is missing.
                | ErrorCode::Unknown
        ),
        // Without a code of SQLite's: a missing row, another type, a number out of range.
        None => true,
    }
}
