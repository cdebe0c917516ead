//! Devices that are activated anew: their codes, and the epochs that end with that.

use super::columns::{column, damaged, int, optional_seconds, parsed, seconds, uint, uint32};
use super::{StorageError, note};
use crate::reaction::REQUESTS_KEPT;
use crate::storage::{
    Activation, Anew, Answer, AnswerKind, AnswerMark, AuditLine, CodeRow, DeviceView, EpochEnd, NewAnew,
    PastEpoch,
};
use brink_license::{DeviceId, Kid, TenantId, UnixSeconds};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

pub(super) fn of_device(
    tx: &Connection,
    device: &DeviceId,
    now: UnixSeconds,
) -> Result<Vec<PastEpoch>, StorageError> {
    let sql = "SELECT p.*, p.held_until > ?2 AS live FROM past_epochs p JOIN devices d ON d.tenant = p.tenant
               WHERE d.id = ?1 AND p.device = ?1 ORDER BY p.epoch";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![device.as_str(), now.as_i64()])?;
    let mut past = Vec::new();
    while let Some(row) = rows.next()? {
        let live = uint(row, "live")?;
        past.push(PastEpoch {
            epoch: uint32(row, "epoch")?,
            jkt: parsed(row, "jkt")?,
            seats: live * uint(row, "seats_held")?,
            quota_ppm: live * uint(row, "quota_ppm_held")?,
            until: seconds(row, "held_until")?,
            overlap: optional_seconds(row, "overlap_from")?.is_some(),
        });
    }
    Ok(past)
}

/// Seats, and quota of the month, that keys of earlier epochs of the tenant's devices keep from the others; then the seats that may run
/// twice, of earlier epochs and of retired devices.
pub(super) fn held(
    tx: &Connection,
    tenant: &TenantId,
    (now, month): (UnixSeconds, UnixSeconds),
) -> Result<(u64, u64, u64), StorageError> {
    let sql = "
        SELECT coalesce(sum(iif(overlap_from IS NULL AND held_until > ?2, seats_held, 0)), 0) AS seats,
               coalesce(sum(iif(overlap_from IS NULL, max(iif(held_until > ?3, quota_ppm_held, 0),
                                                          iif(quota_month >= ?3, quota_month_ppm, 0)), 0)), 0) AS quota_ppm,
               coalesce(sum(iif(overlap_from IS NULL OR held_until <= ?2, 0, seats_held)), 0)
                 + (SELECT coalesce(sum(seats_held), 0) FROM devices
                    WHERE tenant = ?1 AND overlap_from IS NOT NULL AND held_until > ?2) AS overlapping
        FROM past_epochs WHERE tenant = ?1 AND (held_until > ?3 OR quota_month >= ?3)";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![tenant.as_str(), now.as_i64(), month.as_i64()])?;
    let row = rows.next()?.ok_or_else(|| damaged("past_epochs", "an aggregate gave no row"))?;
    Ok((uint(row, "seats")?, uint(row, "quota_ppm")?, uint(row, "overlapping")?))
}

pub(super) fn create_code(tx: &Connection, device: &DeviceId, new: &NewAnew) -> Result<(), StorageError> {
    let sql = "INSERT INTO reactivation_codes (code_sha256, device, epoch, overlap, expires_at, created_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let Anew { epoch, overlap } = new.anew;
    let (expires, at) = (new.expires_at.as_i64(), new.note.at.as_i64());
    tx.execute(sql, params![new.code_sha256, device.as_str(), epoch, overlap, expires, at])?;
    note(tx, &new.note)
}

/// The code and its device.
pub(super) fn code(tx: &Connection, code: &[u8; 32]) -> Result<Option<(CodeRow, DeviceId)>, StorageError> {
    let sql = "SELECT c.*, EXISTS (SELECT 1 FROM reactivations r WHERE r.code_sha256 = c.code_sha256) AS used
               FROM reactivation_codes c WHERE code_sha256 = ?1";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([code])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let anew = Anew { epoch: uint32(row, "epoch")?, overlap: uint(row, "overlap")? > 0 };
    let used = uint32(row, "used")?;
    let row_of = CodeRow { uses: 1, used, expires_at: seconds(row, "expires_at")?, anew: Some(anew) };
    Ok(Some((row_of, parsed(row, "device")?)))
}

/// Whether this key has spent this code.
pub(super) fn is_redeemed(tx: &Connection, code: &[u8; 32], jkt: &Kid) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM reactivations WHERE code_sha256 = ?1 AND jkt = ?2";
    let found = tx.prepare_cached(sql)?.query_row(params![code, jkt.to_string()], |_| Ok(())).optional()?;
    Ok(found.is_some())
}

/// Ends the epoch that runs. What its key may still run on is kept under its number, and what the exchange remembers of
/// it is gone: counters, ratchets and licence numbers begin anew. Receipts count on.
pub(super) fn end_epoch(
    tx: &Connection,
    code: &[u8; 32],
    (before, activation, end): (&DeviceView, &Activation, EpochEnd),
    now: UnixSeconds,
) -> Result<(), StorageError> {
    let device = before.device.id.as_str();
    let sql = "INSERT INTO past_epochs (tenant, device, epoch, jkt, seats_held, quota_ppm_held, held_until, ended_at,
                 overlap_from, quota_month, quota_month_ppm)
               SELECT tenant, id, epoch, jkt, seats_held, quota_ppm_held, held_until, ?2, ?3, quota_month, quota_month_ppm
               FROM devices WHERE id = ?1";
    let at = now.as_i64();
    tx.execute(sql, params![device, at, end.overlap.then_some(at)])?;
    let sql = "INSERT INTO reactivations (code_sha256, jkt, device, epoch, activated_at) VALUES (?1, ?2, ?3, ?4, ?5)";
    tx.execute(sql, params![code, activation.key.kid().to_string(), device, activation.epoch, at])?;
    let sql = "UPDATE devices SET reactivate_from = NULL, licence_seq = 0, reported_seq = 0, reported_keyset = 0, ctr = 0,
                 ratchet_current = NULL, ratchet_previous = NULL, exchanged_at = NULL, restored_by = NULL,
                 seats_held = 0, quota_ppm_held = 0, held_until = 0, quota_month = 0, quota_month_ppm = 0
               WHERE id = ?1";
    tx.execute(sql, [device])?;
    for table in ["answers", "requests", "reactions"] {
        tx.execute(&format!("DELETE FROM {table} WHERE device = ?1"), [device])?;
    }
    Ok(())
}

/// Every key that was ever a device's, under the names of all ledgers.
pub(super) fn is_known_key(tx: &Connection, jkt: &Kid) -> Result<bool, StorageError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM devices WHERE jkt = ?1)
                 OR EXISTS (SELECT 1 FROM code_redemptions WHERE jkt = ?1)
                 OR EXISTS (SELECT 1 FROM reactivations WHERE jkt = ?1)";
    Ok(tx.prepare_cached(sql)?.query_row([jkt.to_string()], |row| row.get(0))?)
}

/// Whether this was the key of an earlier epoch of the device.
pub(super) fn was_key(tx: &Connection, device: &DeviceId, jkt: &Kid) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM past_epochs p JOIN devices d ON d.tenant = p.tenant AND d.id = p.device
               WHERE d.id = ?1 AND p.jkt = ?2";
    let values = params![device.as_str(), jkt.to_string()];
    Ok(tx.prepare_cached(sql)?.query_row(values, |_| Ok(())).optional()?.is_some())
}

pub(super) fn keep_request(tx: &Connection, device: &DeviceId, answer: &Answer) -> Result<(), StorageError> {
    let sql = "INSERT OR REPLACE INTO requests (device, ctr, nonce) VALUES (?1, ?2, ?3)";
    let AnswerMark { kind, ctr, nonce, .. } = answer.mark;
    let Some(nonce) = nonce.filter(|_| kind == AnswerKind::Exchange) else { return Ok(()) };
    tx.prepare_cached(sql)?.execute(params![device.as_str(), int(ctr), nonce])?;
    let sql = "DELETE FROM requests WHERE device = ?1 AND ctr IN
                 (SELECT ctr FROM requests WHERE device = ?1 ORDER BY ctr DESC LIMIT -1 OFFSET ?2)";
    tx.prepare_cached(sql)?.execute(params![device.as_str(), REQUESTS_KEPT])?;
    Ok(())
}

pub(super) fn was_answered(
    tx: &Connection,
    device: &DeviceId,
    mark: &AnswerMark,
) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM requests WHERE device = ?1 AND ctr = ?2 AND nonce = ?3";
    let values = params![device.as_str(), int(mark.ctr), mark.nonce];
    Ok(tx.prepare_cached(sql)?.query_row(values, |_| Ok(())).optional()?.is_some())
}

/// The newest lines of the audit, and every fork: a chain has one at most, and nothing that comes behind hides it.
pub(super) fn evidence(
    tx: &Connection,
    device: &DeviceId,
    limit: u32,
) -> Result<Vec<AuditLine>, StorageError> {
    super::devices::row(tx, device)?;
    let sql = "
        SELECT * FROM (
          SELECT id, at, actor, action, detail, NULL AS known, NULL AS other FROM audit
          WHERE subject = ?1 AND action IN ('device.clone_suspected', 'device.old_key', 'device.reactivation_due',
            'device.reactivate', 'device.activate_anew', 'license.suspend', 'license.resume')
          ORDER BY id DESC LIMIT ?2)
        UNION ALL
        SELECT a.id, a.at, a.actor, a.action, a.detail, f.known, f.other
        FROM usage_forks f JOIN audit a ON a.subject = f.device AND a.action = 'usage.fork'
          AND a.detail ->> 'epoch' = f.epoch AND a.detail ->> 'seq' = f.seq
        WHERE f.device = ?1
        ORDER BY id DESC";
    let mut statement = tx.prepare(sql)?;
    let mut rows = statement.query(params![device.as_str(), limit])?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        let detail: String = column(row, "detail")?;
        let mut detail: Value = serde_json::from_str(&detail).map_err(|e| damaged("audit.detail", e))?;
        if let Some(other) = column::<Option<String>>(row, "other")? {
            detail["known"] = column::<Option<String>>(row, "known")?.into();
            detail["other"] = other.into();
        }
        let (actor, action) = (column(row, "actor")?, column(row, "action")?);
        lines.push(AuditLine { at: seconds(row, "at")?, actor, action, detail });
    }
    Ok(lines)
}
