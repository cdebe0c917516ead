//! What was sold over time: what cameras had, and how long devices were there.

use super::{SqliteStorage, StorageError, tenants};
use crate::storage::sold::{camera_event, device_life};
use crate::storage::{CameraEvent, DeviceLife, SoldBooks};
use brink_license::{DeviceId, TenantId, UnixSeconds};
use rusqlite::{Connection, params};

impl SoldBooks for SqliteStorage {
    fn camera_history(&self, tenant: &TenantId) -> Result<Vec<CameraEvent>, StorageError> {
        self.read(|tx| {
            tenants::row(tx, tenant)?;
            let sql =
                "SELECT camera, at, device, packs FROM camera_history WHERE tenant = ?1 ORDER BY at, seq";
            let mut statement = tx.prepare_cached(sql)?;
            let mut rows = statement.query([tenant.as_str()])?;
            let mut events = Vec::new();
            while let Some(row) = rows.next()? {
                events.push(camera_event(row)?);
            }
            Ok(events)
        })
    }

    fn device_lives(&self, tenant: &TenantId) -> Result<Vec<DeviceLife>, StorageError> {
        self.read(|tx| {
            tenants::row(tx, tenant)?;
            let sql = "
                SELECT d.id, d.tier, d.retired_at,
                  (SELECT t.billed_from FROM device_transfers t WHERE t.device = d.id) AS billed_from,
                  coalesce((SELECT r.redeemed_at FROM code_redemptions r WHERE r.device = d.id), d.activated_at) AS began
                FROM devices d WHERE d.tenant = ?1 AND d.activated_at IS NOT NULL ORDER BY began, d.id";
            let mut statement = tx.prepare_cached(sql)?;
            let mut rows = statement.query([tenant.as_str()])?;
            let mut lives = Vec::new();
            while let Some(row) = rows.next()? {
                lives.push(device_life(row)?);
            }
            Ok(lives)
        })
    }
}

/// What a camera has from `at` on, with its packs as they are kept; never before what was recorded of it last.
pub(super) fn note_camera(
    tx: &Connection,
    (tenant, camera): (&str, &str),
    at: UnixSeconds,
    (device, packs): (Option<&str>, &str),
) -> Result<(), StorageError> {
    let sql = "INSERT INTO camera_history (tenant, camera, at, device, packs)
               VALUES (?1, ?2, max(?3, coalesce((SELECT h.at FROM camera_history h WHERE h.tenant = ?1 AND h.camera = ?2
                                                 ORDER BY h.seq DESC LIMIT 1), ?3)), ?4, ?5)";
    tx.prepare_cached(sql)?.execute(params![tenant, camera, at.as_i64(), device, packs])?;
    Ok(())
}

/// All cameras of a device are about to move to another, or to be taken off.
pub(super) fn note_all(
    tx: &Connection,
    device: &DeviceId,
    (by, at): (Option<&str>, UnixSeconds),
) -> Result<(), StorageError> {
    let sql = "INSERT INTO camera_history (tenant, camera, at, device, packs)
               SELECT c.tenant, c.camera,
                 max(?3, coalesce((SELECT h.at FROM camera_history h WHERE h.tenant = c.tenant AND h.camera = c.camera
                                   ORDER BY h.seq DESC LIMIT 1), ?3)),
                 ?2, iif(?2 IS NULL, '[]', c.packs)
               FROM cameras c WHERE c.device = ?1 ORDER BY c.camera";
    tx.execute(sql, params![device.as_str(), by, at.as_i64()])?;
    Ok(())
}
