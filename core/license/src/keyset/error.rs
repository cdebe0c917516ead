//! Why a keyset manifest was refused.

use crate::Code;
use crate::fields::ClaimError;
use crate::json::JsonError;
use crate::key::{KeyError, Kid};
use std::borrow::Cow;

/// The first rule that a manifest broke. What was accepted before stays in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Not an envelope.
    #[error("not a keyset manifest: {0}")]
    Malformed(Cow<'static, str>),
    /// Above the limit.
    #[error("{bytes} bytes of manifests, the limit is {bytes_max}")]
    TooLarge {
        /// Size.
        bytes: usize,
        /// Limit.
        bytes_max: usize,
    },
    /// The payload is not strict JSON.
    #[error("bad manifest payload: {0}")]
    Payload(#[from] JsonError),
    /// A member of the payload.
    #[error("bad manifest member {0}")]
    Member(#[from] ClaimError),
    /// From another issuer.
    #[error("manifest of issuer {found}, not of the pinned {pinned}")]
    Issuer {
        /// Whose.
        found: String,
        /// Whose it should be.
        pinned: String,
    },
    /// Not the successor.
    #[error("manifest version {found} does not follow version {held}")]
    Version {
        /// Of the manifest.
        found: u64,
        /// Held.
        held: u64,
    },
    /// Does not name the digest of the version before, or is older than it.
    #[error("manifest version {version} does not link to the version held")]
    Link {
        /// Of the manifest.
        version: u64,
    },
    /// Too few signatures by distinct root keys.
    #[error("manifest not signed by enough root keys: {0}")]
    Threshold(&'static str),
    /// A key that must not be used.
    #[error("manifest key {x:?}: {problem}")]
    Key {
        /// As written.
        x: String,
        /// Why.
        problem: KeyError,
    },
    /// A `kid` that is not the thumbprint of its `x`, or a key listed twice.
    #[error("manifest key {kid}: {problem}")]
    KeySet {
        /// Which.
        kid: Kid,
        /// What is wrong.
        problem: &'static str,
    },
    /// The root set itself: none, too many, or a threshold that does not fit.
    #[error("manifest root: {0}")]
    Root(&'static str),
    /// Two contents for one version.
    #[error("another manifest of version {version} is already held: the issuer's root keys say two things")]
    Equivocation {
        /// Which.
        version: u64,
    },
    /// Expired.
    #[error("keyset version {version} has expired: the issuer has to sign a newer manifest")]
    Expired {
        /// Which.
        version: u64,
    },
}

impl ManifestError {
    /// The stable code of docs/TOKEN.md.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            ManifestError::Malformed(_) => Code::Malformed,
            ManifestError::TooLarge { .. } => Code::TooLarge,
            ManifestError::Payload(_) | ManifestError::Member(_) => Code::BadClaims,
            ManifestError::Issuer { .. } => Code::WrongIssuer,
            ManifestError::Version { .. } => Code::ManifestVersion,
            ManifestError::Link { .. } => Code::ManifestLink,
            ManifestError::Threshold(_) => Code::ManifestThreshold,
            ManifestError::Key { .. } | ManifestError::KeySet { .. } | ManifestError::Root(_) => {
                Code::ManifestKeys
            }
            ManifestError::Equivocation { .. } => Code::ManifestEquivocation,
            ManifestError::Expired { .. } => Code::ManifestExpired,
        }
    }
}
