//! The next keyset manifest: a pure function of the one in force, what is to change, and the time.

use crate::keys::{KEYS_SECONDS, KEYS_SKEW_SECONDS};
use brink_license::keyset::{KEYS_MAX, KeyRecord, KeyState, KeyUse, Keyset, ManifestPayload, RootKeys};
use brink_license::token::{GRACE_SECONDS_MAX, LIFETIME_SECONDS_MAX};
use brink_license::{Kid, PublicKey, UnixSeconds};

/// How long a retired key's signatures still count from when its successor was prepared. An issuer goes on signing with
/// it until the manifest has been to the root keys and back, so that is how long a ceremony may take.
pub const RETIRING_SECONDS: i64 = 30 * 86_400;
/// A retired key is forgotten when no licence that it signed can be in force any more.
const FORGOTTEN_AFTER_SECONDS: i64 = LIFETIME_SECONDS_MAX.saturating_add_unsigned(GRACE_SECONDS_MAX);

/// Why there is no next manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RotationError {
    /// A use named twice would leave a key that never signs.
    #[error("the use {} is named twice; name each once", .0.as_str())]
    UseTwice(KeyUse),
    /// Not in the keyset.
    #[error("the keyset has no key {0}; `keys list` shows those that it has")]
    UnknownKey(Kid),
    /// Roots are replaced, not revoked.
    #[error(
        "{0} is a root key; take it out with `keys ceremony prepare --root F.pub --root F.pub --threshold N`, naming the \
             root keys that remain or come"
    )]
    RootKey(Kid),
    /// Revoked before.
    #[error("key {0} is revoked already; nothing was changed")]
    AlreadyRevoked(Kid),
    /// The list is full.
    #[error(
        "the keyset would list {0} keys, at most {KEYS_MAX} are allowed; wait until retired keys are forgotten"
    )]
    TooManyKeys(usize),
}

impl RotationError {
    /// Whether the order contradicts what is stored.
    #[must_use]
    pub const fn is_of_state(&self) -> bool {
        match self {
            Self::UseTwice(_) | Self::UnknownKey(_) => false,
            Self::RootKey(_) | Self::AlreadyRevoked(_) | Self::TooManyKeys(_) => true,
        }
    }
}

/// A manifest in the making.
#[derive(Clone, Debug)]
pub struct NextManifest {
    payload: ManifestPayload,
    now: UnixSeconds,
}

impl NextManifest {
    /// The successor of `keyset`, equal to it but for its number and validity.
    #[must_use]
    pub fn after(keyset: &Keyset, now: UnixSeconds) -> Self {
        // A clock that was set back must not make a manifest that nobody takes.
        let issued_at = now.max(keyset.issued_at());
        let payload = ManifestPayload::next(keyset, issued_at, issued_at.saturating_add(KEYS_SECONDS));
        Self { payload, now }
    }

    /// Lets the active keys of this use verify what they signed, and sign nothing any more.
    pub fn retire(&mut self, key_use: KeyUse) {
        let until = self.now.saturating_add(RETIRING_SECONDS);
        self.payload.keys = std::mem::take(&mut self.payload.keys)
            .into_iter()
            .map(|key| match key.state() {
                KeyState::Active if key.key_use() == key_use => {
                    let (nbf, exp) = key.validity();
                    with(&key, (nbf, exp.min(until)), KeyState::Retired)
                }
                KeyState::Active | KeyState::Retired | KeyState::Revoked => key,
            })
            .collect();
    }

    /// Lets this key verify nothing, not even what was accepted before.
    pub fn revoke(&mut self, kid: Kid) -> Result<(), RotationError> {
        if self.payload.root.keys().iter().any(|root| root.kid() == kid) {
            return Err(RotationError::RootKey(kid));
        }
        let found = self.payload.keys.iter_mut().find(|key| key.kid() == kid);
        match found {
            None => Err(RotationError::UnknownKey(kid)),
            Some(key) if key.is_revoked() => Err(RotationError::AlreadyRevoked(kid)),
            Some(key) => {
                *key = with(key, key.validity(), KeyState::Revoked);
                Ok(())
            }
        }
    }

    /// The uses that no key is left for.
    #[must_use]
    pub fn uses_without_key(&self) -> Vec<KeyUse> {
        let signs = |key_use| {
            let mut keys = self.payload.keys.iter();
            keys.any(|key| {
                key.key_use() == key_use && key.state() == KeyState::Active && key.is_valid_at(self.now)
            })
        };
        [KeyUse::License, KeyUse::Receipt, KeyUse::Audit].into_iter().filter(|use_| !signs(*use_)).collect()
    }

    /// Adds a key that signs from now on.
    pub fn add(&mut self, key_use: KeyUse, key: PublicKey) {
        let validity = (self.now.saturating_add(-KEYS_SKEW_SECONDS), self.now.saturating_add(KEYS_SECONDS));
        self.payload.keys.push(KeyRecord::new(key, key_use, validity, KeyState::Active));
    }

    /// Replaces the root keys.
    pub fn set_root(&mut self, root: RootKeys) {
        self.payload.root = root;
    }

    /// What the root keys have to sign, without the keys that nobody needs any more. Revoked ones are named for good.
    pub fn finish(mut self) -> Result<ManifestPayload, RotationError> {
        let forgotten = |key: &KeyRecord| {
            key.state() == KeyState::Retired
                && key.validity().1.saturating_add(FORGOTTEN_AFTER_SECONDS) <= self.now
        };
        self.payload.keys.retain(|key| !forgotten(key));
        let count = self.payload.keys.len();
        if count > KEYS_MAX {
            return Err(RotationError::TooManyKeys(count));
        }
        Ok(self.payload)
    }
}

fn with(key: &KeyRecord, validity: (UnixSeconds, UnixSeconds), state: KeyState) -> KeyRecord {
    KeyRecord::new(key.public_key().clone(), key.key_use(), validity, state)
}
