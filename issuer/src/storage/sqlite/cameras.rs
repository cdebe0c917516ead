//! Which camera sits on which device.

use super::columns::{column, damaged, parsed, seconds};
use super::{StorageError, note, retirement, sold, subscriptions};
use crate::storage::{AssignmentView, CameraChange, CameraRow};
use brink_license::{CameraId, DeviceId, Slug, TenantId, UnixSeconds};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;

/// The packs of a camera that is on no device.
const NO_PACKS: &str = "[]";

pub(super) fn view(
    tx: &Connection,
    device: &DeviceId,
    cameras: &[CameraId],
    now: UnixSeconds,
) -> Result<AssignmentView, StorageError> {
    let tenant = tenant_of(tx, device)?;
    let mut statement = tx.prepare_cached("SELECT device FROM cameras WHERE tenant = ?1 AND camera = ?2")?;
    let mut held_by = BTreeMap::new();
    for camera in cameras {
        let found = statement
            .query_row([tenant.as_str(), camera.as_str()], |row| Ok(parsed(row, "device")))
            .optional()?;
        if let Some(holder) = found.transpose()? {
            held_by.insert(camera.clone(), holder);
        }
    }
    let retired = retirement::is_retired(tx, device)?;
    let tenant = subscriptions::view(tx, &tenant, now)?;
    Ok(AssignmentView { tenant, device: device.clone(), retired, held_by })
}

pub(super) fn tenant_of(tx: &Connection, device: &DeviceId) -> Result<TenantId, StorageError> {
    let sql = "SELECT tenant FROM devices WHERE id = ?1";
    let found =
        tx.prepare_cached(sql)?.query_row([device.as_str()], |row| Ok(parsed(row, "tenant"))).optional()?;
    found.ok_or_else(|| StorageError::UnknownDevice(device.clone()))?
}

/// The cameras of a device, in the order they came.
pub(super) fn of_device(tx: &Connection, device: &DeviceId) -> Result<Vec<CameraRow>, StorageError> {
    let sql = "SELECT camera, packs, assigned_at FROM cameras WHERE device = ?1 ORDER BY assigned_at, camera";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([device.as_str()])?;
    let mut cameras = Vec::new();
    while let Some(row) = rows.next()? {
        let packs: Vec<Slug> = serde_json::from_str(&column::<String>(row, "packs")?)
            .map_err(|e| damaged("cameras.packs", e))?;
        cameras.push(CameraRow {
            camera: parsed(row, "camera")?,
            packs,
            assigned_at: seconds(row, "assigned_at")?,
        });
    }
    Ok(cameras)
}

pub(super) fn change(
    tx: &Connection,
    view: &AssignmentView,
    change: &CameraChange,
) -> Result<(), StorageError> {
    let (tenant, device) = (view.tenant.tenant.id.as_str(), view.device.as_str());
    // A camera that is there already keeps its place in the order, and one that has these packs already is left alone.
    let sql = "INSERT INTO cameras (tenant, camera, device, packs, assigned_at) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT (tenant, camera) DO UPDATE SET packs = excluded.packs
                 WHERE device = excluded.device AND packs <> excluded.packs";
    let mut upsert = tx.prepare_cached(sql)?;
    for row in &change.upsert {
        let packs = serde_json::to_string(&row.packs).map_err(|e| damaged("cameras.packs", e))?;
        let camera = row.camera.as_str();
        if upsert.execute(params![tenant, camera, device, packs, row.assigned_at.as_i64()])? > 0 {
            sold::note_camera(tx, (tenant, camera), change.at, (Some(device), &packs))?;
        }
    }
    let mut remove =
        tx.prepare_cached("DELETE FROM cameras WHERE tenant = ?1 AND camera = ?2 AND device = ?3")?;
    for camera in &change.remove {
        if remove.execute([tenant, camera.as_str(), device])? > 0 {
            sold::note_camera(tx, (tenant, camera.as_str()), change.at, (None, NO_PACKS))?;
        }
    }
    let count =
        "UPDATE devices SET cameras_named = (SELECT count(*) FROM cameras WHERE device = ?1) WHERE id = ?1";
    tx.execute(count, [device])?;
    note(tx, &change.note)
}
