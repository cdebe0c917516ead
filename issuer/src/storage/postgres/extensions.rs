//! Extensions of licences.

use super::columns::{int, uint};
use super::connection::{Tx, Values};
use super::{StorageError, devices, note, past};
use crate::calendar::month_start;
use crate::storage::readers;
use crate::storage::{Extension, ExtensionView, IssuedNotice, NewExtension, Share};
use brink_license::token::NoticeKind;
use brink_license::{DeviceId, UnixSeconds};

pub(super) async fn view(
    tx: &Tx<'_>,
    device: &DeviceId,
    now: UnixSeconds,
) -> Result<ExtensionView, StorageError> {
    let seen = devices::locked_view(tx, device, now).await?;
    let row = &seen.device;
    let revived = "SELECT coalesce(max(seats), 0) AS seats, coalesce(max(quota_ppm), 0) AS quota_ppm
                   FROM licence_ends WHERE device = $1 AND epoch = $2 AND iat <= $3 AND seq >= $4";
    let elsewhere =
        "SELECT coalesce(sum(seats_held), 0)::bigint AS seats, 0::bigint AS quota_ppm FROM devices
                     WHERE tenant = $1 AND id <> $2 AND held_until > $3 AND overlap_from IS NULL";
    let (id, at, tenant) = (device.as_str(), now.as_i64(), row.tenant.as_str());
    let (epoch, oldest) = (i64::from(row.epoch), int(row.reported_seq.min(row.licence_seq)));
    let (of_device, of_others): (Values<'_>, Values<'_>) =
        (&[&id, &epoch, &at, &oldest], &[&tenant, &id, &at]);
    // What keys of before may still run on is held beside all that devices run now, this one's own too.
    let month = month_start(now, seen.tenant.zone);
    let (revived, mut held_elsewhere, (past_seats, _, _), earlier) = tokio::try_join!(
        share(tx, revived, of_device),
        share(tx, elsewhere, of_others),
        past::held(tx, &row.tenant, (now, month)),
        all(tx, device),
    )?;
    held_elsewhere.seats = held_elsewhere.seats.saturating_add(past_seats);
    held_elsewhere.quota_ppm = seen.elsewhere.quota_ppm;
    let held = Share { seats: seen.seats_held, quota_ppm: seen.quota_ppm_held };
    Ok(ExtensionView { revived, held, held_elsewhere, earlier, device: seen })
}

async fn share(tx: &Tx<'_>, sql: &str, values: Values<'_>) -> Result<Share, StorageError> {
    let row = tx.one(sql, values).await?;
    Ok(Share { seats: uint(&row, "seats")?, quota_ppm: uint(&row, "quota_ppm")? })
}

/// Every extension of the device, oldest first: there are a few a year.
async fn all(tx: &Tx<'_>, device: &DeviceId) -> Result<Vec<Extension>, StorageError> {
    let sql = "SELECT number, kid, iat, until, token FROM extensions WHERE device = $1 ORDER BY number";
    tx.rows(sql, &[&device.as_str()]).await?.iter().map(readers::extension).collect()
}

/// The newest extension as a notice, while it lasts. One of an epoch that is over would be refused.
pub(super) async fn notice(
    tx: &Tx<'_>,
    (device, epoch): (&DeviceId, u32),
    now: UnixSeconds,
) -> Result<Option<IssuedNotice>, StorageError> {
    let sql = "SELECT number, kid, iat, until, token FROM extensions WHERE device = $1 AND epoch = $2
               ORDER BY number DESC LIMIT 1";
    let newest = tx.optional(sql, &[&device.as_str(), &i64::from(epoch)]).await?;
    let newest = newest.as_ref().map(readers::extension).transpose()?;
    Ok(newest.filter(|newest| now < newest.until).map(|newest| IssuedNotice {
        kind: NoticeKind::Extension,
        number: newest.number,
        kid: newest.kid,
        token: newest.token,
    }))
}

/// Records it, and holds the seats and quotas that it keeps going for as long.
pub(super) async fn add(
    tx: &Tx<'_>,
    (device, epoch): (&DeviceId, u32),
    now: UnixSeconds,
    new: &NewExtension,
) -> Result<(), StorageError> {
    let Extension { number, kid, iat, until, token } = &new.extension;
    let sql = "INSERT INTO extensions (device, number, epoch, kid, iat, until, token)
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let (id, number, kid) = (device.as_str(), int(*number), kid.to_string());
    tx.execute(sql, &[&id, &number, &i64::from(epoch), &kid, &iat.as_i64(), &until.as_i64(), token]).await?;
    devices::project_held(tx, (device, epoch), now).await?;
    note(tx, &new.note).await
}
