//! How a device's licence stands.

use super::columns::int;
use super::connection::Tx;
use super::{StorageError, note};
use crate::storage::{DeviceRow, DeviceStatus, StandingChange};

pub(super) async fn change(
    tx: &Tx<'_>,
    device: &DeviceRow,
    change: &StandingChange,
) -> Result<(), StorageError> {
    let revoked = change.status == DeviceStatus::Revoked;
    let status = if change.status == DeviceStatus::Active { "active" } else { "suspended" };
    let at = revoked.then(|| change.note.at.as_i64());
    // When it is resumed, once more: numbers may have been set aside meanwhile.
    let withdrawn = revoked || device.status == DeviceStatus::Revoked;
    let sql = "UPDATE devices SET status = $2, revoked_at = $3,
                 revoked_epoch = CASE WHEN $4 THEN $5 ELSE revoked_epoch END,
                 revoked_seq = CASE WHEN $4 THEN $6 ELSE revoked_seq END
               WHERE id = $1";
    let (epoch, seq) = (i64::from(device.epoch), int(device.licence_seq));
    tx.execute(sql, &[&device.id.as_str(), &status, &at, &withdrawn, &epoch, &seq]).await?;
    note(tx, &change.note).await
}
