//! Answers to clock challenges.

use super::columns::{column, parsed, seconds};
use super::{StorageError, devices, note};
use crate::storage::{ClockReset, ClockResetView, NewClockReset};
use brink_license::DeviceId;
use rusqlite::{Connection, params};

pub(super) fn view(
    tx: &Connection,
    device: &DeviceId,
    nonce: &[u8; 32],
) -> Result<ClockResetView, StorageError> {
    let row = devices::row(tx, device)?;
    let mut statement = tx.prepare_cached("SELECT * FROM clock_resets WHERE device = ?1 AND nonce = ?2")?;
    let mut rows = statement.query(params![device.as_str(), nonce])?;
    let answered = match rows.next()? {
        Some(row) => Some(ClockReset {
            kid: parsed(row, "kid")?,
            iat: seconds(row, "iat")?,
            token: column(row, "token")?,
        }),
        None => None,
    };
    Ok(ClockResetView { device: row, answered })
}

pub(super) fn add(
    tx: &Connection,
    (device, epoch): (&DeviceId, u32),
    nonce: &[u8; 32],
    new: &NewClockReset,
) -> Result<(), StorageError> {
    let ClockReset { kid, iat, token } = &new.reset;
    let sql =
        "INSERT INTO clock_resets (device, nonce, epoch, kid, iat, token) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    tx.execute(sql, params![device.as_str(), nonce, epoch, kid.to_string(), iat.as_i64(), token])?;
    note(tx, &new.note)
}
