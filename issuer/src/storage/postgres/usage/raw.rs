//! Records as they come and as they are read again.

use super::super::StorageError;
use super::super::columns::{column, damaged, int};
use super::super::connection::Tx;
use crate::storage::{NewBatch, NewRecord};
use brink_license::DeviceId;
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::SinkExt;
use std::pin::Pin;
use tokio_postgres::CopyInSink;
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

/// How much of a COPY is sent at once: some hundred records.
const CHUNK_BYTES: usize = 1 << 16;
/// What a COPY in binary begins with: its signature, no flags, nothing else (the documentation of COPY, "Binary Format").
const COPY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const COPY_COLUMNS: i16 = 10;

/// Where the records of batches go in: one COPY, which takes half the server's time of an INSERT of arrays. It is begun
/// before anything else is sent: the driver loses its place where a COPY begins in a transaction that has failed.
pub(super) struct Records(Pin<Box<CopyInSink<Bytes>>>);

impl Records {
    pub(super) async fn begin(tx: &Tx<'_>) -> Result<Self, StorageError> {
        let sql = "COPY usage_records (epoch, seq, from_seq, received_at, event_ms, floor_ms, received_day, device, tenant,
                     bytes) FROM STDIN (FORMAT binary)";
        Ok(Self(Box::pin(tx.copy_in(sql).await?)))
    }

    /// The driver's own writer sends a message for some ten rows, each of which wakes another thread.
    pub(super) async fn add(mut self, batches: &[(&DeviceId, &NewBatch)]) -> Result<(), StorageError> {
        let mut rows = BytesMut::with_capacity(2 * CHUNK_BYTES);
        rows.put_slice(COPY_HEADER);
        for (device, batch) in batches {
            let day = day_of(batch.received_ms)?;
            for record in &batch.records {
                put_record(&mut rows, (device, batch, day), record)?;
                if rows.len() >= CHUNK_BYTES {
                    self.0.send(rows.split().freeze()).await?;
                }
            }
        }
        // No row has this many columns.
        rows.put_i16(-1);
        self.0.send(rows.freeze()).await?;
        self.0.as_mut().finish().await?;
        Ok(())
    }
}

fn put_record(
    rows: &mut BytesMut,
    (device, batch, day): (&DeviceId, &NewBatch, i32),
    record: &NewRecord,
) -> Result<(), StorageError> {
    rows.put_i16(COPY_COLUMNS);
    let (seq, from) = (int(record.seq), int(record.from));
    for number in [i64::from(batch.epoch), seq, from, batch.received_ms, record.event_ms] {
        put(rows, &number.to_be_bytes())?;
    }
    match record.floor_ms {
        Some(floor) => put(rows, &floor.to_be_bytes())?,
        // NULL has this length, and no bytes.
        None => rows.put_i32(-1),
    }
    put(rows, &day.to_be_bytes())?;
    put(rows, device.as_str().as_bytes())?;
    put(rows, batch.tenant.as_str().as_bytes())?;
    put(rows, &record.bytes)
}

fn put(rows: &mut BytesMut, value: &[u8]) -> Result<(), StorageError> {
    rows.put_i32(i32::try_from(value.len()).map_err(|e| damaged("usage_records", e))?);
    rows.put_slice(value);
    Ok(())
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
