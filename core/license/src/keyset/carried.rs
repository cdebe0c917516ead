//! A manifest on its way to the root keys and back: well formed, and signed by some, by all or by nobody yet.

use super::manifest::SignedManifest;
use super::{ManifestError, ManifestPayload, RootKeys, encode_manifest};
use crate::key::Kid;

/// A manifest whose form and members were checked, and nothing else. Only a [`Keyset`](super::Keyset) says whether it
/// is in force.
pub struct UnverifiedManifest(SignedManifest);

impl UnverifiedManifest {
    /// Reads an envelope with any number of signatures.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        SignedManifest::parse(bytes).map(Self)
    }

    /// What the root keys are asked to sign.
    #[must_use]
    pub const fn payload(&self) -> &ManifestPayload {
        &self.0.payload
    }

    /// The exact bytes of it.
    #[must_use]
    pub fn payload_bytes(&self) -> &[u8] {
        self.0.payload_bytes()
    }

    /// SHA-256 of the payload, for people who compare it from one machine to the other.
    #[must_use]
    pub const fn sha256(&self) -> &[u8; 32] {
        &self.0.sha256
    }

    /// The distinct keys of `root` whose signatures verify.
    #[must_use]
    pub fn signers_of(&self, root: &RootKeys) -> Vec<Kid> {
        self.0.signers_of(root).collect()
    }

    /// One envelope with the signatures of all parts, each once; `None` if the parts carry different payloads.
    #[must_use]
    pub fn joined(parts: &[UnverifiedManifest]) -> Option<Result<Vec<u8>, serde_json::Error>> {
        let (first, rest) = parts.split_first()?;
        if rest.iter().any(|part| part.payload_bytes() != first.payload_bytes()) {
            return None;
        }
        let mut signatures: Vec<(Kid, [u8; 64])> = Vec::new();
        for signature in parts.iter().flat_map(|part| &part.0.signatures) {
            if !signatures.contains(signature) {
                signatures.push(*signature);
            }
        }
        Some(encode_manifest(first.payload_bytes(), &signatures))
    }
}
