//! What was signed about usage, each with the records since the one before: the memory of one batch.

use super::super::columns::{bytes32, column, moment, uint, uint32};
use super::super::connection::Tx;
use super::super::{StorageError, devices, usage};
use crate::storage::{Statement, Take};
use brink_license::DeviceId;

pub(super) async fn all(
    tx: &Tx<'_>,
    device: &DeviceId,
    take: Take<'_, Statement>,
) -> Result<(), StorageError> {
    devices::row(tx, device).await?;
    let sql = "SELECT epoch, seq, device_key, checkpoint, receipt, at FROM usage_evidence
               WHERE device = $1 ORDER BY epoch, seq";
    let mut rows = tx.walk(sql, &[&device.as_str()]).await?;
    let mut before = (0, 0);
    while let Some(row) = rows.next(tx).await? {
        let (epoch, seq) = (uint32(&row, "epoch")?, uint(&row, "seq")?);
        let after = if before.0 == epoch { before.1 } else { 0 };
        before = (epoch, seq);
        let day = usage::day_of(column(&row, "at")?)?;
        let statement = Statement {
            epoch,
            seq,
            device_key: bytes32(&row, "device_key")?,
            checkpoint: column(&row, "checkpoint")?,
            receipt: column(&row, "receipt")?,
            at: moment(&row, "at")?,
            records: usage::of_day(tx, (device, epoch), day, (after, seq)).await?,
        };
        if take(statement).is_break() {
            break;
        }
    }
    Ok(())
}
