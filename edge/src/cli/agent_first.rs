//! Who carries a verb out: the agent if it answers, or else this process.

use crate::command::{Command, Reply};
use crate::error::EdgeError;
use crate::local::{GLANCE_TIMEOUT, VERB_TIMEOUT, ask};
use crate::look::Look;
use crate::status::AgentSeen;
use crate::writer::{Writer, init, reading};
use brink_store::{Layout, Snapshot};
use std::sync::Arc;
use std::time::Duration;

/// How often a verb looks again when the lock is taken: by another verb, or by an agent that is just starting.
const LOCK_ATTEMPTS: u32 = 200;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// Carries out a verb that writes.
pub(super) fn change(layout: &Layout, command: &Command) -> Result<Reply, EdgeError> {
    Changer::new(layout).change(command)
}

/// Carries out verbs that write, one after the other. Without an agent the lock is taken once for all of them.
pub(super) struct Changer<'l> {
    layout: &'l Layout,
    writer: Option<Writer>,
}

impl<'l> Changer<'l> {
    pub(super) const fn new(layout: &'l Layout) -> Self {
        Self { layout, writer: None }
    }

    /// Carries one out.
    pub(super) fn change(&mut self, command: &Command) -> Result<Reply, EdgeError> {
        if let Some(writer) = &mut self.writer {
            return writer.perform(command);
        }
        wait_for(|| match ask(&self.layout.socket(), command, VERB_TIMEOUT)? {
            Some(reply) => Ok(reply),
            None => self.perform(command),
        })
    }

    /// Without an agent. Fails at once when another has the lock; what was begun by then is taken up by the next attempt.
    fn perform(&mut self, command: &Command) -> Result<Reply, EdgeError> {
        if let Command::Init { trust } = command {
            return init(self.layout, trust);
        }
        let open = if command.starts_over() { Writer::open_to_start_over } else { Writer::open };
        self.writer.insert(open(self.layout)?).perform(command)
    }
}

/// Does what needs the lock, waiting for other verbs to finish.
pub(super) fn wait_for<T>(mut open: impl FnMut() -> Result<T, EdgeError>) -> Result<T, EdgeError> {
    for _ in 0..LOCK_ATTEMPTS {
        match open() {
            Err(error) if error.is_locked() => std::thread::park_timeout(LOCK_PAUSE),
            other => return other,
        }
    }
    open()
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

/// What is in force as this process sees it. If the bundle wants repair, the vault is gone or the anchor damaged, and
/// nobody is at work, that is mended first: any verb publishes a lost bundle and confirms presence once per boot. Whoever may not do that still
/// sees what there is.
pub(super) fn look(layout: &Layout) -> Result<(Look, Arc<Snapshot>, Option<Writer>), EdgeError> {
    let mut look = Look::new(layout)?;
    let snapshot = look.at(&reading()?);
    if !look.wants_repair(&snapshot) && !layout.vault_is_gone() && layout.anchor_problem().is_none() {
        return Ok((look, snapshot, None));
    }
    match Writer::open(layout) {
        Ok(writer) => {
            let snapshot = look.at(&reading()?);
            Ok((look, snapshot, Some(writer)))
        }
        Err(error) => {
            tracing::debug!(%error, "something wants repair, which this process cannot do");
            Ok((look, snapshot, None))
        }
    }
}
