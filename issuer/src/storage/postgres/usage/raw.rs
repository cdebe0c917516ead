//! Records as they come and as they are read again.

use super::super::StorageError;
use super::super::columns::{column, damaged, int};
use super::super::connection::Tx;
use crate::storage::{NewBatch, NewRecord};
use brink_license::DeviceId;
use std::pin::Pin;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};

const DAY_MS: i64 = 86_400_000;

/// A record as books read it: with the reason of its quarantine where it was in it. `r` is the record.
pub(in super::super) const RECORD_COLUMNS: &str = "
    r.device, r.epoch, r.seq, r.from_seq, r.tenant, r.received_at, r.event_ms, r.floor_ms, r.bytes,
    q.device IS NOT NULL AND q.replayed_at IS NULL AS quarantined, q.reason
    FROM usage_records r
    LEFT JOIN usage_quarantine q ON q.device = r.device AND q.epoch = r.epoch AND q.seq = r.seq";

/// The day in UTC that a moment lies in, as it picks a partition.
pub(in super::super) fn day_of(at_ms: i64) -> Result<i32, StorageError> {
    i32::try_from(at_ms / DAY_MS).map_err(|e| damaged("received_at", e))
}

/// Where the records of batches go in: one COPY, which takes half the server's time of an INSERT of arrays. It is begun
/// before anything else is sent: the driver loses its place where a COPY begins in a transaction that has failed.
pub(super) struct Records(Pin<Box<BinaryCopyInWriter>>);

impl Records {
    pub(super) async fn begin(tx: &Tx<'_>) -> Result<Self, StorageError> {
        let sql = "COPY usage_records (epoch, seq, from_seq, received_at, event_ms, floor_ms, received_day, device, tenant,
                     bytes) FROM STDIN (FORMAT binary)";
        const INT: Type = Type::INT8;
        let types = [INT, INT, INT, INT, INT, INT, Type::INT4, Type::TEXT, Type::TEXT, Type::BYTEA];
        Ok(Self(Box::pin(tx.copy(sql, &types).await?)))
    }

    pub(super) async fn add(mut self, batches: &[(&DeviceId, &NewBatch)]) -> Result<(), StorageError> {
        for (device, batch) in batches {
            let (device, tenant, epoch) = (device.as_str(), batch.tenant.as_str(), i64::from(batch.epoch));
            let day = day_of(batch.received_ms)?;
            for record in &batch.records {
                let NewRecord { event_ms, floor_ms, bytes, .. } = record;
                let (seq, from) = (int(record.seq), int(record.from));
                let values: [&(dyn ToSql + Sync); 10] = [
                    &epoch,
                    &seq,
                    &from,
                    &batch.received_ms,
                    event_ms,
                    floor_ms,
                    &day,
                    &device,
                    &tenant,
                    bytes,
                ];
                self.0.as_mut().write(&values).await?;
            }
        }
        self.0.as_mut().finish().await?;
        Ok(())
    }
}

/// The records of a chain behind one number and up to another, which all came on one day.
pub(in super::super) async fn of_day(
    tx: &Tx<'_>,
    (device, epoch): (&DeviceId, u32),
    day: i32,
    (after, upto): (u64, u64),
) -> Result<Vec<Vec<u8>>, StorageError> {
    // The day as a constant: a plan that was made for any day would lock every partition to read one.
    let sql = format!(
        "SELECT bytes FROM usage_records WHERE device = $1 AND epoch = $2 AND seq > $3 AND seq <= $4
           AND received_day = {day} ORDER BY seq"
    );
    let (device, epoch, after, upto) = (device.as_str(), i64::from(epoch), int(after), int(upto));
    let values: [(&(dyn ToSql + Sync), Type); 4] =
        [(&device, Type::TEXT), (&epoch, Type::INT8), (&after, Type::INT8), (&upto, Type::INT8)];
    tx.once(&sql, &values).await?.iter().map(|row| column(row, "bytes")).collect()
}
