//! The keyset: which keys may sign, as the root keys say (TUF's root and targets reduced to one file).

mod anchor;
mod carried;
mod error;
mod manifest;
mod record;

pub use anchor::{TrustAnchor, TrustError};
pub use carried::UnverifiedManifest;
pub use error::ManifestError;
pub use manifest::{KEYS_MAX, MANIFEST_BYTES_MAX, ManifestPayload, encode_manifest, manifest_signing_input};
pub use record::{KeyRecord, KeyState, KeyUse, ROOTS_MAX, RootKeys};

use crate::id::IssuerName;
use crate::key::Kid;
use crate::time::UnixSeconds;
use manifest::SignedManifest;
use sha2::{Digest, Sha256};

/// Most versions that one exchange may walk.
pub const WALK_MAX: usize = 64;
/// Most bytes of all manifests in one bundle or response.
pub const MANIFESTS_BYTES_MAX: usize = 1024 * 1024;

/// A verified keyset: the roots that the next version must satisfy, and the keys in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyset {
    payload: ManifestPayload,
    sha256: [u8; 32],
    roots_changed: bool,
}

impl Keyset {
    /// Walks from the pinned roots to the newest of `manifests`, which stand in rising order.
    ///
    /// The walk starts at the last manifest whose root set is the pinned one, so that a host may pin any root set of
    /// the history. Each later one needs the threshold of the roots before it and of its own. Versions may be left
    /// out: a bundle carries only those that changed the root, and the newest.
    pub fn bootstrap<B: AsRef<[u8]>>(anchor: &TrustAnchor, manifests: &[B]) -> Result<Self, ManifestError> {
        let signed = parse_all(manifests)?;
        let start = signed.iter().rposition(|manifest| anchor.pins(&manifest.payload.root));
        let start = start.ok_or(ManifestError::Threshold("no manifest has the pinned root keys"))?;
        let mut walk = signed.into_iter().skip(start);
        let Some(first) = walk.next() else { return Err(ManifestError::Malformed("no manifest".into())) };
        check_issuer(&first, anchor.issuer())?;
        first.check_signed_by(&first.payload.root)?;
        let mut keyset = Self::trusted(first, true);
        for manifest in walk {
            if manifest.payload.version <= keyset.version() {
                return Err(ManifestError::Version {
                    found: manifest.payload.version,
                    held: keyset.version(),
                });
            }
            keyset = keyset.succeeded_by(manifest)?;
        }
        Ok(keyset)
    }

    /// Accepts exactly the next version: number, link, both root sets.
    pub fn accept_next(&self, bytes: &[u8]) -> Result<Self, ManifestError> {
        let next = SignedManifest::parse(bytes)?;
        check_issuer(&next, &self.payload.iss)?;
        let (found, held) = (next.payload.version, self.version());
        if found == held && next.sha256 != self.sha256 {
            return Err(ManifestError::Equivocation { version: held });
        }
        if held.checked_add(1) != Some(found) {
            return Err(ManifestError::Version { found, held });
        }
        if next.payload.prev_sha256 != Some(self.sha256) {
            return Err(ManifestError::Link { version: found });
        }
        self.succeeded_by(next)
    }

    /// The rules that hold for any later version, next or not.
    fn succeeded_by(&self, next: SignedManifest) -> Result<Self, ManifestError> {
        check_issuer(&next, &self.payload.iss)?;
        next.check_signed_by(&self.payload.root)?;
        next.check_signed_by(&next.payload.root)?;
        if next.payload.issued_at < self.payload.issued_at {
            return Err(ManifestError::Link { version: next.payload.version });
        }
        let roots_changed = next.payload.root != self.payload.root;
        Ok(Self::trusted(next, roots_changed))
    }

    fn trusted(manifest: SignedManifest, roots_changed: bool) -> Self {
        Self { payload: manifest.payload, sha256: manifest.sha256, roots_changed }
    }

    /// The issuer.
    #[must_use]
    pub const fn issuer(&self) -> &IssuerName {
        &self.payload.iss
    }

    /// The version.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.payload.version
    }

    /// SHA-256 of the payload, which the next version must name.
    #[must_use]
    pub const fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    /// When it was issued.
    #[must_use]
    pub const fn issued_at(&self) -> UnixSeconds {
        self.payload.issued_at
    }

    /// From this moment the agent accepts no new document under it; what was accepted stays in force.
    #[must_use]
    pub const fn expires_at(&self) -> UnixSeconds {
        self.payload.expires_at
    }

    /// Refuses once the manifest has expired; `now` is the guarded time.
    pub fn check_fresh(&self, now: UnixSeconds) -> Result<(), ManifestError> {
        if now < self.expires_at() {
            return Ok(());
        }
        Err(ManifestError::Expired { version: self.version() })
    }

    /// Whether this version brought other root keys than the one before: a bundle has to carry it.
    #[must_use]
    pub const fn roots_changed(&self) -> bool {
        self.roots_changed
    }

    /// The record of a key, by exact look-up.
    #[must_use]
    pub fn key(&self, kid: &Kid) -> Option<&KeyRecord> {
        self.payload.keys.iter().find(|record| record.kid() == *kid)
    }

    /// Whether this key was revoked: nothing that it signed counts. A key that is not listed was not.
    #[must_use]
    pub fn has_revoked(&self, kid: &Kid) -> bool {
        self.key(kid).is_some_and(KeyRecord::is_revoked)
    }

    /// Every key, in the order of the manifest.
    #[must_use]
    pub fn keys(&self) -> &[KeyRecord] {
        &self.payload.keys
    }

    /// The root keys in force.
    #[must_use]
    pub const fn root(&self) -> &RootKeys {
        &self.payload.root
    }
}

/// Keeps the manifests that a bundle, or a device without any, needs: those that changed the root, and the newest. The
/// history may be longer than what may ever stand together; what is left of it may not.
pub fn manifests_to_publish<B: AsRef<[u8]> + Clone>(manifests: &[B]) -> Result<Vec<B>, ManifestError> {
    let roots = manifests.iter().map(|manifest| Ok(SignedManifest::parse(manifest.as_ref())?.payload.root));
    let roots = roots.collect::<Result<Vec<_>, ManifestError>>()?;
    let changed = |i: usize| i == 0 || roots[i] != roots[i - 1];
    let last = roots.len().saturating_sub(1);
    let kept: Vec<B> =
        (0..roots.len()).filter(|&i| i == last || changed(i)).map(|i| manifests[i].clone()).collect();
    check_bytes(&kept)?;
    Ok(kept)
}

fn parse_all<B: AsRef<[u8]>>(manifests: &[B]) -> Result<Vec<SignedManifest>, ManifestError> {
    check_bytes(manifests)?;
    manifests.iter().map(|manifest| SignedManifest::parse(manifest.as_ref())).collect()
}

fn check_bytes<B: AsRef<[u8]>>(manifests: &[B]) -> Result<(), ManifestError> {
    let bytes: usize = manifests.iter().map(|manifest| manifest.as_ref().len()).sum();
    if bytes > MANIFESTS_BYTES_MAX {
        return Err(ManifestError::TooLarge { bytes, bytes_max: MANIFESTS_BYTES_MAX });
    }
    Ok(())
}

fn check_issuer(manifest: &SignedManifest, pinned: &IssuerName) -> Result<(), ManifestError> {
    if manifest.payload.iss == *pinned {
        return Ok(());
    }
    Err(ManifestError::Issuer { found: manifest.payload.iss.to_string(), pinned: pinned.to_string() })
}

/// The digest that links one version to the next: over the payload, because signatures are not unique.
fn payload_sha256(payload: &[u8]) -> [u8; 32] {
    Sha256::digest(payload).into()
}
