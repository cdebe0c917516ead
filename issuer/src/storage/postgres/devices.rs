//! Devices, and what decides on their licences.

use super::columns::{self, column, damaged, int, parsed, seconds, uint};
use super::connection::{Asks, Tx};
use super::{StorageError, cameras, elsewhere, extensions, past, postings, revocations, seats};
use crate::calendar::month_start;
use crate::minting::MINTS_MAX;
use crate::storage::readers;
use crate::storage::{
    Answer, AnswerKind, DeviceRow, DeviceView, Elsewhere, Holder, IssuedNotice, LicenceRow, Report, UsageView,
};
use crate::timeline::NoneInForce;
use brink_license::{DeviceId, PublicKey, TenantId, UnixSeconds};
use std::collections::BTreeMap;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// The device and its tenant, in one step. Columns are named wherever they are read: a statement that was prepared as `*`
/// fails when a newer program adds one.
const DEVICE: &str = "
    SELECT d.id, d.tenant, d.tier, d.replaced_by, d.licence_id, d.status, d.retired_at, d.revoked_at, d.code_expires_at,
           d.public_key, d.epoch, d.licence_seq, d.reported_seq, d.reported_keyset, d.reactivate_from,
           d.revoked_epoch, d.revoked_seq, d.ctr, d.receipt_seq, d.ratchet_current, d.ratchet_previous, d.exchanged_at,
           d.restored_by, d.held_until, d.seats_held, d.quota_ppm_held, d.quota_month, d.quota_month_ppm,
           t.name, t.timezone, t.currency, t.clones, t.created_at
    FROM devices d JOIN tenants t ON t.id = d.tenant";

/// What a licence is read from.
pub(super) const LICENCE: &str =
    "epoch, seq, jti, kid, iat, nbf, exp, grace_seconds, named_seats, any_seats, quota_ppm,
    content_sha256, token";

async fn by_id(tx: &Tx<'_>, id: &DeviceId, lock: &str) -> Result<Row, StorageError> {
    let found = tx.optional(&format!("{DEVICE} WHERE d.id = $1{lock}"), &[&id.as_str()]).await?;
    found.ok_or_else(|| StorageError::UnknownDevice(id.clone()))
}

/// The device alone.
pub(super) async fn row(tx: &Tx<'_>, id: &DeviceId) -> Result<DeviceRow, StorageError> {
    readers::device(&by_id(tx, id, "").await?)
}

pub(super) async fn view(tx: &Tx<'_>, id: &DeviceId, now: UnixSeconds) -> Result<DeviceView, StorageError> {
    view_of(tx, &by_id(tx, id, "").await?, now).await
}

/// The same behind the device's lock.
pub(super) async fn locked_view(
    tx: &Tx<'_>,
    id: &DeviceId,
    now: UnixSeconds,
) -> Result<DeviceView, StorageError> {
    view_of(tx, &by_id(tx, id, " FOR NO KEY UPDATE OF d").await?, now).await
}

/// Of several, those of the first one's tenant that nobody else has locked, and that are from now on; one alone is waited
/// for.
pub(super) async fn locked_rows(
    tx: &Tx<'_>,
    ids: &[&DeviceId],
) -> Result<BTreeMap<String, Row>, StorageError> {
    let rows = match ids {
        [one] => vec![by_id(tx, one, " FOR NO KEY UPDATE OF d").await?],
        several => {
            let texts: Vec<&str> = several.iter().map(|id| id.as_str()).collect();
            let lock = "WHERE d.id = ANY($1) AND d.tenant = (SELECT tenant FROM devices WHERE id = $2)
                        ORDER BY d.id FOR NO KEY UPDATE OF d SKIP LOCKED";
            tx.rows(&format!("{DEVICE} {lock}"), &[&texts, &texts.first()]).await?
        }
    };
    rows.into_iter().map(|row| Ok((column(&row, "id")?, row))).collect()
}

async fn view_of(tx: &Tx<'_>, row: &Row, now: UnixSeconds) -> Result<DeviceView, StorageError> {
    let (mut view, mut around) =
        tokio::try_join!(view_alone(tx, row, now), elsewhere::of_rows(tx, [(row, now)]))?;
    let around = around.remove(&view.device.id);
    around.ok_or_else(|| damaged("devices", "a tenant lacks one that it has"))?.put(&mut view);
    Ok(view)
}

/// The view without what is elsewhere, and without what was bought. Everything beside the row travels together.
pub(super) async fn view_alone(tx: &Tx<'_>, row: &Row, now: UnixSeconds) -> Result<DeviceView, StorageError> {
    let (device, tenant) = (readers::device(row)?, columns::tenant(row)?);
    let held_until = seconds(row, "held_until")?;
    let held = |name| if held_until > now { uint(row, name) } else { Ok(0) };
    let (quota_month, quota_month_ppm) = (seconds(row, "quota_month")?, uint(row, "quota_month_ppm")?);
    let (id, month) = (&device.id, month_start(now, tenant.zone));
    let (cameras, latest, mints_began, past, answered, reactions, notices, seats) = tokio::try_join!(
        cameras::of_device(tx, id),
        latest(tx, &device),
        mints_began(tx, &device),
        past::of_device(tx, id, now),
        postings::answers(tx, id),
        postings::reactions(tx, id),
        notices(tx, &device, now),
        seats::last(tx, id),
    )?;
    Ok(DeviceView {
        subscription: Err(NoneInForce::Never(tenant.id.clone())),
        tenant,
        cameras,
        elsewhere: Elsewhere::default(),
        latest,
        mints_began,
        seats_held: held("seats_held")?,
        quota_ppm_held: held("quota_ppm_held")?,
        quota_ppm_month: u64::max(
            if held_until > month { uint(row, "quota_ppm_held")? } else { 0 },
            if quota_month >= month { quota_month_ppm } else { 0 },
        ),
        held_until,
        past,
        answered,
        reactions,
        notices,
        seats,
        usage: UsageView::default(),
        device,
    })
}

/// What the device should have beside its licence.
async fn notices(
    tx: &Tx<'_>,
    device: &DeviceRow,
    now: UnixSeconds,
) -> Result<Vec<IssuedNotice>, StorageError> {
    let (list, extension) = tokio::try_join!(
        revocations::latest(tx, &device.tenant),
        extensions::notice(tx, (&device.id, device.epoch), now)
    )?;
    let list = list.and_then(|list| list.notice(now));
    Ok(list.into_iter().chain(extension).collect())
}

pub(super) async fn key(
    tx: &impl Asks,
    id: &DeviceId,
) -> Result<(TenantId, Option<PublicKey>), StorageError> {
    let found = tx.first("SELECT tenant, public_key FROM devices WHERE id = $1", &[&id.as_str()]).await?;
    let row = found.ok_or_else(|| StorageError::UnknownDevice(id.clone()))?;
    Ok((parsed(&row, "tenant")?, readers::public_key(&row)?))
}

pub(super) async fn holders(
    tx: &Tx<'_>,
    device: &DeviceId,
    now: UnixSeconds,
    limit: u32,
) -> Result<Vec<Holder>, StorageError> {
    let tenant = cameras::tenant_of(tx, device).await?;
    let sql =
        "SELECT id, cameras_named, held_until, CASE WHEN held_until > $3 THEN seats_held ELSE 0 END AS held
               FROM devices
               WHERE tenant = $1 AND id <> $2 AND overlap_from IS NULL
                 AND (cameras_named > 0 OR (held_until > $3 AND seats_held > 0))
               UNION ALL
               SELECT device, 0, held_until, seats_held FROM past_epochs
               WHERE tenant = $1 AND overlap_from IS NULL AND held_until > $3 AND seats_held > 0
               ORDER BY 4 DESC, 2 DESC, 1 LIMIT $4";
    let (id, at, limit) = (device.as_str(), now.as_i64(), i64::from(limit));
    let rows = tx.rows(sql, &[&tenant.as_str(), &id, &at, &limit]).await?;
    let holder = |row| {
        Ok(Holder {
            device: parsed(row, "id")?,
            held: uint(row, "held")?,
            named: uint(row, "cameras_named")?,
            until: seconds(row, "held_until")?,
        })
    };
    rows.iter().map(holder).collect()
}

async fn latest(tx: &Tx<'_>, device: &DeviceRow) -> Result<Option<LicenceRow>, StorageError> {
    let sql =
        format!("SELECT {LICENCE} FROM licences WHERE device = $1 AND epoch = $2 ORDER BY seq DESC LIMIT 1");
    let found = tx.optional(&sql, &[&device.id.as_str(), &i64::from(device.epoch)]).await?;
    found.as_ref().map(readers::licence).transpose()
}

/// One step in the index of the table's key, however many there are.
async fn mints_began(tx: &Tx<'_>, device: &DeviceRow) -> Result<Option<UnixSeconds>, StorageError> {
    let sql = "SELECT iat FROM licences WHERE device = $1 AND epoch = $2 ORDER BY seq DESC LIMIT 1 OFFSET $3";
    let before = i64::from(MINTS_MAX) - 1;
    let found = tx.optional(sql, &[&device.id.as_str(), &i64::from(device.epoch), &before]).await?;
    found.map(|row| seconds(&row, "iat")).transpose()
}

/// What changes of a device's row when it was answered.
#[derive(Default)]
pub(super) struct Change<'a> {
    /// What it said.
    pub(super) report: Option<&'a Report>,
    /// A licence number below which none is to be given any more.
    pub(super) licence_floor: Option<u64>,
    /// The number of a licence that was recorded.
    pub(super) licence_seq: Option<u64>,
    /// What it was answered.
    pub(super) answer: Option<&'a Answer>,
}

/// What the device may still run on with its key of now: every licence of this epoch from the one that it has
/// reported. What earlier epochs may still run on is counted beside it, in `past_epochs`: their keys are others.
pub(super) async fn project_held(
    tx: &Tx<'_>,
    (device, epoch): (&DeviceId, u32),
    now: UnixSeconds,
) -> Result<(), StorageError> {
    let zone = "SELECT t.timezone FROM devices d JOIN tenants t ON t.id = d.tenant WHERE d.id = $1";
    let zone = tx.one(zone, &[&device.as_str()]).await?;
    let zone = crate::calendar::parse_zone(column::<&str>(&zone, "timezone")?);
    let month = month_start(now, zone.map_err(|e| damaged("tenants.timezone", e))?);
    change(tx, (device, epoch), (now, month), &Change::default()).await
}

/// The same with what else changes, in one new version of the row; `month` is when the tenant's month of `now` began.
pub(super) async fn change(
    tx: &Tx<'_>,
    (device, epoch): (&DeviceId, u32),
    (now, month): (UnixSeconds, UnixSeconds),
    to: &Change<'_>,
) -> Result<(), StorageError> {
    let sql = "
        WITH said AS (
          SELECT coalesce($5, reported_seq) AS reported_seq, coalesce($6, reported_keyset) AS reported_keyset,
                 coalesce($7, greatest(licence_seq, $8)) AS licence_seq
          FROM devices WHERE id = $1),
        held AS (
          SELECT coalesce(max(e.seats), 0) AS seats, coalesce(max(e.quota_ppm), 0) AS quota_ppm,
                 coalesce(max(e.ends_at), 0) AS until
          FROM said LEFT JOIN licence_ends e ON e.device = $1 AND e.ends_at > $3 AND e.epoch = $2
            AND e.seq >= least(said.reported_seq, said.licence_seq))
        UPDATE devices d SET
          reported_seq = said.reported_seq, reported_keyset = said.reported_keyset, licence_seq = said.licence_seq,
          agent_version = CASE WHEN $5::bigint IS NULL THEN d.agent_version ELSE $15 END,
          quota_month = $4,
          quota_month_ppm = greatest(CASE WHEN d.held_until > $4 THEN d.quota_ppm_held ELSE 0 END,
                                     CASE WHEN d.quota_month >= $4 THEN d.quota_month_ppm ELSE 0 END, held.quota_ppm),
          seats_held = held.seats, quota_ppm_held = held.quota_ppm, held_until = held.until,
          ctr = coalesce($9, d.ctr), receipt_seq = coalesce($10, d.receipt_seq),
          ratchet_current = coalesce($11, d.ratchet_current),
          ratchet_previous = CASE WHEN $9::bigint IS NULL THEN d.ratchet_previous ELSE $12 END,
          exchanged_at = coalesce($13, d.exchanged_at),
          restored_by = CASE WHEN $9::bigint IS NULL THEN d.restored_by ELSE $14 END
        FROM said, held WHERE d.id = $1";
    let answer = to.answer;
    let is_exchange = answer.is_some_and(|answer| answer.mark.kind == AnswerKind::Exchange);
    let values: [&(dyn ToSql + Sync); 15] = [
        &device.as_str(),
        &i64::from(epoch),
        &now.as_i64(),
        &month.as_i64(),
        &to.report.map(|report| int(report.licence_seq)),
        &to.report.map(|report| int(report.keyset_version)),
        &to.licence_seq.map(int),
        &to.licence_floor.map(int),
        &answer.map(|answer| int(answer.mark.ctr)),
        &answer.map(|answer| int(answer.receipt_seq)),
        &answer.map(|answer| &answer.ratchet_next[..]),
        &answer.and_then(|answer| answer.ratchet_used.as_deref()).map(|ratchet| &ratchet[..]),
        &is_exchange.then(|| now.as_i64()),
        &answer.and_then(|answer| answer.restored_by).map(int),
        &to.report.and_then(|report| report.agent_version.as_deref()),
    ];
    tx.execute(sql, &values).await.map(drop)
}
