//! Nothing is due: records are kept in one table, for good.

use super::SqliteStorage;
use crate::storage::{StorageError, Upkeep, UpkeepOrder, Upkept};

impl Upkeep for SqliteStorage {
    fn keep_up(&self, _: &UpkeepOrder) -> Result<Option<Upkept>, StorageError> {
        Ok(Some(Upkept::default()))
    }
}
