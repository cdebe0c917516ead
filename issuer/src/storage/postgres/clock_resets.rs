//! Answers to clock challenges.

use super::columns::{column, parsed, seconds};
use super::connection::Tx;
use super::{StorageError, devices, note};
use crate::storage::{ClockReset, ClockResetView, NewClockReset};
use brink_license::DeviceId;

pub(super) async fn view(
    tx: &Tx<'_>,
    device: &DeviceId,
    nonce: &[u8; 32],
) -> Result<ClockResetView, StorageError> {
    let row = devices::row(tx, device).await?;
    let sql = "SELECT kid, iat, token FROM clock_resets WHERE device = $1 AND nonce = $2";
    let answered = match tx.optional(sql, &[&device.as_str(), &&nonce[..]]).await? {
        Some(row) => Some(ClockReset {
            kid: parsed(&row, "kid")?,
            iat: seconds(&row, "iat")?,
            token: column(&row, "token")?,
        }),
        None => None,
    };
    Ok(ClockResetView { device: row, answered })
}

pub(super) async fn add(
    tx: &Tx<'_>,
    (device, epoch): (&DeviceId, u32),
    nonce: &[u8; 32],
    new: &NewClockReset,
) -> Result<(), StorageError> {
    let ClockReset { kid, iat, token } = &new.reset;
    let sql =
        "INSERT INTO clock_resets (device, nonce, epoch, kid, iat, token) VALUES ($1, $2, $3, $4, $5, $6)";
    let (device, epoch, kid) = (device.as_str(), i64::from(epoch), kid.to_string());
    tx.execute(sql, &[&device, &&nonce[..], &epoch, &kid, &iat.as_i64(), token]).await?;
    note(tx, &new.note).await
}
