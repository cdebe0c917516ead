//! The pool, and what each connection is set to. Statements are prepared once for each connection.

use super::{DatabaseError, migrate};
use brink_postgres::{CONNECT_MAX, DatabaseUrl};
use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts,
};
use std::time::Duration;

/// How long a statement waits for a lock that somebody holds: whoever waits for a table holds up everybody who comes after.
const LOCK_WAIT: &str = "2s";

/// How many connections, and how long one statement may take.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Connections at most.
    pub connections: usize,
    /// For the server to answer at all.
    pub connect: Duration,
    /// For one statement; `None` for as long as it takes.
    pub statement: Option<Duration>,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { connections: 4, connect: CONNECT_MAX, statement: Some(Duration::from_secs(30)) }
    }
}

/// The device's PostgreSQL. Cloned at no cost; needs a tokio runtime.
#[derive(Clone)]
pub struct Database {
    pool: Pool,
    url: DatabaseUrl,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Database {
    /// Makes a pool; connects to nothing yet. `program` is what the server lists the connections as.
    pub fn at(url: &DatabaseUrl, program: &'static str, sizes: Sizes) -> Result<Self, DatabaseError> {
        let mut config = url.config().clone();
        config.connect_timeout(sizes.connect).application_name(program);
        let tls = url.tls().map_err(|error| DatabaseError::Denied(error.to_string()))?;
        let manager =
            Manager::from_config(config, tls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let statement = sizes.statement.map_or(0, |most| most.as_millis());
        let settings = format!(
            "SET TimeZone = 'UTC'; SET statement_timeout = {statement}; SET lock_timeout = '{LOCK_WAIT}'; SET client_min_messages = warning"
        );
        let set = Hook::async_fn(move |client, _| {
            let settings = settings.clone();
            Box::pin(async move { client.batch_execute(&settings).await.map_err(HookError::Backend) })
        });
        let wait = sizes.connect.saturating_mul(2);
        let pool = Pool::builder(manager)
            .max_size(sizes.connections)
            .timeouts(Timeouts { wait: Some(wait), create: Some(wait), recycle: Some(sizes.connect) })
            .runtime(Runtime::Tokio1)
            .post_create(set)
            .build();
        let pool = pool.map_err(|error| DatabaseError::Engine(error.to_string()))?;
        Ok(Self { pool, url: url.clone() })
    }

    /// Where it is, without its password.
    #[must_use]
    pub const fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// A connection, for as long as it is held.
    pub async fn connection(&self) -> Result<Object, DatabaseError> {
        Ok(self.pool.get().await?)
    }

    /// A connection to tables that this program knows.
    pub async fn checked(&self) -> Result<Object, DatabaseError> {
        let connection = self.connection().await?;
        migrate::check(&connection).await?;
        Ok(connection)
    }

    /// Brings the tables up to date, alone among all who try, and makes the partitions of the months ahead. Run again it
    /// changes nothing.
    pub async fn migrate(&self) -> Result<migrate::Migrated, DatabaseError> {
        migrate::migrate(Object::take(self.connection().await?)).await
    }
}
