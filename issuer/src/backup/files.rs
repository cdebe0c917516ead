//! SQLite: a backup is a database in one file.

use super::partial::{Partial, with_suffix};
use super::{Backup, BackupError, check_issuer, restored_note};
use crate::config::DataDir;
use crate::storage::sqlite::SqliteStorage;
use crate::storage::{Actor, AuditBooks, Probes, Storage, StorageError};
use brink_license::UnixSeconds;
use std::path::Path;

/// Writes the database as it is at one moment into a file that only its owner may read, while others go on with it.
pub(super) fn back_up(database: &Path, out: &Path) -> Result<Backup, BackupError> {
    if out.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(out.to_owned()));
    }
    let storage = SqliteStorage::open(database)?;
    let partial = Partial::beside(out)?;
    storage.write_into(partial.path().to_str().ok_or_else(|| BackupError::Name(out.to_owned()))?)?;
    drop(storage);
    // What was written is what counts: it is read back before it gets its name.
    let copy = examined(partial.path(), out)?;
    let (issuer, holdings) = (copy.issuer()?.name, copy.holdings()?);
    drop(copy);
    let (bytes, sha256) = partial.digest()?;
    partial.keep(out, BackupError::Exists)?;
    Ok(Backup { issuer, holdings, bytes, sha256 })
}

/// Puts a backup where there is no database, if it is one of the issuer whose keys are there, and brings its schema up to
/// date. The restored database says so in its own audit.
pub(super) fn restore(
    data: &DataDir,
    (database, backup): (&Path, &Path),
    (now, actor): (UnixSeconds, &Actor),
) -> Result<Backup, BackupError> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        // What a database left beside it would be taken for the restored one's.
        let path = with_suffix(database, suffix);
        if path.symlink_metadata().is_ok() {
            return Err(BackupError::NotEmpty(path));
        }
    }
    if !data.trust().exists() {
        return Err(BackupError::NoTrust(data.trust()));
    }
    let partial = Partial::beside(database)?;
    let (bytes, sha256) = partial.fill(backup)?;
    let copy = examined(partial.path(), backup)?;
    let row = copy.issuer()?;
    check_issuer(data, (&row, &copy.manifests()?), backup)?;
    drop(copy);
    // From here on it is a database of ours: an older one is brought up to date.
    let restored = SqliteStorage::open(partial.path())?;
    let holdings = restored.holdings()?;
    restored.add_note(&restored_note((&row.name, &sha256), &holdings, (now, actor)))?;
    drop(restored);
    partial.keep(database, BackupError::NotEmpty)?;
    Ok(Backup { issuer: row.name, holdings, bytes, sha256 })
}

/// Opened as it is, once every page and every reference in it is sound. `named` is what people know it by.
fn examined(path: &Path, named: &Path) -> Result<SqliteStorage, BackupError> {
    let damaged = |problem: String| BackupError::Damaged { path: named.to_owned(), problem };
    match SqliteStorage::examine(path) {
        Ok(storage) => Ok(storage),
        Err(error @ StorageError::SchemaNewer { .. }) => Err(BackupError::Storage(error)),
        Err(StorageError::Engine(error)) => Err(damaged(error.to_string())),
        Err(error) => Err(damaged(error.to_string())),
    }
}
