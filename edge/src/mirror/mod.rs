//! Copies outward: licences, entitlements and usage, for other programs to read from a PostgreSQL and a Redis of this device.
//!
//! ```text
//! content   PURE: from the verified licence, the quotas and what the agent knows to rows and documents
//! usage     PURE: the next step of a chain of the journal, or of the validation log, from where a copy stands
//! postgres  rows, each once by its cursor; redis: documents, each with the deadline after which nobody may believe it
//! runner    the thread of each: looks, copies, waits, and tries again
//! facts     what only the agent's loop knows, asked of it with a deadline
//! standing  how each is, for status, metrics and doctor
//! ```
//!
//! A mirror decides nothing and is waited for by nobody: it reads the published bundle and the journal as any host does. A server
//! that is away, slow, empty or another's is said, and tried again; what it misses is copied when it is back.

mod content;
mod error;
pub mod facts;
mod log;
mod options;
mod postgres;
mod redis;
mod runner;
mod standing;
mod usage;

pub use content::Seen;
pub use error::MirrorError;
pub use options::{MirrorOptions, PostgresOptions, RedisOptions, Retention};
pub use redis::{RedisAddress, RedisFault};
pub use runner::{Around, start};
pub use standing::{Kind, Standing, Standings, State};

/// Copies somewhere. Two there are: PostgreSQL and Redis.
pub(crate) trait Mirror {
    /// Copies what is new. Ends within a bounded time, whatever the server does; what was not copied then is copied by the next
    /// turn.
    async fn turn(&mut self, seen: &Seen) -> Result<Turned, MirrorError>;

    /// How far it is behind, as far as is known without asking the server.
    fn lag(&self, seen: &Seen) -> Option<Lag>;
}

/// What a turn did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Turned {
    /// Rows or documents that were written.
    copied: u64,
    /// Numbers that nobody can copy any more, in all.
    gaps: u64,
    /// There is more, at once.
    more: bool,
}

/// What is not copied yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lag {
    /// Records.
    records: u64,
    /// When the oldest was recorded, in milliseconds of the guarded time.
    oldest_ms: Option<i64>,
}

#[cfg(test)]
mod tests;
