//! Values that must not be seen: random bytes, digests to compare by, and a wrapper that keeps texts out of logs.

use brink_license::b64;
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// The system's random source failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gave no random numbers; try again when it does")]
pub struct NoRandom;

/// Fresh bytes from the system's random source.
pub fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, NoRandom> {
    let mut bytes = Zeroizing::new([0u8; N]);
    getrandom::fill(&mut *bytes).map_err(|_| NoRandom)?;
    Ok(bytes)
}

/// What is stored and looked up instead of a secret. An index look-up by digest tells an attacker nothing about the
/// secret: the digest of a guess shares no prefix with the one stored.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Bytes in hexadecimal, in small letters.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A signed document by its digest, as the audit names it.
pub(crate) fn digest(token: &str) -> String {
    b64::encode(&sha256(token.as_bytes()))
}

/// A text that people may read once and logs never: `Debug` and `Display` hide it.
#[derive(Clone)]
pub struct Redacted(Zeroizing<String>);

impl Redacted {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself, for the one place that shows or hashes it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(redacted)")
    }
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_debug_nor_display_shows_the_text() {
        let secret = Redacted::new("hunter2".into());
        assert_eq!(format!("{secret:?} {secret}"), "(redacted) (redacted)");
        assert_eq!(secret.reveal(), "hunter2");
    }

    #[test]
    fn random_bytes_differ() {
        assert_ne!(*random::<16>().unwrap(), *random::<16>().unwrap());
    }
}
