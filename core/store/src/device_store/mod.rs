//! The device's store: one writer, which accepts documents and publishes them.
//!
//! The order of every acceptance: 1. state, with marks, ratchet and the documents themselves in its inbox; 2. vault;
//! 3. bundle; 4. inbox cleared; 5. anchor. After the first step the answer is accepted and everything else can be done again, which
//! [`DeviceStore::open`] does. Last of all the usage chain in the journal follows, which every opening does again.

mod accept;
mod clock_reset;
mod health;
mod in_force;
mod notices;
mod publish;
mod recovery;
mod remembering;
mod seats;
mod usage;

pub use accept::Acceptance;
pub use clock_reset::ResetError;
pub use health::{AnchorHealth, BundleHealth, DocumentsHealth, Health, UsageHealth, VaultHealth};
pub use notices::NoticeError;

use crate::crash::{Point, reached};
use crate::documents::Documents;
use crate::durable::remove_stale_temporaries;
use crate::journal::{Learned, Unsent};
use crate::state::{Held, Pending, Refused, Settled, StateDb, trust_sha256};
use crate::vault::{LogEntry, Vault};
use crate::{Installation, Layout, StoreError, WriterLock};
use brink_license::clock::BootId;
use brink_license::keyset::{Keyset, TrustAnchor};
use brink_license::token::{VerifiedLicence, VerifiedPresence, VerifiedReceipt};
use brink_license::{PublicKey, UnixSeconds};
use in_force::InForce;
use remembering::Memory;

/// The open store of one device. Dropping it lets the next writer in.
#[derive(Debug)]
pub struct DeviceStore {
    anchor: TrustAnchor,
    device_key: PublicKey,
    keys: SealKeys,
    state: StateDb,
    held: Held,
    vault: Option<Vault>,
    in_force: Option<InForce>,
    health: Health,
    memory: Memory,
    journal_minded_at: Option<(BootId, i64)>,
    // Last, because fields are dropped in this order: the next writer comes in when everything else is closed.
    lock: WriterLock,
}

impl DeviceStore {
    /// Makes the state of a new device, whose key already stands under [`Layout::device_key_new`]; the caller gives
    /// the key its lasting name afterwards ([`Layout::finish_installation`]).
    /// `settled` is what an earlier device in this directory knew of the journal.
    pub fn create_state(
        lock: &WriterLock,
        device_key: &PublicKey,
        settled: &[Settled],
    ) -> Result<(), StoreError> {
        let layout = lock.layout();
        match layout.installation()? {
            Installation::Absent => {}
            Installation::Unfinished | Installation::Complete => {
                let taken = std::io::ErrorKind::AlreadyExists.into();
                return Err(StoreError::io(&layout.state_db(), "make it")(taken));
            }
        }
        StateDb::create(&layout.state_db(), &layout.trust_anchor()?, (device_key.kid(), settled))
    }

    /// Opens the store of the device with this key, does what an interrupted acceptance left undone, and repairs vault
    /// and bundle. What is older than the anchor does not come into force.
    pub fn open(lock: WriterLock, device_key: &PublicKey, keys: SealKeys) -> Result<Self, StoreError> {
        let layout = lock.layout();
        match layout.installation()? {
            Installation::Complete => {}
            Installation::Absent | Installation::Unfinished => {
                return Err(StoreError::NoStore { dir: layout.dir().to_owned() });
            }
        }
        let anchor = layout.trust_anchor()?;
        remove_stale_temporaries(&layout.bundle())?;
        let mut state = StateDb::open(&layout.state_db())?;
        let held = state.held()?;
        if held.trust_sha256 != trust_sha256(&anchor) {
            return Err(StoreError::TrustPinned { path: layout.trust() });
        }
        if held.jkt != device_key.kid() {
            return Err(StoreError::AnotherKey { path: layout.state_db() });
        }
        let mut store = Self {
            anchor,
            device_key: device_key.clone(),
            keys,
            state,
            held,
            vault: None,
            in_force: None,
            health: Health {
                vault: VaultHealth::Sound,
                bundle: BundleHealth::Sound,
                documents: DocumentsHealth::Never,
                journal: None,
                usage: UsageHealth::Sound,
                anchor: AnchorHealth::Sound,
                marks_moved_forward: false,
            },
            memory: Memory::default(),
            journal_minded_at: None,
            lock,
        };
        store.recall()?;
        store.health.journal = store.ensure_journal();
        store.recover()?;
        store.bear_usage();
        store.settle_anchor();
        Ok(store)
    }
}

/// Requests, refusals and what can be asked.
impl DeviceStore {
    /// Stores a request before it leaves, in place of one that was never answered. `carried` is the usage that it carries.
    pub fn store_pending(&mut self, pending: Pending, carried: Option<&Unsent>) -> Result<(), StoreError> {
        let sent = carried.map(|carried| {
            Settled::of(&carried.genesis, &self.held.settled).with_sent(carried.head, carried.read_at)
        });
        self.state.store_pending(&pending, sent.as_ref())?;
        reached(Point::PendingStored);
        self.held.ctr = pending.ctr;
        self.held.pending = Some(pending);
        if let Some(sent) = sent {
            Settled::put(&mut self.held.settled, sent);
        }
        Ok(())
    }

    /// Gives the pending request up: the issuer gave a definite no, or an answer that this device refuses.
    pub fn abandon_pending(&mut self) -> Result<(), StoreError> {
        self.state.abandon_pending()?;
        self.held.pending = None;
        Ok(())
    }

    /// Remembers where the issuer answers.
    pub fn set_issuer_url(&mut self, url: &str) -> Result<(), StoreError> {
        if self.held.issuer_url.as_deref() == Some(url) {
            return Ok(());
        }
        self.state.set_issuer_url(url)?;
        self.held.issuer_url = Some(url.to_owned());
        Ok(())
    }

    /// Remembers a refusal, of either side.
    pub fn record_refusal(&mut self, refused: &Refused) -> Result<(), StoreError> {
        self.state.record_refusal(refused)?;
        self.held = self.state.held()?;
        let Refused { at, code, what } = refused.clone();
        let entry = LogEntry { at, verdict: code, document: what };
        if let Some(Err(damage)) = self.vault.as_mut().map(|vault| vault.note(&entry)) {
            self.rebuild_vault(&damage.to_string());
            if let Some(in_force) = &self.in_force {
                let refill = in_force.refill();
                self.deposit(&refill, None);
            }
        }
        Ok(())
    }

    /// The decisions about documents that the vault remembers, oldest first; none without a vault.
    #[must_use]
    pub fn log(&mut self) -> Vec<LogEntry> {
        self.numbered_log().into_iter().map(|(_, entry)| entry).collect()
    }

    /// The same with the number of each, from 1: for whoever copies them elsewhere. A vault that was built anew begins again.
    #[must_use]
    pub fn numbered_log(&mut self) -> Vec<(u64, LogEntry)> {
        self.vault.as_mut().and_then(|vault| vault.log().ok()).unwrap_or_default()
    }

    /// The exchange state.
    #[must_use]
    pub const fn held(&self) -> &Held {
        &self.held
    }

    /// The documents in force.
    #[must_use]
    pub fn documents(&self) -> Option<&Documents> {
        self.in_force.as_ref().map(|in_force| &in_force.documents)
    }

    /// The keyset in force.
    #[must_use]
    pub fn keyset(&self) -> Option<&Keyset> {
        self.in_force.as_ref().map(|in_force| &in_force.keyset)
    }

    /// The licence in force; `None` without one, or when the key that signed it was revoked.
    #[must_use]
    pub fn licence(&self) -> Option<&VerifiedLicence> {
        self.in_force.as_ref()?.licence.as_ref()
    }

    /// The receipt accepted last.
    #[must_use]
    pub fn receipt(&self) -> Option<&VerifiedReceipt> {
        self.in_force.as_ref()?.receipt.as_ref()
    }

    /// The presence that is published.
    #[must_use]
    pub fn presence(&self) -> Option<VerifiedPresence> {
        self.in_force.as_ref()?.fitting_presence(self.held.presence.as_deref(), &self.device_key)
    }

    /// The latest moment that any document in force vouches for: it is at least that late.
    #[must_use]
    pub fn floor(&self) -> Option<UnixSeconds> {
        let in_force = self.in_force.as_ref()?;
        let documents = in_force.floor();
        Some(self.notices_in_force(in_force).floor().map_or(documents, |notice| notice.max(documents)))
    }

    /// What the documents in force say of time.
    #[must_use]
    pub fn learned(&self) -> Learned {
        let receipt = self.receipt().map(VerifiedReceipt::claims);
        let learned = Learned::of(self.device_key.kid(), self.floor().unwrap_or_default(), receipt);
        Learned { reset: self.held.clock_reset, ..learned }
    }

    /// What this device trusts.
    #[must_use]
    pub const fn anchor(&self) -> &TrustAnchor {
        &self.anchor
    }

    /// How every part of the store is.
    #[must_use]
    pub const fn health(&self) -> &Health {
        &self.health
    }

    /// The lock that it holds.
    #[must_use]
    pub const fn lock(&self) -> &WriterLock {
        &self.lock
    }

    /// Where it is.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        self.lock.layout()
    }
}

/// What the store seals with, derived from the device key. Secret, so that it is never shown.
#[derive(Clone, Copy)]
pub struct SealKeys {
    /// For the values of the vault.
    pub vault: [u8; 32],
    /// For the anchor.
    pub anchor: [u8; 32],
}

impl std::fmt::Debug for SealKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKeys(..)")
    }
}

#[cfg(test)]
mod tests;
