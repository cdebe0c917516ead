//! Everything that is kept of usage, device after device, in one transaction.

use super::super::StorageError;
use super::super::columns::{bytes32, column, parsed, uint, uint32};
use super::RECORDS;
use crate::storage::columns::Columns as _;
use crate::storage::readers;
use crate::storage::{ChainRow, Held, SignedRow, Take};
use brink_license::DeviceId;
use rusqlite::{Connection, Rows, params};
use std::ops::ControlFlow;

/// Sums are sorted by tenant and time in their table; here by device, which SQLite does on disk.
const SUMS: &str =
    "SELECT * FROM usage_rollups WHERE ?1 IS NULL OR device = ?1 ORDER BY device, tenant, quarter";
const DEVICES: &str =
    "SELECT device FROM (SELECT device FROM usage_cursors UNION SELECT device FROM usage_rollups
       UNION SELECT device FROM usage_records)
     WHERE ?1 IS NULL OR device = ?1 ORDER BY device";

pub(super) fn all(
    tx: &Connection,
    device: Option<&DeviceId>,
    take: Take<'_, Held>,
) -> Result<(), StorageError> {
    let only = device.map(DeviceId::as_str);
    if let Some(device) = device {
        super::super::devices::row(tx, device)?;
    }
    let (mut devices, mut sums) = (tx.prepare(DEVICES)?, tx.prepare(SUMS)?);
    let (mut devices, mut sums) = (devices.query([only])?, sums.query([only])?);
    let mut next = next_sum(&mut sums)?;
    while let Some(row) = devices.next()? {
        let device: DeviceId = parsed(row, "device")?;
        if take(Held::Device(device.clone())).is_break() || chains(tx, &device, take)?.is_break() {
            return Ok(());
        }
        while let Some(sum) = next.take_if(|sum| sum.device == device) {
            if take(Held::Sum(sum)).is_break() {
                return Ok(());
            }
            next = next_sum(&mut sums)?;
        }
    }
    Ok(())
}

fn next_sum(rows: &mut Rows<'_>) -> Result<Option<crate::storage::UsageSum>, StorageError> {
    rows.next()?.map(readers::usage_sum).transpose()
}

fn chains(tx: &Connection, device: &DeviceId, take: Take<'_, Held>) -> Result<ControlFlow<()>, StorageError> {
    let mut statement = tx.prepare_cached("SELECT * FROM usage_cursors WHERE device = ?1 ORDER BY epoch")?;
    let mut rows = statement.query([device.as_str()])?;
    while let Some(row) = rows.next()? {
        let chain = ChainRow {
            device: device.clone(),
            epoch: uint32(row, "epoch")?,
            tenant: parsed(row, "tenant")?,
            jkt: bytes32(row, "jkt")?,
            seq: uint(row, "seq")?,
            hash: bytes32(row, "hash")?,
            closed: column(row, "closed")?,
        };
        let epoch = chain.epoch;
        if take(Held::Chain(chain)).is_break() || inside(tx, (device, epoch), take)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn inside(
    tx: &Connection,
    (device, epoch): (&DeviceId, u32),
    take: Take<'_, Held>,
) -> Result<ControlFlow<()>, StorageError> {
    let key = params![device.as_str(), epoch];
    let sql = "SELECT * FROM usage_losses WHERE device = ?1 AND epoch = ?2 ORDER BY from_seq";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(key)?;
    while let Some(row) = rows.next()? {
        if take(Held::Loss(readers::loss(row)?)).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    let mut statement = tx.prepare_cached("SELECT * FROM usage_totals WHERE device = ?1 AND epoch = ?2")?;
    let mut rows = statement.query(key)?;
    while let Some(row) = rows.next()? {
        if take(Held::Total(parsed(row, "meter")?, row.amount("total")?)).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    let sql = "SELECT * FROM usage_evidence WHERE device = ?1 AND epoch = ?2 ORDER BY seq";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(key)?;
    while let Some(row) = rows.next()? {
        let (seq, checkpoint) = (uint(row, "seq")?, column(row, "checkpoint")?);
        let (device_key, at_ms) = (bytes32(row, "device_key")?, column(row, "at")?);
        let signed = SignedRow { seq, device_key, checkpoint, at_ms };
        if take(Held::Signed(signed)).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    let sql = format!("{RECORDS} WHERE r.device = ?1 AND r.epoch = ?2 ORDER BY r.seq");
    let mut statement = tx.prepare_cached(&sql)?;
    let mut rows = statement.query(key)?;
    while let Some(row) = rows.next()? {
        if take(Held::Record(readers::booked(row)?)).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}
