//! The journal as the agent minds it: made, migrated or mended, and its usage chain that of the device and licence in force.

use super::DeviceStore;
use crate::Layout;
use crate::journal::{Bearer, Journal, JournalFault, UsageError};
use crate::state::Held;
use brink_license::clock::{BootId, Reading};
use brink_license::token::VerifiedLicence;
use brink_license::usage::Genesis;

/// Hosts cannot mend a journal, and record nothing until somebody does.
const MIND_SECONDS: i64 = 30;

/// A device works without a journal: its clock is then kept by each process for itself, and nothing is recorded.
pub(super) fn ensure_journal(layout: &Layout, held: &Held) -> Option<JournalFault> {
    let known = genesis(held);
    let fault = Journal::ensure(layout, known.as_ref())
        .unwrap_or_else(|error| Some(JournalFault::Unusable(error.to_string())));
    if let Some(fault) = &fault {
        tracing::warn!(%fault, "the journal");
    }
    fault
}

fn genesis(held: &Held) -> Option<Genesis> {
    let identity = held.identity.as_ref()?;
    Some(Genesis::new(identity.device.clone(), identity.epoch, held.jkt))
}

impl DeviceStore {
    /// Looks at the journal every half minute, mends it if it is damaged or gone, and makes its usage chain that of this
    /// device.
    pub fn mind_journal(&mut self, reading: &Reading) {
        let is_recent = |(boot, boottime): (BootId, i64)| {
            boot == reading.boot && reading.boottime.saturating_sub(boottime) < MIND_SECONDS
        };
        if self.journal_minded_at.is_some_and(is_recent) {
            return;
        }
        self.journal_minded_at = Some((reading.boot, reading.boottime));
        self.health.journal = ensure_journal(self.layout(), &self.held);
        self.bear_usage();
    }

    /// The issuer has heard of every record, and of every loss: quotas that counted as spent since the journal was damaged
    /// count again what was recorded. To be called after an exchange was accepted that carried the journal to its end.
    pub fn quotas_settled(&mut self) -> Result<(), UsageError> {
        Journal::settle_quotas(&self.layout().journal())
    }

    /// From here on usage is recorded for this activation, under the licence in force. Never fails: until it is done,
    /// hosts go on under what was before, and every opening does it again.
    pub(super) fn bear_usage(&mut self) {
        let Some(genesis) = genesis(&self.held) else { return };
        let licence = self.licence().map(VerifiedLicence::claims).map(|claims| claims.jti.clone());
        match Journal::follow(&self.layout().journal(), &Bearer { genesis, licence }) {
            Ok(()) => {}
            // Said already by whoever made sure of the journal.
            Err(UsageError::Unusable(_) | UsageError::Damaged(_)) if self.health.journal.is_some() => {}
            Err(error) => {
                tracing::warn!(code = error.code(), %error, "usage cannot be recorded for this licence")
            }
        }
    }
}
