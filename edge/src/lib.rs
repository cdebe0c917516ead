//! The agent on the device and its command line.
//!
//! ```text
//! cli (one file per verb) -> agent.sock? -> the agent's loop -> Writer -> exchange -> brink-store
//!                         -> otherwise, with the lock        ----^
//! Look                    reads the published bundle like any host: check and status, without the lock
//! uplink                  carries requests: HTTPS, or a file that a person carries
//! usage                   writes to and reads from the journal like any host, without the lock
//! api                     what programs on this machine ask over HTTP, answered from the published bundle
//! database                the PostgreSQL of this device that other programs read: its schema, and rows in batches
//! view                    one look at it in the words of the old product: what the API and the mirrors show is made of it
//! mirror                  copies outward, into that PostgreSQL and a Redis; decides nothing and is waited for by nobody
//! metrics                 what the agent counts, for a scraper on this machine
//! doctor                  examines everything without changing anything
//! inspect                 reads any document for a person and says whether it verified
//! ```

pub mod agent;
pub mod api;
pub mod cli;
pub mod command;
pub mod database;
pub mod doctor;
pub mod environment;
pub mod error;
pub mod exchange;
pub mod inspect;
pub mod local;
pub mod look;
mod meters;
pub mod metrics;
pub mod mirror;
pub mod output;
pub mod panics;
mod progress;
pub mod quotas;
pub mod schedule;
pub mod seat;
mod secret;
mod serving;
pub mod status;
pub mod transfer;
pub mod uplink;
pub mod usage;
mod view;
mod words;
pub mod writer;

pub use error::EdgeError;
pub use output::Output;
