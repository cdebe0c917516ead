//! What readiness and metrics ask of the database.

use super::{PostgresStorage, StorageError, migrate};
use crate::storage::{Pool, Probes};

impl Probes for PostgresStorage {
    fn probe(&self) -> Result<(), StorageError> {
        self.wait(async { migrate::check(&*self.client().await?).await })
    }

    fn pool(&self) -> Pool {
        let status = self.pool.status();
        Pool {
            max: status.max_size,
            in_use: status.size.saturating_sub(status.available),
            waiting: status.waiting,
        }
    }
}
