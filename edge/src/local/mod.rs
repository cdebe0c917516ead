//! `agent.sock`: how every verb reaches the agent. One command, one answer, one line of JSON each way.

mod client;
mod line;
mod path;
mod permission;
mod place;
mod server;

pub use client::ask;
pub use path::SocketPath;
pub(crate) use permission::Household;
pub use permission::Peer;
pub(crate) use place::SocketPlace;
pub use server::LocalServer;

use std::time::Duration;

/// Longest line: the largest request or response in base64url, and its command around it.
const LINE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long the agent waits for a command that was begun, and for a caller that does not read its answer.
const CALLER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a verb that reads only waits for the agent before it reads for itself.
pub const GLANCE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a verb that changes something waits: the network's time and some for the disk.
pub const VERB_TIMEOUT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
