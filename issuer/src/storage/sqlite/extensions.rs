//! Extensions of licences.

use super::columns::{int, uint};
use super::{StorageError, devices, note, past};
use crate::calendar::month_start;
use crate::storage::readers;
use crate::storage::{Extension, ExtensionView, IssuedNotice, NewExtension, Share};
use brink_license::token::NoticeKind;
use brink_license::{DeviceId, UnixSeconds};
use rusqlite::{Connection, params};

pub(super) fn view(
    tx: &Connection,
    device: &DeviceId,
    now: UnixSeconds,
) -> Result<ExtensionView, StorageError> {
    let seen = devices::view(tx, device, now)?;
    let row = &seen.device;
    let (reported, allotted) = (int(row.reported_seq), int(row.licence_seq));
    let revived =
        "SELECT coalesce(max(seats), 0) AS seats, coalesce(max(quota_ppm), 0) AS quota_ppm FROM licence_ends
                   WHERE device = ?1 AND epoch = ?2 AND iat <= ?3 AND seq >= min(?4, ?5)";
    let held = "SELECT iif(held_until > ?2, seats_held, 0) AS seats, iif(held_until > ?2, quota_ppm_held, 0) AS quota_ppm
                FROM devices WHERE id = ?1";
    let elsewhere = "SELECT coalesce(sum(seats_held), 0) AS seats, 0 AS quota_ppm FROM devices
                     WHERE tenant = ?1 AND id <> ?2 AND held_until > ?3 AND overlap_from IS NULL";
    let (id, at) = (device.as_str(), now.as_i64());
    let mut held_elsewhere = share(tx, elsewhere, params![row.tenant.as_str(), id, at])?;
    // What keys of before may still run on is held beside all that devices run now, this one's own too.
    let month = month_start(now, seen.tenant.zone);
    let (past_seats, _, _) = past::held(tx, &row.tenant, (now, month))?;
    held_elsewhere.seats = held_elsewhere.seats.saturating_add(past_seats);
    held_elsewhere.quota_ppm = seen.elsewhere.quota_ppm;
    Ok(ExtensionView {
        revived: share(tx, revived, params![id, row.epoch, at, reported, allotted])?,
        held: share(tx, held, params![id, at])?,
        held_elsewhere,
        earlier: all(tx, device)?,
        device: seen,
    })
}

fn share(tx: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<Share, StorageError> {
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    let row = rows.next()?.ok_or_else(|| super::columns::damaged("devices", "an aggregate gave no row"))?;
    Ok(Share { seats: uint(row, "seats")?, quota_ppm: uint(row, "quota_ppm")? })
}

/// Every extension of the device, oldest first: there are a few a year.
fn all(tx: &Connection, device: &DeviceId) -> Result<Vec<Extension>, StorageError> {
    let mut statement = tx.prepare_cached("SELECT * FROM extensions WHERE device = ?1 ORDER BY number")?;
    let mut rows = statement.query([device.as_str()])?;
    let mut extensions = Vec::new();
    while let Some(row) = rows.next()? {
        extensions.push(readers::extension(row)?);
    }
    Ok(extensions)
}

/// The newest extension as a notice, while it lasts. One of an epoch that is over would be refused.
pub(super) fn notice(
    tx: &Connection,
    (device, epoch): (&DeviceId, u32),
    now: UnixSeconds,
) -> Result<Option<IssuedNotice>, StorageError> {
    let sql = "SELECT * FROM extensions WHERE device = ?1 AND epoch = ?2 ORDER BY number DESC LIMIT 1";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![device.as_str(), epoch])?;
    let newest = rows.next()?.map(readers::extension).transpose()?;
    Ok(newest.filter(|newest| now < newest.until).map(|newest| IssuedNotice {
        kind: NoticeKind::Extension,
        number: newest.number,
        kid: newest.kid,
        token: newest.token,
    }))
}

/// Records it, and holds the seats and quotas that it keeps going for as long.
pub(super) fn add(
    tx: &Connection,
    (device, epoch): (&DeviceId, u32),
    now: UnixSeconds,
    new: &NewExtension,
) -> Result<(), StorageError> {
    let extension = &new.extension;
    let sql = "INSERT INTO extensions (device, number, epoch, kid, iat, until, token) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    tx.execute(
        sql,
        params![
            device.as_str(),
            int(extension.number),
            epoch,
            extension.kid.to_string(),
            extension.iat.as_i64(),
            extension.until.as_i64(),
            extension.token
        ],
    )?;
    devices::project_held(tx, (device, epoch), now)?;
    note(tx, &new.note)
}
