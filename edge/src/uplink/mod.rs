//! The way up to the issuer: the same request bytes by network or by file.

mod file;
mod https;
mod url;

pub use file::{FileUplink, read_bounded, write_whole};
pub use https::{HttpsUplink, NETWORK_TIMEOUT, Probed};
pub(crate) use https::{client, media_type};
pub use url::IssuerUrl;

use std::path::PathBuf;
use std::time::Duration;

/// Carries one request towards the issuer.
pub trait Uplink: Send {
    /// Sends `request` for `path` (`/v1/activate`, `/v1/exchange`). Returns within a bounded time.
    fn send(&self, path: &str, request: &[u8]) -> Result<Delivery, UplinkError>;
}

/// How far a request got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The issuer answered; nothing in the answer is verified yet.
    Answered(Vec<u8>),
    /// Somebody carries it from here; the answer comes back by itself.
    Carried,
}

/// Why a request got no answer that can be accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UplinkError {
    /// The address must not or cannot be used.
    #[error("{url:?} is no issuer's address: {problem}")]
    BadUrl {
        /// As given.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The certificates of `--ca-file`.
    #[error("the CA file holds no certificate that can be used: {0}")]
    BadCertificates(String),
    /// No answer: connection, TLS, timeout.
    #[error("{url} cannot be reached: {reason}")]
    Unreachable {
        /// Where.
        url: String,
        /// What the network said.
        reason: String,
    },
    /// An answer that is none of the issuer's.
    #[error("{url} does not answer like an issuer: {what}")]
    NotAnIssuer {
        /// Where.
        url: String,
        /// What came.
        what: String,
    },
    /// The issuer said no, or not now.
    #[error("the issuer refused: {detail}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The problem's own code.
        code: String,
        /// In the issuer's words.
        detail: String,
        /// What the issuer says would help.
        mend: Option<String>,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// A file on the way.
    #[error("cannot {doing} {}: {reason}", path.display())]
    File {
        /// `read` or `write`.
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

impl UplinkError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            UplinkError::BadUrl { .. } => "BAD_URL",
            UplinkError::BadCertificates(_) => "BAD_CA_FILE",
            UplinkError::Unreachable { .. } => "ISSUER_UNREACHABLE",
            UplinkError::NotAnIssuer { .. } => "NOT_AN_ISSUER",
            UplinkError::Refused { code, .. } => code,
            UplinkError::File { .. } => "FILE",
        }
    }

    /// What helps.
    #[must_use]
    pub fn mend(&self) -> String {
        match self {
            UplinkError::BadUrl { .. } => {
                "give https://HOST[:PORT], or http:// on this machine's loopback".to_owned()
            }
            UplinkError::BadCertificates(_) => "give --ca-file a PEM file with CERTIFICATE blocks".to_owned(),
            UplinkError::Unreachable { .. } => {
                "check network, address and proxy; or carry a file: --export REQ, then --import RESP"
                    .to_owned()
            }
            UplinkError::NotAnIssuer { .. } => "check the address given with --issuer".to_owned(),
            UplinkError::Refused { mend: Some(mend), .. } => mend.clone(),
            UplinkError::Refused { status: 429 | 503, .. } => "wait and try again".to_owned(),
            UplinkError::Refused { .. } => "ask the issuer's admin, naming the code".to_owned(),
            UplinkError::File { .. } => "check the path and its permissions".to_owned(),
        }
    }

    /// How long the issuer asks to wait.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            UplinkError::Refused { retry_after, .. } => *retry_after,
            UplinkError::BadUrl { .. }
            | UplinkError::BadCertificates(_)
            | UplinkError::Unreachable { .. }
            | UplinkError::NotAnIssuer { .. }
            | UplinkError::File { .. } => None,
        }
    }

    /// Whether somebody on the way finds the request too large.
    #[must_use]
    pub const fn is_too_large(&self) -> bool {
        matches!(self, UplinkError::Refused { status: 413, .. })
    }

    /// Whether the issuer understood the request and answered "no": sending the same bytes again cannot help.
    /// 408, 425 and 429 mean "later", and so does everything above 499; a proxy's word (407) is not the issuer's.
    #[must_use]
    pub const fn is_definite(&self) -> bool {
        match self {
            UplinkError::Refused { status, .. } => {
                matches!(status, 400..=499) && !matches!(status, 407 | 408 | 425 | 429)
            }
            UplinkError::BadUrl { .. }
            | UplinkError::BadCertificates(_)
            | UplinkError::Unreachable { .. }
            | UplinkError::NotAnIssuer { .. }
            | UplinkError::File { .. } => false,
        }
    }
}
