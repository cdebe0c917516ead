//! Usage: cursors, records, sums and what was set aside, written with the answer that acknowledges them.

use super::StorageError;
use super::columns::{column, damaged, int, parsed, seconds, uint};
use crate::storage::columns::Columns as _;
use crate::storage::readers;
use crate::storage::{
    BatchAsked, ChainView, CursorRow, DeviceRow, Evidence, NewBatch, NewFork, NewRecord, NewUsage,
    RecountedRecord, StoredRecord, Sum, SumKey, SumRow, UsageAsked, UsageView,
};
use brink_license::usage::Quantity;
use brink_license::{DeviceId, Kid, Slug, TenantId};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;

/// What is on record of what is asked.
pub(super) fn view(
    tx: &Connection,
    device: &DeviceRow,
    asked: &UsageAsked,
) -> Result<UsageView, StorageError> {
    let mut view = UsageView::default();
    for epoch in &asked.epochs {
        if view.chains.contains_key(epoch) {
            continue;
        }
        if let Some(chain) = chain(tx, device, *epoch)? {
            view.chains.insert(*epoch, chain);
        }
    }
    if let Some(batch) = &asked.batch {
        view.reached = reached(tx, &device.id, batch)?;
        view.totals = totals(tx, &device.id, batch.epoch)?;
    }
    Ok(view)
}

/// What is on record of a chain that the issuer keeps itself, for a device without a key.
pub(super) fn issuers_own(tx: &Connection, device: &DeviceId, epoch: u32) -> Result<UsageView, StorageError> {
    let cursor = cursor(tx, device, epoch)?;
    let chain = cursor.map(|cursor| (epoch, ChainView::issuers_own(cursor)));
    Ok(UsageView {
        chains: chain.into_iter().collect(),
        totals: totals(tx, device, epoch)?,
        ..UsageView::default()
    })
}

fn chain(tx: &Connection, device: &DeviceRow, epoch: u32) -> Result<Option<ChainView>, StorageError> {
    let activated = match &device.key {
        Some(key) if device.epoch == epoch => Some((device.tenant.clone(), key.kid())),
        Some(_) | None => past(tx, &device.id, epoch)?,
    };
    let Some((tenant, jkt)) = activated else { return Ok(None) };
    let began_ms = began(tx, &device.id, &jkt)?.saturating_mul(1000);
    let cursor = cursor(tx, &device.id, epoch)?;
    // What is on record of a chain says for good whose it is.
    let tenant = cursor.as_ref().map_or(tenant, |cursor| cursor.tenant.clone());
    Ok(Some(ChainView { tenant, jkt, began_ms, cursor }))
}

fn past(tx: &Connection, device: &DeviceId, epoch: u32) -> Result<Option<(TenantId, Kid)>, StorageError> {
    let sql = "SELECT tenant, jkt FROM past_epochs WHERE device = ?1 AND epoch = ?2";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![device.as_str(), epoch])?;
    rows.next()?.map(|row| Ok((parsed(row, "tenant")?, parsed(row, "jkt")?))).transpose()
}

/// When the activation with this key began.
fn began(tx: &Connection, device: &DeviceId, jkt: &Kid) -> Result<i64, StorageError> {
    let sql = "SELECT coalesce((SELECT activated_at FROM reactivations WHERE jkt = ?2),
                               (SELECT redeemed_at FROM code_redemptions WHERE device = ?1), 0) AS began";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![device.as_str(), jkt.to_string()])?;
    let row = rows.next()?.ok_or_else(|| damaged("reactivations", "a constant gave no row"))?;
    Ok(seconds(row, "began")?.as_i64())
}

fn cursor(tx: &Connection, device: &DeviceId, epoch: u32) -> Result<Option<CursorRow>, StorageError> {
    let sql = "SELECT * FROM usage_cursors WHERE device = ?1 AND epoch = ?2";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![device.as_str(), epoch])?;
    rows.next()?.map(readers::cursor).transpose()
}

/// One step in the index of the table's key.
fn reached(
    tx: &Connection,
    device: &DeviceId,
    batch: &BatchAsked,
) -> Result<Option<StoredRecord>, StorageError> {
    let sql = "SELECT seq, from_seq, bytes FROM usage_records WHERE device = ?1 AND epoch = ?2 AND seq <= ?3
               ORDER BY seq DESC LIMIT 1";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![device.as_str(), batch.epoch, int(batch.last)])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (seq, from) = (uint(row, "seq")?, uint(row, "from_seq")?);
    Ok(Some(StoredRecord { seq, from, bytes: column(row, "bytes")? }))
}

fn totals(tx: &Connection, device: &DeviceId, epoch: u32) -> Result<BTreeMap<Slug, Quantity>, StorageError> {
    let sql = "SELECT meter, total FROM usage_totals WHERE device = ?1 AND epoch = ?2";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![device.as_str(), epoch])?;
    let mut totals = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let total = Quantity::try_from(row.units("total")?).map_err(|e| damaged("usage_totals.total", e))?;
        totals.insert(parsed(row, "meter")?, total);
    }
    Ok(totals)
}

pub(super) fn record(tx: &Connection, device: &DeviceId, usage: &NewUsage) -> Result<(), StorageError> {
    if let Some(batch) = &usage.batch {
        add_batch(tx, device, batch)?;
    }
    if let Some(fork) = &usage.fork {
        add_fork(tx, device, fork)?;
    }
    usage.cursors.iter().try_for_each(|cursor| set_cursor(tx, device, cursor))
}

fn set_cursor(tx: &Connection, device: &DeviceId, cursor: &CursorRow) -> Result<(), StorageError> {
    let sql = "
        INSERT INTO usage_cursors (device, epoch, tenant, jkt, seq, hash, event_ms, closed, incomplete, forked_at,
          acknowledged_seq, acknowledged_hash, reported_seq, reported_hash, recoveries, received_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
        ON CONFLICT (device, epoch) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, event_ms = excluded.event_ms,
          closed = excluded.closed, incomplete = excluded.incomplete, forked_at = excluded.forked_at,
          acknowledged_seq = excluded.acknowledged_seq, acknowledged_hash = excluded.acknowledged_hash,
          reported_seq = excluded.reported_seq, reported_hash = excluded.reported_hash,
          recoveries = excluded.recoveries, received_at = excluded.received_at";
    tx.prepare_cached(sql)?.execute(params![
        device.as_str(),
        cursor.epoch,
        cursor.tenant.as_str(),
        cursor.jkt.as_bytes(),
        int(cursor.head.seq),
        cursor.head.hash,
        cursor.event_ms,
        cursor.closed,
        cursor.incomplete,
        cursor.forked_at,
        cursor.acknowledged.map(|head| int(head.seq)),
        cursor.acknowledged.map(|head| head.hash),
        int(cursor.reported.seq),
        cursor.reported.hash,
        cursor.recoveries,
        cursor.received_ms,
    ])?;
    Ok(())
}

fn add_batch(tx: &Connection, device: &DeviceId, batch: &NewBatch) -> Result<(), StorageError> {
    batch.records.iter().try_for_each(|record| add_record(tx, (device, batch), record))?;
    batch.sums.iter().try_for_each(|(key, sum)| add_sum(tx, (device, &batch.tenant), (key, *sum)))?;
    set_totals(tx, device, batch)?;
    let sql = "INSERT INTO usage_losses (device, epoch, from_seq, to_seq, tenant, reason, at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    for loss in &batch.losses {
        let (from, to, reason) = (int(loss.from), int(loss.to), loss.reason.as_str());
        let (device, tenant) = (device.as_str(), batch.tenant.as_str());
        let values = params![device, batch.epoch, from, to, tenant, reason, batch.received_ms];
        tx.prepare_cached(sql)?.execute(values)?;
    }
    add_evidence(tx, (device, batch), &batch.evidence)
}

fn add_record(
    tx: &Connection,
    (device, batch): (&DeviceId, &NewBatch),
    record: &NewRecord,
) -> Result<(), StorageError> {
    let sql =
        "INSERT INTO usage_records (device, epoch, seq, from_seq, tenant, received_at, event_ms, floor_ms,
                 quarantined, bytes)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let (device, tenant, at) = (device.as_str(), batch.tenant.as_str(), batch.received_ms);
    tx.prepare_cached(sql)?.execute(params![
        device,
        batch.epoch,
        int(record.seq),
        int(record.from),
        tenant,
        at,
        record.event_ms,
        record.floor_ms,
        record.quarantine.is_some(),
        record.bytes,
    ])?;
    let Some(why) = &record.quarantine else { return Ok(()) };
    let sql = "INSERT INTO usage_quarantine (device, epoch, seq, tenant, reason, detail, at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let (seq, reason) = (int(record.seq), why.reason.as_str());
    tx.prepare_cached(sql)?.execute(params![device, batch.epoch, seq, tenant, reason, why.detail, at])?;
    Ok(())
}

/// Sums are merged by reading them: SQLite has no integers of 128 bits.
pub(super) fn add_sum(
    tx: &Connection,
    (device, tenant): (&DeviceId, &TenantId),
    (key, more): (&SumKey, Sum),
) -> Result<(), StorageError> {
    let sql = "SELECT quantity, count, records FROM usage_rollups
               WHERE tenant = ?1 AND quarter = ?2 AND device = ?3 AND meter = ?4 AND resource = ?5";
    let resource = key.resource.as_ref().map_or("", |resource| resource.as_str());
    let (device, tenant, meter) = (device.as_str(), tenant.as_str(), key.meter.as_str());
    let known = tx
        .prepare_cached(sql)?
        .query_row(params![tenant, key.quarter, device, meter, resource], |row| Ok(sum(row)))
        .optional()?
        .transpose()?;
    let sum = known.unwrap_or_default().plus(more);
    let sql = "INSERT INTO usage_rollups (tenant, quarter, device, meter, resource, quantity, count, records)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
               ON CONFLICT (tenant, quarter, device, meter, resource) DO UPDATE SET quantity = excluded.quantity,
                 count = excluded.count, records = excluded.records";
    let (quantity, count, records) = (sum.quantity.to_be_bytes(), sum.count, sum.records);
    let values = params![tenant, key.quarter, device, meter, resource, quantity, count, records];
    tx.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

fn sum(row: &Row<'_>) -> Result<Sum, StorageError> {
    let quantity = row.units("quantity")?;
    Ok(Sum { quantity, count: column(row, "count")?, records: column(row, "records")? })
}

fn set_totals(tx: &Connection, device: &DeviceId, batch: &NewBatch) -> Result<(), StorageError> {
    if batch.totals_lost {
        let sql = "DELETE FROM usage_totals WHERE device = ?1 AND epoch = ?2";
        tx.prepare_cached(sql)?.execute(params![device.as_str(), batch.epoch])?;
    }
    let sql = "INSERT INTO usage_totals (device, epoch, meter, total) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (device, epoch, meter) DO UPDATE SET total = excluded.total";
    for (meter, total) in &batch.totals {
        let total = u128::from(*total).to_be_bytes();
        tx.prepare_cached(sql)?.execute(params![device.as_str(), batch.epoch, meter.as_str(), total])?;
    }
    Ok(())
}

fn add_evidence(
    tx: &Connection,
    (device, batch): (&DeviceId, &NewBatch),
    evidence: &Evidence,
) -> Result<(), StorageError> {
    let sql = "INSERT INTO usage_evidence (device, epoch, seq, device_key, checkpoint, receipt, at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let (seq, key) = (int(evidence.seq), evidence.device_key);
    let (checkpoint, receipt) = (&evidence.checkpoint, &evidence.receipt);
    let values = params![device.as_str(), batch.epoch, seq, key, checkpoint, receipt, batch.received_ms];
    tx.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// The word on record is that of the batch which brought the record they differ in.
fn add_fork(tx: &Connection, device: &DeviceId, fork: &NewFork) -> Result<(), StorageError> {
    let sql = "
        INSERT INTO usage_forks (device, epoch, seq, known, other, detail, at)
        VALUES (?1, ?2, ?3,
          coalesce((SELECT checkpoint FROM usage_evidence WHERE device = ?1 AND epoch = ?2 AND seq >= ?3
                    ORDER BY seq LIMIT 1),
                   (SELECT checkpoint FROM usage_evidence WHERE device = ?1 AND epoch = ?2
                    ORDER BY seq DESC LIMIT 1)),
          ?4, ?5, ?6)";
    let (seq, other, detail) = (int(fork.seq), &fork.other, &fork.detail);
    tx.prepare_cached(sql)?.execute(params![device.as_str(), fork.epoch, seq, other, detail, fork.at_ms])?;
    Ok(())
}

pub(super) fn recount(
    tx: &Connection,
    device: &DeviceId,
    visit: &mut dyn FnMut(&RecountedRecord),
) -> Result<Vec<SumRow>, StorageError> {
    let sql = "SELECT tenant, received_at, event_ms, floor_ms, bytes FROM usage_records
               WHERE device = ?1 AND quarantined = 0 ORDER BY epoch, seq";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([device.as_str()])?;
    while let Some(row) = rows.next()? {
        visit(&RecountedRecord {
            tenant: parsed(row, "tenant")?,
            received_ms: column(row, "received_at")?,
            event_ms: column(row, "event_ms")?,
            floor_ms: column(row, "floor_ms")?,
            bytes: column(row, "bytes")?,
        });
    }
    // A device has one customer, or a few in its life: the key is searched for each.
    let sql = "SELECT r.* FROM (SELECT DISTINCT tenant FROM usage_cursors WHERE device = ?1) t
               JOIN usage_rollups r ON r.tenant = t.tenant AND r.device = ?1 ORDER BY r.tenant, r.quarter";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([device.as_str()])?;
    let mut sums = Vec::new();
    while let Some(row) = rows.next()? {
        let resource = column::<String>(row, "resource")?;
        let resource = (!resource.is_empty()).then(|| resource.parse()).transpose();
        let key = SumKey {
            quarter: column(row, "quarter")?,
            meter: parsed(row, "meter")?,
            resource: resource.map_err(|e| damaged("usage_rollups.resource", e))?,
        };
        sums.push(SumRow { tenant: parsed(row, "tenant")?, key, sum: sum(row)? });
    }
    Ok(sums)
}
