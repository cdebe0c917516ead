//! Chunks into PostgreSQL: each with its checkpoint in one transaction, so that it is there once whatever happens in between.

use super::cell::Origin;
use super::copy::Copying;
use super::error::TransferError;
use super::ledger::{self, Reached};
use super::read::Chunk;
use super::rejects::Reject;
use super::tables::Table;
use crate::database::{Database, DatabaseError, telemetry};
use bytes::Bytes;
use deadpool_postgres::{ClientWrapper, Object};
use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;
use tokio_postgres::Transaction;

/// How long a server that went away is waited for, in pauses of these lengths: some minutes, in which it can be restarted.
const PAUSES_SECONDS: [u64; 12] = [1, 1, 2, 4, 8, 15, 15, 15, 30, 30, 30, 30];
/// How often a lock that somebody holds is asked for, a second apart: the server notices that a transfer was killed when it has
/// done what that one had sent.
const LOCK_ATTEMPTS: usize = 10;
/// Months that partitions are made for: 2000 to 2099. What lies outside of them is in the default partition.
const MONTHS: Range<i64> = 2000 * 12..2100 * 12;

/// One connection that holds the transfer's lock, made again when it is lost.
pub(super) struct Loader {
    database: Database,
    /// Taken out of the pool, so that the lock goes with it.
    client: Option<ClientWrapper>,
    /// Partitions that are there.
    made: BTreeSet<(&'static str, i64)>,
}

impl Loader {
    /// Connects, looks at the tables, and takes the lock.
    pub(super) async fn begin(database: &Database) -> Result<Self, TransferError> {
        let mut loader = Self { database: database.clone(), client: None, made: BTreeSet::new() };
        for _ in 1..LOCK_ATTEMPTS {
            match loader.client().await {
                Err(TransferError::Runs) => tokio::time::sleep(Duration::from_secs(1)).await,
                other => return other.map(drop).map(|()| loader),
            }
        }
        loader.client().await?;
        Ok(loader)
    }

    /// The connection, with the lock.
    pub(super) async fn client(&mut self) -> Result<&mut ClientWrapper, TransferError> {
        let client = match self.client.take() {
            Some(client) if !client.is_closed() => client,
            Some(_) | None => {
                let client = Object::take(self.database.checked().await?);
                ledger::lock(&client).await?;
                client
            }
        };
        Ok(self.client.insert(client))
    }

    /// Waits before the next attempt where that may help, and gives the error back where it does not or was waited out for
    /// long enough.
    pub(super) async fn wait_out(
        &mut self,
        error: TransferError,
        attempt: &mut usize,
    ) -> Result<(), TransferError> {
        let pause = PAUSES_SECONDS.get(*attempt).filter(|_| error.is_passing());
        let Some(pause) = pause else { return Err(error) };
        tracing::warn!(code = error.code(), %error, "the transfer waits for the database");
        tokio::time::sleep(Duration::from_secs(*pause)).await;
        *attempt += 1;
        Ok(())
    }

    /// Writes a chunk. `reached` is how far the table had come before it, and after it. `again` finds a row whole that only
    /// the server turns out to refuse.
    pub(super) async fn store(
        &mut self,
        chunk: &Chunk,
        origin: &Origin,
        reached: &mut Reached,
        again: &mut dyn FnMut(i64, String) -> Result<Reject, TransferError>,
    ) -> Result<(), TransferError> {
        let encoded = Bytes::copy_from_slice(&chunk.encoded);
        let (mut rejects, mut refused) = (chunk.rejects.clone(), BTreeSet::new());
        let mut after = Self::after(chunk, reached, rejects.len());
        let stored = self.attempt((chunk, &encoded, &refused), origin, (&rejects, &after)).await;
        if let Err(TransferError::Database(DatabaseError::Value(_))) = &stored {
            for (rowid, said) in self.refused(chunk, &encoded).await? {
                refused.insert(rowid);
                rejects.push(again(rowid, said)?);
            }
            after = Self::after(chunk, reached, rejects.len());
            self.attempt((chunk, &encoded, &refused), origin, (&rejects, &after)).await?;
        } else {
            stored?;
        }
        *reached = after;
        Ok(())
    }

    fn after(chunk: &Chunk, reached: &Reached, rejects: usize) -> Reached {
        // What is replaced begins anew with its first chunk.
        let before = if chunk.is_first && !chunk.table.grows { &Reached::default() } else { reached };
        let looked_at = chunk.looked_at();
        Reached {
            last: chunk.last.or(before.last),
            copied: before.copied + looked_at - rejects as u64,
            rejected: before.rejected + rejects as u64,
            is_done: chunk.is_last,
            digest: chunk.digest.clone(),
        }
    }

    async fn attempt(
        &mut self,
        (chunk, encoded, refused): (&Chunk, &Bytes, &BTreeSet<i64>),
        origin: &Origin,
        (rejects, after): (&[Reject], &Reached),
    ) -> Result<(), TransferError> {
        self.make_partitions(chunk).await?;
        let client = self.client().await?;
        let tx = client.transaction().await.map_err(DatabaseError::from)?;
        if chunk.is_first && !chunk.table.grows {
            clear(&tx, chunk.table, origin).await?;
        }
        for rows in runs(chunk, refused) {
            copy(&tx, chunk.table, bytes_of(chunk, encoded, rows)).await?;
        }
        ledger::reject(&tx, origin.number, rejects).await?;
        ledger::reach(&tx, (origin.number, chunk.table.name), after).await?;
        Ok(tx.commit().await.map_err(DatabaseError::from)?)
    }

    /// The rows of a chunk that the server refuses, with its words: halves are tried until each is found. Nothing is kept.
    async fn refused(&mut self, chunk: &Chunk, encoded: &Bytes) -> Result<Vec<(i64, String)>, TransferError> {
        let mut found = Vec::new();
        let mut open: Vec<Range<usize>> = std::iter::once(0..chunk.rows.len()).collect();
        while let Some(rows) = open.pop() {
            let client = self.client().await?;
            let tx = client.transaction().await.map_err(DatabaseError::from)?;
            let tried = copy(&tx, chunk.table, bytes_of(chunk, encoded, rows.clone())).await;
            tx.rollback().await.map_err(DatabaseError::from)?;
            match tried {
                Ok(()) => {}
                Err(DatabaseError::Value(said)) if rows.len() == 1 => {
                    found.push((chunk.rows[rows.start].0, said))
                }
                Err(DatabaseError::Value(_)) => {
                    let middle = rows.start + rows.len() / 2;
                    open.push(middle..rows.end);
                    open.push(rows.start..middle);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(found)
    }

    async fn make_partitions(&mut self, chunk: &Chunk) -> Result<(), TransferError> {
        let table = chunk.table.name;
        let wanted: Vec<i64> = chunk
            .months
            .iter()
            .copied()
            .filter(|month| MONTHS.contains(month) && !self.made.contains(&(table, *month)))
            .collect();
        for month in wanted {
            telemetry::make_month(&**self.client().await?, table, month).await?;
            self.made.insert((table, month));
        }
        Ok(())
    }
}

/// Removes what a pass before left of a table that is replaced.
async fn clear(tx: &Transaction<'_>, table: &Table, origin: &Origin) -> Result<(), DatabaseError> {
    let (first, last) = origin.ids();
    tx.execute(&format!("DELETE FROM {} WHERE id BETWEEN $1 AND $2", table.name), &[&first, &last]).await?;
    let sql = "DELETE FROM transfer_rejects WHERE source = $1 AND table_name = $2";
    tx.execute(sql, &[&origin.number, &table.name]).await?;
    Ok(())
}

async fn copy(tx: &Transaction<'_>, table: &Table, rows: Bytes) -> Result<(), DatabaseError> {
    let mut copying = Copying::begin(tx, table.name, &table.targets()).await?;
    copying.send(rows).await?;
    Ok(copying.finish().await?)
}

/// The bytes of some rows of a chunk.
fn bytes_of(chunk: &Chunk, encoded: &Bytes, rows: Range<usize>) -> Bytes {
    let end = |row: usize| row.checked_sub(1).map_or(0, |before| chunk.rows[before].1);
    encoded.slice(end(rows.start)..end(rows.end))
}

/// Rows in a row that nobody refused.
fn runs(chunk: &Chunk, refused: &BTreeSet<i64>) -> Vec<Range<usize>> {
    if refused.is_empty() {
        return std::iter::once(0..chunk.rows.len()).filter(|all| !all.is_empty()).collect();
    }
    let (mut runs, mut begun) = (Vec::new(), 0);
    for (at, (rowid, _)) in chunk.rows.iter().enumerate() {
        if refused.contains(rowid) {
            runs.push(begun..at);
            begun = at + 1;
        }
    }
    runs.push(begun..chunk.rows.len());
    runs.retain(|run| !run.is_empty());
    runs
}
