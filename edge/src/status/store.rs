//! How the store is, in a few words each: what is wrong is said, and what brings it back.

use super::{Sources, StateSeen};
use brink_store::{AnchorHealth, BundleHealth, DocumentsHealth, Health, VaultHealth};
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct Store {
    pub(super) vault: String,
    pub(super) bundle: String,
    pub(super) state: String,
    pub(super) documents: &'static str,
    pub(super) journal: String,
    pub(super) anchor: String,
    pub(super) agent: &'static str,
}

impl Store {
    pub(super) fn of(sources: &Sources<'_>) -> Self {
        Self {
            vault: match (sources.health, &sources.state) {
                (Some(Health { vault: VaultHealth::Unusable { reason }, .. }), _) => {
                    format!("unusable: {reason}")
                }
                (_, _) if sources.vault_is_gone => VAULT_GONE.to_owned(),
                (Some(health), _) => vault(&health.vault),
                (None, StateSeen::Absent) => "absent".to_owned(),
                (None, StateSeen::Closed(_) | StateSeen::Open(_)) => "not looked at".to_owned(),
            },
            bundle: bundle(sources),
            state: match &sources.state {
                StateSeen::Absent => "absent".to_owned(),
                StateSeen::Closed(why) => format!("not looked at: {why}"),
                StateSeen::Open(_) if sources.health.is_some_and(|health| health.marks_moved_forward) => {
                    PUT_BACK.to_owned()
                }
                StateSeen::Open(_) => "sound".to_owned(),
            },
            documents: match (sources.health.map(|health| health.documents), &sources.state) {
                (Some(DocumentsHealth::Never), _) | (None, StateSeen::Absent) => "none yet",
                (Some(DocumentsHealth::Current), _) => "at hand",
                (Some(DocumentsHealth::Lost), _) => "lost: run an exchange",
                (None, StateSeen::Closed(_) | StateSeen::Open(_)) => "not looked at",
            },
            journal: match (sources.health, &sources.state) {
                (Some(Health { journal: Some(fault), .. }), _) => fault.to_string(),
                (Some(Health { journal: None, .. }), _) => "sound".to_owned(),
                (None, StateSeen::Absent) => "absent".to_owned(),
                (None, StateSeen::Closed(_) | StateSeen::Open(_)) => "not looked at".to_owned(),
            },
            anchor: match (sources.health, &sources.state) {
                (Some(health), _) => anchor(&health.anchor),
                (None, StateSeen::Absent) => "absent".to_owned(),
                (None, StateSeen::Closed(_) | StateSeen::Open(_)) => "not looked at".to_owned(),
            },
            agent: sources.agent.as_str(),
        }
    }
}

/// Seen by an agent that had it open, or without the right to open the store: either builds it again then.
const VAULT_GONE: &str = "gone: the next exchange builds it again";

/// An issuer that has seen the device further takes it for a copy.
const PUT_BACK: &str = "put back to an earlier copy; its marks were moved forward";

fn anchor(health: &AnchorHealth) -> String {
    match health {
        AnchorHealth::Sound => "sound".to_owned(),
        AnchorHealth::SlotRewritten { reason } => format!("written again: {reason}"),
        AnchorHealth::MadeAnew { reason } => format!("made anew: {reason}"),
        AnchorHealth::MovedForward => "moved forward: it was older than what was accepted".to_owned(),
        AnchorHealth::Unwritable { reason } => format!("unwritable: {reason}"),
    }
}

fn vault(health: &VaultHealth) -> String {
    match health {
        VaultHealth::Sound => "sound".to_owned(),
        VaultHealth::Rebuilt { reason } => format!("rebuilt: {reason}"),
        VaultHealth::Unusable { reason } => format!("unusable: {reason}"),
    }
}

/// What hosts see counts more than what the writer thinks of it.
fn bundle(sources: &Sources<'_>) -> String {
    match (sources.refused, sources.health.map(|health| &health.bundle)) {
        (Some(_), _) if !sources.bundle_exists => "absent".to_owned(),
        (Some(error), _) => format!("refused: {error} [{}]", error.code()),
        (None, Some(BundleHealth::Republished { reason })) => format!("published again: {reason}"),
        (None, Some(BundleHealth::SetAside { reason })) => format!("set aside: {reason}"),
        (None, Some(BundleHealth::Unwritable { reason })) => format!("unwritable: {reason}"),
        (None, Some(BundleHealth::Sound | BundleHealth::Absent) | None) => "sound".to_owned(),
    }
}
