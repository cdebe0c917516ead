//! Answers that are remembered, in the transaction of what they answer.

use super::columns::{bytes32, column};
use super::connection::Tx;
use super::{PostgresStorage, StorageError};
use crate::storage::{Asked, NamedRequest, Remembering, Sealed, Storage, Work};
use std::sync::Arc;

/// Old answers that are forgotten at once: somebody waits for the new one.
const FORGOTTEN_AT_ONCE: i64 = 100;

impl Remembering for PostgresStorage {
    fn once(&self, request: &NamedRequest, work: Work<'_>) -> Result<Asked, StorageError> {
        self.tried(|| self.try_once(request, work))
    }
}

impl PostgresStorage {
    fn try_once(&self, request: &NamedRequest, work: Work<'_>) -> Result<Asked, StorageError> {
        let inside = self.begin_inside()?;
        if !inside.write(async |tx| is_ours(tx, request).await)? {
            return Ok(Asked::Elsewhere);
        }
        if let Some(before) = inside.write(async |tx| remembered(tx, request).await)? {
            return Ok(before);
        }
        let storage: Arc<dyn Storage> = Arc::<Self>::clone(&inside);
        let Some(answer) = work(&storage) else {
            // What it was refused with may be that it lost, which whoever asks need not hear of.
            return if inside.has_conflicted() { Err(StorageError::Conflict) } else { Ok(Asked::Now) };
        };
        inside.write(async |tx| remember(tx, request, &answer).await)?;
        inside.commit_inside()?;
        Ok(Asked::Now)
    }
}

/// Until the transaction ends nobody else works on a request of this name, on whatever replica. What stands for a name is
/// derived from a secret, so that no two names share a lock but by chance.
async fn is_ours(tx: &Tx<'_>, request: &NamedRequest) -> Result<bool, StorageError> {
    let [a, b, c, d, e, f, g, h, ..] = request.name;
    let lock = i64::from_be_bytes([a, b, c, d, e, f, g, h]);
    column(&tx.one("SELECT pg_try_advisory_xact_lock($1) AS ours", &[&lock]).await?, "ours")
}

async fn remembered(tx: &Tx<'_>, request: &NamedRequest) -> Result<Option<Asked>, StorageError> {
    let sql = "SELECT request_sha256, salt, answer FROM remembered
               WHERE api_key = $1 AND name_sha256 = $2 AND at >= $3";
    let (key, name, since) = (request.api_key.as_str(), &request.name[..], request.kept_since.as_i64());
    let Some(row) = tx.optional(sql, &[&key, &name, &since]).await? else { return Ok(None) };
    let answer = Sealed { salt: bytes32(&row, "salt")?, bytes: column(&row, "answer")? };
    Ok(Some(Asked::Before { request: bytes32(&row, "request_sha256")?, answer }))
}

async fn remember(tx: &Tx<'_>, request: &NamedRequest, answer: &Sealed) -> Result<(), StorageError> {
    // What another transaction forgets just now is not waited for.
    let sql = "DELETE FROM remembered WHERE (api_key, name_sha256) IN (
                 SELECT api_key, name_sha256 FROM remembered WHERE at < $1 ORDER BY at LIMIT $2
                 FOR UPDATE SKIP LOCKED)";
    tx.execute(sql, &[&request.kept_since.as_i64(), &FORGOTTEN_AT_ONCE]).await?;
    // Its own place is free, or of an answer that is over.
    let sql = "INSERT INTO remembered (api_key, name_sha256, request_sha256, salt, answer, at) VALUES ($1, $2, $3, $4, $5, $6)
               ON CONFLICT (api_key, name_sha256) DO UPDATE
                 SET request_sha256 = excluded.request_sha256, salt = excluded.salt, answer = excluded.answer, at = excluded.at";
    let (key, name, at) = (request.api_key.as_str(), &request.name[..], request.at.as_i64());
    let (asked, salt) = (&request.request[..], &answer.salt[..]);
    tx.execute(sql, &[&key, &name, &asked, &salt, &answer.bytes, &at]).await.map(drop)
}
