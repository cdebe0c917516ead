//! Who carries a verb out: the agent if it answers, or else this process.

use crate::command::{Command, Reply};
use crate::error::EdgeError;
use crate::exchange::DeviceError;
use crate::local::{GLANCE_TIMEOUT, VERB_TIMEOUT, ask};
use crate::look::Look;
use crate::status::AgentSeen;
use crate::writer::{Writer, init, reading};
use brink_store::{Layout, Snapshot, StoreError};
use std::sync::Arc;
use std::time::Duration;

/// How often a verb looks again when the lock is taken: by another verb, or by an agent that is just starting.
const LOCK_ATTEMPTS: u32 = 200;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// Carries out a verb that writes.
pub(super) fn change(layout: &Layout, command: &Command) -> Result<Reply, EdgeError> {
    if let Command::Init { trust } = command {
        return Ok(match ask(&layout.socket(), command, VERB_TIMEOUT)? {
            Some(reply) => reply,
            None => init(layout, trust)?,
        });
    }
    let mut attempts = 0;
    loop {
        if let Some(reply) = ask(&layout.socket(), command, VERB_TIMEOUT)? {
            return Ok(reply);
        }
        match Writer::open(layout) {
            Ok(mut writer) => return writer.perform(command),
            Err(error) if is_locked(&error) && attempts < LOCK_ATTEMPTS => {
                attempts += 1;
                std::thread::park_timeout(LOCK_PAUSE);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Takes the lock, waiting for verbs to finish. For the agent, which nobody can be asked instead of.
pub(super) fn wait_for<T>(mut open: impl FnMut() -> Result<T, EdgeError>) -> Result<T, EdgeError> {
    for _ in 0..LOCK_ATTEMPTS {
        match open() {
            Err(error) if is_locked(&error) => std::thread::park_timeout(LOCK_PAUSE),
            other => return other,
        }
    }
    open()
}

fn is_locked(error: &EdgeError) -> bool {
    matches!(
        error,
        EdgeError::Store(StoreError::Locked { .. })
            | EdgeError::Device(DeviceError::Store(StoreError::Locked { .. }))
    )
}

/// Asks the agent for something that this process can also find out by itself. Without an answer: why there is none.
pub(super) fn glance(layout: &Layout, command: &Command) -> Result<Reply, AgentSeen> {
    match ask(&layout.socket(), command, GLANCE_TIMEOUT) {
        Ok(Some(reply)) if !is_agents_trouble(&reply) => Ok(reply),
        Ok(Some(_)) => Err(AgentSeen::Silent),
        Ok(None) => Err(AgentSeen::Absent),
        Err(EdgeError::AgentForbidden { .. }) => Err(AgentSeen::Forbidden),
        Err(error) => {
            tracing::debug!(%error, "looking without the agent");
            Err(AgentSeen::Silent)
        }
    }
}

fn is_agents_trouble(reply: &Reply) -> bool {
    let code = reply.error.as_ref().map(|report| report.code.as_str());
    matches!(code, Some("AGENT_BUSY" | "AGENT_ENDING" | "NOT_UNDERSTOOD"))
}

/// What is in force as this process sees it. If the bundle wants repair and nobody is at work, that is done first: any
/// verb publishes a lost bundle and confirms presence once per boot. Whoever may not do that still sees what there is.
pub(super) fn look(layout: &Layout) -> Result<(Look, Arc<Snapshot>, Option<Writer>), EdgeError> {
    let mut look = Look::new(layout)?;
    let snapshot = look.at(&reading()?);
    if !look.wants_repair(&snapshot) {
        return Ok((look, snapshot, None));
    }
    match Writer::open(layout) {
        Ok(writer) => {
            let snapshot = look.at(&reading()?);
            Ok((look, snapshot, Some(writer)))
        }
        Err(error) => {
            tracing::debug!(%error, "the bundle wants repair, which this process cannot do");
            Ok((look, snapshot, None))
        }
    }
}
