//! A private key in this process's memory, with its checked public half.

use crate::KeyFault;
use brink_license::{Kid, PublicKey};
use ed25519_dalek::{Signer as _, SigningKey};
use std::fmt;
use zeroize::Zeroizing;

/// Boxed, so that moving the owner leaves no copies of the seed behind; wiped on drop by `SigningKey`.
pub(crate) struct KeyPair {
    signing: Box<SigningKey>,
    public: PublicKey,
}

impl KeyPair {
    /// A new key from the system's random source.
    pub(crate) fn generate() -> Result<Self, KeyFault> {
        let mut seed = Zeroizing::new([0u8; 32]);
        getrandom::fill(&mut *seed).map_err(|_| KeyFault::Random)?;
        Self::from_seed(&seed)
    }

    pub(crate) fn from_seed(seed: &[u8; 32]) -> Result<Self, KeyFault> {
        let signing = Box::new(SigningKey::from_bytes(seed));
        let public = PublicKey::from_bytes(signing.verifying_key().as_bytes())
            .map_err(|_| KeyFault::Damaged { what: "its public half is not a usable key" })?;
        Ok(Self { signing, public })
    }

    pub(crate) fn seed(&self) -> &[u8; 32] {
        self.signing.as_bytes()
    }

    pub(crate) fn public(&self) -> &PublicKey {
        &self.public
    }

    pub(crate) fn kid(&self) -> Kid {
        self.public.kid()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signing.sign(message).to_bytes()
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({})", self.kid())
    }
}
