//! The device's store: one writer, which accepts documents and publishes them.
//!
//! The order of every acceptance: 1. state, with marks, ratchet and the documents themselves in its inbox; 2. vault;
//! 3. bundle; 4. inbox cleared. After the first step the answer is accepted and everything else can be done again, which
//! [`DeviceStore::open`] does.

mod health;
mod in_force;
mod recovery;

pub use health::{BundleHealth, DocumentsHealth, Health, VaultHealth};

use crate::bundle::{BUNDLE_BYTES_MAX, Bundle};
use crate::crash::{Point, reached};
use crate::documents::Documents;
use crate::durable::{read_if_present, remove_stale_temporaries, write_atomically};
use crate::state::{Held, Identity, Inbox, Pending, Ratchet, Refused, StateDb, Transition, trust_sha256};
use crate::vault::{Deposit, LogEntry, Vault};
use crate::{Installation, Layout, StoreError, WriterLock};
use brink_license::keyset::{Keyset, TrustAnchor};
use brink_license::token::{VerifiedLicence, VerifiedPresence, VerifiedReceipt};
use brink_license::{PublicKey, UnixSeconds};
use in_force::{Examiner, InForce};

/// Readable by every host, whoever it runs as: what is in it is signed, not secret.
const BUNDLE_MODE: u32 = 0o644;

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
    /// What to note in the vault.
    pub note: LogEntry,
}

/// The open store of one device. Dropping it lets the next writer in.
#[derive(Debug)]
pub struct DeviceStore {
    anchor: TrustAnchor,
    device_key: PublicKey,
    mac_key: MacKey,
    state: StateDb,
    held: Held,
    vault: Option<Vault>,
    in_force: Option<InForce>,
    health: Health,
    // Last, because fields are dropped in this order: the next writer comes in when everything else is closed.
    lock: WriterLock,
}

impl DeviceStore {
    /// Makes the state of a new device, whose key already stands under [`Layout::device_key_new`]; the caller gives
    /// the key its lasting name afterwards ([`Layout::finish_installation`]).
    pub fn create_state(lock: &WriterLock, device_key: &PublicKey) -> Result<(), StoreError> {
        let layout = lock.layout();
        match layout.installation()? {
            Installation::Absent => {}
            Installation::Unfinished | Installation::Complete => {
                let taken = std::io::ErrorKind::AlreadyExists.into();
                return Err(StoreError::io(&layout.state_db(), "make it")(taken));
            }
        }
        StateDb::create(&layout.state_db(), &layout.trust_anchor()?, device_key.kid())
    }

    /// Opens the store of the device with this key, does what an interrupted acceptance left undone, and repairs vault
    /// and bundle. `mac_key` is derived from the device key and seals the vault.
    pub fn open(lock: WriterLock, device_key: &PublicKey, mac_key: [u8; 32]) -> Result<Self, StoreError> {
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
            mac_key: MacKey(mac_key),
            state,
            held,
            vault: None,
            in_force: None,
            health: Health {
                vault: VaultHealth::Sound,
                bundle: BundleHealth::Sound,
                documents: DocumentsHealth::Never,
                marks_moved_forward: false,
            },
            lock,
        };
        store.recover()?;
        Ok(store)
    }

    /// Puts a verified answer in force. When this returns an error other than [`StoreError::NotPublished`], nothing has
    /// changed; that one means accepted, safe, and to be published by the next attempt.
    pub fn accept(&mut self, acceptance: Acceptance) -> Result<(), StoreError> {
        let pending_ctr = self.held.pending.as_ref().map(|pending| pending.ctr);
        let pending_ctr = pending_ctr.ok_or(StoreError::NothingPending)?;
        let examiner = Examiner { identity: Some(&acceptance.identity), ..self.examiner() };
        let in_force = examiner.examine(acceptance.documents);
        let in_force = in_force
            .map_err(|unfit| StoreError::Unstorable { what: "the answer", problem: unfit.to_string() })?;
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
            },
        )?;
        reached(Point::StateCommitted);
        self.in_force = Some(in_force);
        self.health.documents = DocumentsHealth::Current;
        self.held = self.state.held()?;
        self.apply(&inbox, Some(&acceptance.note))
    }

    /// Steps 2 to 4, which can be done any number of times.
    fn apply(&mut self, inbox: &Inbox, note: Option<&LogEntry>) -> Result<(), StoreError> {
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
        Ok(())
    }

    /// Whether the vault has the documents; a vault that fails is built again once.
    fn deposit(&mut self, inbox: &Inbox, note: Option<&LogEntry>) -> bool {
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

    /// Publishes with another presence: made once per boot, and for every new licence.
    pub fn publish(&mut self, presence: &str) -> Result<(), StoreError> {
        let in_force = self.in_force.as_ref().ok_or(StoreError::NothingToPublish)?;
        if in_force.fitting_presence(Some(presence), &self.device_key).is_none() {
            let problem = "it does not speak of the licence in force".to_owned();
            return Err(StoreError::Unstorable { what: "the presence", problem });
        }
        self.state.set_presence(presence)?;
        self.held.presence = Some(presence.to_owned());
        self.publish_bundle()
    }

    /// Does what could not be done earlier, and publishes again if somebody deleted or changed the bundle. Cheap when
    /// there is nothing to do; says whether there was.
    pub fn ensure_published(&mut self) -> Result<bool, StoreError> {
        if let Some(inbox) = self.state.inbox()? {
            self.apply(&inbox, None)?;
            return Ok(true);
        }
        let Some(bytes) = self.bundle_bytes()? else { return Ok(false) };
        let path = self.layout().bundle();
        let reason = match read_if_present(&path, BUNDLE_BYTES_MAX) {
            Ok(Some(found)) if found == bytes => return Ok(false),
            Ok(Some(_)) => "it was not the newest".to_owned(),
            Ok(None) => "it was gone".to_owned(),
            Err(error) => error.to_string(),
        };
        let known = std::mem::replace(&mut self.health.bundle, BundleHealth::Sound);
        self.write_bundle(&bytes)?;
        self.health.bundle = match known {
            BundleHealth::Republished { reason } => BundleHealth::Republished { reason },
            BundleHealth::Absent
            | BundleHealth::Sound
            | BundleHealth::SetAside { .. }
            | BundleHealth::Unwritable { .. } => BundleHealth::Republished { reason },
        };
        Ok(true)
    }

    fn publish_bundle(&mut self) -> Result<(), StoreError> {
        let bytes = self.bundle_bytes()?.ok_or(StoreError::NothingToPublish)?;
        self.write_bundle(&bytes)?;
        self.health.bundle = BundleHealth::Sound;
        Ok(())
    }

    fn write_bundle(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        write_atomically(&self.layout().bundle(), bytes, BUNDLE_MODE).map_err(|problem| {
            self.health.bundle = BundleHealth::Unwritable { reason: problem.to_string() };
            StoreError::NotPublished { problem: Box::new(problem) }
        })
    }

    /// The file that hosts should see: it follows from what is in force and from nothing else.
    fn bundle_bytes(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(in_force) = &self.in_force else { return Ok(None) };
        let presence = in_force.fitting_presence(self.held.presence.as_deref(), &self.device_key);
        let bundle = Bundle {
            manifests: in_force.documents.manifests.clone(),
            licence: in_force.documents.licence.clone(),
            // A receipt of a revoked key would spoil the whole bundle.
            receipt: in_force.receipt.as_ref().map(|receipt| receipt.token().to_owned()),
            presence: presence.map(|presence| presence.token().to_owned()),
            device_key: *self.device_key.as_bytes(),
            sections: Vec::new(),
        };
        let unstorable = |problem: crate::BundleError| StoreError::Unstorable {
            what: "the bundle",
            problem: problem.to_string(),
        };
        bundle.encode().map(Some).map_err(unstorable)
    }
}

/// Requests, refusals and what can be asked.
impl DeviceStore {
    /// Stores a request before it leaves, in place of one that was never answered.
    pub fn store_pending(&mut self, pending: Pending) -> Result<(), StoreError> {
        self.state.store_pending(&pending)?;
        reached(Point::PendingStored);
        self.held.ctr = pending.ctr;
        self.held.pending = Some(pending);
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
        self.in_force.as_ref().map(InForce::floor)
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

    /// Where it is.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        self.lock.layout()
    }
}

/// Seals the vault. Secret, so that it is never shown.
#[derive(Clone, Copy)]
struct MacKey([u8; 32]);

impl std::fmt::Debug for MacKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MacKey(..)")
    }
}

#[cfg(test)]
mod tests;
