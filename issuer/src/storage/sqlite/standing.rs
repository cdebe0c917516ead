//! How a device's licence stands.

use super::columns::int;
use super::{StorageError, note};
use crate::storage::{DeviceRow, DeviceStatus, StandingChange};
use rusqlite::{Connection, params};

pub(super) fn change(
    tx: &Connection,
    device: &DeviceRow,
    change: &StandingChange,
) -> Result<(), StorageError> {
    let revoked = change.status == DeviceStatus::Revoked;
    let status = if change.status == DeviceStatus::Active { "active" } else { "suspended" };
    let sql = "UPDATE devices SET status = ?2, revoked_at = ?3 WHERE id = ?1";
    let at = revoked.then(|| change.note.at.as_i64());
    tx.prepare_cached(sql)?.execute(params![device.id.as_str(), status, at])?;
    // When it is resumed, once more: numbers may have been set aside meanwhile.
    if revoked || device.status == DeviceStatus::Revoked {
        let sql = "UPDATE devices SET revoked_epoch = ?2, revoked_seq = ?3 WHERE id = ?1";
        let values = params![device.id.as_str(), device.epoch, int(device.licence_seq)];
        tx.prepare_cached(sql)?.execute(values)?;
    }
    note(tx, &change.note)
}
