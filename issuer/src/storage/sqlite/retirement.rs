//! Devices that go, and the list of all.

use super::columns::{self, parsed};
use super::{StorageError, codes, devices, note, past, sold, tenants};
use crate::storage::readers;
use crate::storage::{DeviceListed, DeviceQuery, Retirement, RetirementView};
use brink_license::{DeviceId, TenantId, UnixSeconds};
use rusqlite::{Connection, OptionalExtension, params};

pub(super) fn view(
    tx: &Connection,
    device: &DeviceId,
    successor: Option<&DeviceId>,
    now: UnixSeconds,
) -> Result<RetirementView, StorageError> {
    Ok(RetirementView {
        device: devices::view(tx, device, now)?,
        successor: successor.map(|successor| devices::view(tx, successor, now)).transpose()?,
    })
}

pub(super) fn record(
    tx: &Connection,
    device: &DeviceId,
    retirement: &Retirement,
) -> Result<(), StorageError> {
    if let Some(code) = &retirement.code {
        codes::create(tx, code, &retirement.note.actor)?;
    }
    if let Some(transfer) = &retirement.transfer {
        let sql = "INSERT INTO device_transfers (device, came_from, billed_from) VALUES (?1, ?2, ?3)";
        let billed_from = transfer.billed_from.as_i64();
        tx.execute(sql, params![transfer.device.as_str(), device.as_str(), billed_from])?;
    }
    let by = retirement.successor.as_ref().map(DeviceId::as_str);
    sold::note_all(tx, device, (by, retirement.at))?;
    match by {
        Some(by) => tx.execute("UPDATE cameras SET device = ?2 WHERE device = ?1", [device.as_str(), by])?,
        None => tx.execute("DELETE FROM cameras WHERE device = ?1", [device.as_str()])?,
    };
    let at = retirement.at.as_i64();
    let sql = "UPDATE devices SET retired_at = ?2, replaced_by = ?3, overlap_from = ?4 WHERE id = ?1";
    tx.execute(sql, params![device.as_str(), at, by, retirement.overlap.then_some(at)])?;
    if retirement.overlap {
        let sql = "UPDATE past_epochs SET overlap_from = ?2 WHERE device = ?1 AND overlap_from IS NULL
                     AND tenant = (SELECT tenant FROM devices WHERE id = ?1)";
        tx.execute(sql, params![device.as_str(), at])?;
    }
    let count = "UPDATE devices SET cameras_named = (SELECT count(*) FROM cameras c WHERE c.device = devices.id) WHERE id = ?1";
    for changed in [Some(device.as_str()), by].into_iter().flatten() {
        tx.execute(count, [changed])?;
    }
    note(tx, &retirement.note)
}

pub(super) fn list(
    tx: &Connection,
    tenant: &TenantId,
    now: UnixSeconds,
) -> Result<Vec<DeviceListed>, StorageError> {
    page(tx, &DeviceQuery::all(tenant.clone()), now)
}

/// Those that are asked for.
pub(super) fn page(
    tx: &Connection,
    query: &DeviceQuery,
    now: UnixSeconds,
) -> Result<Vec<DeviceListed>, StorageError> {
    tenants::row(tx, &query.tenant)?;
    let sql = "
        SELECT d.*, iif(d.held_until > ?2, d.seats_held, 0) AS held, l.seq AS newest, l.exp AS exp,
               (SELECT count(*) FROM device_seats s WHERE s.device = d.id) AS seated,
               (SELECT n.ends_at FROM licence_ends n WHERE n.device = d.id AND n.epoch = l.epoch AND n.seq = l.seq) AS ends,
               (SELECT max(e.until) FROM extensions e WHERE e.device = d.id AND e.epoch = d.epoch AND e.until > ?2)
                 AS extended
        FROM devices d LEFT JOIN licences l ON l.device = d.id AND l.epoch = d.epoch
          AND l.seq = (SELECT max(m.seq) FROM licences m WHERE m.device = d.id AND m.epoch = d.epoch)
        WHERE d.tenant = ?1 AND (?3 IS NULL OR d.id = ?3)
          AND (?4 IS NULL OR ?4 = iif(d.retired_at IS NOT NULL, 'retired',
                                      iif(d.revoked_at IS NOT NULL, 'revoked', d.status)))
          AND (?5 IS NULL OR d.tier = ?5)
          AND (?6 IS NULL OR max(coalesce(d.exchanged_at, 0), coalesce(d.activated_at, 0)) < ?6)
          AND (?7 IS NULL OR (d.created_at, d.id) > (?7, ?8))
        ORDER BY d.created_at, d.id LIMIT ?9";
    let mut statement = tx.prepare_cached(sql)?;
    let place = query.after.as_ref().map(|place| (place.at, place.id.as_str())).unzip();
    let mut rows = statement.query(params![
        query.tenant.as_str(),
        now.as_i64(),
        query.device.as_ref().map(DeviceId::as_str),
        query.status.map(crate::storage::DeviceStatus::as_str),
        query.tier.map(columns::tier_text),
        query.unseen_since.map(UnixSeconds::as_i64),
        place.0,
        place.1,
        query.limit.unwrap_or(u32::MAX),
    ])?;
    let mut listed = Vec::new();
    while let Some(row) = rows.next()? {
        let device: DeviceId = parsed(row, "id")?;
        let mut past = past::of_device(tx, &device, now)?;
        past.retain(|past| past.until > now && past.seats > 0);
        listed.push(DeviceListed { past, ..readers::listed(row)? });
    }
    Ok(listed)
}

/// Whether a device takes no cameras any more.
pub(super) fn is_retired(tx: &Connection, device: &DeviceId) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM devices WHERE id = ?1 AND retired_at IS NOT NULL";
    Ok(tx.prepare_cached(sql)?.query_row([device.as_str()], |_| Ok(())).optional()?.is_some())
}
