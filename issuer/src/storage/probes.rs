//! Looking after the database itself.

use super::StorageError;
use brink_license::UnixSeconds;

/// Connections of this process to its database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// How many it may have.
    pub max: usize,
    /// How many are at work.
    pub in_use: usize,
    /// Threads that wait for one.
    pub waiting: usize,
}

/// What a database holds, to be compared with what somebody expects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// The version of its schema.
    pub schema: i64,
    /// Tenants.
    pub tenants: u64,
    /// Devices, whatever became of them.
    pub devices: u64,
    /// Licences that were minted.
    pub licences: u64,
    /// Records of usage.
    pub usage_records: u64,
    /// Lines of the audit.
    pub audit_lines: u64,
    /// When the last device exchanged.
    pub last_exchange_at: Option<UnixSeconds>,
}

/// What readiness, metrics and backups ask of a database.
pub trait Probes: Send + Sync {
    /// Whether it answers, and with the schema that this program knows. Costs one small read, and waits for as long as any
    /// other would.
    fn probe(&self) -> Result<(), StorageError>;

    /// Its connections now. An adapter that does not count them says zero of each.
    fn pool(&self) -> Pool {
        Pool::default()
    }

    /// What it holds, as of one moment. This counts rows, and is not for every minute.
    fn holdings(&self) -> Result<Holdings, StorageError>;
}
