//! Devices that go, and the list of all.

use super::columns::{self, parsed};
use super::connection::{Tx, Values};
use super::{StorageError, cameras, codes, devices, locks, note, past, sold, tenants};
use crate::storage::readers;
use crate::storage::{DeviceListed, DeviceQuery, Retirement, RetirementView};
use brink_license::{DeviceId, TenantId, UnixSeconds};

pub(super) async fn view(
    tx: &Tx<'_>,
    device: &DeviceId,
    successor: Option<&DeviceId>,
    now: UnixSeconds,
) -> Result<RetirementView, StorageError> {
    let device = devices::view(tx, device, now).await?;
    let successor = match successor {
        Some(successor) => Some(devices::view(tx, successor, now).await?),
        None => None,
    };
    Ok(RetirementView { device, successor })
}

pub(super) async fn record(
    tx: &Tx<'_>,
    device: &DeviceId,
    retirement: &Retirement,
) -> Result<(), StorageError> {
    if let Some(code) = &retirement.code {
        // That of another customer where the device goes there.
        locks::tenant(tx, &code.tenant).await?;
        codes::create(tx, code, &retirement.note.actor).await?;
    }
    if let Some(transfer) = &retirement.transfer {
        let sql = "INSERT INTO device_transfers (device, came_from, billed_from) VALUES ($1, $2, $3)";
        let billed_from = transfer.billed_from.as_i64();
        tx.execute(sql, &[&transfer.device.as_str(), &device.as_str(), &billed_from]).await?;
    }
    let (device, by) = (device.as_str(), retirement.successor.as_ref().map(DeviceId::as_str));
    let at = retirement.at.as_i64();
    free_cameras(tx, (device, by), at).await?;
    let overlap = retirement.overlap.then_some(at);
    let sql = "UPDATE devices SET retired_at = $2, replaced_by = $3, overlap_from = $4 WHERE id = $1";
    tx.execute(sql, &[&device, &at, &by, &overlap]).await?;
    if retirement.overlap {
        let sql = "UPDATE past_epochs SET overlap_from = $2 WHERE device = $1 AND overlap_from IS NULL
                     AND tenant = (SELECT tenant FROM devices WHERE id = $1)";
        tx.execute(sql, &[&device, &at]).await?;
    }
    let changed: Vec<&str> = [Some(device), by].into_iter().flatten().collect();
    cameras::count(tx, &changed).await?;
    note(tx, &retirement.note).await
}

/// Moves all cameras of a device to its successor, or takes them off.
async fn free_cameras(tx: &Tx<'_>, (device, by): (&str, Option<&str>), at: i64) -> Result<(), StorageError> {
    let freed = match by {
        Some(_) => "UPDATE cameras SET device = $3 WHERE device = $1 RETURNING tenant, camera, packs",
        None => "DELETE FROM cameras WHERE device = $1 RETURNING tenant, camera, '[]' AS packs",
    };
    let sql = format!(
        "WITH freed AS ({freed})
         INSERT INTO camera_history (tenant, camera, at, device, packs)
         SELECT c.tenant, c.camera, {from} $2), $3::text, c.packs FROM freed c ORDER BY c.camera",
        from = sold::FROM
    );
    tx.execute(&sql, &[&device, &at, &by]).await.map(drop)
}

pub(super) async fn list(
    tx: &Tx<'_>,
    tenant: &TenantId,
    now: UnixSeconds,
) -> Result<Vec<DeviceListed>, StorageError> {
    page(tx, &DeviceQuery::all(tenant.clone()), now).await
}

/// Those that are asked for.
pub(super) async fn page(
    tx: &Tx<'_>,
    query: &DeviceQuery,
    now: UnixSeconds,
) -> Result<Vec<DeviceListed>, StorageError> {
    let sql = "
        SELECT d.id, d.created_at, d.tier, d.status, d.retired_at, d.revoked_at, d.replaced_by, d.cameras_named, d.activated_at,
               d.exchanged_at, d.epoch, d.reported_seq, d.reactivate_from, d.overlap_from, d.held_until,
               CASE WHEN d.held_until > $2 THEN d.seats_held ELSE 0 END AS held, l.seq AS newest, l.exp,
               (SELECT count(*) FROM device_seats s WHERE s.device = d.id) AS seated,
               (SELECT n.ends_at FROM licence_ends n WHERE n.device = d.id AND n.epoch = l.epoch AND n.seq = l.seq)
                 AS ends,
               (SELECT max(e.until) FROM extensions e WHERE e.device = d.id AND e.epoch = d.epoch AND e.until > $2)
                 AS extended
        FROM devices d LEFT JOIN LATERAL (
          SELECT m.epoch, m.seq, m.exp FROM licences m
          WHERE m.device = d.id AND m.epoch = d.epoch ORDER BY m.seq DESC LIMIT 1) l ON true
        WHERE d.tenant = $1 AND ($3::text IS NULL OR d.id = $3)
          AND ($4::text IS NULL OR $4 = CASE WHEN d.retired_at IS NOT NULL THEN 'retired'
                                             WHEN d.revoked_at IS NOT NULL THEN 'revoked' ELSE d.status END)
          AND ($5::text IS NULL OR d.tier = $5)
          AND ($6::bigint IS NULL OR greatest(d.exchanged_at, d.activated_at, 0) < $6)
          AND ($7::bigint IS NULL OR (d.created_at, d.id) > ($7, $8::text))
        ORDER BY d.created_at, d.id LIMIT $9";
    let (tenant, at, limit) = (&query.tenant, now.as_i64(), i64::from(query.limit.unwrap_or(u32::MAX)));
    let (device, tier) = (query.device.as_ref().map(DeviceId::as_str), query.tier.map(columns::tier_text));
    let status = query.status.map(crate::storage::DeviceStatus::as_str);
    let unseen_since = query.unseen_since.map(UnixSeconds::as_i64);
    let (after_at, after_id) = query.after.as_ref().map(|place| (place.at, place.id.as_str())).unzip();
    let id = tenant.as_str();
    let values: Values<'_> =
        &[&id, &at, &device, &status, &tier, &unseen_since, &after_at, &after_id, &limit];
    let (_, rows, mut past) =
        tokio::try_join!(tenants::row(tx, tenant), tx.rows(sql, values), past::live(tx, tenant, now))?;
    let mut listed = Vec::with_capacity(rows.len());
    for row in &rows {
        let device: DeviceId = parsed(row, "id")?;
        let past = past.remove(&device).unwrap_or_default();
        listed.push(DeviceListed { device, past, ..readers::listed(row)? });
    }
    Ok(listed)
}

/// Whether a device takes no cameras any more.
pub(super) async fn is_retired(tx: &Tx<'_>, device: &DeviceId) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM devices WHERE id = $1 AND retired_at IS NOT NULL";
    Ok(tx.optional(sql, &[&device.as_str()]).await?.is_some())
}
