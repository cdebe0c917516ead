//! The keyset that answers are given under, and taking up a newer one while requests come in.

use crate::config::DataDir;
use crate::keys::{self, KeysError, SigningKeys};
use crate::storage::Storage;
use crate::{OpenError, Refusal};
use brink_license::UnixSeconds;
use brink_license::keyset::{Keyset, manifests_to_publish};
use brink_signing::Passphrase;
use std::sync::{Arc, Mutex, PoisonError};

/// Keyset, manifests and private keys of one version. An answer is given under one of them from start to end.
pub(crate) struct InForce {
    pub(crate) keyset: Keyset,
    /// Every version, oldest first.
    pub(crate) manifests: Vec<Vec<u8>>,
    /// Those that lead from any pinned root to the newest: what a device gets that has none.
    pub(crate) first_manifests: Vec<Vec<u8>>,
    pub(crate) keys: SigningKeys,
}

/// Looks before every request whether a newer manifest was published, and takes it up. One that cannot be taken up stops
/// the answers: it may revoke the very key that would sign them.
pub(crate) struct Refreshing {
    data: DataDir,
    /// Opens the keys that later manifests bring.
    passphrase: Option<Passphrase>,
    held: Mutex<Arc<InForce>>,
}

impl Refreshing {
    /// Loads keys and keyset; verifies the keyset from the pinned roots, as every device will.
    pub(crate) fn load(
        data: &DataDir,
        storage: &dyn Storage,
        passphrase: Option<Passphrase>,
        now: UnixSeconds,
    ) -> Result<Self, OpenError> {
        let held = Mutex::new(Arc::new(load(data, storage, passphrase.as_ref(), now)?));
        Ok(Self { data: data.clone(), passphrase, held })
    }

    /// What is in force now.
    pub(crate) fn current(&self, storage: &dyn Storage, now: UnixSeconds) -> Result<Arc<InForce>, Refusal> {
        let newest = storage.newest_manifest()?;
        // Held while keys load, so that they load once and no request is answered under the old ones meanwhile.
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if newest > held.keyset.version() {
            let loaded = load(&self.data, storage, self.passphrase.as_ref(), now).map_err(refusal)?;
            tracing::info!(version = loaded.keyset.version(), "a newer keyset is in force");
            *held = Arc::new(loaded);
        }
        Ok(Arc::clone(&held))
    }

    /// What was in force with the last request.
    pub(crate) fn held(&self) -> Arc<InForce> {
        Arc::clone(&self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn refusal(error: OpenError) -> Refusal {
    match error {
        OpenError::Storage(error) => Refusal::Storage(error),
        OpenError::Keys(error) => Refusal::Keys(Box::new(error)),
    }
}

fn load(
    data: &DataDir,
    storage: &dyn Storage,
    passphrase: Option<&Passphrase>,
    now: UnixSeconds,
) -> Result<InForce, OpenError> {
    let row = storage.issuer()?;
    let manifests = storage.manifests()?;
    let first_manifests = manifests_to_publish(&manifests).map_err(KeysError::Manifest)?;
    let keyset = keys::load_keyset(data, &row, &first_manifests)?;
    let keys = keys::load_signing(data, (&row, &keyset), passphrase, now)?;
    Ok(InForce { keyset, manifests, first_manifests, keys })
}
