//! Devices that are activated anew: their codes, and the epochs that end with that.

use super::columns::{column, damaged, int, optional_seconds, parsed, seconds, uint, uint32};
use super::connection::{Asks, Tx};
use super::{StorageError, note};
use crate::reaction::REQUESTS_KEPT;
use crate::storage::{
    Activation, Anew, Answer, AnswerKind, AnswerMark, AuditLine, CodeRow, DeviceView, EpochEnd, NewAnew,
    PastEpoch,
};
use brink_license::{DeviceId, Kid, TenantId, UnixSeconds};
use serde_json::Value;
use std::collections::BTreeMap;
use tokio_postgres::Row;

pub(super) async fn of_device(
    tx: &Tx<'_>,
    device: &DeviceId,
    now: UnixSeconds,
) -> Result<Vec<PastEpoch>, StorageError> {
    let sql = "SELECT p.epoch, p.jkt, p.seats_held, p.quota_ppm_held, p.held_until, p.overlap_from,
                 p.held_until > $2 AS live
               FROM devices d JOIN past_epochs p ON p.tenant = d.tenant AND p.device = d.id
               WHERE d.id = $1 ORDER BY p.epoch";
    tx.rows(sql, &[&device.as_str(), &now.as_i64()]).await?.iter().map(past_epoch).collect()
}

/// Of all devices of a tenant, the epochs that may still run on something.
pub(super) async fn live(
    tx: &Tx<'_>,
    tenant: &TenantId,
    now: UnixSeconds,
) -> Result<BTreeMap<DeviceId, Vec<PastEpoch>>, StorageError> {
    let sql = "SELECT device, epoch, jkt, seats_held, quota_ppm_held, held_until, overlap_from, true AS live
               FROM past_epochs WHERE tenant = $1 AND held_until > $2 AND seats_held > 0 ORDER BY device, epoch";
    let mut live = BTreeMap::<DeviceId, Vec<PastEpoch>>::new();
    for row in &tx.rows(sql, &[&tenant.as_str(), &now.as_i64()]).await? {
        live.entry(parsed(row, "device")?).or_default().push(past_epoch(row)?);
    }
    Ok(live)
}

fn past_epoch(row: &Row) -> Result<PastEpoch, StorageError> {
    let live = u64::from(column::<bool>(row, "live")?);
    Ok(PastEpoch {
        epoch: uint32(row, "epoch")?,
        jkt: parsed(row, "jkt")?,
        seats: live * uint(row, "seats_held")?,
        quota_ppm: live * uint(row, "quota_ppm_held")?,
        until: seconds(row, "held_until")?,
        overlap: optional_seconds(row, "overlap_from")?.is_some(),
    })
}

/// Seats, and quota of the month, that keys of earlier epochs of the tenant's devices keep from the others; then the seats that may run
/// twice, of earlier epochs and of retired devices.
pub(super) async fn held(
    tx: &Tx<'_>,
    tenant: &TenantId,
    (now, month): (UnixSeconds, UnixSeconds),
) -> Result<(u64, u64, u64), StorageError> {
    let sql = "
        SELECT coalesce(sum(seats_held) FILTER (WHERE overlap_from IS NULL AND held_until > $2), 0)::bigint AS seats,
               coalesce(sum(greatest(CASE WHEN held_until > $3 THEN quota_ppm_held ELSE 0 END,
                                     CASE WHEN quota_month >= $3 THEN quota_month_ppm ELSE 0 END))
                          FILTER (WHERE overlap_from IS NULL), 0)::bigint AS quota_ppm,
               (coalesce(sum(seats_held) FILTER (WHERE overlap_from IS NOT NULL AND held_until > $2), 0)
                 + (SELECT coalesce(sum(seats_held), 0) FROM devices
                    WHERE tenant = $1 AND overlap_from IS NOT NULL AND held_until > $2))::bigint AS overlapping
        FROM past_epochs WHERE tenant = $1 AND (held_until > $3 OR quota_month >= $3)";
    let row = tx.one(sql, &[&tenant.as_str(), &now.as_i64(), &month.as_i64()]).await?;
    Ok((uint(&row, "seats")?, uint(&row, "quota_ppm")?, uint(&row, "overlapping")?))
}

pub(super) async fn create_code(tx: &Tx<'_>, device: &DeviceId, new: &NewAnew) -> Result<(), StorageError> {
    let sql = "INSERT INTO reactivation_codes (code_sha256, device, epoch, overlap, expires_at, created_at)
               VALUES ($1, $2, $3, $4, $5, $6)";
    let Anew { epoch, overlap } = new.anew;
    let (digest, expires, at) = (&new.code_sha256[..], new.expires_at.as_i64(), new.note.at.as_i64());
    tx.execute(sql, &[&digest, &device.as_str(), &i64::from(epoch), &overlap, &expires, &at]).await?;
    note(tx, &new.note).await
}

/// The code and its device.
pub(super) async fn code(tx: &Tx<'_>, code: &[u8; 32]) -> Result<Option<(CodeRow, DeviceId)>, StorageError> {
    let sql = "SELECT c.device, c.epoch, c.overlap, c.expires_at,
                 (SELECT count(*) FROM reactivations r WHERE r.code_sha256 = c.code_sha256) AS used
               FROM reactivation_codes c WHERE code_sha256 = $1";
    let Some(row) = tx.optional(sql, &[&&code[..]]).await? else { return Ok(None) };
    let anew = Anew { epoch: uint32(&row, "epoch")?, overlap: column(&row, "overlap")? };
    let (used, expires_at) = (uint32(&row, "used")?, seconds(&row, "expires_at")?);
    Ok(Some((CodeRow { uses: 1, used, expires_at, anew: Some(anew) }, parsed(&row, "device")?)))
}

/// Whether this key has spent this code.
pub(super) async fn is_redeemed(tx: &Tx<'_>, code: &[u8; 32], jkt: &Kid) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM reactivations WHERE code_sha256 = $1 AND jkt = $2";
    Ok(tx.optional(sql, &[&&code[..], &jkt.to_string()]).await?.is_some())
}

/// Ends the epoch that runs. What its key may still run on is kept under its number, and what the exchange remembers of
/// it is gone: counters, ratchets and licence numbers begin anew. Receipts count on.
pub(super) async fn end_epoch(
    tx: &Tx<'_>,
    code: &[u8; 32],
    (before, activation, end): (&DeviceView, &Activation, EpochEnd),
    now: UnixSeconds,
) -> Result<(), StorageError> {
    let (device, at) = (before.device.id.as_str(), now.as_i64());
    let sql = "INSERT INTO past_epochs (tenant, device, epoch, jkt, seats_held, quota_ppm_held, held_until, ended_at,
                 overlap_from, quota_month, quota_month_ppm)
               SELECT tenant, id, epoch, jkt, seats_held, quota_ppm_held, held_until, $2, $3, quota_month, quota_month_ppm
               FROM devices WHERE id = $1";
    tx.execute(sql, &[&device, &at, &end.overlap.then_some(at)]).await?;
    let sql = "INSERT INTO reactivations (code_sha256, jkt, device, epoch, activated_at) VALUES ($1, $2, $3, $4, $5)";
    let (jkt, epoch) = (activation.key.kid().to_string(), i64::from(activation.epoch));
    tx.execute(sql, &[&&code[..], &jkt, &device, &epoch, &at]).await?;
    let sql = "UPDATE devices SET reactivate_from = NULL, licence_seq = 0, reported_seq = 0, reported_keyset = 0, ctr = 0,
                 ratchet_current = NULL, ratchet_previous = NULL, exchanged_at = NULL, restored_by = NULL,
                 seats_held = 0, quota_ppm_held = 0, held_until = 0, quota_month = 0, quota_month_ppm = 0
               WHERE id = $1";
    tx.execute(sql, &[&device]).await?;
    let sql =
        "WITH a AS (DELETE FROM answers WHERE device = $1), r AS (DELETE FROM requests WHERE device = $1)
               DELETE FROM reactions WHERE device = $1";
    tx.execute(sql, &[&device]).await.map(drop)
}

/// Every key that was ever a device's, under the names of all ledgers.
pub(super) async fn is_known_key(tx: &Tx<'_>, jkt: &Kid) -> Result<bool, StorageError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM devices WHERE jkt = $1)
                 OR EXISTS (SELECT 1 FROM code_redemptions WHERE jkt = $1)
                 OR EXISTS (SELECT 1 FROM reactivations WHERE jkt = $1) AS known";
    column(&tx.one(sql, &[&jkt.to_string()]).await?, "known")
}

/// Whether this was the key of an earlier epoch of the device.
pub(super) async fn was_key(tx: &impl Asks, device: &DeviceId, jkt: &Kid) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM past_epochs p JOIN devices d ON d.tenant = p.tenant AND d.id = p.device
               WHERE d.id = $1 AND p.jkt = $2 LIMIT 1";
    Ok(tx.first(sql, &[&device.as_str(), &jkt.to_string()]).await?.is_some())
}

pub(super) async fn keep_request(
    tx: &Tx<'_>,
    device: &DeviceId,
    answer: &Answer,
) -> Result<(), StorageError> {
    let AnswerMark { kind, ctr, nonce, .. } = answer.mark;
    let Some(nonce) = nonce.filter(|_| kind == AnswerKind::Exchange) else { return Ok(()) };
    // Of the rows that are there before it, all but the newest which have a place beside it go.
    let sql = "WITH gone AS (
                 DELETE FROM requests WHERE device = $1 AND ctr <= (
                   SELECT ctr FROM requests WHERE device = $1 AND ctr <> $2 ORDER BY ctr DESC LIMIT 1 OFFSET $4))
               INSERT INTO requests (device, ctr, nonce) VALUES ($1, $2, $3)
               ON CONFLICT (device, ctr) DO UPDATE SET nonce = excluded.nonce";
    let beside = i64::from(REQUESTS_KEPT) - 1;
    tx.execute(sql, &[&device.as_str(), &int(ctr), &&nonce[..], &beside]).await.map(drop)
}

pub(super) async fn was_answered(
    tx: &impl Asks,
    device: &DeviceId,
    mark: &AnswerMark,
) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM requests WHERE device = $1 AND ctr = $2 AND nonce = $3";
    let nonce = mark.nonce.as_ref().map(|nonce| &nonce[..]);
    Ok(tx.first(sql, &[&device.as_str(), &int(mark.ctr), &nonce]).await?.is_some())
}

/// The newest lines of the audit, and every fork: a chain has one at most, and nothing that comes behind hides it.
pub(super) async fn evidence(
    tx: &Tx<'_>,
    device: &DeviceId,
    limit: u32,
) -> Result<Vec<AuditLine>, StorageError> {
    super::devices::row(tx, device).await?;
    let sql = "
        (SELECT tenant, seq, at, actor, action, detail, NULL AS known, NULL AS other FROM audit
         WHERE subject = $1 AND action IN ('device.clone_suspected', 'device.old_key', 'device.reactivation_due',
           'device.reactivate', 'device.activate_anew', 'license.suspend', 'license.resume')
         ORDER BY at DESC, seq DESC LIMIT $2)
        UNION ALL
        SELECT a.tenant, a.seq, a.at, a.actor, a.action, a.detail, f.known, f.other
        FROM usage_forks f JOIN audit a ON a.subject = f.device AND a.action = 'usage.fork'
          AND (a.detail::jsonb ->> 'epoch')::bigint = f.epoch AND (a.detail::jsonb ->> 'seq')::bigint = f.seq
        WHERE f.device = $1
        ORDER BY at DESC, tenant, seq DESC";
    let rows = tx.rows(sql, &[&device.as_str(), &i64::from(limit)]).await?;
    rows.iter().map(audit_line).collect()
}

fn audit_line(row: &Row) -> Result<AuditLine, StorageError> {
    let detail = serde_json::from_str(column::<&str>(row, "detail")?);
    let mut detail: Value = detail.map_err(|e| damaged("audit.detail", e))?;
    if let Some(other) = column::<Option<&str>>(row, "other")? {
        detail["known"] = column::<Option<&str>>(row, "known")?.into();
        detail["other"] = other.into();
    }
    let (actor, action) = (column(row, "actor")?, column(row, "action")?);
    Ok(AuditLine { at: seconds(row, "at")?, actor, action, detail })
}
