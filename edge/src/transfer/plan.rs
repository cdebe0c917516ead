//! What there is to transfer, before anything is done; and how to go back after it was.

use super::error::TransferError;
use super::ledger;
use super::snapshot::Snapshot;
use super::source::{FileKind, SourceFile};
use super::{Failed, Files};
use crate::database::Database;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// What a transfer would do.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// By file.
    pub files: Vec<FilePlan>,
    /// Files that would not go through.
    pub failed: Vec<Failed>,
    /// Rows of all telemetry.
    pub rows: u64,
    /// Bytes of the largest file, as much as the work directory needs.
    pub largest_bytes: u64,
    /// Bytes that are free there.
    pub free_bytes: Option<u64>,
    /// What the target says; `None` where none was named.
    pub target: Option<Target>,
}

/// A file.
#[derive(Debug, Serialize)]
pub struct FilePlan {
    /// Its name.
    pub name: String,
    /// `configuration` or `telemetry`.
    pub kind: &'static str,
    /// The camera that it is named for.
    pub camera: Option<String>,
    /// How large it is.
    pub bytes: u64,
    /// Rows by table.
    pub tables: BTreeMap<&'static str, u64>,
}

/// The target before a transfer.
#[derive(Debug, Serialize)]
pub struct Target {
    /// Where, without its password.
    pub database: String,
    /// Files that it knows already.
    pub files_known: usize,
    /// Rows that are there from them.
    pub rows_copied: u64,
    /// Rows that are set aside.
    pub rows_rejected: u64,
}

/// Looks at every file, and at the target if there is one. Changes neither.
pub async fn plan(files: &Files, database: Option<&Database>) -> Result<Plan, TransferError> {
    let mut plan = Plan {
        files: Vec::new(),
        failed: Vec::new(),
        rows: 0,
        largest_bytes: 0,
        free_bytes: free(&files.work),
        target: None,
    };
    for file in files.found()? {
        match look(&file, files.busy) {
            Ok(found) => {
                plan.rows += if file.kind == FileKind::Telemetry { found.tables.values().sum() } else { 0 };
                plan.largest_bytes = plan.largest_bytes.max(found.bytes);
                plan.files.push(found);
            }
            Err(error) if error.is_of_one_file() => plan.failed.push(Failed::of(&file, &error)),
            Err(error) => return Err(error),
        }
    }
    if let Some(database) = database {
        plan.target = Some(target(database).await?);
    }
    Ok(plan)
}

fn look(file: &SourceFile, busy: Duration) -> Result<FilePlan, TransferError> {
    let snapshot = Snapshot::glance(file, busy)?;
    let names: Vec<_> = match file.kind {
        FileKind::Telemetry => snapshot.tables()?.into_iter().map(|table| table.name).collect(),
        FileKind::Configuration => {
            snapshot.check_configuration()?;
            if snapshot.is_empty { Vec::new() } else { vec!["config", "camera_config"] }
        }
    };
    let tables = names.into_iter().map(|name| Ok((name, snapshot.count(name)?)));
    Ok(FilePlan {
        name: file.name.clone(),
        kind: file.kind.as_str(),
        camera: file.camera.clone(),
        bytes: file.path.metadata().map_err(TransferError::io(&file.path, "look at it"))?.len(),
        tables: tables.collect::<Result<_, TransferError>>()?,
    })
}

async fn target(database: &Database) -> Result<Target, TransferError> {
    let client = database.checked().await?;
    let known = ledger::sources(&client).await?;
    let mut target = Target {
        database: database.url().to_string(),
        files_known: known.len(),
        rows_copied: 0,
        rows_rejected: 0,
    };
    for source in &known {
        for reached in ledger::reached(&client, source.number).await?.values() {
            target.rows_copied += reached.copied;
            target.rows_rejected += reached.rejected;
        }
    }
    Ok(target)
}

/// Of the file system of a directory, or of the one that it would be made in.
fn free(directory: &Path) -> Option<u64> {
    let there = directory.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    let found = rustix::fs::statvfs(there).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

/// How to go back: printed by the plan and after every run.
pub const ROLL_BACK: &str = "\
To go back, at any time:
  1. Nothing in the old files was changed: start tAPI with them as before.
  2. To take what was transferred out of PostgreSQL again, and leave what others wrote there:
       BEGIN;
       DELETE FROM telemetry_events    WHERE id >= 1099511627776;
       DELETE FROM frames              WHERE id >= 1099511627776;
       DELETE FROM analytics_summary   WHERE id >= 1099511627776;
       DELETE FROM time_series_buckets WHERE id >= 1099511627776;
       DELETE FROM class_distribution  WHERE id >= 1099511627776;
       DELETE FROM dwell_times         WHERE id >= 1099511627776;
       DELETE FROM event_type_counts   WHERE id >= 1099511627776;
       DELETE FROM cameras             WHERE metadata ? 'transfer';
       DELETE FROM config              WHERE category = 'transfer' AND description LIKE 'transferred from source %';
       DELETE FROM transfer_rejects;
       DELETE FROM transfer_progress;
       DELETE FROM transfer_sources;
       COMMIT;
  3. The next transfer then begins anew.";
