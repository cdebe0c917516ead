//! Answers that are remembered, in the transaction of what they answer.

use super::columns::{bytes32, column};
use super::connection::connect;
use super::probes::Opened;
use super::{SqliteStorage, StorageError};
use crate::storage::{Asked, NamedRequest, Remembering, Sealed, Storage, Work};
use rusqlite::{Connection, params};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

/// Old answers that are forgotten at once: somebody waits for the new one.
const FORGOTTEN_AT_ONCE: u32 = 100;

impl Remembering for SqliteStorage {
    fn once(&self, request: &NamedRequest, work: Work<'_>) -> Result<Asked, StorageError> {
        self.opened.check()?;
        let opened = Opened::at(self.opened.path())?;
        let connection = connect(opened.path())?;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        // From here on a transaction that is not committed is rolled back with its connection.
        let connection = Mutex::new(connection);
        let inside = Self { connection, waiting: AtomicUsize::new(0), opened, is_inside: true };
        let inside = Arc::new(inside);
        if let Some(before) = remembered(&inside.lock(), request)? {
            return Ok(before);
        }
        let storage: Arc<dyn Storage> = Arc::<Self>::clone(&inside);
        let Some(answer) = work(&storage) else { return Ok(Asked::Now) };
        let connection = inside.lock();
        remember(&connection, request, &answer)?;
        connection.execute_batch("COMMIT")?;
        Ok(Asked::Now)
    }
}

fn remembered(tx: &Connection, request: &NamedRequest) -> Result<Option<Asked>, StorageError> {
    let sql = "SELECT * FROM remembered WHERE api_key = ?1 AND name_sha256 = ?2 AND at >= ?3";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows =
        statement.query(params![request.api_key.as_str(), request.name, request.kept_since.as_i64()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let answer = Sealed { salt: bytes32(row, "salt")?, bytes: column(row, "answer")? };
    Ok(Some(Asked::Before { request: bytes32(row, "request_sha256")?, answer }))
}

fn remember(tx: &Connection, request: &NamedRequest, answer: &Sealed) -> Result<(), StorageError> {
    let sql = "DELETE FROM remembered WHERE rowid IN (SELECT rowid FROM remembered WHERE at < ?1 ORDER BY at LIMIT ?2)";
    tx.prepare_cached(sql)?.execute(params![request.kept_since.as_i64(), FORGOTTEN_AT_ONCE])?;
    // Its own place is free, or of an answer that is over.
    let sql = "INSERT INTO remembered (api_key, name_sha256, request_sha256, salt, answer, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
               ON CONFLICT (api_key, name_sha256) DO UPDATE
                 SET request_sha256 = excluded.request_sha256, salt = excluded.salt, answer = excluded.answer, at = excluded.at";
    let (key, at) = (request.api_key.as_str(), request.at.as_i64());
    tx.prepare_cached(sql)?.execute(params![
        key,
        request.name,
        request.request,
        answer.salt,
        answer.bytes,
        at
    ])?;
    Ok(())
}
