//! Both ends, row by row: what the files hold now against what the database holds, both ways.
//!
//! Both are read in the order of their numbers, so that one pass tells which rows are only here, only there, or not the same.
//! Nothing of what a transfer noted is believed but why a row was set aside.

mod configuration;
pub(super) mod ends;
mod found;
mod merge;

pub use found::{CameraFound, FileVerified, Sums, TableFound, Verified};

use super::cell::Origin;
use super::dump::Dump;
use super::error::TransferError;
use super::ledger;
use super::progress::Progress;
use super::run::rows_of;
use super::snapshot::{Room, Snapshot};
use super::source::{FileKind, SourceFile};
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
    let progress = Progress::begin("verify", rows_of(&found, files.busy));
    let mut verified = Verified::default();
    for file in &found {
        progress.at(&file.name);
        match verify_file(&mut client, file, (&files.room(), dump.as_ref()), &progress).await {
            Ok(tables) => verified.files.push(FileVerified { name: file.name.clone(), tables }),
            Err(error) if error.is_of_one_file() => verified.failed.push(Failed::of(file, &error)),
            Err(error) => return Err(error),
        }
    }
    verified.unknown = unknown(&client, &found).await?;
    if let Some(dump) = dump {
        dump.finish()?;
    }
    Ok(verified)
}

/// Files that were transferred and are not here: whether their rows are right nobody can say.
async fn unknown(client: &Client, found: &[SourceFile]) -> Result<Vec<String>, TransferError> {
    let is_here = |known: &ledger::Known| {
        found.iter().any(|file| file.kind.as_str() == known.kind && file.name == known.name)
    };
    let known = ledger::sources(client).await?.into_iter();
    Ok(known.filter(|known| !is_here(known)).map(|known| known.name).collect())
}

async fn verify_file(
    client: &mut Client,
    file: &SourceFile,
    (room, dump): (&Room, Option<&Arc<Dump>>),
    progress: &Progress,
) -> Result<BTreeMap<String, TableFound>, TransferError> {
    let snapshot = Snapshot::of(file, room)?;
    let known = ledger::sources(client).await?;
    let known = known.into_iter().find(|known| known.kind == file.kind.as_str() && known.name == file.name);
    // A file that was never transferred has no rows anywhere: every one of its rows is missing.
    let origin = known.map_or(Origin { number: 0, tenant: None }, |known| Origin {
        number: known.number,
        tenant: known.tenant,
    });
    if file.kind == FileKind::Configuration {
        return configuration::verify(client, &snapshot, &origin, dump.map(|dump| &**dump)).await;
    }
    let tables = snapshot.tables()?;
    let mut source =
        Source::begin(snapshot, tables.clone(), origin.clone(), (file.name.clone(), dump.cloned()))?;
    let mut verified = BTreeMap::new();
    for table in tables {
        let rejected = ledger::rejected(client, (origin.number, table.name)).await?;
        let mut target = ends::Target::begin(client, (table, origin.ids())).await?;
        let mut merge = Merge::new(table.grows, rejected);
        loop {
            let batch = source.batch().await?;
            progress.add(batch.rows.len() as u64);
            for row in &batch.rows {
                merge.source(row, &mut target, (&file.name, dump)).await?;
            }
            if batch.is_last {
                break;
            }
        }
        verified.insert(table.name.to_owned(), merge.finish(&mut target, (&file.name, dump)).await?);
    }
    Ok(verified)
}

/// What the driver said.
fn database(error: tokio_postgres::Error) -> TransferError {
    TransferError::Database(DatabaseError::from(error))
}
