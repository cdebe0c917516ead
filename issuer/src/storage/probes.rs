//! Looking after the database itself.

use super::StorageError;

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

/// What readiness and metrics ask of a database.
pub trait Probes: Send + Sync {
    /// Whether it answers, and with the schema that this program knows. Costs one small read, and waits for as long as any
    /// other would.
    fn probe(&self) -> Result<(), StorageError>;

    /// Its connections now. An adapter that does not count them says zero of each.
    fn pool(&self) -> Pool {
        Pool::default()
    }
}
