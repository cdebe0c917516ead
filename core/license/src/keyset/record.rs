//! Keys as a manifest lists them: signing keys with use and validity, root keys with their threshold.

use super::ManifestError;
use crate::key::{Kid, PublicKey};
use crate::time::UnixSeconds;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// Most root keys.
pub const ROOTS_MAX: usize = 16;

/// What a signing key may sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyUse {
    /// Licences and revocation lists.
    License,
    /// Receipts and clock resets.
    Receipt,
    /// Heads of the audit chain.
    Audit,
}

impl KeyUse {
    /// The text in the manifest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            KeyUse::License => "license",
            KeyUse::Receipt => "receipt",
            KeyUse::Audit => "audit",
        }
    }
}

/// Whether a key may still be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// Signs and verifies.
    Active,
    /// Verifies what was issued before its `exp`.
    Retired,
    /// Verifies nothing, not even what was accepted before.
    Revoked,
}

impl KeyState {
    /// The text in the manifest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            KeyState::Active => "active",
            KeyState::Retired => "retired",
            KeyState::Revoked => "revoked",
        }
    }
}

/// One signing key of a keyset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    key: PublicKey,
    key_use: KeyUse,
    nbf: UnixSeconds,
    exp: UnixSeconds,
    state: KeyState,
}

impl KeyRecord {
    /// A record; `exp` is exclusive.
    #[must_use]
    pub const fn new(
        key: PublicKey,
        key_use: KeyUse,
        validity: (UnixSeconds, UnixSeconds),
        state: KeyState,
    ) -> Self {
        Self { key, key_use, nbf: validity.0, exp: validity.1, state }
    }

    /// Its thumbprint.
    #[must_use]
    pub const fn kid(&self) -> Kid {
        self.key.kid()
    }

    /// The key itself.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// What it may sign.
    #[must_use]
    pub const fn key_use(&self) -> KeyUse {
        self.key_use
    }

    /// Its state.
    #[must_use]
    pub const fn state(&self) -> KeyState {
        self.state
    }

    /// Whether nothing it signed is believed any more.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.state == KeyState::Revoked
    }

    /// First second of its validity, and the first second after it.
    #[must_use]
    pub const fn validity(&self) -> (UnixSeconds, UnixSeconds) {
        (self.nbf, self.exp)
    }

    /// Whether a document issued at `iat` may carry its signature.
    #[must_use]
    pub fn is_valid_at(&self, iat: UnixSeconds) -> bool {
        self.nbf <= iat && iat < self.exp
    }
}

impl Serialize for KeyRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_struct("KeyRecord", 7)?;
        record.serialize_field("kid", &self.kid())?;
        record.serialize_field("x", &self.key.to_x())?;
        record.serialize_field("crv", "Ed25519")?;
        record.serialize_field("use", &self.key_use)?;
        record.serialize_field("nbf", &self.nbf)?;
        record.serialize_field("exp", &self.exp)?;
        record.serialize_field("state", &self.state)?;
        record.end()
    }
}

/// The root keys and how many of them must sign the next manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootKeys {
    threshold: u32,
    keys: Vec<PublicKey>,
}

impl RootKeys {
    /// Checks 1 <= threshold <= keys <= 16 and that the keys are distinct.
    pub fn new(threshold: u32, keys: Vec<PublicKey>) -> Result<Self, ManifestError> {
        if keys.is_empty() || keys.len() > ROOTS_MAX {
            return Err(ManifestError::Root("there must be 1 to 16 root keys"));
        }
        if threshold == 0 || threshold as usize > keys.len() {
            return Err(ManifestError::Root(
                "the threshold must be at least 1 and at most the number of keys",
            ));
        }
        check_distinct(keys.iter().map(PublicKey::kid))?;
        Ok(Self { threshold, keys })
    }

    /// How many must sign.
    #[must_use]
    pub const fn threshold(&self) -> u32 {
        self.threshold
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }
}

impl Serialize for RootKeys {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Root {
            kid: Kid,
            x: String,
        }
        let keys: Vec<Root> = self.keys.iter().map(|key| Root { kid: key.kid(), x: key.to_x() }).collect();
        let mut root = serializer.serialize_struct("RootKeys", 2)?;
        root.serialize_field("threshold", &self.threshold)?;
        root.serialize_field("keys", &keys)?;
        root.end()
    }
}

pub(super) fn check_distinct(kids: impl Iterator<Item = Kid>) -> Result<(), ManifestError> {
    let mut seen = Vec::new();
    for kid in kids {
        if seen.contains(&kid) {
            return Err(ManifestError::KeySet { kid, problem: "is listed twice" });
        }
        seen.push(kid);
    }
    Ok(())
}
