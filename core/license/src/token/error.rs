//! Why a signed document was refused.

use crate::fields::ClaimError;
use crate::json::JsonError;
use crate::jws::Typ;
use crate::key::Kid;
use crate::seating::SeatRule;
use crate::{Code, keyset::KeyUse};
use std::borrow::Cow;

/// The first verification step that failed. Never holds any part of a token's body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Step 1.
    #[error("not a compact JWS: {0}")]
    Malformed(&'static str),
    /// Step 1.
    #[error("the document has {bytes} bytes, the limit is {bytes_max}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit of its kind.
        bytes_max: usize,
    },
    /// Step 2.
    #[error("the {0} part is not canonical unpadded base64url of the right length")]
    BadBase64(&'static str),
    /// Step 3.
    #[error("bad header: {0}")]
    BadHeader(Cow<'static, str>),
    /// Step 4.
    #[error("not a {} document", expected.as_str())]
    WrongTyp {
        /// What the call site expects.
        expected: Typ,
    },
    /// Step 4, where any notice would do.
    #[error(
        "not a document that an issuer signs beside a licence: bring answers with brink-edge exchange --import"
    )]
    NoNotice,
    /// Step 4.
    #[error("the algorithm is not EdDSA or Ed25519")]
    WrongAlg,
    /// Step 5. `None` when the text in the header is not even a thumbprint.
    #[error("no key {} in the keyset: bring the device the newest keyset by an exchange", KidShown(kid))]
    UnknownKid {
        /// The key asked for.
        kid: Option<Kid>,
    },
    /// Step 5.
    #[error("key {kid} is for {} documents, not for {}", found.as_str(), wanted.as_str())]
    KeyUse {
        /// The key.
        kid: Kid,
        /// What it may sign.
        found: KeyUse,
        /// What was to be verified.
        wanted: KeyUse,
    },
    /// Step 5.
    #[error("key {kid} was revoked")]
    KeyRevoked {
        /// The key.
        kid: Kid,
    },
    /// Step 6.
    #[error("the signature does not verify")]
    BadSignature,
    /// Step 7: the payload is not a strict JSON object.
    #[error("bad payload: {0}")]
    BadPayload(#[from] JsonError),
    /// Step 7: a claim.
    #[error("bad claim {0}")]
    BadClaim(#[from] ClaimError),
    /// Step 7.
    #[error("this reader is too old for the document: it does not know {0}")]
    Unsupported(String),
    /// Step 7.
    #[error("issued outside the validity of key {kid}")]
    KeyExpired {
        /// The key.
        kid: Kid,
    },
    /// Step 8.
    #[error("from issuer {found}, not from the pinned {pinned}")]
    WrongIssuer {
        /// Who signed.
        found: String,
        /// Who should have.
        pinned: String,
    },
    /// Step 8, seen while reading: a text that no issuer can be named by equals no pinned name either.
    #[error("from {0:?}, which names no issuer")]
    NoIssuer(String),
    /// Step 8.
    #[error("meant for {0:?}")]
    WrongAudience(String),
    /// Step 8.
    #[error("for another device: its {0} differs")]
    WrongDevice(&'static str),
    /// Step 8, receipts only.
    #[error("the receipt does not answer the request that is pending")]
    WrongNonce,
    /// Step 8, clock resets only.
    #[error(
        "it answers another challenge than the one that waits, or one that was used: make a new one with brink-edge clock \
         challenge"
    )]
    WrongChallenge,
    /// Step 8, requests only.
    #[error("the proof does not cover this request: its {0} differs")]
    WrongProof(&'static str),
    /// Step 8, seats only.
    #[error("the seats break a rule: {0}")]
    Seats(#[from] SeatRule),
    /// Step 9.
    #[error("sequence number {seq} does not follow {held}, which was accepted before")]
    Rollback {
        /// Of the document.
        seq: u64,
        /// Of the one accepted.
        held: u64,
    },
    /// Step 9.
    #[error("sequence number {seq} is more than 2^20 above {held}")]
    SeqJump {
        /// Of the document.
        seq: u64,
        /// Of the one accepted.
        held: u64,
    },
    /// Step 9.
    #[error("the document wants keyset version {wanted}, version {held} is held")]
    KeysetTooOld {
        /// The least version that will do.
        wanted: u64,
        /// The version held.
        held: u64,
    },
}

/// Shows a kid, or that there was none.
struct KidShown<'k>(&'k Option<Kid>);

impl std::fmt::Display for KidShown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(kid) => kid.fmt(f),
            None => f.write_str("of that name"),
        }
    }
}

impl TokenError {
    /// The stable code of docs/TOKEN.md.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            TokenError::Malformed(_) => Code::Malformed,
            TokenError::TooLarge { .. } => Code::TooLarge,
            TokenError::BadBase64(_) => Code::BadBase64,
            TokenError::BadHeader(_) => Code::BadHeader,
            TokenError::WrongTyp { .. } | TokenError::NoNotice => Code::WrongTyp,
            TokenError::WrongAlg => Code::WrongAlg,
            TokenError::UnknownKid { .. } => Code::UnknownKid,
            TokenError::KeyUse { .. } => Code::KeyUse,
            TokenError::KeyRevoked { .. } => Code::KeyRevoked,
            TokenError::BadSignature => Code::BadSignature,
            TokenError::BadPayload(_) | TokenError::BadClaim(_) => Code::BadClaims,
            TokenError::Unsupported(_) => Code::Unsupported,
            TokenError::KeyExpired { .. } => Code::KeyExpired,
            TokenError::WrongIssuer { .. } | TokenError::NoIssuer(_) => Code::WrongIssuer,
            TokenError::WrongAudience(_) => Code::WrongAudience,
            TokenError::WrongDevice(_) => Code::WrongDevice,
            TokenError::WrongNonce | TokenError::WrongChallenge => Code::WrongNonce,
            TokenError::WrongProof(_) => Code::WrongProof,
            TokenError::Rollback { .. } => Code::Rollback,
            TokenError::Seats(SeatRule::Behind { .. }) => Code::Rollback,
            TokenError::Seats(_) => Code::SeatRule,
            TokenError::SeqJump { .. } => Code::SeqJump,
            TokenError::KeysetTooOld { .. } => Code::KeysetTooOld,
        }
    }
}
