//! The local API: what programs and pages on this device ask the agent over HTTP, on its loopback or a socket of its own.
//!
//! ```text
//! server   listens: a loopback address, a socket, or both, on a thread of their own
//!   door   whose request it is: Host, Origin, token, or the kernel's word over the socket
//!   desk   one request from head to answer
//! table    every route once; document says the same as OpenAPI
//! sight    the published licence as a gate of this process has verified it, or as the file says now
//! resources  what is answered, by one look at it (crate::view), PURE where it can
//! billing  the console's billing server, asked with a key that stays here; heartbeat tells it that this device is there
//! ```
//!
//! A question about the licence is answered in this process, from memory or one look at the file: never by the network, and
//! not through the agent's loop, which may be waiting for a disk. What changes the device goes through that loop, under the
//! rules of `agent.sock`: whoever may read the token file is the owner if nobody else can, and a host otherwise.

mod billing;
mod desk;
mod document;
mod door;
mod heartbeat;
mod input;
mod options;
mod refusal;
mod remembered;
mod resources;
mod route;
mod server;
mod sight;
mod table;
mod tally;

pub use document::document;
pub use options::{Billing, BillingKey, Heartbeats, Options, Origin};
pub use server::{Api, Around};
pub use tally::{Heartbeat, Tally};

/// Below this everything lies, but for the one look at whether the agent is there.
const ROOT: &str = "/api/v1";

#[cfg(test)]
mod tests;
