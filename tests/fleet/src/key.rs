//! A device's key, in memory alone: ten thousand key files would be what is measured.

use brink_license::PublicKey;
use brink_signing::{SignError, Signer};
use ed25519_dalek::{Signer as _, SigningKey};
use std::fmt;

/// A real Ed25519 key. Boxed, so that a device stays small where it is moved.
#[derive(Clone)]
pub struct Key {
    signing: Box<SigningKey>,
    public: PublicKey,
}

impl Key {
    /// A new key from the system's random source; an error in words.
    pub fn generate() -> Result<Self, String> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| format!("no random numbers: {error}"))?;
        let signing = Box::new(SigningKey::from_bytes(&seed));
        let public = PublicKey::from_bytes(signing.verifying_key().as_bytes());
        Ok(Self { signing, public: public.map_err(|error| error.to_string())? })
    }
}

impl Signer for Key {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        Ok(self.signing.sign(message).to_bytes())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.kid())
    }
}
