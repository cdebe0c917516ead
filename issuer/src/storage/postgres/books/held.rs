//! Everything that is kept of usage, device after device, in one transaction.

use super::super::columns::{bytes32, column, parsed, uint, uint32};
use super::super::connection::Tx;
use super::super::walk::Walk;
use super::super::{StorageError, devices};
use super::RECORD_COLUMNS;
use crate::storage::columns::Columns as _;
use crate::storage::readers;
use crate::storage::{ChainRow, Held, SignedRow, Take, UsageSum};
use brink_license::DeviceId;
use std::ops::ControlFlow;

/// Sums are sorted by tenant and time in their table; here by device, which the server does on disk.
const SUMS: &str =
    "SELECT tenant, quarter, device, meter, resource, quantity::text AS quantity, count, records
     FROM usage_rollups WHERE $1::text IS NULL OR device = $1 ORDER BY device, tenant, quarter";
const DEVICES: &str = "SELECT device FROM usage_cursors WHERE $1::text IS NULL OR device = $1
     UNION SELECT device FROM usage_rollups WHERE $1::text IS NULL OR device = $1
     UNION SELECT device FROM usage_records WHERE $1::text IS NULL OR device = $1 ORDER BY device";

pub(super) async fn all(
    tx: &Tx<'_>,
    device: Option<&DeviceId>,
    take: Take<'_, Held>,
) -> Result<(), StorageError> {
    let only = device.map(DeviceId::as_str);
    if let Some(device) = device {
        devices::row(tx, device).await?;
    }
    let sql = "SELECT max(to_day) * 86400000::bigint AS before_ms FROM usage_dropped";
    if let Some(before_ms) = column(&tx.one(sql, &[]).await?, "before_ms")?
        && take(Held::Dropped(before_ms)).is_break()
    {
        return Ok(());
    }
    let (mut devices, mut sums) = (tx.walk(DEVICES, &[&only]).await?, tx.walk(SUMS, &[&only]).await?);
    let mut next = next_sum(tx, &mut sums).await?;
    while let Some(row) = devices.next(tx).await? {
        let device: DeviceId = parsed(&row, "device")?;
        if take(Held::Device(device.clone())).is_break() || chains(tx, &device, take).await?.is_break() {
            return Ok(());
        }
        while let Some(sum) = next.take_if(|sum| sum.device == device) {
            if take(Held::Sum(sum)).is_break() {
                return Ok(());
            }
            next = next_sum(tx, &mut sums).await?;
        }
    }
    Ok(())
}

async fn next_sum(tx: &Tx<'_>, rows: &mut Walk) -> Result<Option<UsageSum>, StorageError> {
    rows.next(tx).await?.as_ref().map(readers::usage_sum).transpose()
}

async fn chains(
    tx: &Tx<'_>,
    device: &DeviceId,
    take: Take<'_, Held>,
) -> Result<ControlFlow<()>, StorageError> {
    let sql =
        "SELECT epoch, tenant, jkt, seq, hash, closed FROM usage_cursors WHERE device = $1 ORDER BY epoch";
    for row in tx.rows(sql, &[&device.as_str()]).await? {
        let chain = ChainRow {
            device: device.clone(),
            epoch: uint32(&row, "epoch")?,
            tenant: parsed(&row, "tenant")?,
            jkt: bytes32(&row, "jkt")?,
            seq: uint(&row, "seq")?,
            hash: bytes32(&row, "hash")?,
            closed: column(&row, "closed")?,
        };
        let epoch = chain.epoch;
        if take(Held::Chain(chain)).is_break() || inside(tx, (device, epoch), take).await?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

async fn inside(
    tx: &Tx<'_>,
    (device, epoch): (&DeviceId, u32),
    take: Take<'_, Held>,
) -> Result<ControlFlow<()>, StorageError> {
    let (device, epoch) = (device.as_str(), i64::from(epoch));
    let sql = "SELECT device, epoch, from_seq, to_seq, reason, at FROM usage_losses
               WHERE device = $1 AND epoch = $2 ORDER BY from_seq";
    for row in tx.rows(sql, &[&device, &epoch]).await? {
        if take(Held::Loss(readers::loss(&row)?)).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    let sql = "SELECT meter, total::text AS total FROM usage_totals WHERE device = $1 AND epoch = $2";
    for row in tx.rows(sql, &[&device, &epoch]).await? {
        if take(Held::Total(parsed(&row, "meter")?, row.amount("total")?)).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    let sql = "SELECT seq, device_key, checkpoint, at FROM usage_evidence WHERE device = $1 AND epoch = $2 ORDER BY seq";
    let mut rows = tx.walk(sql, &[&device, &epoch]).await?;
    while let Some(row) = rows.next(tx).await? {
        let (seq, checkpoint) = (uint(&row, "seq")?, column(&row, "checkpoint")?);
        let (device_key, at_ms) = (bytes32(&row, "device_key")?, column(&row, "at")?);
        let signed = SignedRow { seq, device_key, checkpoint, at_ms };
        if take(Held::Signed(signed)).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    let sql = format!("SELECT {RECORD_COLUMNS} WHERE r.device = $1 AND r.epoch = $2 ORDER BY r.seq");
    let mut rows = tx.walk(&sql, &[&device, &epoch]).await?;
    while let Some(row) = rows.next(tx).await? {
        if take(Held::Record(readers::booked(&row)?)).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}
