//! Accepting: the order that survives a kill at every step.

use super::in_force::Examiner;
use super::{DeviceStore, DocumentsHealth, VaultHealth};
use crate::StoreError;
use crate::crash::{Point, reached};
use crate::documents::Documents;
use crate::state::{HeldSeats, Identity, Inbox, Ratchet, Transition};
use crate::vault::{Deposit, LogEntry};
use brink_license::UnixSeconds;
use brink_license::clock::ResetMark;
use brink_license::token::NoticeKind;

/// A verified answer, ready to be put in force.
///
/// The store verifies the documents again and derives its marks from them, so that nothing but signatures can move a
/// mark.
#[derive(Clone, Debug)]
pub struct Acceptance {
    /// The device as receipt and licence name it.
    pub identity: Identity,
    /// What is in force from now on.
    pub documents: Documents,
    /// The manifests that the answer brought, by version.
    pub manifests: Vec<(u64, Vec<u8>)>,
    /// The next ratchet.
    pub ratchet: Ratchet,
    /// When the issuer wants to hear of the device again, in guarded time.
    pub next_exchange_after: UnixSeconds,
    /// The device's statement that this machine is its home, for the licence in `documents`.
    pub presence: Option<String>,
    /// What else the issuer signed, as it was received.
    pub notices: Vec<(NoticeKind, String)>,
    /// The unnamed seats as they go on from here, if they change.
    pub seats: Option<HeldSeats>,
    /// The answer sets the clock: it came at once, and what was believed of time was wrong.
    pub clock: Option<ResetMark>,
    /// What to note in the vault.
    pub note: LogEntry,
}

impl DeviceStore {
    /// Puts a verified answer in force. When this returns an error other than [`StoreError::NotPublished`], nothing has
    /// changed; that one means accepted, safe, and to be published by the next attempt.
    pub fn accept(&mut self, acceptance: Acceptance) -> Result<(), StoreError> {
        let pending_ctr = self.held.pending.as_ref().map(|pending| pending.ctr);
        let pending_ctr = pending_ctr.ok_or(StoreError::NothingPending)?;
        let examiner = Examiner { identity: Some(&acceptance.identity), ..self.examiner() };
        let in_force = examiner.examine(acceptance.documents);
        let in_force = in_force
            .map_err(|unfit| StoreError::Unstorable { what: "the answer", problem: unfit.to_string() })?;
        let notices = self.newer_notices(&in_force, &acceptance.notices)?;
        let seats = self.acceptable_seats(&in_force, acceptance.seats);
        let settled = self.settled_by(in_force.receipt.as_ref());
        let inbox = Inbox {
            documents: in_force.documents.clone(),
            licence: in_force.marks.licence.map_or((0, 0), |mark| (mark.epoch, mark.seq)),
            manifests: acceptance.manifests,
        };
        // 1. The state: from this commit on the answer is accepted.
        self.state.accept(
            pending_ctr,
            &Transition {
                identity: &acceptance.identity,
                marks: in_force.marks,
                ratchet: &acceptance.ratchet,
                next_exchange_after: acceptance.next_exchange_after,
                presence: acceptance.presence.as_deref(),
                inbox: &inbox,
                notices: &notices,
                clock: self.counted(acceptance.clock),
                seats: seats.as_ref(),
                settled: &settled,
            },
        )?;
        reached(Point::StateCommitted);
        self.in_force = Some(in_force);
        self.health.documents = DocumentsHealth::Current;
        self.held = self.state.held()?;
        self.memory.answered = true;
        let applied = self.apply(&inbox, Some(&acceptance.note));
        self.bear_usage();
        applied
    }

    /// Steps 2 to 5, which can be done any number of times.
    pub(super) fn apply(&mut self, inbox: &Inbox, note: Option<&LogEntry>) -> Result<(), StoreError> {
        // 2. The vault.
        let deposited = self.deposit(inbox, note);
        // 3. The bundle.
        self.publish_bundle()?;
        reached(Point::BundlePublished);
        // 4. The inbox. Without a vault it keeps the second copy of the documents.
        if deposited {
            self.state.clear_inbox()?;
            reached(Point::InboxCleared);
        }
        // 5. The anchor, which nothing may be older than from now on.
        self.remember();
        Ok(())
    }

    /// Whether the vault has the documents; a vault that fails is built again once.
    pub(super) fn deposit(&mut self, inbox: &Inbox, note: Option<&LogEntry>) -> bool {
        let deposit = Deposit {
            documents: &inbox.documents,
            licence: inbox.licence,
            manifests: &inbox.manifests,
            note,
        };
        match self.vault.as_mut().map(|vault| vault.deposit(&deposit)) {
            Some(Ok(())) => return true,
            Some(Err(damage)) => self.rebuild_vault(&damage.to_string()),
            None => self.rebuild_vault("it could not be opened"),
        }
        let Some(vault) = &mut self.vault else { return false };
        match vault.deposit(&deposit) {
            Ok(()) => true,
            Err(damage) => {
                self.vault = None;
                self.health.vault = VaultHealth::Unusable { reason: damage.to_string() };
                false
            }
        }
    }
}
