//! The port behind which a private key lives.

use crate::SignError;
use brink_license::{Kid, PublicKey};

/// A private Ed25519 key that can be asked for signatures and for nothing else.
///
/// Signing takes two steps so that a key in a KMS or a PKCS#11 token fits as well: the caller builds the bytes to sign
/// (`brink_license::jws::signing_input`), the key answers with a signature, the caller assembles the document.
pub trait Signer: Send + Sync {
    /// The public half.
    fn public_key(&self) -> &PublicKey;

    /// Signs exactly these bytes (pure Ed25519, RFC 8032 section 5.1.6, no pre-hash).
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError>;

    /// The key's only name: the thumbprint of its public half.
    fn kid(&self) -> Kid {
        self.public_key().kid()
    }
}
