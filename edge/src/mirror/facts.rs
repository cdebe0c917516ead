//! What only the agent's loop knows: it answers from memory, and whoever asks waits no longer than a moment.

use crate::agent::Event;
use crate::api::Heartbeat;
use brink_license::UnixSeconds;
use brink_store::{Identity, LogEntry, Refused, Settled};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// For the loop to answer: it may be waiting for a disk, and what is not known this time is known the next.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// What the agent holds beside what is published.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Who the device is.
    pub identity: Option<Identity>,
    /// How far each chain of usage is settled.
    pub settled: Vec<Settled>,
    /// Decisions about documents by their number, oldest first; `None` where nobody asked, or there is no vault.
    pub log: Option<Vec<(u64, LogEntry)>>,
    /// Exchanges that failed since the last that did not.
    pub failures_in_a_row: u32,
    /// What was refused last, since an answer was accepted.
    pub last_refusal: Option<Refused>,
    /// How heartbeats go, where any are sent.
    pub heartbeat: Option<Heartbeat>,
    /// When the issuer wants to hear of the device again.
    pub next_exchange_after: Option<UnixSeconds>,
}

/// What came of asking.
pub(crate) enum Asked {
    /// The answer.
    Told(Box<Facts>),
    /// There is none in time.
    Silent,
    /// The agent has ended.
    Ended,
}

/// Asks the loop.
pub(crate) fn ask(agent: &Sender<Event>, with_log: bool) -> Asked {
    let (answer, answered) = channel();
    if agent.send(Event::Facts { with_log, answer }).is_err() {
        return Asked::Ended;
    }
    match answered.recv_timeout(ANSWER_TIMEOUT) {
        Ok(facts) => Asked::Told(facts),
        Err(RecvTimeoutError::Timeout) => Asked::Silent,
        Err(RecvTimeoutError::Disconnected) => Asked::Ended,
    }
}
