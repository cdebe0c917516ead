//! What a device accepted, as it was received.

use brink_license::keyset::{Keyset, ManifestError, TrustAnchor, manifests_to_publish};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The documents in force together: exact signed bytes, nothing derived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Documents {
    /// The manifests that changed the root, and the newest, in rising order.
    pub manifests: Vec<Vec<u8>>,
    /// The licence token.
    pub licence: String,
    /// The last receipt's token.
    pub receipt: Option<String>,
}

impl Documents {
    /// The keyset that the manifests prove.
    pub fn keyset(&self, anchor: &TrustAnchor) -> Result<Keyset, ManifestError> {
        Keyset::bootstrap(anchor, &self.manifests)
    }
}

/// `manifests` with `next` appended, reduced to what a bundle has to carry.
///
/// One by one, because the manifests of a long absence are more than may ever stand together.
pub fn publish_also(manifests: &[Vec<u8>], next: &[u8]) -> Result<Vec<Vec<u8>>, ManifestError> {
    let mut all = manifests.to_vec();
    all.push(next.to_vec());
    manifests_to_publish(&all)
}

pub(crate) fn sha256(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
