//! Quarantine: what is in no sum, shown, and lifted where the rules of today let it pass.

use crate::admin::Admin;
use crate::storage::{QuarantineRow, QuarantineScope, StorageError};

impl Admin {
    /// What is set aside, the oldest first; with `lifted`, also what was.
    pub fn quarantine(&self, scope: &QuarantineScope, lifted: bool) -> Result<Vec<QuarantineRow>, StorageError> {
        self.storage.quarantine(scope, lifted)
    }
}
