//! Both ends, row by row: what the files hold now against what the database holds, both ways.
//!
//! Both are read in the order of their numbers, so that one pass tells which rows are only here, only there, or not the same.
//! Nothing of what a transfer noted is believed but why a row was set aside.

mod configuration;
pub(super) mod ends;
mod found;
mod merge;

pub use found::{CameraFound, FileGone, FileVerified, Sums, TableFound, Verified};

use super::cell::Origin;
use super::dump::Dump;
use super::error::TransferError;
use super::ledger;
use super::progress::Progress;
use super::snapshot::{Room, Snapshot};
use super::source::{FileKind, SourceFile};
use super::tables::TABLES;
use super::{Failed, Files};
use crate::database::{Database, DatabaseError};
use ends::Source;
use merge::Merge;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tokio_postgres::Client;

/// Compares everything. `dump`: a directory for both ends as CSV.
pub async fn verify(
    database: &Database,
    files: &Files,
    dump: Option<&Path>,
) -> Result<Verified, TransferError> {
    let found = files.begin()?;
    let mut client = database.checked().await?;
    let dump = dump.map(Dump::begin).transpose()?.map(Arc::new);
    let progress = Progress::begin("verify", &found, files.busy);
    let mut verified = Verified::default();
    let known = ledger::sources(&client).await?;
    for file in &found {
        progress.at(&file.name);
        let of = known.iter().find(|known| is_of(known, file));
        match verify_file(&mut client, (file, of), (&files.room(), dump.as_ref()), &progress).await {
            Ok(tables) => verified.files.push(FileVerified { name: file.name.clone(), tables }),
            Err(error) if error.is_of_one_file() => verified.failed.push(Failed::of(file, &error)),
            Err(error) => return Err(error),
        }
    }
    verified.unknown_rows = ledger::unknown_rows(&client).await?;
    verified.gone = gone(&mut client, (files, &found), &known).await?;
    if let Some(dump) = dump {
        dump.finish()?;
    }
    Ok(verified)
}

/// Whether the database knows a file by this number.
fn is_of(known: &ledger::Known, file: &SourceFile) -> bool {
    file.kind.as_str() == known.kind && file.name == known.name
}

/// Files that were transferred and are not where they were looked for: their rows are in the database alone.
async fn gone(
    client: &mut Client,
    (files, found): (&Files, &[SourceFile]),
    known: &[ledger::Known],
) -> Result<Vec<FileGone>, TransferError> {
    let is_asked = |kind: &str| {
        files.config_db.is_some() && kind == FileKind::Configuration.as_str()
            || files.telemetry_dir.is_some() && kind == FileKind::Telemetry.as_str()
    };
    let mut gone = Vec::new();
    for known in known {
        if !is_asked(&known.kind) || found.iter().any(|file| is_of(known, file)) {
            continue;
        }
        let origin = Origin { number: known.number, tenant: known.tenant.clone() };
        let rows = if known.kind == FileKind::Configuration.as_str() {
            configuration::rows(client, &origin).await?
        } else {
            ledger::rows(client, &origin).await.map_err(TransferError::from)?
        };
        // One that never went through left nothing here.
        if rows > 0 {
            gone.push(FileGone { name: known.name.clone(), rows });
        }
    }
    Ok(gone)
}

async fn verify_file(
    client: &mut Client,
    (file, known): (&SourceFile, Option<&ledger::Known>),
    (room, dump): (&Room, Option<&Arc<Dump>>),
    progress: &Progress,
) -> Result<BTreeMap<String, TableFound>, TransferError> {
    let snapshot = Snapshot::of(file, room)?;
    // A file that was never transferred has no rows anywhere: every one of its rows is missing.
    // Numbers below those of the first file are of rows that were written here.
    let nothing = (1, 0);
    let is_known = known.is_some();
    let origin = known.map_or(Origin { number: 0, tenant: None }, |known| Origin {
        number: known.number,
        tenant: known.tenant.clone(),
    });
    let ids = if is_known { origin.ids() } else { nothing };
    if file.kind == FileKind::Configuration {
        return configuration::verify(client, &snapshot, &origin, dump.map(|dump| &**dump)).await;
    }
    let tables = snapshot.tables()?;
    let present: Vec<_> = tables.iter().map(|table| table.name).collect();
    let mut source = Source::begin(snapshot, tables, origin.clone(), (file.name.clone(), dump.cloned()))?;
    let mut verified = BTreeMap::new();
    for table in &TABLES {
        let is_here = present.contains(&table.name);
        let rejected = ledger::rejected(client, (origin.number, table.name)).await?;
        let mut target = ends::Target::begin(client, (table, ids)).await?;
        // Retention takes rows out of a table, never the table.
        let mut merge = Merge::new(table.grows && is_here, rejected);
        let mut is_read = !is_here;
        while !is_read {
            let batch = source.batch().await?;
            progress.add(batch.rows.len() as u64);
            for row in &batch.rows {
                merge.source(row, &mut target, (&file.name, dump)).await?;
            }
            is_read = batch.is_last;
        }
        let found = merge.finish(&mut target, (&file.name, dump)).await?;
        if is_here || found.differences() > 0 {
            verified.insert(table.name.to_owned(), found);
        }
    }
    Ok(verified)
}

/// What the driver said.
fn database(error: tokio_postgres::Error) -> TransferError {
    TransferError::Database(DatabaseError::from(error))
}
