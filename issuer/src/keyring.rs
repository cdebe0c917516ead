//! Changing the keyset: making the next manifest, having it signed here or by root keys elsewhere, and publishing it.

mod ceremony;

pub use ceremony::{Signed, sign};

use crate::calendar::rfc3339;
use crate::clock::Clock;
use crate::config::DataDir;
use crate::founding::create_new;
use crate::keys::{self, KeysError};
use crate::rotation::{NextManifest, RotationError};
use crate::storage::{Actor, AuditNote, IssuerRow, NewManifest, Storage, StorageError};
use brink_license::keyset::{
    KeyState, KeyUse, Keyset, ManifestError, ManifestPayload, RootKeys, TrustAnchor, TrustError,
    UnverifiedManifest, encode_manifest, manifests_to_publish,
};
use brink_license::{IssuerName, Kid, UnixSeconds, b64};
use brink_signing::{KeyFile, KeyFileError, Passphrase, SignError, Signer, sign_manifest};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the keyset is as it was.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The order.
    #[error(transparent)]
    Rotation(#[from] RotationError),
    /// Keys, or the keyset in force.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The root keys are elsewhere.
    #[error(
        "the root keys of issuer {0} sign elsewhere: give --out M.unsigned, carry that file to them, and publish what \
             comes back (docs/OPERATING.md)"
    )]
    RootsElsewhere(IssuerName),
    /// A plaintext root key for a manifest of a real issuer.
    #[error(
        "--dev signs with a plaintext key, and only for issuers whose name starts with dev-, not for {0}"
    )]
    NotDevelopment(IssuerName),
    /// A file that is no manifest.
    #[error("{}: {error}", path.display())]
    NotAManifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: ManifestError,
    },
    /// Signatures over different texts.
    #[error("the signatures are not over one manifest; carry the same unsigned file to every root key")]
    Different,
    /// Too few.
    #[error(
        "signed by {signed} of the {threshold} root keys of version {version} that have to agree; still wanted: one of \
             {}", list(.wanted)
    )]
    TooFew {
        /// How many did.
        signed: usize,
        /// How many have to.
        threshold: u32,
        /// Whose root keys.
        version: u64,
        /// Who has not.
        wanted: Vec<Kid>,
    },
    /// Not what may follow.
    #[error("{0}; prepare the manifest anew from the version in force, {1}")]
    NotNext(ManifestError, u64),
    /// The ceremony took too long.
    #[error("key {kid} was to sign until {until} at most, which has passed; prepare the manifest anew")]
    TooLate {
        /// Which.
        kid: Kid,
        /// When.
        until: String,
    },
    /// Root keys that no device could be provisioned with.
    #[error(transparent)]
    Root(#[from] TrustError),
    /// It could not be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// A key file.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// Another file.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: std::io::Error,
    },
}

pub(crate) fn list(kids: &[Kid]) -> String {
    kids.iter().map(Kid::to_string).collect::<Vec<_>>().join(", ")
}

/// The issuer's keys as they stand now.
pub struct Keyring {
    data: DataDir,
    storage: Arc<dyn Storage>,
    actor: Actor,
    issuer: IssuerRow,
    keyset: Keyset,
    now: UnixSeconds,
}

/// Changing.
impl Keyring {
    /// The keyset in the database, verified from the pinned roots. Opens no private key.
    pub fn open(
        data: &DataDir,
        storage: Arc<dyn Storage>,
        clock: &dyn Clock,
        actor: Actor,
    ) -> Result<Self, KeyringError> {
        let issuer = storage.issuer()?;
        let manifests = manifests_to_publish(&storage.manifests()?).map_err(KeysError::Manifest)?;
        let keyset = keys::load_keyset(data, &issuer, &manifests)?;
        Ok(Self { data: data.clone(), storage, actor, issuer, keyset, now: clock.now() })
    }

    /// The keyset in force.
    #[must_use]
    pub const fn keyset(&self) -> &Keyset {
        &self.keyset
    }

    /// Whether the root keys may lie beside the others.
    #[must_use]
    pub const fn is_development(&self) -> bool {
        self.issuer.development
    }

    /// What a change is refused with where no root key may lie.
    #[must_use]
    pub fn roots_elsewhere(&self) -> KeyringError {
        KeyringError::RootsElsewhere(self.issuer.name.clone())
    }

    /// The key that a server signs with.
    #[must_use]
    pub fn signing_key(&self, key_use: KeyUse) -> Option<Kid> {
        keys::signing_key(&self.data, &self.keyset, key_use, self.now).ok()
    }

    /// The private keys that lie in the issuer directory, with the names of their files.
    pub fn key_files(&self) -> Result<Vec<(Kid, String)>, KeyringError> {
        let mut found = Vec::new();
        for key_use in brink_signing::KeyUse::ALL {
            for (number, file) in keys::files(&self.data.keys(), key_use)? {
                if file.path().exists() {
                    found.push((file.read_public()?.kid(), key_use.file_name(number)));
                }
            }
        }
        Ok(found)
    }

    /// A manifest that renews the validity and, if given, brings other root keys.
    pub fn renewed(&self, root: Option<RootKeys>) -> Result<ManifestPayload, KeyringError> {
        let mut next = NextManifest::after(&self.keyset, self.now);
        if let Some(root) = root {
            let kids = root.keys().iter().map(brink_license::PublicKey::kid).collect();
            TrustAnchor::new(self.issuer.name.clone(), root.threshold(), kids)?;
            next.set_root(root);
        }
        Ok(next.finish()?)
    }

    /// A manifest with a new key for each use; the old ones retire.
    pub fn rotated(
        &self,
        uses: &[KeyUse],
        passphrase: Option<&Passphrase>,
    ) -> Result<ManifestPayload, KeyringError> {
        if let Some(twice) = (1..uses.len()).find(|at| uses[..*at].contains(&uses[*at])) {
            return Err(RotationError::UseTwice(uses[twice]).into());
        }
        let mut next = NextManifest::after(&self.keyset, self.now);
        for key_use in uses {
            next.retire(*key_use);
            next.add(*key_use, self.fresh(*key_use, passphrase)?);
        }
        Ok(next.finish()?)
    }

    /// A manifest in which these keys are revoked, with a new key wherever none would be left.
    pub fn revoked(
        &self,
        kids: &[Kid],
        passphrase: Option<&Passphrase>,
    ) -> Result<ManifestPayload, KeyringError> {
        let mut next = NextManifest::after(&self.keyset, self.now);
        for kid in kids {
            next.revoke(*kid)?;
        }
        for key_use in next.uses_without_key() {
            next.add(key_use, self.fresh(key_use, passphrase)?);
        }
        Ok(next.finish()?)
    }

    /// A new key, every time: one that was made for a manifest which was never published may have been stolen since,
    /// with those that are being replaced.
    fn fresh(
        &self,
        key_use: KeyUse,
        passphrase: Option<&Passphrase>,
    ) -> Result<brink_license::PublicKey, KeyringError> {
        let protection = keys::protection(&self.issuer, passphrase)?;
        let key_use = keys::signing_use(key_use);
        let (folder, files) = (self.data.keys(), keys::files(&self.data.keys(), key_use)?);
        let number = files.last().map_or(1, |(number, _)| number.saturating_add(1));
        let file = KeyFile::at(folder.join(key_use.file_name(number)))?;
        Ok(file.generate(key_use, protection)?.public_key().clone())
    }
}

/// Signing, and putting in force.
impl Keyring {
    /// Signs with every root key that lies here, of the version in force and of the next.
    pub fn sign_here(
        &self,
        payload: &ManifestPayload,
        passphrase: Option<&Passphrase>,
    ) -> Result<Vec<u8>, KeyringError> {
        let protection = keys::protection(&self.issuer, passphrase)?;
        let wanted = |kid: &Kid| {
            [self.keyset.root(), &payload.root]
                .iter()
                .any(|root| root.keys().iter().any(|key| key.kid() == *kid))
        };
        let mut signers = Vec::new();
        for (_, file) in keys::files(&self.data.keys(), brink_signing::KeyUse::Root)? {
            if file.path().exists() && wanted(&file.read_public()?.kid()) {
                signers.push(file.load(brink_signing::KeyUse::Root, protection)?);
            }
        }
        if signers.is_empty() {
            return Err(KeyringError::RootsElsewhere(self.issuer.name.clone()));
        }
        let signers: Vec<&dyn Signer> = signers.iter().map(|signer| signer as &dyn Signer).collect();
        Ok(sign_manifest(&payload.to_json_bytes().map_err(KeysError::Encode)?, &signers)?)
    }

    /// Joins the signatures that came back and verifies the whole.
    pub fn assembled(&self, manifest: &Path, signatures: &[PathBuf]) -> Result<Vec<u8>, KeyringError> {
        let signed = ceremony::join(manifest, signatures)?;
        self.check(&signed, manifest)?;
        Ok(signed)
    }

    /// Puts the signed manifest of a file in force.
    pub fn publish_file(&self, path: &Path) -> Result<Keyset, KeyringError> {
        self.publish(&ceremony::read_bounded(path)?, path)
    }

    /// Verifies a signed manifest as every device will, and that this issuer can go on under it.
    fn check(&self, signed: &[u8], path: &Path) -> Result<Keyset, KeyringError> {
        let not = |error| KeyringError::NotAManifest { path: path.to_owned(), error };
        let carried = UnverifiedManifest::parse(signed).map_err(not)?;
        let next = self.keyset.accept_next(signed).map_err(|error| self.refused(&carried, error))?;
        next.check_fresh(self.now).map_err(|error| KeyringError::NotNext(error, self.keyset.version()))?;
        let overdue = next.keys().iter().find(|key| {
            let signs = self.keyset.key(&key.kid()).is_some_and(|held| held.state() == KeyState::Active);
            signs && key.state() == KeyState::Retired && key.validity().1 <= self.now
        });
        if let Some(key) = overdue {
            return Err(KeyringError::TooLate { kid: key.kid(), until: rfc3339(key.validity().1) });
        }
        keys::check_signing(&self.data, &next, self.now)?;
        Ok(next)
    }

    fn refused(&self, carried: &UnverifiedManifest, error: ManifestError) -> KeyringError {
        let held = self.keyset.version();
        if !matches!(error, ManifestError::Threshold(_)) {
            return KeyringError::NotNext(error, held);
        }
        for (root, version) in
            [(self.keyset.root(), held), (&carried.payload().root, carried.payload().version)]
        {
            let signed = carried.signers_of(root);
            if signed.len() < root.threshold() as usize {
                let kids = root.keys().iter().map(brink_license::PublicKey::kid);
                let wanted = kids.filter(|kid| !signed.contains(kid)).collect();
                return KeyringError::TooFew {
                    signed: signed.len(),
                    threshold: root.threshold(),
                    version,
                    wanted,
                };
            }
        }
        KeyringError::NotNext(error, held)
    }

    /// Puts a signed manifest in force: recorded and audited first, then the files for people. A serving process takes it
    /// up with its next request.
    pub fn publish(&self, signed: &[u8], path: &Path) -> Result<Keyset, KeyringError> {
        let next = self.check(signed, path)?;
        let note = AuditNote {
            tenant: None,
            at: self.now,
            actor: self.actor.clone(),
            action: "keyset.publish",
            subject: self.issuer.name.to_string(),
            detail: serde_json::json!({
                "version": next.version(), "sha256": b64::encode(next.sha256()), "roots_changed": next.roots_changed(),
                "keys": next.keys(),
            }),
        };
        let (mut published, mut raced) = (Vec::new(), false);
        self.storage.add_manifest(&mut |held| {
            // Checked against the version that was read before the transaction, which may not be the newest any more.
            raced = held.len() as u64 != self.keyset.version();
            published = held.clone();
            published.push(signed.to_vec());
            let (version, bytes) = (next.version(), signed.to_vec());
            (!raced).then(|| NewManifest { version, bytes, note: note.clone() })
        })?;
        if raced {
            let (found, held) = (next.version(), published.len().saturating_sub(1) as u64);
            return Err(KeyringError::NotNext(ManifestError::Version { found, held }, held));
        }
        self.write_files(&next, &published)?;
        Ok(next)
    }

    fn write_files(&self, next: &Keyset, manifests: &[Vec<u8>]) -> Result<(), KeyringError> {
        let leading = manifests_to_publish(manifests).map_err(KeysError::Manifest)?;
        let lines: Vec<u8> = leading.iter().flat_map(|manifest| [&manifest[..], b"\n"].concat()).collect();
        replace(&self.data.keyset(), &lines)?;
        // Also where the root is as before: the last publication may have ended between its record and its files.
        let kids = next.root().keys().iter().map(brink_license::PublicKey::kid).collect();
        let anchor = TrustAnchor::new(self.issuer.name.clone(), next.root().threshold(), kids)?;
        let json = anchor.to_json().map_err(KeysError::Encode)?;
        replace(&self.data.trust(), format!("{json}\n").as_bytes())
    }
}

/// The file that is carried to the root keys: the manifest without a signature.
pub fn unsigned(payload: &ManifestPayload) -> Result<Vec<u8>, KeyringError> {
    let bytes = payload.to_json_bytes().and_then(|payload| encode_manifest(&payload, &[]));
    Ok(bytes.map_err(KeysError::Encode)?)
}

/// Writes a file that did not exist: what was carried somewhere is not replaced under the same name.
pub fn write_out(path: &Path, bytes: &[u8]) -> Result<(), KeyringError> {
    create_new(path, &[bytes, b"\n"].concat())
        .map_err(|error| KeyringError::Io { path: path.to_owned(), error })
}

/// The whole new content or the whole old one.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), KeyringError> {
    let partial = path.with_extension("partial");
    let written = || -> std::io::Result<()> {
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
    };
    written().map_err(|error| KeyringError::Io { path: path.to_owned(), error })
}
