//! What the target knows of a transfer: which files, how far each table of each has come, what it could not hold. Every
//! statement over the tables of `V6__transfer.sql` is here, but those of the configuration's own rows.

use super::cell::{FIELD_BYTES_MAX, FILE_SHIFT, Origin};
use super::error::TransferError;
use super::rejects::Reject;
use super::source::SourceFile;
use super::tables::{TABLES, Table};
use crate::database::DatabaseError;
use std::collections::BTreeMap;
use tokio_postgres::{Client, Transaction};

/// The advisory lock of a transfer: "move" in ASCII.
const LOCK: i64 = 0x6d_6f_76_65;
/// Numbers of files: with a row's they are exact in JSON.
const NUMBER_MAX: i32 = 8191;

/// How far a table of a file has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reached {
    /// The last row that was looked at.
    pub(super) last: Option<i64>,
    /// Rows that are here.
    pub(super) copied: u64,
    /// Rows that are set aside.
    pub(super) rejected: u64,
    /// Everything that there was.
    pub(super) is_done: bool,
    /// Of a table that is replaced.
    pub(super) digest: Option<Vec<u8>>,
}

/// Takes the lock for as long as the connection lives.
pub(super) async fn lock(client: &Client) -> Result<(), TransferError> {
    let taken =
        client.query_one("SELECT pg_try_advisory_lock($1)", &[&LOCK]).await.map_err(DatabaseError::from)?;
    if taken.try_get(0).map_err(DatabaseError::from)? { Ok(()) } else { Err(TransferError::Runs) }
}

/// The file's number, given now if it has none yet. Whoever gave it a tenant before stays.
pub(super) async fn register(
    client: &Client,
    file: &SourceFile,
    tenant: Option<&str>,
) -> Result<Origin, TransferError> {
    let sql = "
        WITH known AS (
            UPDATE transfer_sources SET camera_id = $3 WHERE kind = $1 AND name = $2 RETURNING number, tenant_id),
        made AS (
            INSERT INTO transfer_sources (number, kind, name, camera_id, tenant_id)
            SELECT coalesce(max(number), 0) + 1, $1, $2, $3, $4 FROM transfer_sources HAVING NOT EXISTS (SELECT FROM known)
            RETURNING number, tenant_id)
        SELECT number, tenant_id FROM known UNION ALL SELECT number, tenant_id FROM made";
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
        [&file.kind.as_str(), &file.name, &file.camera, &tenant];
    match client.query_one(sql, &values).await.map_err(DatabaseError::from) {
        Ok(row) => {
            let of = |error: tokio_postgres::Error| TransferError::Database(error.into());
            Ok(Origin { number: row.try_get(0).map_err(of)?, tenant: row.try_get(1).map_err(of)? })
        }
        // The one check that a number can break.
        Err(DatabaseError::Value(said)) if said.contains("number_check") => {
            Err(TransferError::TooMany(NUMBER_MAX))
        }
        Err(error) => Err(error.into()),
    }
}

/// A file that the target knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// Its number.
    pub(super) number: i32,
    /// What it holds.
    pub(super) kind: String,
    /// Its name.
    pub(super) name: String,
    /// What its rows were given.
    pub(super) tenant: Option<String>,
}

/// Every file that is known, by its number.
pub(super) async fn sources(client: &Client) -> Result<Vec<Known>, DatabaseError> {
    let rows = client
        .query("SELECT number, kind, name, tenant_id FROM transfer_sources ORDER BY number", &[])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Known {
                number: row.try_get(0)?,
                kind: row.try_get(1)?,
                name: row.try_get(2)?,
                tenant: row.try_get(3)?,
            })
        })
        .collect()
}

/// How far every table of a file has come.
pub(super) async fn reached(
    client: &Client,
    number: i32,
) -> Result<BTreeMap<String, Reached>, DatabaseError> {
    let sql = "SELECT table_name, last_rowid, copied, rejected, state = 'done', digest FROM transfer_progress WHERE source = $1";
    let rows = client.query(sql, &[&number]).await?;
    rows.iter()
        .map(|row| {
            let count = |at: usize| row.try_get::<_, i64>(at).map(i64::unsigned_abs);
            let reached = Reached {
                last: row.try_get(1)?,
                copied: count(2)?,
                rejected: count(3)?,
                is_done: row.try_get(4)?,
                digest: row.try_get(5)?,
            };
            Ok((row.try_get(0)?, reached))
        })
        .collect()
}

/// Writes how far a table has come, in the transaction that brings it there.
pub(super) async fn reach(
    tx: &Transaction<'_>,
    (number, table): (i32, &str),
    reached: &Reached,
) -> Result<(), DatabaseError> {
    let sql = "
        INSERT INTO transfer_progress (source, table_name, last_rowid, copied, rejected, state, digest)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (source, table_name) DO UPDATE SET last_rowid = excluded.last_rowid, copied = excluded.copied,
            rejected = excluded.rejected, state = excluded.state, digest = excluded.digest, updated_at = now()";
    let state = if reached.is_done { "done" } else { "copying" };
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let (copied, rejected) = (count(reached.copied), count(reached.rejected));
    tx.execute(sql, &[&number, &table, &reached.last, &copied, &rejected, &state, &reached.digest]).await?;
    Ok(())
}

/// Sets rows aside. The same row again replaces what was said of it.
pub(super) async fn reject(
    tx: &Transaction<'_>,
    number: i32,
    rejects: &[Reject],
) -> Result<(), DatabaseError> {
    let sql = "
        INSERT INTO transfer_rejects (source, table_name, rowid, part, reason, detail, camera_id, content)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (source, table_name, rowid, part) DO UPDATE SET reason = excluded.reason, detail = excluded.detail,
            camera_id = excluded.camera_id, content = excluded.content";
    if rejects.is_empty() {
        return Ok(());
    }
    let statement = tx.prepare(sql).await?;
    for Reject { table, rowid, part, reason, detail, camera, content } in rejects {
        // The server closes the connection at a message that is too long.
        if content.len() > FIELD_BYTES_MAX {
            let said = format!("row {rowid} of {table}, set aside for {reason}, has {} bytes", content.len());
            return Err(DatabaseError::Value(said));
        }
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 8] =
            [&number, table, rowid, part, reason, detail, camera, content];
        tx.execute(&statement, &values).await?;
    }
    Ok(())
}

/// The reason that a row is set aside for, and the SHA-256 of all of it.
pub(super) type Kept = (String, Vec<u8>);

/// What is set aside of a table of a file, by row and part.
pub(super) async fn rejected(
    client: &Client,
    (number, table): (i32, &str),
) -> Result<BTreeMap<(i64, i32), Kept>, DatabaseError> {
    let sql = "SELECT rowid, part, reason, sha256(content) FROM transfer_rejects WHERE source = $1 AND table_name = $2";
    let rows = client.query(sql, &[&number, &table]).await?;
    rows.iter()
        .map(|row| Ok(((row.try_get(0)?, row.try_get(1)?), (row.try_get(2)?, row.try_get(3)?))))
        .collect()
}

/// How many rows of a file of telemetry are here, or set aside.
pub(super) async fn rows(client: &Client, origin: &Origin) -> Result<u64, DatabaseError> {
    let (first, last) = origin.ids();
    let mut rows = 0;
    for table in &TABLES {
        let sql = format!(
            "SELECT (SELECT count(*) FROM {} WHERE id BETWEEN $1 AND $2)
                  + (SELECT count(*) FROM transfer_rejects WHERE source = $3 AND table_name = $4)",
            table.name
        );
        let found = client.query_one(&sql, &[&first, &last, &origin.number, &table.name]).await?;
        rows += found.try_get::<_, i64>(0)?.unsigned_abs();
    }
    Ok(rows)
}

/// Rows with the number of a file that nobody knows.
pub(super) async fn unknown_rows(client: &Client) -> Result<u64, DatabaseError> {
    let mut rows = 0;
    for Table { name, .. } in &TABLES {
        let sql = format!(
            "SELECT count(*) FROM {name} WHERE id >= 1::bigint << {FILE_SHIFT}
             AND id >> {FILE_SHIFT} NOT IN (SELECT number FROM transfer_sources)"
        );
        rows += client.query_one(&sql, &[]).await?.try_get::<_, i64>(0)?.unsigned_abs();
    }
    Ok(rows)
}
