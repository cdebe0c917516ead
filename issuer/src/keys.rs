//! The issuer's keys: making them once, and loading those that a serving process needs.

use crate::config::DataDir;
use crate::storage::IssuerRow;
use brink_license::keyset::{
    self, KeyRecord, KeyState, Keyset, ManifestError, TrustAnchor, TrustError, UnverifiedManifest,
};
use brink_license::{IssuerName, Kid, PublicKey, UnixSeconds};
use brink_signing::{FileSigner, KeyFile, KeyFileError, KeyUse, Passphrase, Protection, Signer};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Root keys in production, of which [`ROOT_THRESHOLD`] sign: one may be lost, and one alone is worth nothing.
pub const ROOTS: u32 = 3;
/// Root keys that must sign a manifest in production.
pub const ROOT_THRESHOLD: u32 = 2;
/// Life of the first manifest and its keys: within two years the roots have to come together once.
pub const KEYS_SECONDS: i64 = 2 * 366 * 86_400;
/// How far back the validity of new keys reaches, for a clock that is set right after they are made.
pub const KEYS_SKEW_SECONDS: i64 = 300;

/// Why keys are not made or not usable.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A key file.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// Another file of the issuer directory.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// The trust file.
    #[error("{}: {error}", path.display())]
    Trust {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: TrustError,
    },
    /// The trust file is another issuer's.
    #[error(
        "trust.json is for issuer {found}, but the database is that of {expected}; restore both from one backup"
    )]
    OtherIssuer {
        /// In the trust file.
        found: IssuerName,
        /// In the database.
        expected: IssuerName,
    },
    /// The same name, and the keys of somebody else.
    #[error(
        "the database is that of another issuer {issuer}, whose root keys are {}, and trust.json pins {}; give the database \
             that this directory was made with, or the directory of the issuer that the database is of",
        crate::keyring::list(.found), crate::keyring::list(.expected)
    )]
    OtherRoots {
        /// The name of both.
        issuer: IssuerName,
        /// In the database.
        found: Vec<Kid>,
        /// In the trust file.
        expected: Vec<Kid>,
    },
    /// The manifests do not lead from the pinned roots to a keyset.
    #[error("the keyset in the database: {0}")]
    Manifest(#[from] ManifestError),
    /// No file holds the key that the keyset lists.
    #[error("{} has no {key_use} key that the keyset lists as active now; restore it from its backup, or rotate the keys if they have expired", keys.display())]
    NoActiveKey {
        /// The folder.
        keys: PathBuf,
        /// For what.
        key_use: KeyUse,
    },
    /// Encrypted keys and nothing to open them with.
    #[error("the keys of issuer {0} are encrypted; give --passphrase-file F or --passphrase-fd N")]
    PassphraseMissing(IssuerName),
    /// The manifest could not be signed.
    #[error(transparent)]
    Sign(#[from] brink_signing::SignError),
    /// The manifest could not be written down.
    #[error("the keyset manifest does not serialise: {0}")]
    Encode(#[from] serde_json::Error),
}

/// The keys that answer devices.
#[derive(Clone)]
pub struct SigningKeys {
    /// Signs licences.
    pub license: Arc<dyn Signer>,
    /// Signs receipts.
    pub receipt: Arc<dyn Signer>,
    /// Signs heads of the audit, where it is at hand: devices are answered without it.
    pub audit: Option<Arc<dyn Signer>>,
}

/// The keyset, verified from the pinned roots as a device would.
pub fn load_keyset(data: &DataDir, issuer: &IssuerRow, manifests: &[Vec<u8>]) -> Result<Keyset, KeysError> {
    let path = data.trust();
    let bytes = std::fs::read(&path).map_err(|error| KeysError::Io { path: path.clone(), error })?;
    let anchor = TrustAnchor::from_json(&bytes).map_err(|error| KeysError::Trust { path, error })?;
    if *anchor.issuer() != issuer.name {
        return Err(KeysError::OtherIssuer { found: anchor.issuer().clone(), expected: issuer.name.clone() });
    }
    let (kept, expected) = (
        manifests.iter().filter_map(|manifest| roots_of(manifest)).collect::<Vec<_>>(),
        sorted(anchor.roots()),
    );
    match kept.last() {
        Some(found) if !kept.contains(&expected) => {
            Err(KeysError::OtherRoots { issuer: issuer.name.clone(), found: found.clone(), expected })
        }
        Some(_) | None => Ok(Keyset::bootstrap(&anchor, manifests)?),
    }
}

/// The root keys that a manifest says it is of. Whether it is, its signatures say.
fn roots_of(manifest: &[u8]) -> Option<Vec<Kid>> {
    let manifest = UnverifiedManifest::parse(manifest).ok()?;
    let keys = manifest.payload().root.keys().iter().map(PublicKey::kid);
    Some(sorted(&keys.collect::<Vec<_>>()))
}

fn sorted(kids: &[Kid]) -> Vec<Kid> {
    let mut kids = kids.to_vec();
    kids.sort();
    kids
}

/// The private keys that the keyset lists as active at `now`.
pub fn load_signing(
    data: &DataDir,
    (issuer, keyset): (&IssuerRow, &Keyset),
    passphrase: Option<&Passphrase>,
    now: UnixSeconds,
) -> Result<SigningKeys, KeysError> {
    let protection = protection(issuer, passphrase)?;
    let load = |key_use, listed: keyset::KeyUse| {
        let active: Vec<Kid> = active_keys(keyset, listed, now);
        load_listed(&data.keys(), key_use, &active, protection)
    };
    let license = Arc::new(load(KeyUse::License, keyset::KeyUse::License)?);
    let receipt = Arc::new(load(KeyUse::Receipt, keyset::KeyUse::Receipt)?);
    let audit: Option<Arc<dyn Signer>> = match load(KeyUse::Audit, keyset::KeyUse::Audit) {
        Ok(signer) => Some(Arc::new(signer)),
        Err(KeysError::NoActiveKey { .. }) => None,
        Err(error) => return Err(error),
    };
    Ok(SigningKeys { license, receipt, audit })
}

/// Newest first, so that a key that was just rotated in is preferred.
fn active_keys(keyset: &Keyset, listed: keyset::KeyUse, now: UnixSeconds) -> Vec<Kid> {
    let usable = |record: &&KeyRecord| {
        record.key_use() == listed && record.state() == KeyState::Active && record.is_valid_at(now)
    };
    let mut records: Vec<&KeyRecord> = keyset.keys().iter().filter(usable).collect();
    records.sort_by_key(|record| std::cmp::Reverse(record.validity().0));
    records.into_iter().map(KeyRecord::kid).collect()
}

/// How this issuer's private keys lie on disk.
pub(crate) fn protection<'p>(
    issuer: &IssuerRow,
    passphrase: Option<&'p Passphrase>,
) -> Result<Protection<'p>, KeysError> {
    match passphrase {
        _ if issuer.development => Ok(Protection::PlaintextForDevelopment),
        Some(passphrase) => Ok(Protection::Passphrase(passphrase)),
        None => Err(KeysError::PassphraseMissing(issuer.name.clone())),
    }
}

/// The word in a key's public half for a use of the keyset.
pub(crate) const fn signing_use(listed: keyset::KeyUse) -> KeyUse {
    match listed {
        keyset::KeyUse::License => KeyUse::License,
        keyset::KeyUse::Receipt => KeyUse::Receipt,
        keyset::KeyUse::Audit => KeyUse::Audit,
    }
}

/// The key that a server would sign with, without opening it.
pub(crate) fn signing_key(
    data: &DataDir,
    keyset: &Keyset,
    listed: keyset::KeyUse,
    now: UnixSeconds,
) -> Result<Kid, KeysError> {
    let file = newest_listed(&data.keys(), signing_use(listed), &active_keys(keyset, listed, now))?;
    Ok(file.read_public()?.kid())
}

/// Whether a file holds each key that answers devices, without opening it.
pub(crate) fn check_signing(data: &DataDir, keyset: &Keyset, now: UnixSeconds) -> Result<(), KeysError> {
    for listed in [keyset::KeyUse::License, keyset::KeyUse::Receipt] {
        signing_key(data, keyset, listed, now)?;
    }
    Ok(())
}

/// `license-1`, `license-2` and so on, by their numbers: those whose private half or public half is here.
pub(crate) fn files(folder: &Path, key_use: KeyUse) -> Result<Vec<(u32, KeyFile)>, KeysError> {
    let fail = |error| KeysError::Io { path: folder.to_owned(), error };
    let mut numbers = std::collections::BTreeSet::new();
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let name = entry.map_err(fail)?.file_name();
        let stem = name.to_str().and_then(|name| name.strip_suffix(".key").or(name.strip_suffix(".pub")));
        let number =
            stem.and_then(|stem| stem.strip_prefix(key_use.as_str())?.strip_prefix('-')?.parse().ok());
        numbers
            .extend(number.filter(|number| key_use.file_name(*number).starts_with(stem.unwrap_or_default())));
    }
    let file = |number| Ok((number, KeyFile::at(folder.join(key_use.file_name(number)))?));
    numbers.into_iter().map(file).collect()
}

/// Looks through the files of this use by their public halves.
fn load_listed(
    keys: &Path,
    key_use: KeyUse,
    wanted: &[Kid],
    protection: Protection<'_>,
) -> Result<FileSigner, KeysError> {
    Ok(newest_listed(keys, key_use, wanted)?.load(key_use, protection)?)
}

fn newest_listed(keys: &Path, key_use: KeyUse, wanted: &[Kid]) -> Result<KeyFile, KeysError> {
    let mut best: Option<(usize, KeyFile)> = None;
    // A key that was revoked may have been removed, with its number.
    for (_, file) in files(keys, key_use)?.into_iter().filter(|(_, file)| file.path().exists()) {
        let kid = file.read_public()?.kid();
        if let Some(place) = wanted.iter().position(|wanted| *wanted == kid)
            && best.as_ref().is_none_or(|(found, _)| place < *found)
        {
            best = Some((place, file));
        }
    }
    let (_, file) = best.ok_or_else(|| KeysError::NoActiveKey { keys: keys.to_owned(), key_use })?;
    Ok(file)
}
