//! Whether records may be lost that the issuer has not heard of: until it has, firm quotas count as spent.

use super::super::{Journal, JournalFault};
use super::append::begin;
use super::error::UsageError;
use super::quota_rows::{Standing, put_standing, rows_of, standing};
use rusqlite::Connection;
use std::path::Path;

/// Nothing is lost, or the issuer knows what is.
pub(in super::super) fn settle(conn: &Connection) -> Result<(), JournalFault> {
    put_standing(conn, Standing { settled: true, rows: rows_of(conn)? })
}

/// Something is lost.
pub(super) fn doubt(conn: &Connection) -> Result<(), JournalFault> {
    put_standing(conn, Standing { settled: false, rows: rows_of(conn)? })
}

impl Journal {
    /// The issuer has heard of everything: quotas count again what was recorded.
    pub(crate) fn settle_quotas(directory: &Path) -> Result<(), UsageError> {
        let journal = super::open(directory)?;
        if standing(&journal.conn)?.settled {
            return Ok(());
        }
        let transaction = begin(&journal, directory)?;
        settle(&transaction)?;
        transaction.commit().map_err(|error| JournalFault::from(error).into())
    }
}
