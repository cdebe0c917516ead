//! What the target knows of transfers into it, for whoever comes later.

use super::error::TransferError;
use super::ledger;
use crate::database::{Database, DatabaseError};
use serde::Serialize;
use std::collections::BTreeMap;

/// Of all files.
#[derive(Debug, Serialize)]
pub struct Report {
    /// By file.
    pub files: Vec<FileReport>,
    /// Rows that are set aside, by reason.
    pub rejects: BTreeMap<String, u64>,
}

/// Of a file.
#[derive(Debug, Serialize)]
pub struct FileReport {
    /// Its number.
    pub number: i32,
    /// `configuration` or `telemetry`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// By table.
    pub tables: BTreeMap<String, TableReport>,
}

/// Of a table of a file.
#[derive(Debug, Serialize)]
pub struct TableReport {
    /// Rows that are there.
    pub copied: u64,
    /// Rows that are set aside.
    pub rejected: u64,
    /// Whether everything was copied that was there at the last run.
    pub is_done: bool,
}

/// Asks the target.
pub async fn report(database: &Database) -> Result<Report, TransferError> {
    let client = database.checked().await?;
    let mut files = Vec::new();
    for source in ledger::sources(&client).await? {
        let reached = ledger::reached(&client, source.number).await?.into_iter();
        let of = |reached: ledger::Reached| TableReport {
            copied: reached.copied,
            rejected: reached.rejected,
            is_done: reached.is_done,
        };
        let tables = reached.map(|(name, reached)| (name, of(reached))).collect();
        files.push(FileReport { number: source.number, kind: source.kind, name: source.name, tables });
    }
    let sql = "SELECT reason, count(*) FROM transfer_rejects GROUP BY reason ORDER BY reason";
    let rows = client.query(sql, &[]).await.map_err(DatabaseError::from)?;
    let of = |row: &tokio_postgres::Row| -> Result<_, tokio_postgres::Error> {
        Ok((row.try_get(0)?, row.try_get::<_, i64>(1)?.unsigned_abs()))
    };
    let rejects = rows.iter().map(of).collect::<Result<_, _>>().map_err(DatabaseError::from)?;
    Ok(Report { files, rejects })
}
