//! What `keys list` shows: the keyset in force, and which of its keys are at hand.

use crate::calendar::rfc3339;
use crate::keyring::{Keyring, KeyringError};
use brink_license::keyset::KeyUse;
use brink_license::{IssuerName, Kid, b64};
use serde::Serialize;

/// The keyset.
#[derive(Debug, Serialize)]
pub struct ShownKeyset {
    /// Whose.
    pub issuer: IssuerName,
    /// Its version.
    pub version: u64,
    /// SHA-256 of its payload, base64url.
    pub sha256: String,
    /// When it was issued, RFC 3339.
    pub issued_at: String,
    /// From when on devices accept nothing new under it.
    pub expires_at: String,
    /// The root keys.
    pub root: ShownRoot,
    /// The signing keys, as the manifest lists them.
    pub keys: Vec<ShownKey>,
}

/// The root keys.
#[derive(Debug, Serialize)]
pub struct ShownRoot {
    /// How many sign together.
    pub threshold: u32,
    /// Which.
    pub keys: Vec<ShownRootKey>,
}

/// A root key.
#[derive(Debug, Serialize)]
pub struct ShownRootKey {
    /// Its thumbprint.
    pub kid: Kid,
    /// Whether its private half lies in the issuer directory.
    pub here: bool,
}

/// A signing key.
#[derive(Debug, Serialize)]
pub struct ShownKey {
    /// Its thumbprint.
    pub kid: Kid,
    /// What it signs.
    #[serde(rename = "use")]
    pub key_use: &'static str,
    /// `active`, `retired` or `revoked`.
    pub state: &'static str,
    /// From when on its signatures count.
    pub valid_from: String,
    /// Until when.
    pub expires_at: String,
    /// The file of its private half, if that is here.
    pub file: Option<String>,
    /// Whether a server loads it and signs with it.
    pub signs: bool,
}

/// Puts it together.
pub fn shown_keys(keyring: &Keyring) -> Result<ShownKeyset, KeyringError> {
    let keyset = keyring.keyset();
    let files = keyring.key_files()?;
    let file_of = |kid: Kid| files.iter().find(|(found, _)| *found == kid).map(|(_, name)| name.clone());
    let signing = [KeyUse::License, KeyUse::Receipt].map(|key_use| keyring.signing_key(key_use));
    let key = |record: &brink_license::keyset::KeyRecord| ShownKey {
        kid: record.kid(),
        key_use: record.key_use().as_str(),
        state: record.state().as_str(),
        valid_from: rfc3339(record.validity().0),
        expires_at: rfc3339(record.validity().1),
        file: file_of(record.kid()),
        signs: signing.contains(&Some(record.kid())),
    };
    let root_key = |kid| ShownRootKey { kid, here: file_of(kid).is_some() };
    Ok(ShownKeyset {
        issuer: keyset.issuer().clone(),
        version: keyset.version(),
        sha256: b64::encode(keyset.sha256()),
        issued_at: rfc3339(keyset.issued_at()),
        expires_at: rfc3339(keyset.expires_at()),
        root: ShownRoot {
            threshold: keyset.root().threshold(),
            keys: keyset.root().keys().iter().map(|key| root_key(key.kid())).collect(),
        },
        keys: keyset.keys().iter().map(key).collect(),
    })
}
