//! What the loop is told, by whoever waits elsewhere.

use crate::command::{Command, Reply};
use crate::local::Peer;
use crate::mirror::facts::Facts;
use crate::uplink::{Delivery, UplinkError};
use crate::writer::Departure;
use std::sync::mpsc::Sender;

/// Everything that can happen to an agent.
#[derive(Debug)]
pub enum Event {
    /// A second has passed.
    Tick,
    /// A verb, who asks, and where the answer goes.
    Command(Command, Peer, Sender<Reply>),
    /// What the network brought.
    Came(Box<Departure>, Result<Delivery, UplinkError>),
    /// A scrape, and where the page goes.
    Measure(Sender<String>),
    /// A mirror asks what only the loop knows, perhaps with the validation log, and where the answer goes.
    Facts {
        /// With the log.
        with_log: bool,
        /// Where to.
        answer: Sender<Box<Facts>>,
    },
    /// Somebody wants it to end.
    Shutdown,
}
