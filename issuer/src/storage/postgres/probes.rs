//! Whether the server answers, and how many of its connections are at work.

use super::{PostgresStorage, StorageError, migrate};
use crate::storage::{Pool, Probes};

impl Probes for PostgresStorage {
    fn probe(&self) -> Result<(), StorageError> {
        self.wait(async { migrate::check(&*self.client().await?).await })
    }

    fn pool(&self) -> Pool {
        let status = self.pool.status();
        let in_use = status.size.saturating_sub(status.available);
        Pool { max: status.max_size, in_use, waiting: status.waiting }
    }
}
