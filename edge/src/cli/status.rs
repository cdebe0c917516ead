//! `brink-edge status`

use super::{DataDirectory, agent_first};
use crate::command::{Command, Reply};
use crate::error::EdgeError;
use crate::quotas::QuotaLook;
use crate::status::{Sources, StateSeen, status};
use brink_store::journal::{Backlog, Journal};
use brink_store::{DeviceStore, Held, Layout};
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    data: DataDirectory,
}

pub(super) fn carry_out(arguments: &Arguments) -> Result<Reply, EdgeError> {
    let layout = arguments.data.layout();
    let agent = match agent_first::glance(&layout, &Command::Status) {
        Ok(reply) => return Ok(reply),
        Err(seen) => seen,
    };
    let (look, snapshot, writer) = agent_first::look(&layout)?;
    let held = Held::read(&layout);
    let state = match &held {
        Ok(Some(held)) => StateSeen::Open(held),
        Ok(None) => StateSeen::Absent,
        // The bundle speaks for itself; what else is wrong is said beside it.
        Err(error) => StateSeen::Closed(error.to_string()),
    };
    let backlog = match &held {
        Ok(Some(held)) => backlog_of(&layout, held),
        Ok(None) | Err(_) => None,
    };
    Ok(status(&Sources {
        backlog,
        quotas: &QuotaLook::default().at(&layout),
        issuer: look.anchor().issuer(),
        snapshot: &snapshot,
        refused: look.refused(),
        bundle_exists: layout.bundle().exists(),
        vault_is_gone: layout.vault_is_gone(),
        state,
        health: writer.as_ref().and_then(|writer| writer.store()).map(DeviceStore::health),
        mirrors: &[],
        agent,
    }))
}

/// The journal may be another user's, or damaged: then nothing is said of it here.
fn backlog_of(layout: &Layout, held: &Held) -> Option<Backlog> {
    let identity = held.identity.as_ref()?;
    Journal::backlog(&layout.journal(), (&identity.device, &held.settled), Backlog::COUNT_MAX).ok()
}
