//! What is pinned: the issuer's name and the root keys' thumbprints. A host compiles it in.

use super::record::{ROOTS_MAX, RootKeys};
use crate::Code;
use crate::fields::{self, ClaimError, Fields};
use crate::id::IssuerName;
use crate::json::{JsonError, Limits, parse_object};
use crate::key::Kid;
use serde::Serialize;

/// The pinned issuer, its root keys, and how many of them must agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrustAnchor {
    issuer: IssuerName,
    threshold: u32,
    roots: Vec<Kid>,
}

/// Why a trust anchor must not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// Not strict JSON.
    #[error("the trust file is not strict JSON: {0}")]
    Json(#[from] JsonError),
    /// A member.
    #[error("the trust file's member {0}")]
    Member(#[from] ClaimError),
    /// No or too many keys, a key twice, or a threshold that does not fit.
    #[error("the pinned root keys: {0}")]
    Roots(&'static str),
    /// One key alone, outside development.
    #[error(
        "one root key alone is for issuers whose name starts with dev-, not for {0}: pin at least two of three"
    )]
    SingleRoot(IssuerName),
}

impl TrustError {
    /// The stable code: always [`Code::BadTrust`].
    #[must_use]
    pub const fn code(&self) -> Code {
        Code::BadTrust
    }
}

impl TrustAnchor {
    /// Checks the rules: 1 <= threshold <= keys <= 16, distinct keys, and more than one unless for development.
    pub fn new(issuer: IssuerName, threshold: u32, mut roots: Vec<Kid>) -> Result<Self, TrustError> {
        let given = roots.len();
        roots.sort_unstable();
        roots.dedup();
        if roots.len() != given {
            return Err(TrustError::Roots("a key is listed twice"));
        }
        if roots.is_empty() || roots.len() > ROOTS_MAX {
            return Err(TrustError::Roots("there must be 1 to 16"));
        }
        if threshold == 0 || threshold as usize > roots.len() {
            return Err(TrustError::Roots("the threshold must be at least 1 and at most their number"));
        }
        if threshold == 1 && !issuer.is_development() {
            return Err(TrustError::SingleRoot(issuer));
        }
        Ok(Self { issuer, threshold, roots })
    }

    /// Reads `trust.json`: `{"issuer","threshold","roots":[thumbprint...]}` and nothing else.
    pub fn from_json(bytes: &[u8]) -> Result<Self, TrustError> {
        let mut fields = Fields::new(parse_object(bytes, Limits::document(ROOTS_MAX))?);
        let issuer = fields.id("issuer", IssuerName::parse)?;
        let threshold = fields.u32("threshold")?;
        let mut roots = Vec::new();
        for item in fields.list("roots")? {
            let text = fields::text("roots", item)?;
            roots.push(Kid::parse(&text).ok_or_else(|| ClaimError::new("roots", "is not a key thumbprint"))?);
        }
        fields.end("trust")?;
        Self::new(issuer, threshold, roots)
    }

    /// Writes `trust.json`.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }

    /// The pinned issuer.
    #[must_use]
    pub const fn issuer(&self) -> &IssuerName {
        &self.issuer
    }

    /// The pinned thumbprints, sorted.
    #[must_use]
    pub fn roots(&self) -> &[Kid] {
        &self.roots
    }

    /// How many distinct roots must sign.
    #[must_use]
    pub const fn threshold(&self) -> u32 {
        self.threshold
    }

    /// Whether a manifest's root set is the pinned one, threshold included.
    pub(super) fn pins(&self, root: &RootKeys) -> bool {
        let mut kids: Vec<Kid> = root.keys().iter().map(|key| key.kid()).collect();
        kids.sort_unstable();
        root.threshold() == self.threshold && kids == self.roots
    }
}
