//! What was signed about usage, each with the records since the one before: the memory of one batch.

use super::super::columns::{bytes32, column, moment, uint, uint32};
use super::super::{StorageError, devices};
use crate::storage::{Statement, Take};
use brink_license::DeviceId;
use rusqlite::{Connection, params};

pub(super) fn all(tx: &Connection, device: &DeviceId, take: Take<'_, Statement>) -> Result<(), StorageError> {
    devices::row(tx, device)?;
    let sql = "SELECT * FROM usage_evidence WHERE device = ?1 ORDER BY epoch, seq";
    let mut statement = tx.prepare(sql)?;
    let mut rows = statement.query([device.as_str()])?;
    let mut before = (0, 0);
    while let Some(row) = rows.next()? {
        let (epoch, seq) = (uint32(row, "epoch")?, uint(row, "seq")?);
        let after = if before.0 == epoch { before.1 } else { 0 };
        before = (epoch, seq);
        let statement = Statement {
            epoch,
            seq,
            device_key: bytes32(row, "device_key")?,
            checkpoint: column(row, "checkpoint")?,
            receipt: column(row, "receipt")?,
            at: moment(row, "at")?,
            records: records(tx, device, (epoch, after, seq))?,
        };
        if take(statement).is_break() {
            break;
        }
    }
    Ok(())
}

/// The records of a chain after one number and up to another.
fn records(
    tx: &Connection,
    device: &DeviceId,
    (epoch, after, upto): (u32, u64, u64),
) -> Result<Vec<Vec<u8>>, StorageError> {
    let sql = "SELECT bytes FROM usage_records WHERE device = ?1 AND epoch = ?2 AND seq > ?3 AND seq <= ?4
               ORDER BY seq";
    let mut statement = tx.prepare_cached(sql)?;
    let int = super::super::columns::int;
    let rows =
        statement.query_map(params![device.as_str(), epoch, int(after), int(upto)], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
