//! What is in no sum, and how it leaves the quarantine.

use super::super::columns::int;
use super::super::{devices, note, tenants, usage};

use crate::storage::readers;
use crate::storage::{QuarantineQuery, QuarantineRow, QuarantineScope, Replay, StorageError};
use brink_license::DeviceId;
use rusqlite::{Connection, params};

const QUARANTINE: &str = "SELECT r.*, q.id, q.reason, q.detail, q.at, q.replayed_at
     FROM usage_quarantine q
     JOIN usage_records r ON r.device = q.device AND r.epoch = q.epoch AND r.seq = q.seq";

pub(super) fn list(
    tx: &Connection,
    scope: &QuarantineScope,
    lifted: bool,
) -> Result<Vec<QuarantineRow>, StorageError> {
    match scope {
        QuarantineScope::Tenant(tenant) => {
            tenants::row(tx, tenant)?;
            of(tx, (Some(tenant.as_str()), None), lifted)
        }
        QuarantineScope::Device(device) => {
            devices::row(tx, device)?;
            of(tx, (None, Some(device.as_str())), lifted)
        }
        QuarantineScope::All => of(tx, (None, None), lifted),
    }
}

/// Of a tenant, a device, or both.
pub(super) fn of(
    tx: &Connection,
    (tenant, device): (Option<&str>, Option<&str>),
    lifted: bool,
) -> Result<Vec<QuarantineRow>, StorageError> {
    let sql = format!(
        "{QUARANTINE} WHERE (?1 IS NULL OR q.tenant = ?1) AND (?2 IS NULL OR q.device = ?2)
                 AND (?3 OR q.replayed_at IS NULL)
               ORDER BY q.id"
    );
    let mut statement = tx.prepare(&sql)?;
    let mut rows = statement.query(params![tenant, device, lifted])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(readers::quarantined(row)?);
    }
    Ok(found)
}

/// Those that are asked for.
pub(in crate::storage::sqlite) fn page(
    tx: &Connection,
    query: &QuarantineQuery,
) -> Result<Vec<QuarantineRow>, StorageError> {
    tenants::row(tx, &query.tenant)?;
    let sql = format!(
        "{QUARANTINE} WHERE q.tenant = ?1 AND (?2 IS NULL OR q.device = ?2) AND (?3 OR q.replayed_at IS NULL)
           AND q.id > ?4 ORDER BY q.id LIMIT ?5"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let device = query.device.as_ref().map(DeviceId::as_str);
    let values = params![query.tenant.as_str(), device, query.lifted, query.after, query.limit];
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(readers::quarantined(row)?);
    }
    Ok(found)
}

pub(in crate::storage::sqlite) fn one(
    tx: &Connection,
    id: i64,
) -> Result<Option<QuarantineRow>, StorageError> {
    let mut statement = tx.prepare_cached(&format!("{QUARANTINE} WHERE q.id = ?1"))?;
    let mut rows = statement.query([id])?;
    rows.next()?.map(readers::quarantined).transpose()
}

/// Out of the quarantine and into the sums: once, because only what is still in it is taken.
pub(super) fn lift(tx: &Connection, row: &QuarantineRow, replay: &Replay) -> Result<(), StorageError> {
    let sql = "UPDATE usage_quarantine SET replayed_at = ?2 WHERE id = ?1 AND replayed_at IS NULL";
    let at = replay.note.at.as_i64().saturating_mul(1000);
    if tx.prepare_cached(sql)?.execute(params![row.id, at])? == 0 {
        return Ok(());
    }
    let record = &row.record;
    let sql = "UPDATE usage_records SET quarantined = 0 WHERE device = ?1 AND epoch = ?2 AND seq = ?3";
    tx.prepare_cached(sql)?.execute(params![record.device.as_str(), record.epoch, int(record.seq)])?;
    let whose = (&record.device, &record.tenant);
    replay.sums.iter().try_for_each(|(key, sum)| usage::add_sum(tx, whose, (key, *sum)))?;
    note(tx, &replay.note)
}
