//! Opening a store that may have been left at any point: the state says what is in force, whoever still has it
//! provides it, and vault and bundle are made to agree.

use super::in_force::{Examiner, InForce, Unfit};
use super::{BundleHealth, DeviceStore, DocumentsHealth, VaultHealth};
use crate::bundle::{BUNDLE_BYTES_MAX, Bundle};
use crate::documents::Documents;
use crate::durable::{directory_of, read_if_present, rename, sync_directory};
use crate::state::Inbox;
use crate::vault::{Vault, VaultDamage};
use crate::{Layout, StoreError};
use std::path::{Path, PathBuf};

/// Damaged vaults kept for whoever wants to look at them.
const DAMAGED_KEPT: usize = 3;
const DAMAGED_STEM: &str = "vault.damaged-";

/// What one of the holders of documents has.
enum Offer {
    Nothing,
    Fit(Box<InForce>),
    Unfit(Unfit),
}

impl DeviceStore {
    /// Finds the documents in force and makes vault and bundle agree with them.
    pub(super) fn recover(&mut self) -> Result<(), StoreError> {
        let inbox = self.state.inbox()?;
        let queued = self.offer(inbox.as_ref().map(|inbox| inbox.documents.clone()));
        let vaulted = self.vaulted();
        let (bundled, carried) = self.bundled();
        let replaying = matches!(queued, Offer::Fit(_));
        if !replaying && matches!(vaulted, Offer::Unfit(_)) {
            self.doubt_vault(&vaulted);
        }
        if let (Offer::Unfit(unfit), false) = (&bundled, replaying) {
            self.health.bundle = BundleHealth::Republished { reason: unfit.to_string() };
        }
        if matches!(queued, Offer::Unfit(Unfit::Behind)) {
            self.pass_over_inbox()?;
        }
        let behind = matches!(bundled, Offer::Unfit(Unfit::Behind));
        // The first that has it provides it; a later one counts only if it is newer.
        let chosen = [queued, vaulted, bundled].into_iter().filter_map(Offer::fit).reduce(InForce::later);
        match chosen {
            Some(chosen) => self.put_in_force(chosen, inbox, carried.as_ref()),
            None => self.go_without(behind),
        }
    }

    fn offer(&self, documents: Option<Documents>) -> Offer {
        let Some(documents) = documents else { return Offer::Nothing };
        match self.examiner().examine(documents) {
            Ok(in_force) => Offer::Fit(Box::new(in_force)),
            Err(unfit) => Offer::Unfit(unfit),
        }
    }

    pub(super) fn examiner(&self) -> Examiner<'_> {
        Examiner {
            anchor: &self.anchor,
            device_key: &self.device_key,
            identity: self.held.identity.as_ref(),
            marks: &self.held.marks,
        }
    }

    /// Opens the vault, or builds it anew; what it held is only known if it was sound.
    fn vaulted(&mut self) -> Offer {
        let path = self.layout().vault();
        let is_new = !path.exists();
        let opened = Vault::open(&path, self.keys.vault).and_then(|mut vault| {
            let documents = vault.documents()?;
            Ok((vault, documents))
        });
        match opened {
            Ok((vault, documents)) => {
                self.vault = Some(vault);
                if documents.is_none() && self.held.marks.licence.is_some() {
                    let reason = if is_new { "it was gone" } else { "it was empty" };
                    self.health.vault = VaultHealth::Rebuilt { reason: reason.into() };
                }
                self.offer(documents)
            }
            Err(damage @ VaultDamage::Busy) => {
                self.health.vault = VaultHealth::Unusable { reason: damage.to_string() };
                Offer::Nothing
            }
            Err(damage) => {
                self.rebuild_vault(&damage.to_string());
                Offer::Nothing
            }
        }
    }

    /// A vault whose values are sound but old has lost a suffix: it is not believed any further.
    fn doubt_vault(&mut self, vaulted: &Offer) {
        if let Offer::Unfit(unfit) = vaulted {
            self.rebuild_vault(&unfit.to_string());
        }
    }

    /// Moves the vault aside and makes a new, empty one. Never fails: without a vault the device still works.
    pub(super) fn rebuild_vault(&mut self, reason: &str) {
        self.vault = None;
        tracing::warn!(reason, "the vault is damaged and is built again");
        let path = self.layout().vault();
        let rebuilt = set_aside_vault(self.layout())
            .map_err(|error| error.to_string())
            .and_then(|()| Vault::open(&path, self.keys.vault).map_err(|damage| damage.to_string()));
        self.health.vault = match rebuilt {
            Ok(vault) => {
                self.vault = Some(vault);
                VaultHealth::Rebuilt { reason: reason.to_owned() }
            }
            Err(problem) => VaultHealth::Unusable { reason: format!("{reason}; {problem}") },
        };
    }

    fn bundled(&self) -> (Offer, Option<Bundle>) {
        let unfit = |problem: &dyn std::fmt::Display| Offer::Unfit(Unfit::Unverified(problem.to_string()));
        let bytes = match read_if_present(&self.layout().bundle(), BUNDLE_BYTES_MAX) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return (Offer::Nothing, None),
            Err(error) => return (unfit(&error), None),
        };
        match Bundle::decode(&bytes) {
            Ok(bundle) => {
                let Bundle { manifests, licence, receipt, .. } = bundle.clone();
                (self.offer(Some(Documents { manifests, licence, receipt })), Some(bundle))
            }
            Err(error) => (unfit(&error), None),
        }
    }

    fn put_in_force(
        &mut self,
        chosen: InForce,
        inbox: Option<Inbox>,
        carried: Option<&Bundle>,
    ) -> Result<(), StoreError> {
        let is_known = self.held.identity.as_ref() == Some(&chosen.identity);
        if chosen.marks != self.held.marks || !is_known {
            self.state.raise_marks(&chosen.identity, &chosen.marks)?;
            self.held = self.state.held()?;
            self.health.marks_moved_forward = true;
        }
        self.health.documents = DocumentsHealth::Current;
        let is_chosen = inbox.as_ref().map(|inbox| inbox.documents == chosen.documents);
        self.in_force = Some(chosen);
        if let Some(bundle) = carried {
            self.recover_notices(bundle)?;
            self.recover_seats(bundle)?;
        }
        let agreed = match inbox {
            Some(inbox) if is_chosen == Some(true) => self.apply(&inbox, None),
            Some(_) => self.pass_over_inbox().and_then(|()| self.agree()),
            None => self.agree(),
        };
        match agreed {
            // A full or read-only disk is no reason not to open: the state of the bundle says so.
            Err(StoreError::NotPublished { .. }) => Ok(()),
            agreed => agreed,
        }
    }

    /// An inbox that was overtaken, in a state that was put back: laid down again it would be the older in the vault.
    fn pass_over_inbox(&mut self) -> Result<(), StoreError> {
        self.state.clear_inbox()
    }

    /// Fills what is not up to date.
    fn agree(&mut self) -> Result<(), StoreError> {
        let Some(in_force) = &self.in_force else { return Ok(()) };
        let vaulted = self.vault.as_mut().map(Vault::documents);
        if !matches!(vaulted, Some(Ok(Some(documents))) if documents == in_force.documents) {
            let refill = in_force.refill();
            self.deposit(&refill, None);
        }
        self.ensure_published()?;
        Ok(())
    }

    /// Nobody has the documents any more. Hosts must not go on with older ones.
    fn go_without(&mut self, bundle_is_behind: bool) -> Result<(), StoreError> {
        self.in_force = None;
        if self.held.marks.licence.is_none() {
            self.health.documents = DocumentsHealth::Never;
            self.health.bundle = BundleHealth::Absent;
            return Ok(());
        }
        self.health.documents = DocumentsHealth::Lost;
        self.health.bundle = BundleHealth::Absent;
        if bundle_is_behind {
            let bundle = self.layout().bundle();
            rename(&bundle, &bundle.with_extension("bundle.stale"))?;
            self.health.bundle = BundleHealth::SetAside { reason: Unfit::Behind.to_string() };
        }
        Ok(())
    }
}

impl Offer {
    fn fit(self) -> Option<InForce> {
        match self {
            Offer::Fit(in_force) => Some(*in_force),
            Offer::Nothing | Offer::Unfit(_) => None,
        }
    }
}

impl InForce {
    /// What fills an empty vault: history that only the vault had is gone.
    pub(super) fn refill(&self) -> Inbox {
        let newest = self.documents.manifests.last().cloned();
        Inbox {
            documents: self.documents.clone(),
            licence: self.marks.licence.map_or((0, 0), |mark| (mark.epoch, mark.seq)),
            manifests: newest.map(|manifest| (self.keyset.version(), manifest)).into_iter().collect(),
        }
    }
}

/// Renames `vault` to the next `vault.damaged-N` and forgets the oldest of those beyond the number that is kept.
fn set_aside_vault(layout: &Layout) -> Result<(), StoreError> {
    let vault = layout.vault();
    if !crate::durable::exists(&vault)? {
        return Ok(());
    }
    let mut numbered = damaged_vaults(layout.dir())?;
    let next = numbered.last().map_or(1, |(number, _)| number.saturating_add(1));
    rename(&vault, &layout.dir().join(format!("{DAMAGED_STEM}{next}")))?;
    let surplus = (numbered.len() + 1).saturating_sub(DAMAGED_KEPT);
    for (_, oldest) in numbered.drain(..surplus) {
        std::fs::remove_dir_all(&oldest).map_err(StoreError::io(&oldest, "remove it"))?;
    }
    sync_directory(directory_of(&vault))
}

/// Those that are there, oldest first.
fn damaged_vaults(dir: &Path) -> Result<Vec<(u64, PathBuf)>, StoreError> {
    let listing = std::fs::read_dir(dir).map_err(StoreError::io(dir, "list it"))?;
    let mut numbered = Vec::new();
    for entry in listing {
        let entry = entry.map_err(StoreError::io(dir, "list it"))?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(DAMAGED_STEM)?.parse().ok());
        numbered.extend(number.map(|number| (number, entry.path())));
    }
    numbered.sort();
    Ok(numbered)
}
