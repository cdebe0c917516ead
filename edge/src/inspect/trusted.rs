//! What an inspection may believe: the pinned roots, and the keysets that can be reached from them.

use super::manifest::{split_manifests, version_of};
use brink_license::PublicKey;
use brink_license::keyset::{Keyset, ManifestError, TrustAnchor};
use brink_store::Bundle;

/// A trust anchor and the manifests at hand.
#[derive(Clone, Debug)]
pub struct Trusted {
    anchor: TrustAnchor,
    sources: Vec<Vec<Vec<u8>>>,
    device_keys: Vec<PublicKey>,
}

impl Trusted {
    /// Believes these roots, and whatever carries its own manifests.
    #[must_use]
    pub const fn new(anchor: TrustAnchor) -> Self {
        Self { anchor, sources: Vec::new(), device_keys: Vec::new() }
    }

    /// Adds the manifests of a file: a bundle, one manifest, or one manifest a line. Whether they lead anywhere from
    /// the roots is seen when a keyset is asked for.
    pub fn add_source(&mut self, bytes: &[u8]) {
        if let Ok(bundle) = Bundle::decode(bytes) {
            self.sources.push(bundle.manifests);
            self.device_keys.extend(PublicKey::from_bytes(&bundle.device_key));
            return;
        }
        let manifests = split_manifests(bytes);
        if !manifests.is_empty() {
            self.sources.push(manifests);
        }
    }

    /// Counts the manifests of a document for the tokens beside them.
    pub(super) fn bring(&mut self, manifests: &[Vec<u8>]) {
        if manifests.is_empty() {
            return;
        }
        let joined: Vec<_> = self.sources.iter().map(|source| in_order(source, manifests)).collect();
        self.sources.extend(joined);
        self.sources.push(manifests.to_vec());
    }

    /// The pinned roots.
    #[must_use]
    pub const fn anchor(&self) -> &TrustAnchor {
        &self.anchor
    }

    /// The keys of the devices whose bundles are at hand.
    pub(super) fn device_keys(&self) -> &[PublicKey] {
        &self.device_keys
    }

    /// The newest keyset that the roots lead to, over the manifests at hand and those that a document brings along.
    pub(super) fn keyset(&self, brought: &[Vec<u8>]) -> Result<Keyset, Unreachable> {
        let alone = (!brought.is_empty()).then(Vec::new);
        let mut newest: Option<Keyset> = None;
        let mut refused = None;
        for source in self.sources.iter().chain(&alone) {
            match Keyset::bootstrap(&self.anchor, &in_order(source, brought)) {
                Ok(keyset) if newest.as_ref().is_none_or(|held| keyset.version() > held.version()) => {
                    newest = Some(keyset);
                }
                Ok(_) => {}
                Err(error) => refused = Some(error),
            }
        }
        newest.ok_or(Unreachable(refused))
    }
}

/// Why there is no keyset: the last refusal, or no manifest at all.
pub(super) struct Unreachable(pub(super) Option<ManifestError>);

/// Both lists in rising order of their versions, each manifest once.
fn in_order(held: &[Vec<u8>], brought: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = held.iter().chain(brought).cloned().collect();
    all.sort_by_cached_key(|manifest| (version_of(manifest), manifest.clone()));
    all.dedup();
    all
}
