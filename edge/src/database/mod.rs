//! The PostgreSQL of this device, which other programs read: its schema, a pool of connections, and rows in batches.
//!
//! Owns the schema and the statements over its tables; those of the transfer's own tables are its own. Called by the mirror, by
//! the transfer of old files and by `brink-edge migrate`; never by a decision, by metering or by an exchange.

pub mod camera;
pub(crate) mod device;
pub(crate) mod entitlement;
mod error;
pub(crate) mod licence;
mod migrate;
mod pool;
pub mod telemetry;
pub(crate) mod upkeep;
pub(crate) mod usage;

pub use error::DatabaseError;
pub use migrate::Migrated;
pub use pool::{Database, Sizes};

#[cfg(test)]
pub(crate) mod tests;
