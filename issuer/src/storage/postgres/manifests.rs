//! Keyset manifests, as they were signed.

use super::columns::{column, int, uint};
use super::connection::{Asks, Tx};
use super::{StorageError, note};
use crate::storage::NewManifest;

pub(super) async fn all(tx: &Tx<'_>) -> Result<Vec<Vec<u8>>, StorageError> {
    let rows = tx.rows("SELECT bytes FROM manifests ORDER BY version", &[]).await?;
    rows.iter().map(|row| column(row, "bytes")).collect()
}

/// One step in the table's key: asked for with every request.
pub(super) async fn newest_version(tx: &impl Asks) -> Result<u64, StorageError> {
    let newest = tx.first("SELECT version FROM manifests ORDER BY version DESC LIMIT 1", &[]).await?;
    newest.map_or(Ok(0), |row| uint(&row, "version"))
}

pub(super) async fn add(tx: &Tx<'_>, new: &NewManifest) -> Result<(), StorageError> {
    let sql = "INSERT INTO manifests (version, bytes, recorded_at) VALUES ($1, $2, $3)";
    tx.execute(sql, &[&int(new.version), &new.bytes, &new.note.at.as_i64()]).await?;
    note(tx, &new.note).await
}
