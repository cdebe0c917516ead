//! The PostgreSQL adapter: a pool of connections, any number of processes on the database.
//!
//! The port is synchronous and this driver is not, so the adapter has a small runtime of its own: a caller's thread
//! waits while the runtime's threads talk to the server. Plans run in the caller's thread.
//!
//! SQLite has one writer at a time. Here every write locks what its rules rest on, always in this order: the tenant's row,
//! devices by id, cursors of usage by device and epoch, the head of the audit's chain. Writes read what is committed
//! (READ COMMITTED), so that what is read behind a lock is what its last holder left.

mod audit;
mod books;
mod cameras;
mod clock_resets;
mod codes;
mod columns;
mod connection;
mod credentials;
mod devices;
mod directory;
mod elsewhere;
mod extensions;
mod failure;
mod fleet;
mod inside;
mod invoices;
mod legacy;
mod locks;
mod manifests;
mod migrate;
mod past;
mod port;
mod postings;
mod probes;
mod remembered;
mod retirement;
mod revocations;
mod seats;
mod session;
mod settling;
mod sold;
mod standing;
mod subscriptions;
mod tenants;
mod trials;
mod upkeep;
mod usage;
mod walk;

pub use brink_postgres::{DatabaseUrl, UrlError};

use super::StorageError;
use audit::note;
use deadpool_postgres::{Object, Pool};
use inside::Inside;
use settling::Settling;
use std::sync::Arc;
use tokio::runtime::{Handle, Runtime};

/// Threads that talk to the server: they move bytes, callers do the work.
const RUNTIME_THREADS: usize = 2;

/// The issuer's database on a PostgreSQL server.
pub struct PostgresStorage {
    /// Ended in the background when it is dropped, which may be inside another runtime. `None` where the handle is of a
    /// runtime that another storage ends.
    runtime: Option<Runtime>,
    handle: Handle,
    pool: Pool,
    settling: Settling,
    name: Arc<str>,
    /// The transaction that it stands in, of which everything is a part that happens here.
    inside: Option<Inside>,
}

impl std::fmt::Debug for PostgresStorage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStorage").field("database", &self.name).finish_non_exhaustive()
    }
}

impl Drop for PostgresStorage {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            self.pool.close();
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

    /// What tells this program's schema from every other, for a template that tests share.
    #[cfg(test)]
    pub(crate) fn schema_digest() -> String {
        migrate::digest()
    }

    fn reach(url: &DatabaseUrl) -> Result<Self, StorageError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(RUNTIME_THREADS)
            .thread_name("brink-postgres")
            .enable_all()
            .build()
            .map_err(|e| StorageError::Engine(Box::new(e)))?;
        let pool = session::pool(url)?;
        let storage = Self {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
            pool,
            settling: Settling::default(),
            name: url.to_string().into(),
            inside: None,
        };
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
        let _entered = self.handle.enter();
        futures_executor::block_on(work)
    }
}

#[cfg(test)]
mod tests;
