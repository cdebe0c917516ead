//! What a host could ask instead of a gate: the least that such an answer costs (`floors`), maps, embedded stores, and
//! servers on a unix socket. Each holds a decision of the same size under one key.

mod embedded;
mod floors;
mod maps;
pub mod postgres;
mod redis;
pub mod server;

pub use embedded::{Sled, Sqlite};
pub use floors::{Dense, StringKey};
pub use maps::{dashmap, moka};
pub use postgres::Postgres;
pub use redis::Redis;

/// What is stored under a key where a number is enough: until when.
pub const UNTIL: i64 = i64::MAX;
/// What is stored where it is text.
pub const ANSWER: &str = "allow|granted|active|1800000000";
