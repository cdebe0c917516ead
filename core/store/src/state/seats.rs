//! The row of unnamed seats: the document that the device signed last.

use super::StateDb;
use super::fault::{Damage, Fault};
use crate::StoreError;
use brink_license::CameraId;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

/// Cameras that lost their seats and are remembered: enough to see what happened.
const DROPPED_MAX: usize = 64;

/// What the device holds of its unnamed seats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldSeats {
    /// The document as it was signed.
    pub token: String,
    /// Cameras that a licence has left no seat for, and that have none since; the latest last.
    pub dropped: Vec<CameraId>,
}

impl StateDb {
    /// The document is in force from this commit on.
    pub(crate) fn store_seats(&mut self, seats: &HeldSeats) -> Result<(), StoreError> {
        self.write("store the seats", |transaction| write(transaction, seats))
    }
}

pub(super) fn write(transaction: &Transaction<'_>, seats: &HeldSeats) -> Result<(), Fault> {
    let latest = seats.dropped.len().saturating_sub(DROPPED_MAX);
    let dropped: Vec<&str> = seats.dropped[latest..].iter().map(CameraId::as_str).collect();
    let dropped = serde_json::to_string(&dropped).map_err(|_| Damage("dropped"))?;
    transaction.execute(
        "INSERT OR REPLACE INTO seats (one, token, dropped) VALUES (1, ?1, ?2)",
        params![seats.token, dropped],
    )?;
    Ok(())
}

pub(super) fn read(conn: &Connection) -> Result<Option<HeldSeats>, Fault> {
    let row = conn.query_row("SELECT token, dropped FROM seats WHERE one = 1", [], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    });
    let Some((token, dropped)) = row.optional()? else { return Ok(None) };
    let dropped = serde_json::from_str(&dropped).map_err(|_| Damage("dropped"))?;
    Ok(Some(HeldSeats { token, dropped }))
}
