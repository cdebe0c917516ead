//! Whether records may be lost that the issuer has not heard of: until it has, firm quotas count as spent.

use super::super::{Journal, JournalFault};
use super::append::begin;
use super::error::UsageError;
use super::known::Known;
use super::quota_rows::{Standing, put_standing, rows_of, standing};
use super::rows::{self, Kept};
use crate::state::Settled;
use brink_license::usage::{Entry, Record};
use rusqlite::Connection;
use std::path::Path;

/// Records that are looked at for a loss that the issuer has not heard of; behind more it is asked again the next time.
const LATER_MAX: usize = 10_000;

/// Nothing is lost, or the issuer knows what is.
pub(in super::super) fn settle(conn: &Connection) -> Result<(), JournalFault> {
    put_standing(conn, Standing { settled: true, rows: rows_of(conn)? })
}

/// Something is lost.
pub(super) fn doubt(conn: &Connection) -> Result<(), JournalFault> {
    put_standing(conn, Standing { settled: false, rows: rows_of(conn)? })
}

impl Journal {
    /// The issuer has heard of every loss up to its cursor: quotas count again what was recorded, unless there is a later one.
    pub(crate) fn settle_quotas(directory: &Path, known: &Known) -> Result<(), UsageError> {
        let journal = super::open(directory)?;
        if standing(&journal.conn)?.settled {
            return Ok(());
        }
        let transaction = begin(&journal, directory)?;
        let Some((chain, tip)) = rows::tip(&transaction)? else { return Ok(()) };
        let told = Settled::of(&tip.genesis, &known.settled).cursor.seq;
        let later = rows::after(&transaction, chain, told, LATER_MAX)?;
        let is_loss = |kept: &Kept| {
            Record::from_bytes(&kept.bytes).is_ok_and(|record| matches!(record.entry, Entry::Recover(_)))
        };
        if later.len() == LATER_MAX || later.iter().any(is_loss) {
            return Ok(());
        }
        settle(&transaction)?;
        transaction.commit().map_err(|error| JournalFault::from(error).into())
    }
}
