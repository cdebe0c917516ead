//! Public keys that passed every check, and their RFC 7638 thumbprints.

use crate::{Code, b64};
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};
use std::fmt;

/// Why 32 bytes must not be used as a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not the canonical encoding of a curve point (RFC 8032 section 5.1.3).
    #[error("the key is not the canonical encoding of an Ed25519 point")]
    NotCanonical,
    /// One of the eight points of small order: it verifies signatures that nobody made.
    #[error("the key has small order")]
    Weak,
    /// Has a component of small order: verifiers disagree about its signatures.
    #[error("the key is not free of torsion")]
    Torsion,
    /// Not 32 bytes in unpadded base64url.
    #[error("the key is not 32 bytes in unpadded base64url")]
    BadX,
}

impl KeyError {
    /// The stable code: always [`Code::BadKey`].
    #[must_use]
    pub const fn code(&self) -> Code {
        Code::BadKey
    }
}

/// An Ed25519 public key: canonical, not weak, free of torsion. Device keys come from the adversary.
#[derive(Clone)]
pub struct PublicKey {
    point: VerifyingKey,
    kid: Kid,
}

impl PublicKey {
    /// Checks 32 raw bytes.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let point = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotCanonical)?;
        let edwards = point.to_edwards();
        if edwards.compress().as_bytes() != bytes {
            return Err(KeyError::NotCanonical);
        }
        if point.is_weak() {
            return Err(KeyError::Weak);
        }
        if !edwards.is_torsion_free() {
            return Err(KeyError::Torsion);
        }
        Ok(Self { point, kid: Kid::of(bytes) })
    }

    /// Checks the `x` member of a JWK (RFC 8037 section 2).
    pub fn from_x(x: &str) -> Result<Self, KeyError> {
        Self::from_bytes(&b64::decode_array(x.as_bytes()).ok_or(KeyError::BadX)?)
    }

    /// The raw bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.point.as_bytes()
    }

    /// The `x` member of a JWK.
    #[must_use]
    pub fn to_x(&self) -> String {
        b64::encode(self.as_bytes())
    }

    /// The thumbprint, which is the key's only name.
    #[must_use]
    pub const fn kid(&self) -> Kid {
        self.kid
    }

    /// Strict verification (no small-order `R`, canonical `S`) over the exact bytes.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.point.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.kid)
    }
}

/// The RFC 7638 thumbprint of a key, shown as 43 characters of base64url.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kid([u8; 32]);

impl Kid {
    /// Length of the text form.
    pub const TEXT_LEN: usize = 43;

    /// The thumbprint of raw key bytes: SHA-256 over the members of RFC 7638 section 3.2, in order.
    fn of(key: &[u8; 32]) -> Self {
        let jwk = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, b64::encode(key));
        Self(Sha256::digest(jwk.as_bytes()).into())
    }

    /// Reads the text form; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        b64::decode_array(text.as_bytes()).map(Self)
    }

    /// The digest itself.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A kid from a stored digest.
    #[must_use]
    pub const fn from_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

impl fmt::Display for Kid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&b64::encode(&self.0))
    }
}

impl fmt::Debug for Kid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kid({self})")
    }
}

impl std::str::FromStr for Kid {
    type Err = KeyError;
    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::parse(text).ok_or(KeyError::BadX)
    }
}

impl serde::Serialize for Kid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Kid {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom("not a key thumbprint (43 base64url characters)"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbprint_matches_rfc_8037_appendix_a3() -> Result<(), KeyError> {
        let key = PublicKey::from_x("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")?;
        assert_eq!(key.kid().to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        Ok(())
    }

    #[test]
    fn small_order_points_are_refused_in_every_encoding() {
        // The eight torsion points and their non-canonical spellings ("Taming the many EdDSAs", table 6).
        let refused = [
            "0100000000000000000000000000000000000000000000000000000000000000",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "0000000000000000000000000000000000000000000000000000000000000080",
            "0000000000000000000000000000000000000000000000000000000000000000",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
            "0100000000000000000000000000000000000000000000000000000000000080",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        ];
        for text in refused {
            let mut bytes = [0u8; 32];
            for (i, byte) in bytes.iter_mut().enumerate() {
                *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap();
            }
            assert!(PublicKey::from_bytes(&bytes).is_err(), "{text}");
        }
    }

    #[test]
    fn a_mixed_order_point_is_refused() {
        use ed25519_dalek::SigningKey;
        let honest = SigningKey::from_bytes(&[7; 32]).verifying_key().to_edwards();
        let torsion = VerifyingKey::from_bytes(&{
            let mut minus_one = [0xff; 32];
            minus_one[0] = 0xec;
            minus_one[31] = 0x7f;
            minus_one
        })
        .unwrap()
        .to_edwards();
        let mixed = (honest + torsion).compress().to_bytes();
        assert_eq!(PublicKey::from_bytes(&mixed).map(|_| ()), Err(KeyError::Torsion));
    }
}
