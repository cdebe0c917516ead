//! What is in no sum, and how it leaves the quarantine. A row here holds the record itself, so that it can be replayed when
//! the partition that it came in is gone.

use super::super::connection::Tx;
use super::super::{devices, note, tenants, usage};

use crate::storage::readers;
use crate::storage::{QuarantineQuery, QuarantineRow, QuarantineScope, Replay, StorageError, Sum, SumKey};
use brink_license::DeviceId;
use std::collections::BTreeMap;

const QUARANTINE: &str =
    "SELECT q.id, q.device, q.epoch, q.seq, q.from_seq, q.tenant, q.received_at, q.event_ms, q.floor_ms,
       q.bytes, q.reason, q.detail, q.at, q.replayed_at, q.replayed_at IS NULL AS quarantined
     FROM usage_quarantine q";

pub(super) async fn list(
    tx: &Tx<'_>,
    scope: &QuarantineScope,
    lifted: bool,
) -> Result<Vec<QuarantineRow>, StorageError> {
    match scope {
        QuarantineScope::Tenant(tenant) => {
            tenants::row(tx, tenant).await?;
            of(tx, (Some(tenant.as_str()), None), lifted).await
        }
        QuarantineScope::Device(device) => {
            devices::row(tx, device).await?;
            of(tx, (None, Some(device.as_str())), lifted).await
        }
        QuarantineScope::All => of(tx, (None, None), lifted).await,
    }
}

/// Of a tenant, a device, or both.
pub(super) async fn of(
    tx: &Tx<'_>,
    (tenant, device): (Option<&str>, Option<&str>),
    lifted: bool,
) -> Result<Vec<QuarantineRow>, StorageError> {
    let sql = format!(
        "{QUARANTINE} WHERE ($1::text IS NULL OR q.tenant = $1) AND ($2::text IS NULL OR q.device = $2)
           AND ($3 OR q.replayed_at IS NULL)
         ORDER BY q.id"
    );
    tx.rows(&sql, &[&tenant, &device, &lifted]).await?.iter().map(readers::quarantined).collect()
}

/// Those that are asked for.
pub(in crate::storage::postgres) async fn page(
    tx: &Tx<'_>,
    query: &QuarantineQuery,
) -> Result<Vec<QuarantineRow>, StorageError> {
    tenants::row(tx, &query.tenant).await?;
    let sql = format!(
        "{QUARANTINE} WHERE q.tenant = $1 AND ($2::text IS NULL OR q.device = $2) AND ($3 OR q.replayed_at IS NULL)
           AND q.id > $4 ORDER BY q.id LIMIT $5"
    );
    let (tenant, device) = (query.tenant.as_str(), query.device.as_ref().map(DeviceId::as_str));
    let limit = i64::from(query.limit);
    tx.rows(&sql, &[&tenant, &device, &query.lifted, &query.after, &limit])
        .await?
        .iter()
        .map(readers::quarantined)
        .collect()
}

pub(in crate::storage::postgres) async fn one(
    tx: &Tx<'_>,
    id: i64,
) -> Result<Option<QuarantineRow>, StorageError> {
    let row = tx.optional(&format!("{QUARANTINE} WHERE q.id = $1"), &[&id]).await?;
    row.as_ref().map(readers::quarantined).transpose()
}

/// One, with its device locked: nobody else adds to the device's sums meanwhile.
pub(super) async fn locked(tx: &Tx<'_>, id: i64) -> Result<Option<QuarantineRow>, StorageError> {
    let sql = "SELECT d.id FROM devices d JOIN usage_quarantine q ON q.device = d.id WHERE q.id = $1 FOR UPDATE OF d";
    tx.optional(sql, &[&id]).await?;
    let row = tx.optional(&format!("{QUARANTINE} WHERE q.id = $1"), &[&id]).await?;
    row.as_ref().map(readers::quarantined).transpose()
}

/// Out of the quarantine and into the sums: once, because only what is still in it is taken.
pub(super) async fn lift(tx: &Tx<'_>, row: &QuarantineRow, replay: &Replay) -> Result<(), StorageError> {
    let sql = "UPDATE usage_quarantine SET replayed_at = $2 WHERE id = $1 AND replayed_at IS NULL";
    let at = replay.note.at.as_i64().saturating_mul(1000);
    if tx.execute(sql, &[&row.id, &at]).await? == 0 {
        return Ok(());
    }
    let mut added: BTreeMap<&SumKey, Sum> = BTreeMap::new();
    for (key, sum) in &replay.sums {
        let entry = added.entry(key).or_default();
        *entry = entry.plus(*sum);
    }
    let (device, tenant) = (&row.record.device, &row.record.tenant);
    let sums: Vec<_> = added.into_iter().map(|(key, sum)| (device, tenant, key, sum)).collect();
    usage::add_sums(tx, &sums).await?;
    note(tx, &replay.note).await
}
