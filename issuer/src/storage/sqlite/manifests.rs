//! Keyset manifests, as they were signed.

use super::columns::int;
use super::{StorageError, note};
use crate::storage::NewManifest;
use rusqlite::{Connection, params};

pub(super) fn all(tx: &Connection) -> Result<Vec<Vec<u8>>, StorageError> {
    let mut statement = tx.prepare("SELECT bytes FROM manifests ORDER BY version")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// One step in the table's key: asked for with every request.
pub(super) fn newest_version(tx: &Connection) -> Result<u64, StorageError> {
    let mut statement = tx.prepare_cached("SELECT coalesce(max(version), 0) FROM manifests")?;
    let version: i64 = statement.query_row([], |row| row.get(0))?;
    u64::try_from(version).map_err(|e| super::columns::damaged("manifests.version", e))
}

pub(super) fn add(tx: &Connection, new: &NewManifest) -> Result<(), StorageError> {
    let sql = "INSERT INTO manifests (version, bytes, recorded_at) VALUES (?1, ?2, ?3)";
    tx.execute(sql, params![int(new.version), new.bytes, new.note.at.as_i64()])?;
    note(tx, &new.note)
}
