//! The issuer's keys: making them once, and loading those that a serving process needs.

use crate::config::DataDir;
use crate::storage::IssuerRow;
use brink_license::keyset::{self, KeyRecord, KeyState, Keyset, ManifestError, TrustAnchor, TrustError};
use brink_license::{IssuerName, Kid, UnixSeconds};
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
}

/// The keyset, verified from the pinned roots as a device would.
pub fn load_keyset(data: &DataDir, issuer: &IssuerRow, manifests: &[Vec<u8>]) -> Result<Keyset, KeysError> {
    let path = data.trust();
    let bytes = std::fs::read(&path).map_err(|error| KeysError::Io { path: path.clone(), error })?;
    let anchor = TrustAnchor::from_json(&bytes).map_err(|error| KeysError::Trust { path, error })?;
    if *anchor.issuer() != issuer.name {
        return Err(KeysError::OtherIssuer { found: anchor.issuer().clone(), expected: issuer.name.clone() });
    }
    Ok(Keyset::bootstrap(&anchor, manifests)?)
}

/// The private keys that the keyset lists as active at `now`.
pub fn load_signing(
    data: &DataDir,
    (issuer, keyset): (&IssuerRow, &Keyset),
    passphrase: Option<&Passphrase>,
    now: UnixSeconds,
) -> Result<SigningKeys, KeysError> {
    let protection = match passphrase {
        _ if issuer.development => Protection::PlaintextForDevelopment,
        Some(passphrase) => Protection::Passphrase(passphrase),
        None => return Err(KeysError::PassphraseMissing(issuer.name.clone())),
    };
    let load = |key_use, listed: keyset::KeyUse| {
        let active: Vec<Kid> = active_keys(keyset, listed, now);
        load_listed(&data.keys(), key_use, &active, protection)
    };
    Ok(SigningKeys {
        license: Arc::new(load(KeyUse::License, keyset::KeyUse::License)?),
        receipt: Arc::new(load(KeyUse::Receipt, keyset::KeyUse::Receipt)?),
    })
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

/// Looks through `license-1.key`, `license-2.key` and so on by their public halves.
fn load_listed(
    keys: &Path,
    key_use: KeyUse,
    wanted: &[Kid],
    protection: Protection<'_>,
) -> Result<FileSigner, KeysError> {
    let mut best: Option<(usize, KeyFile)> = None;
    for number in 1.. {
        let file = KeyFile::at(keys.join(key_use.file_name(number)))?;
        if !file.path().exists() {
            break;
        }
        let kid = file.read_public()?.kid();
        if let Some(place) = wanted.iter().position(|wanted| *wanted == kid)
            && best.as_ref().is_none_or(|(found, _)| place < *found)
        {
            best = Some((place, file));
        }
    }
    let (_, file) = best.ok_or_else(|| KeysError::NoActiveKey { keys: keys.to_owned(), key_use })?;
    Ok(file.load(key_use, protection)?)
}
