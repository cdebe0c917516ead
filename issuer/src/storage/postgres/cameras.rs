//! Which camera sits on which device.

use super::columns::{column, damaged, parsed, seconds};
use super::connection::Tx;
use super::{StorageError, note, retirement, sold, subscriptions};
use crate::storage::{AssignmentView, CameraChange, CameraRow};
use brink_license::{CameraId, DeviceId, TenantId, UnixSeconds};
use std::collections::BTreeMap;

pub(super) async fn view(
    tx: &Tx<'_>,
    (device, tenant): (&DeviceId, &TenantId),
    cameras: &[CameraId],
    now: UnixSeconds,
) -> Result<AssignmentView, StorageError> {
    let held_by = async {
        let sql = "SELECT camera, device FROM cameras WHERE tenant = $1 AND camera = ANY($2)";
        let names: Vec<&str> = cameras.iter().map(CameraId::as_str).collect();
        let rows = tx.rows(sql, &[&tenant.as_str(), &names]).await?;
        let held = rows.iter().map(|row| Ok((parsed(row, "camera")?, parsed(row, "device")?)));
        held.collect::<Result<BTreeMap<_, _>, StorageError>>()
    };
    let (held_by, retired, tenant) =
        tokio::try_join!(held_by, retirement::is_retired(tx, device), subscriptions::view(tx, tenant, now))?;
    Ok(AssignmentView { tenant, device: device.clone(), retired, held_by })
}

pub(super) async fn tenant_of(tx: &Tx<'_>, device: &DeviceId) -> Result<TenantId, StorageError> {
    let found = tx.optional("SELECT tenant FROM devices WHERE id = $1", &[&device.as_str()]).await?;
    parsed(&found.ok_or_else(|| StorageError::UnknownDevice(device.clone()))?, "tenant")
}

/// The cameras of a device, in the order they came.
pub(super) async fn of_device(tx: &Tx<'_>, device: &DeviceId) -> Result<Vec<CameraRow>, StorageError> {
    let sql = "SELECT camera, packs, assigned_at FROM cameras WHERE device = $1 ORDER BY assigned_at, camera";
    let rows = tx.rows(sql, &[&device.as_str()]).await?;
    let camera = |row| {
        let packs = serde_json::from_str(column::<&str>(row, "packs")?);
        Ok(CameraRow {
            camera: parsed(row, "camera")?,
            packs: packs.map_err(|e| damaged("cameras.packs", e))?,
            assigned_at: seconds(row, "assigned_at")?,
        })
    };
    rows.iter().map(camera).collect()
}

pub(super) async fn change(
    tx: &Tx<'_>,
    view: &AssignmentView,
    change: &CameraChange,
) -> Result<(), StorageError> {
    let (tenant, device) = (view.tenant.tenant.id.as_str(), view.device.as_str());
    let names: Vec<&str> = change.upsert.iter().map(|row| row.camera.as_str()).collect();
    let packs = change.upsert.iter().map(|row| serde_json::to_string(&row.packs));
    let packs = packs.collect::<Result<Vec<_>, _>>().map_err(|e| damaged("cameras.packs", e))?;
    let since: Vec<i64> = change.upsert.iter().map(|row| row.assigned_at.as_i64()).collect();
    let (at, from) = (change.at.as_i64(), sold::FROM);
    // A camera that is there already keeps its place in the order, and one that has these packs already is left alone.
    let sql = format!(
        "WITH changed AS (
           INSERT INTO cameras (tenant, camera, device, packs, assigned_at)
           SELECT $1, g.camera, $2, g.packs, g.since
           FROM unnest($3::text[], $4::text[], $5::bigint[]) AS g (camera, packs, since)
           ON CONFLICT (tenant, camera) DO UPDATE SET packs = excluded.packs
             WHERE cameras.device = excluded.device AND cameras.packs <> excluded.packs
           RETURNING tenant, camera, device, packs)
         INSERT INTO camera_history (tenant, camera, at, device, packs)
         SELECT c.tenant, c.camera, {from} $6), c.device, c.packs FROM changed c ORDER BY c.camera"
    );
    tx.execute(&sql, &[&tenant, &device, &names, &packs, &since, &at]).await?;
    let gone: Vec<&str> = change.remove.iter().map(CameraId::as_str).collect();
    let sql = format!(
        "WITH gone AS (
           DELETE FROM cameras WHERE tenant = $1 AND device = $2 AND camera = ANY($3) RETURNING tenant, camera)
         INSERT INTO camera_history (tenant, camera, at, device, packs)
         SELECT c.tenant, c.camera, {from} $4), NULL, '[]' FROM gone c ORDER BY c.camera"
    );
    tx.execute(&sql, &[&tenant, &device, &gone, &at]).await?;
    count(tx, &[device]).await?;
    note(tx, &change.note).await
}

/// Projects how many cameras sit on these devices.
pub(super) async fn count(tx: &Tx<'_>, devices: &[&str]) -> Result<(), StorageError> {
    let sql = "UPDATE devices d SET cameras_named = (SELECT count(*) FROM cameras c WHERE c.device = d.id)
               WHERE d.id = ANY($1)";
    tx.execute(sql, &[&devices]).await.map(drop)
}
