//! What exchanges bring, written with a statement for each table, however many devices there are.

use super::super::StorageError;
use super::super::columns::{damaged, int};
use super::super::connection::Tx;
use super::MOST;
use super::raw::Records;
use crate::storage::{CursorRow, NewBatch, NewFork, NewRecord, NewUsage, Quarantine, Sum, SumKey, UsageView};
use brink_license::{DeviceId, TenantId};
use tokio_postgres::types::ToSql;

/// What one device brought. No device is in a group twice.
#[derive(Clone, Copy)]
pub(in super::super) struct Brought<'a> {
    /// The device, whose row is locked.
    pub(in super::super) device: &'a DeviceId,
    /// What was read under that lock.
    pub(in super::super) before: &'a UsageView,
    /// What is to be recorded.
    pub(in super::super) usage: &'a NewUsage,
}

/// Every statement is sent before the first is answered, behind the records.
pub(in super::super) async fn record(tx: &Tx<'_>, brought: &[Brought<'_>]) -> Result<(), StorageError> {
    let batches = brought.iter().filter_map(|of| of.usage.batch.as_ref().map(|batch| (of.device, batch)));
    let batches: Vec<_> = batches.collect();
    let sums = batches
        .iter()
        .flat_map(|(device, batch)| batch.sums.iter().map(|(key, sum)| (*device, &batch.tenant, key, *sum)));
    let sums: Vec<_> = sums.collect();
    let records = match batches.iter().any(|(_, batch)| !batch.records.is_empty()) {
        true => Some(Records::begin(tx).await?),
        false => None,
    };
    tokio::try_join!(
        add_records(records, &batches),
        move_cursors(tx, brought),
        begin_cursors(tx, brought),
        add_sums(tx, &sums),
        set_totals(tx, &batches),
        set_aside(tx, &batches),
        add_losses(tx, &batches),
        add_evidence(tx, &batches),
    )?;
    for of in brought {
        if let Some(fork) = &of.usage.fork {
            add_fork(tx, of.device, fork).await?;
        }
    }
    Ok(())
}

async fn add_records(
    records: Option<Records>,
    batches: &[(&DeviceId, &NewBatch)],
) -> Result<(), StorageError> {
    match records {
        Some(records) => records.add(batches).await,
        None => Ok(()),
    }
}

/// The columns of cursors, one array each.
#[derive(Default)]
struct Cursors<'a> {
    devices: Vec<&'a str>,
    before: Vec<i64>,
    rows: Vec<&'a CursorRow>,
}

impl<'a> Cursors<'a> {
    /// Those that are on record already, or those that are not.
    fn of(brought: &[Brought<'a>], on_record: bool) -> Self {
        let mut found = Self::default();
        for of in brought {
            for cursor in &of.usage.cursors {
                let chain = of.before.chains.get(&cursor.epoch);
                let before = chain.and_then(|chain| chain.cursor.as_ref()).map(|cursor| cursor.head.seq);
                if before.is_some() == on_record {
                    found.devices.push(of.device.as_str());
                    found.before.push(int(before.unwrap_or_default()));
                    found.rows.push(cursor);
                }
            }
        }
        found
    }

    async fn execute(&self, tx: &Tx<'_>, sql: &str) -> Result<u64, StorageError> {
        fn each<'a, T>(rows: &[&'a CursorRow], of: impl Fn(&'a CursorRow) -> T) -> Vec<T> {
            rows.iter().map(|row| of(row)).collect()
        }
        let rows = &self.rows;
        let values: [&(dyn ToSql + Sync); 17] = [
            &self.devices,
            &self.before,
            &each(rows, |row| i64::from(row.epoch)),
            &each(rows, |row| row.tenant.as_str()),
            &each(rows, |row| row.jkt.as_bytes().as_slice()),
            &each(rows, |row| int(row.head.seq)),
            &each(rows, |row| row.head.hash.as_slice()),
            &each(rows, |row| row.event_ms),
            &each(rows, |row| row.closed),
            &each(rows, |row| row.incomplete),
            &each(rows, |row| row.forked_at),
            &each(rows, |row| row.acknowledged.map(|head| int(head.seq))),
            &each(rows, |row| row.acknowledged.as_ref().map(|head| head.hash.as_slice())),
            &each(rows, |row| int(row.reported.seq)),
            &each(rows, |row| row.reported.hash.as_slice()),
            &each(rows, |row| i64::from(row.recoveries)),
            &each(rows, |row| row.received_ms),
        ];
        tx.execute(sql, &values).await
    }
}

const CURSOR_ARRAYS: &str = "
    FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::bytea[], $6::bigint[], $7::bytea[], $8::bigint[],
                $9::boolean[], $10::boolean[], $11::bigint[], $12::bigint[], $13::bytea[], $14::bigint[], $15::bytea[],
                $16::bigint[], $17::bigint[])
      AS n(device, before, epoch, tenant, jkt, seq, hash, event_ms, closed, incomplete, forked_at, acknowledged_seq,
           acknowledged_hash, reported_seq, reported_hash, recoveries, received_at)";

/// Each moves from where it was read to stand, or none of the transaction happens.
async fn move_cursors(tx: &Tx<'_>, brought: &[Brought<'_>]) -> Result<(), StorageError> {
    let cursors = Cursors::of(brought, true);
    if cursors.rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE usage_cursors c SET seq = n.seq, hash = n.hash, event_ms = n.event_ms, closed = n.closed,
           incomplete = n.incomplete, forked_at = n.forked_at, acknowledged_seq = n.acknowledged_seq,
           acknowledged_hash = n.acknowledged_hash, reported_seq = n.reported_seq, reported_hash = n.reported_hash,
           recoveries = n.recoveries, received_at = n.received_at
         {CURSOR_ARRAYS}
         WHERE c.device = n.device AND c.epoch = n.epoch AND c.seq = n.before AND c.tenant = n.tenant"
    );
    let (moved, wanted) = (cursors.execute(tx, &sql).await?, cursors.rows.len() as u64);
    if moved == wanted {
        return Ok(());
    }
    let what = format!("{} of {wanted} moved while their devices were locked", wanted.saturating_sub(moved));
    Err(damaged("usage_cursors.seq", what))
}

/// The key refuses one that somebody else began.
async fn begin_cursors(tx: &Tx<'_>, brought: &[Brought<'_>]) -> Result<(), StorageError> {
    let cursors = Cursors::of(brought, false);
    if cursors.rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO usage_cursors (device, epoch, tenant, jkt, seq, hash, event_ms, closed, incomplete, forked_at,
           acknowledged_seq, acknowledged_hash, reported_seq, reported_hash, recoveries, received_at)
         SELECT device, epoch, tenant, jkt, seq, hash, event_ms, closed, incomplete, forked_at, acknowledged_seq,
           acknowledged_hash, reported_seq, reported_hash, recoveries, received_at
         {CURSOR_ARRAYS}"
    );
    cursors.execute(tx, &sql).await?;
    Ok(())
}

/// Adds to sums; no key is among them twice. The devices are locked, so that nobody else adds to these.
pub(in super::super) async fn add_sums(
    tx: &Tx<'_>,
    sums: &[(&DeviceId, &TenantId, &SumKey, Sum)],
) -> Result<(), StorageError> {
    if sums.is_empty() {
        return Ok(());
    }
    let full = i64::MAX;
    let sql = format!(
        "INSERT INTO usage_rollups AS r (tenant, quarter, device, meter, resource, quantity, count, records)
         SELECT n.tenant, n.quarter, n.device, n.meter, n.resource, n.quantity::numeric, n.count, n.records
         FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[])
           AS n(tenant, quarter, device, meter, resource, quantity, count, records)
         ON CONFLICT (tenant, quarter, device, meter, resource) DO UPDATE SET
           quantity = least(r.quantity + excluded.quantity, {MOST}),
           count = CASE WHEN r.count > {full} - excluded.count THEN {full} ELSE r.count + excluded.count END,
           records = CASE WHEN r.records > {full} - excluded.records THEN {full} ELSE r.records + excluded.records END"
    );
    fn each<T>(
        sums: &[(&DeviceId, &TenantId, &SumKey, Sum)],
        of: impl Fn(&(&DeviceId, &TenantId, &SumKey, Sum)) -> T,
    ) -> Vec<T> {
        sums.iter().map(of).collect()
    }
    let resource = |key: &SumKey| key.resource.as_ref().map(|resource| resource.as_str().to_owned());
    let values: [&(dyn ToSql + Sync); 8] = [
        &each(sums, |(_, tenant, _, _)| tenant.as_str().to_owned()),
        &each(sums, |(_, _, key, _)| key.quarter),
        &each(sums, |(device, _, _, _)| device.as_str().to_owned()),
        &each(sums, |(_, _, key, _)| key.meter.as_str().to_owned()),
        &each(sums, |(_, _, key, _)| resource(key).unwrap_or_default()),
        &each(sums, |(_, _, _, sum)| sum.quantity.to_string()),
        &each(sums, |(_, _, _, sum)| sum.count),
        &each(sums, |(_, _, _, sum)| sum.records),
    ];
    tx.execute(&sql, &values).await?;
    Ok(())
}

async fn set_totals(tx: &Tx<'_>, batches: &[(&DeviceId, &NewBatch)]) -> Result<(), StorageError> {
    for (device, batch) in batches.iter().filter(|(_, batch)| batch.totals_lost) {
        tx.execute(
            "DELETE FROM usage_totals WHERE device = $1 AND epoch = $2",
            &[&device.as_str(), &i64::from(batch.epoch)],
        )
        .await?;
    }
    let (mut devices, mut epochs, mut meters, mut totals) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (device, batch) in batches {
        for (meter, total) in &batch.totals {
            devices.push(device.as_str());
            epochs.push(i64::from(batch.epoch));
            meters.push(meter.as_str());
            totals.push(u128::from(*total).to_string());
        }
    }
    if devices.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO usage_totals (device, epoch, meter, total)
               SELECT device, epoch, meter, total::numeric
               FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[]) AS n(device, epoch, meter, total)
               ON CONFLICT (device, epoch, meter) DO UPDATE SET total = excluded.total";
    tx.execute(sql, &[&devices, &epochs, &meters, &totals]).await?;
    Ok(())
}

/// What is in no sum.
async fn set_aside(tx: &Tx<'_>, batches: &[(&DeviceId, &NewBatch)]) -> Result<(), StorageError> {
    let aside = batches.iter().flat_map(|(device, batch)| {
        let of_batch = batch.records.iter().filter_map(|record| Some((record, record.quarantine.as_ref()?)));
        of_batch.map(|(record, why)| (*device, *batch, record, why))
    });
    let aside: Vec<Aside<'_>> = aside.collect();
    if aside.is_empty() {
        return Ok(());
    }
    fn each<'a, T>(aside: &[Aside<'a>], of: impl Fn(&Aside<'a>) -> T) -> Vec<T> {
        aside.iter().map(of).collect()
    }
    let sql = "INSERT INTO usage_quarantine
                 (device, epoch, seq, from_seq, tenant, received_at, event_ms, floor_ms, bytes, reason, detail, at)
               SELECT device, epoch, seq, from_seq, tenant, received_at, event_ms, floor_ms, bytes, reason, detail, received_at
               FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::bigint[],
                           $8::bigint[], $9::bytea[], $10::text[], $11::text[])
                 WITH ORDINALITY AS n(device, epoch, seq, from_seq, tenant, received_at, event_ms, floor_ms, bytes, reason,
                                      detail, place)
               ORDER BY place";
    let values: [&(dyn ToSql + Sync); 11] = [
        &each(&aside, |(device, ..)| device.as_str()),
        &each(&aside, |(_, batch, ..)| i64::from(batch.epoch)),
        &each(&aside, |(_, _, record, _)| int(record.seq)),
        &each(&aside, |(_, _, record, _)| int(record.from)),
        &each(&aside, |(_, batch, ..)| batch.tenant.as_str()),
        &each(&aside, |(_, batch, ..)| batch.received_ms),
        &each(&aside, |(_, _, record, _)| record.event_ms),
        &each(&aside, |(_, _, record, _)| record.floor_ms),
        &each(&aside, |(_, _, record, _)| record.bytes.as_slice()),
        &each(&aside, |(_, _, _, why)| why.reason.as_str()),
        &each(&aside, |(_, _, _, why)| why.detail.as_str()),
    ];
    tx.execute(sql, &values).await?;
    Ok(())
}

/// A record in no sum, and why.
type Aside<'a> = (&'a DeviceId, &'a NewBatch, &'a NewRecord, &'a Quarantine);

async fn add_losses(tx: &Tx<'_>, batches: &[(&DeviceId, &NewBatch)]) -> Result<(), StorageError> {
    let sql = "INSERT INTO usage_losses (device, epoch, from_seq, to_seq, tenant, reason, at)
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    for (device, batch) in batches {
        for loss in &batch.losses {
            let values: [&(dyn ToSql + Sync); 7] = [
                &device.as_str(),
                &i64::from(batch.epoch),
                &int(loss.from),
                &int(loss.to),
                &batch.tenant.as_str(),
                &loss.reason.as_str(),
                &batch.received_ms,
            ];
            tx.execute(sql, &values).await?;
        }
    }
    Ok(())
}

async fn add_evidence(tx: &Tx<'_>, batches: &[(&DeviceId, &NewBatch)]) -> Result<(), StorageError> {
    if batches.is_empty() {
        return Ok(());
    }
    fn each<'a, T>(
        batches: &[(&'a DeviceId, &'a NewBatch)],
        of: impl Fn(&'a DeviceId, &'a NewBatch) -> T,
    ) -> Vec<T> {
        batches.iter().map(|(device, batch)| of(device, batch)).collect()
    }
    let sql = "INSERT INTO usage_evidence (device, epoch, seq, device_key, checkpoint, receipt, at)
               SELECT device, epoch, seq, device_key, checkpoint, receipt, at
               FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bytea[], $5::text[], $6::text[], $7::bigint[])
                 AS n(device, epoch, seq, device_key, checkpoint, receipt, at)";
    let values: [&(dyn ToSql + Sync); 7] = [
        &each(batches, |device, _| device.as_str()),
        &each(batches, |_, batch| i64::from(batch.epoch)),
        &each(batches, |_, batch| int(batch.evidence.seq)),
        &each(batches, |_, batch| batch.evidence.device_key.as_slice()),
        &each(batches, |_, batch| batch.evidence.checkpoint.as_str()),
        &each(batches, |_, batch| batch.evidence.receipt.as_str()),
        &each(batches, |_, batch| batch.received_ms),
    ];
    tx.execute(sql, &values).await?;
    Ok(())
}

/// The word on record is that of the batch which brought the record they differ in.
async fn add_fork(tx: &Tx<'_>, device: &DeviceId, fork: &NewFork) -> Result<(), StorageError> {
    let sql = "
        INSERT INTO usage_forks (device, epoch, seq, known, other, detail, at)
        VALUES ($1, $2, $3,
          coalesce((SELECT checkpoint FROM usage_evidence WHERE device = $1 AND epoch = $2 AND seq >= $3
                    ORDER BY seq LIMIT 1),
                   (SELECT checkpoint FROM usage_evidence WHERE device = $1 AND epoch = $2
                    ORDER BY seq DESC LIMIT 1)),
          $4, $5, $6)";
    let values: [&(dyn ToSql + Sync); 6] =
        [&device.as_str(), &i64::from(fork.epoch), &int(fork.seq), &fork.other, &fork.detail, &fork.at_ms];
    tx.execute(sql, &values).await?;
    Ok(())
}
