//! The pool, and what each connection is set to.

use super::{StorageError, failure};
use brink_postgres::{CONNECT_MAX, DatabaseUrl};
use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
use std::time::Duration;

/// Connections of one process. More would wait inside the server: each is a process there, and a database has a few cores.
const CONNECTIONS_MAX: usize = 16;

/// How long a caller waits for one of them, as long as for a lock: below a client's patience.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Refused when it is `off`: what was answered could be lost with the server's power.
pub(super) const DURABLE: &str = "synchronous_commit";

/// Each connection: how long a statement may run and may wait for a lock, and how long a transaction may do nothing while
/// its locks hold others up (milliseconds). Far above any of ours; a plan that signs takes some.
const SETTINGS: &str = "
    SELECT set_config('application_name', 'brink-issuer', false), set_config('TimeZone', 'UTC', false),
           set_config('statement_timeout', '15000', false), set_config('lock_timeout', '5000', false),
           set_config('idle_in_transaction_session_timeout', '15000', false),
           current_setting('synchronous_commit') AS synchronous_commit";

pub(super) fn pool(url: &DatabaseUrl) -> Result<Pool, StorageError> {
    let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(url.config().clone(), url.tls().map_err(failure::of_tls)?, config);
    let asserted = Hook::async_fn(|client, _| {
        Box::pin(async move {
            let row = client.query_one(SETTINGS, &[]).await.map_err(HookError::Backend)?;
            match row.try_get::<_, String>(DURABLE).map_err(HookError::Backend)?.as_str() {
                "off" => Err(HookError::message("off")),
                _ => Ok(()),
            }
        })
    });
    let built = Pool::builder(manager)
        .max_size(CONNECTIONS_MAX)
        .timeouts(Timeouts { wait: Some(WAIT_MAX), create: Some(CONNECT_MAX * 2), recycle: Some(WAIT_MAX) })
        .runtime(Runtime::Tokio1)
        .post_create(asserted)
        .build();
    built.map_err(|e| StorageError::Engine(Box::new(e)))
}
