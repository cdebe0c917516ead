//! The PostgreSQL adapter: a pool of connections, any number of processes on the database.
//!
//! The port is synchronous and this driver is not, so the adapter has a small runtime of its own: a caller's thread
//! waits while the runtime's threads talk to the server. Plans run in the caller's thread.
//!
//! SQLite has one writer at a time. Here every write locks what its rules rest on, always in this order: the tenant's row,
//! devices by id, cursors of usage by device and epoch, the head of the audit's chain. Writes read what is committed
//! (READ COMMITTED), so that what is read behind a lock is what its last holder left.

mod columns;
mod connection;
mod failure;
mod migrate;
mod session;
mod upkeep;
mod url;
mod usage;
mod walk;

pub use url::{DatabaseUrl, UrlError};

use super::{AuditNote, StorageError};
use columns::int;
use connection::Tx;
use deadpool_postgres::{Object, Pool};
use std::sync::Arc;
use tokio::runtime::Runtime;

/// Threads that talk to the server: they move bytes, callers do the work.
const RUNTIME_THREADS: usize = 2;

/// The issuer's database on a PostgreSQL server.
pub struct PostgresStorage {
    /// `None` only while it is dropped: ended in the background, because it may be dropped inside another runtime.
    runtime: Option<Runtime>,
    pool: Pool,
    name: Arc<str>,
}

impl std::fmt::Debug for PostgresStorage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStorage").field("database", &self.name).finish_non_exhaustive()
    }
}

impl Drop for PostgresStorage {
    fn drop(&mut self) {
        self.pool.close();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl PostgresStorage {
    /// Opens a database that has an issuer's schema, and asserts what durability rests on. Its schema is checked, and
    /// brought up to date by [`PostgresStorage::migrate`] alone: a server that starts must not change what others run on.
    pub fn connect(url: &DatabaseUrl) -> Result<Self, StorageError> {
        let storage = Self::reach(url)?;
        storage.wait(async { migrate::check(&*storage.client().await?).await })?;
        Ok(storage)
    }

    /// Opens a database and makes the schema in it; refuses one that holds an issuer.
    pub fn create(url: &DatabaseUrl) -> Result<Self, StorageError> {
        let storage = Self::reach(url)?;
        storage.bring_up_to_date()?;
        let count = "SELECT count(*) AS issuers FROM issuer";
        let issuers = storage.read(async |tx| columns::uint(&tx.one(count, &[]).await?, "issuers"))?;
        if issuers > 0 {
            return Err(StorageError::Founded { database: storage.name.to_string() });
        }
        Ok(storage)
    }

    /// Brings the schema up to date, one program at a time. Answers the version before and after.
    pub fn migrate(url: &DatabaseUrl) -> Result<(i64, i64), StorageError> {
        Self::reach(url)?.bring_up_to_date()
    }

    fn reach(url: &DatabaseUrl) -> Result<Self, StorageError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(RUNTIME_THREADS)
            .thread_name("brink-postgres")
            .enable_all()
            .build()
            .map_err(|e| StorageError::Engine(Box::new(e)))?;
        let pool = session::pool(url)?;
        let storage = Self { runtime: Some(runtime), pool, name: url.to_string().into() };
        // One connection at once, so that what is wrong with the address, the password or the server is said here.
        storage.wait(async { storage.client().await.map(drop) })?;
        Ok(storage)
    }

    fn bring_up_to_date(&self) -> Result<(i64, i64), StorageError> {
        self.wait(async { migrate::migrate(Object::take(self.client().await?)).await })
    }

    async fn client(&self) -> Result<Object, StorageError> {
        self.pool.get().await.map_err(failure::of_pool)
    }

    /// Runs to its end in the caller's thread. The runtime's own way to do so refuses callers that are inside another
    /// runtime, and some of ours are when they open or close.
    fn wait<T>(&self, work: impl Future<Output = Result<T, StorageError>>) -> Result<T, StorageError> {
        let Some(runtime) = &self.runtime else { return Err(failure::closed()) };
        let _entered = runtime.enter();
        futures_executor::block_on(work)
    }
}

/// Adds one line to the audit, and is the only one that does: its chain stands locked until the transaction ends.
async fn note(tx: &Tx<'_>, note: &AuditNote) -> Result<(), StorageError> {
    let head = "INSERT INTO audit_heads (tenant, seq, hash) VALUES ($1, 0, $2)
                ON CONFLICT (tenant) DO UPDATE SET tenant = excluded.tenant RETURNING seq, hash";
    // The place of the chain: which one, and the digest that ties the line to the one before.
    let (tenant, start) = ("", &[0_u8; 32][..]);
    let head = tx.one(head, &[&tenant, &start]).await?;
    let seq = int(columns::uint(&head, "seq")? + 1);
    let hash = columns::bytes32(&head, "hash")?;
    let sql = "WITH line AS (
                 INSERT INTO audit (tenant, seq, at, actor, action, subject, detail, hash)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING tenant, seq, hash)
               UPDATE audit_heads h SET seq = line.seq, hash = line.hash FROM line WHERE h.tenant = line.tenant";
    let (at, detail) = (note.at.as_i64(), note.detail.to_string());
    let (actor, action) = (&note.actor.0, &note.action);
    tx.execute(sql, &[&tenant, &seq, &at, actor, action, &note.subject, &detail, &&hash[..]]).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
