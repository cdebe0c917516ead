//! Devices, and what decides on their licences.

use super::columns::{damaged, int, parsed, seconds, uint};
use super::{StorageError, cameras, extensions, past, postings, revocations, seats, subscriptions, tenants};
use crate::calendar::month_start;
use crate::minting::MINTS_MAX;
use crate::seats::{WHOLE, reserved_part};
use crate::storage::readers;
use crate::storage::{
    DeviceRow, DeviceView, Elsewhere, Holder, InForce, IssuedNotice, LicenceRow, UsageView,
};
use brink_license::{DeviceId, PublicKey, UnixSeconds};
use rusqlite::{Connection, params};

const BY_ID: &str = "SELECT * FROM devices WHERE id = ?1";

/// The device alone.
pub(super) fn row(tx: &Connection, id: &DeviceId) -> Result<DeviceRow, StorageError> {
    let mut statement = tx.prepare_cached(BY_ID)?;
    let mut rows = statement.query([id.as_str()])?;
    readers::device(rows.next()?.ok_or_else(|| StorageError::UnknownDevice(id.clone()))?)
}

pub(super) fn view(tx: &Connection, id: &DeviceId, now: UnixSeconds) -> Result<DeviceView, StorageError> {
    let mut statement = tx.prepare_cached(BY_ID)?;
    let mut rows = statement.query([id.as_str()])?;
    let row = rows.next()?.ok_or_else(|| StorageError::UnknownDevice(id.clone()))?;
    let device = readers::device(row)?;
    let held_until = seconds(row, "held_until")?;
    let held = |name| if held_until > now { uint(row, name) } else { Ok(0) };
    let (quota_month, quota_month_ppm) = (seconds(row, "quota_month")?, uint(row, "quota_month_ppm")?);
    let tenant = tenants::row(tx, &device.tenant)?;
    let month = month_start(now, tenant.zone);
    let subscription = subscriptions::in_force(tx, &device.tenant, now)?;
    Ok(DeviceView {
        elsewhere: elsewhere(tx, (&device, &subscription), (now, month))?,
        tenant,
        subscription,
        cameras: cameras::of_device(tx, id)?,
        latest: latest(tx, &device)?,
        mints_began: mints_began(tx, &device)?,
        seats_held: held("seats_held")?,
        quota_ppm_held: held("quota_ppm_held")?,
        quota_ppm_month: u64::max(
            if held_until > month { uint(row, "quota_ppm_held")? } else { 0 },
            if quota_month >= month { quota_month_ppm } else { 0 },
        ),
        held_until,
        past: past::of_device(tx, id, now)?,
        answered: postings::answers(tx, id)?,
        reactions: postings::reactions(tx, id)?,
        notices: notices(tx, &device, now)?,
        seats: seats::last(tx, id)?,
        usage: UsageView::default(),
        device,
    })
}

/// What the device should have beside its licence.
fn notices(tx: &Connection, device: &DeviceRow, now: UnixSeconds) -> Result<Vec<IssuedNotice>, StorageError> {
    let list = revocations::latest(tx, &device.tenant)?.and_then(|list| list.notice(now));
    let extension = extensions::notice(tx, (&device.id, device.epoch), now)?;
    Ok(list.into_iter().chain(extension).collect())
}

pub(super) fn key(tx: &Connection, id: &DeviceId) -> Result<Option<PublicKey>, StorageError> {
    let mut statement = tx.prepare_cached("SELECT public_key FROM devices WHERE id = ?1")?;
    let mut rows = statement.query([id.as_str()])?;
    readers::public_key(rows.next()?.ok_or_else(|| StorageError::UnknownDevice(id.clone()))?)
}

/// One scan of `devices_by_tenant`. A device reserves the larger of what is assigned to it and what it still holds; of what is
/// assigned its part where that is more than is subscribed, which takes a second scan. One that is retired has nothing
/// assigned, shares nothing, and holds nothing where somebody accepted the overlap. Of the quotas, which count by the month, it
/// reserves the most that it held since the month began.
fn elsewhere(
    tx: &Connection,
    (device, subscription): (&DeviceRow, &InForce),
    (now, month): (UnixSeconds, UnixSeconds),
) -> Result<Elsewhere, StorageError> {
    let sql = "
        SELECT coalesce(sum(iif(other, cameras_named, 0)), 0) AS named,
               coalesce(sum(cameras_named), 0) AS named_in_all,
               coalesce(sum(iif(other, max(cameras_named * ?5 / ?6, iif(live, seats_held, 0)), 0)), 0) AS reserved,
               coalesce(sum(iif(other, quota_ppm, 0)), 0) AS quota_ppm,
               coalesce(sum(shares), 0) AS sharers,
               coalesce(sum(iif(id < ?2, shares, 0)), 0) AS rank,
               coalesce(sum(iif(other, 0, shares)), 0) AS shares_itself
        FROM (SELECT id, cameras_named, seats_held, id <> ?2 AS other,
                     held_until > ?3 AND overlap_from IS NULL AS live,
                     iif(overlap_from IS NULL, max(iif(held_until > ?4, quota_ppm_held, 0),
                                                   iif(quota_month >= ?4, quota_month_ppm, 0)), 0) AS quota_ppm,
                     retired_at IS NULL
                       AND (status = 'active' OR (status = 'pending' AND code_expires_at > ?3)) AS shares
              FROM devices WHERE tenant = ?1)";
    let mut statement = tx.prepare_cached(sql)?;
    let (tenant, id) = (&device.tenant, &device.id);
    let (past_seats, past_quota_ppm, overlapping) = past::held(tx, tenant, (now, month))?;
    let mut found = |(part, of): (u64, u64)| {
        let values = params![tenant.as_str(), id.as_str(), now.as_i64(), month.as_i64(), int(part), int(of)];
        let mut rows = statement.query(values)?;
        let row = rows.next()?.ok_or_else(|| damaged("devices", "an aggregate gave no row"))?;
        let elsewhere = Elsewhere {
            named: uint(row, "named")?,
            reserved: uint(row, "reserved")?.saturating_add(past_seats),
            quota_ppm: uint(row, "quota_ppm")?.saturating_add(past_quota_ppm),
            overlapping,
            sharers: uint(row, "sharers")?,
            rank: (uint(row, "shares_itself")? > 0).then_some(uint(row, "rank")?),
        };
        Ok::<_, StorageError>((elsewhere, uint(row, "named_in_all")?))
    };
    let (elsewhere, named) = found(WHOLE)?;
    match subscription.as_ref().map_or(WHOLE, |row| reserved_part(u64::from(row.terms.cameras), named)) {
        WHOLE => Ok(elsewhere),
        part => Ok(found(part)?.0),
    }
}

pub(super) fn holders(
    tx: &Connection,
    device: &DeviceId,
    now: UnixSeconds,
    limit: u32,
) -> Result<Vec<Holder>, StorageError> {
    let tenant = cameras::tenant_of(tx, device)?;
    let sql = "SELECT id, cameras_named, held_until, iif(held_until > ?3, seats_held, 0) AS held FROM devices
               WHERE tenant = ?1 AND id <> ?2 AND overlap_from IS NULL
                 AND (cameras_named > 0 OR (held_until > ?3 AND seats_held > 0))
               UNION ALL
               SELECT device, 0, held_until, seats_held FROM past_epochs
               WHERE tenant = ?1 AND overlap_from IS NULL AND held_until > ?3 AND seats_held > 0
               ORDER BY 4 DESC, 2 DESC, 1 LIMIT ?4";
    let mut statement = tx.prepare(sql)?;
    let mut rows = statement.query(params![tenant.as_str(), device.as_str(), now.as_i64(), limit])?;
    let mut holders = Vec::new();
    while let Some(row) = rows.next()? {
        holders.push(Holder {
            device: parsed(row, "id")?,
            held: uint(row, "held")?,
            named: uint(row, "cameras_named")?,
            until: seconds(row, "held_until")?,
        });
    }
    Ok(holders)
}

fn latest(tx: &Connection, device: &DeviceRow) -> Result<Option<LicenceRow>, StorageError> {
    let sql = "SELECT * FROM licences WHERE device = ?1 AND epoch = ?2 ORDER BY seq DESC LIMIT 1";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![device.id.as_str(), device.epoch])?;
    rows.next()?.map(readers::licence).transpose()
}

/// One step in the index of the table's key, however many there are.
fn mints_began(tx: &Connection, device: &DeviceRow) -> Result<Option<UnixSeconds>, StorageError> {
    let sql = "SELECT iat FROM licences WHERE device = ?1 AND epoch = ?2 ORDER BY seq DESC LIMIT 1 OFFSET ?3";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![device.id.as_str(), device.epoch, MINTS_MAX - 1])?;
    rows.next()?.map(|row| seconds(row, "iat")).transpose()
}

/// What the device may still be running on: tokens of its epoch that have not ended and are not older than the one it
/// reported. What earlier epochs may still run on is counted beside it, in `past_epochs`: their keys are others.
pub(super) fn project_held(
    tx: &Connection,
    (device, epoch): (&DeviceId, u32),
    now: UnixSeconds,
) -> Result<(), StorageError> {
    let zone = tenants::row(tx, &row(tx, device)?.tenant)?.zone;
    let sql = "
        UPDATE devices SET
          quota_month = ?4,
          quota_month_ppm = max(iif(held_until > ?4, quota_ppm_held, 0), iif(quota_month >= ?4, quota_month_ppm, 0),
                                held.quota_ppm),
          seats_held = held.seats, quota_ppm_held = held.quota_ppm, held_until = held.until
        FROM (SELECT coalesce(max(e.seats), 0) AS seats, coalesce(max(e.quota_ppm), 0) AS quota_ppm,
                     coalesce(max(e.ends_at), 0) AS until
              FROM devices d LEFT JOIN licence_ends e ON e.device = d.id AND e.ends_at > ?3
                AND e.epoch = ?2 AND e.seq >= min(d.reported_seq, d.licence_seq)
              WHERE d.id = ?1) AS held
        WHERE id = ?1";
    let (epoch, month) = (int(u64::from(epoch)), month_start(now, zone).as_i64());
    tx.prepare_cached(sql)?.execute(params![device.as_str(), epoch, now.as_i64(), month])?;
    Ok(())
}
