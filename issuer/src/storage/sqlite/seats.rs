//! What devices said of their unnamed seats.

use super::columns::{column, damaged, parsed, seconds, uint32};
use super::{StorageError, cameras};
use crate::storage::readers;
use crate::storage::{LicenceRow, NewSeatReport, SeatConflict, SeatReport, SeatedCamera, SeatsKnown};
use brink_license::{CameraId, DeviceId, TokenId};
use rusqlite::{Connection, params};

pub(super) fn last(tx: &Connection, device: &DeviceId) -> Result<Option<SeatReport>, StorageError> {
    let mut statement = tx.prepare_cached("SELECT * FROM seat_reports WHERE device = ?1")?;
    let mut rows = statement.query([device.as_str()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(SeatReport {
        epoch: uint32(row, "epoch")?,
        jti: parsed(row, "jti")?,
        reported_at: seconds(row, "reported_at")?,
        token: column(row, "token")?,
    }))
}

pub(super) fn known(tx: &Connection, device: &DeviceId) -> Result<SeatsKnown, StorageError> {
    let report = last(tx, device)?;
    let mut statement =
        tx.prepare_cached("SELECT camera, packs FROM device_seats WHERE device = ?1 ORDER BY camera")?;
    let mut rows = statement.query([device.as_str()])?;
    let mut seated = Vec::new();
    while let Some(row) = rows.next()? {
        let packs = column::<String>(row, "packs")?;
        let packs = serde_json::from_str(&packs).map_err(|e| damaged("device_seats.packs", e))?;
        seated.push(SeatedCamera { camera: parsed(row, "camera")?, packs });
    }
    let conflicts = conflicts(tx, device, seated.iter().map(|row| &row.camera))?;
    Ok(SeatsKnown { report, cameras: seated, conflicts })
}

/// Where else these cameras are. A device out of service is not asked: its seats end by themselves.
pub(super) fn conflicts<'c>(
    tx: &Connection,
    device: &DeviceId,
    cameras: impl Iterator<Item = &'c CameraId>,
) -> Result<Vec<SeatConflict>, StorageError> {
    let tenant = cameras::tenant_of(tx, device)?;
    let sql = "SELECT device, 1 AS named FROM cameras WHERE tenant = ?1 AND camera = ?2 AND device <> ?3
               UNION ALL
               SELECT s.device, 0 AS named FROM device_seats s JOIN devices d ON d.id = s.device
               WHERE s.tenant = ?1 AND s.camera = ?2 AND s.device <> ?3 AND d.retired_at IS NULL";
    let mut statement = tx.prepare_cached(sql)?;
    let mut found = Vec::new();
    for camera in cameras {
        let mut rows = statement.query([tenant.as_str(), camera.as_str(), device.as_str()])?;
        while let Some(row) = rows.next()? {
            let (device, named) = (parsed(row, "device")?, uint32(row, "named")? > 0);
            found.push(SeatConflict { camera: camera.clone(), device, named });
        }
    }
    Ok(found)
}

/// The token with this id.
pub(super) fn minted(
    tx: &Connection,
    device: &DeviceId,
    jti: &TokenId,
) -> Result<Option<LicenceRow>, StorageError> {
    let mut statement = tx.prepare_cached("SELECT * FROM licences WHERE device = ?1 AND jti = ?2")?;
    let mut rows = statement.query([device.as_str(), jti.as_str()])?;
    rows.next()?.map(readers::licence).transpose()
}

pub(super) fn record(tx: &Connection, device: &DeviceId, new: &NewSeatReport) -> Result<(), StorageError> {
    let SeatReport { epoch, jti, reported_at, token } = &new.report;
    tx.prepare_cached("DELETE FROM device_seats WHERE device = ?1")?.execute([device.as_str()])?;
    let sql = "INSERT INTO seat_reports (device, epoch, jti, reported_at, token) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT (device) DO UPDATE SET epoch = excluded.epoch, jti = excluded.jti,
                 reported_at = excluded.reported_at, token = excluded.token";
    let values = params![device.as_str(), epoch, jti.as_str(), reported_at.as_i64(), token];
    tx.prepare_cached(sql)?.execute(values)?;
    let sql = "INSERT INTO device_seats (device, camera, packs, tenant)
               SELECT id, ?2, ?3, tenant FROM devices WHERE id = ?1";
    let mut insert = tx.prepare_cached(sql)?;
    for SeatedCamera { camera, packs } in &new.cameras {
        let packs = serde_json::to_string(packs).map_err(|e| damaged("device_seats.packs", e))?;
        insert.execute([device.as_str(), camera.as_str(), packs.as_str()])?;
    }
    Ok(())
}
