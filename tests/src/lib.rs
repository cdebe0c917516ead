//! The kit: drives the two real binaries on a temporary directory, as an operator would.
//!
//! ```text
//! World            one temporary directory, removed at the end
//!   Issuer         `brink-issuer` on a data directory of its own; `serve` gives a Running
//!   Device         `brink-edge` on a data directory of its own; `run` gives a Running
//! Ran              what one command said, with its exit code
//! Running          a process that has said it is ready; killed when dropped
//! ```
//!
//! The kit panics where a test would: a helper that fails is a failed test, with what the command said.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the kit is called by tests only, and a broken step is a failed test"
)]

mod bins;
pub mod by_hand;
pub mod clock_sim;
mod command;
mod device;
pub mod fault;
pub mod fleet;
pub mod forge;
pub mod hammer;
mod issuer;
pub mod local_api;
pub mod metered;
mod pinned;
pub mod probe;
pub mod rating;
mod running;
pub mod schema;
pub mod settlement_sim;
mod wait;
mod world;

pub use bins::{Program, python};
pub use command::{Begun, Ran};
pub use device::{Device, User};
pub use issuer::{Issuer, Offer};
pub use pinned::Pinned;
pub use running::Running;
pub use wait::{until, within};
pub use world::World;
