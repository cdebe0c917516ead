//! What devices said of their unnamed seats.

use super::columns::{column, damaged, parsed, seconds, uint32};
use super::connection::Tx;
use super::{StorageError, devices};
use crate::storage::readers;
use crate::storage::{LicenceRow, NewSeatReport, SeatConflict, SeatReport, SeatedCamera, SeatsKnown};
use brink_license::{CameraId, DeviceId, TokenId};

pub(super) async fn last(tx: &Tx<'_>, device: &DeviceId) -> Result<Option<SeatReport>, StorageError> {
    let sql = "SELECT epoch, jti, reported_at, token FROM seat_reports WHERE device = $1";
    let Some(row) = tx.optional(sql, &[&device.as_str()]).await? else { return Ok(None) };
    Ok(Some(SeatReport {
        epoch: uint32(&row, "epoch")?,
        jti: parsed(&row, "jti")?,
        reported_at: seconds(&row, "reported_at")?,
        token: column(&row, "token")?,
    }))
}

pub(super) async fn known(tx: &Tx<'_>, device: &DeviceId) -> Result<SeatsKnown, StorageError> {
    let seated = async {
        let sql = "SELECT camera, packs FROM device_seats WHERE device = $1 ORDER BY camera";
        let rows = tx.rows(sql, &[&device.as_str()]).await?;
        let seated = |row| {
            let packs = serde_json::from_str(column::<&str>(row, "packs")?);
            let packs = packs.map_err(|e| damaged("device_seats.packs", e))?;
            Ok(SeatedCamera { camera: parsed(row, "camera")?, packs })
        };
        rows.iter().map(seated).collect::<Result<Vec<_>, StorageError>>()
    };
    let (report, cameras) = tokio::try_join!(last(tx, device), seated)?;
    let names: Vec<&CameraId> = cameras.iter().map(|row| &row.camera).collect();
    let conflicts = conflicts(tx, device, &names).await?;
    Ok(SeatsKnown { report, cameras, conflicts })
}

/// Where else these cameras are, in their order. A device out of service is not asked: its seats end by themselves.
pub(super) async fn conflicts(
    tx: &Tx<'_>,
    device: &DeviceId,
    cameras: &[&CameraId],
) -> Result<Vec<SeatConflict>, StorageError> {
    let sql = "
        WITH own AS (SELECT tenant FROM devices WHERE id = $1),
             asked AS (SELECT a.camera, a.place FROM unnest($2::text[]) WITH ORDINALITY AS a (camera, place))
        SELECT a.place, c.camera, c.device, true AS named
        FROM own JOIN cameras c ON c.tenant = own.tenant JOIN asked a ON a.camera = c.camera
        WHERE c.device <> $1
        UNION ALL
        SELECT a.place, s.camera, s.device, false
        FROM own JOIN device_seats s ON s.tenant = own.tenant JOIN asked a ON a.camera = s.camera
          JOIN devices d ON d.id = s.device
        WHERE s.device <> $1 AND d.retired_at IS NULL
        ORDER BY place, named DESC, device";
    let names: Vec<&str> = cameras.iter().map(|camera| camera.as_str()).collect();
    let rows = tx.rows(sql, &[&device.as_str(), &names]).await?;
    if rows.is_empty() {
        super::cameras::tenant_of(tx, device).await?;
    }
    let conflict = |row| {
        let (camera, device) = (parsed(row, "camera")?, parsed(row, "device")?);
        Ok(SeatConflict { camera, device, named: column(row, "named")? })
    };
    rows.iter().map(conflict).collect()
}

/// The token with this id.
pub(super) async fn minted(
    tx: &Tx<'_>,
    device: &DeviceId,
    jti: &TokenId,
) -> Result<Option<LicenceRow>, StorageError> {
    let sql = format!("SELECT {} FROM licences WHERE device = $1 AND jti = $2", devices::LICENCE);
    let found = tx.optional(&sql, &[&device.as_str(), &jti.as_str()]).await?;
    found.as_ref().map(readers::licence).transpose()
}

pub(super) async fn record(tx: &Tx<'_>, device: &DeviceId, new: &NewSeatReport) -> Result<(), StorageError> {
    let SeatReport { epoch, jti, reported_at, token } = &new.report;
    let device = device.as_str();
    tx.execute("DELETE FROM device_seats WHERE device = $1", &[&device]).await?;
    let sql = "INSERT INTO seat_reports (device, epoch, jti, reported_at, token) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (device) DO UPDATE SET epoch = excluded.epoch, jti = excluded.jti,
                 reported_at = excluded.reported_at, token = excluded.token";
    let values = (i64::from(*epoch), jti.as_str(), reported_at.as_i64());
    tx.execute(sql, &[&device, &values.0, &values.1, &values.2, token]).await?;
    let names: Vec<&str> = new.cameras.iter().map(|seated| seated.camera.as_str()).collect();
    let packs = new.cameras.iter().map(|seated| serde_json::to_string(&seated.packs));
    let packs = packs.collect::<Result<Vec<_>, _>>().map_err(|e| damaged("device_seats.packs", e))?;
    let sql = "INSERT INTO device_seats (device, camera, packs, tenant)
               SELECT d.id, s.camera, s.packs, d.tenant
               FROM devices d, unnest($2::text[], $3::text[]) AS s (camera, packs) WHERE d.id = $1";
    tx.execute(sql, &[&device, &names, &packs]).await.map(drop)
}
