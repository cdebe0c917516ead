//! A binary COPY (PostgreSQL, "COPY", Binary Format): rows as [`super::cell::encode`] wrote them, in one statement.

use bytes::Bytes;
use futures_util::SinkExt;
use std::pin::Pin;
use tokio_postgres::{CopyInSink, Error, Transaction};

const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: &[u8] = b"\xff\xff";
/// Bytes that are handed over at once.
pub(super) const PIECE: usize = 1 << 20;

/// Rows on their way into a table. Nothing of them is there before [`Copying::finish`].
pub(super) struct Copying(Pin<Box<CopyInSink<Bytes>>>);

impl Copying {
    /// Begins, with these columns in their order.
    pub(super) async fn begin(tx: &Transaction<'_>, table: &str, columns: &str) -> Result<Self, Error> {
        let sql = format!("COPY {table} ({columns}) FROM STDIN WITH (FORMAT binary)");
        let mut sink = Box::pin(tx.copy_in::<_, Bytes>(&sql).await?);
        sink.send(Bytes::from_static(HEADER)).await?;
        Ok(Self(sink))
    }

    /// Hands rows over, whole or in part.
    pub(super) async fn send(&mut self, mut rows: Bytes) -> Result<(), Error> {
        while !rows.is_empty() {
            self.0.send(rows.split_to(rows.len().min(PIECE))).await?;
        }
        Ok(())
    }

    /// Ends it; refused rows are heard of here.
    pub(super) async fn finish(mut self) -> Result<(), Error> {
        self.0.send(Bytes::from_static(TRAILER)).await?;
        self.0.as_mut().finish().await.map(drop)
    }
}
