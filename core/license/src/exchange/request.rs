//! The request: a proof by the device key, a MAC under the ratchet, and the body that both cover.

use super::REQUEST_BYTES_MAX;
use super::codec::{ExchangeError, Frame};
use crate::token::{Authority, RequestClaims, RequestExpected, TokenError, VerifiedRequest, verify};
use crate::{IssuerName, PublicKey, Typ, bounded};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const PROOF_BYTES_MAX: usize = Typ::Request.bytes_max();
const FRAME: Frame =
    Frame { document: "request", magic: b"BRINKREQ", version: 1, bytes_max: REQUEST_BYTES_MAX };

/// One request as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeRequest {
    /// The device's `brink-request+jwt`.
    #[serde(deserialize_with = "bounded::text::<_, PROOF_BYTES_MAX>")]
    pub proof: String,
    /// The device's public key: at activation it is new, afterwards it must be the one on record.
    pub device_key: [u8; 32],
    /// HMAC-SHA256(ratchet, SHA-256(body)); `None` before the first answer.
    pub ratchet_mac: Option<[u8; 32]>,
    /// The body as sent: see [`super::RequestBody`].
    #[serde(deserialize_with = "bounded::bytes")]
    pub body: Vec<u8>,
}

impl ExchangeRequest {
    /// The bytes to send or to export.
    pub fn encode(&self) -> Result<Vec<u8>, ExchangeError> {
        FRAME.encode(self)
    }

    /// Reads bytes; nothing in them is verified yet.
    pub fn decode(bytes: &[u8]) -> Result<Self, ExchangeError> {
        FRAME.decode(bytes)
    }

    /// Verifies the proof with `key` over this body, for `issuer` and the path `htu`.
    pub fn verify_proof(
        &self,
        key: &PublicKey,
        issuer: &IssuerName,
        htu: &'static str,
    ) -> Result<VerifiedRequest, TokenError> {
        let expected = RequestExpected { issuer: issuer.clone(), htu, bh: body_sha256(&self.body) };
        verify::<RequestClaims>(self.proof.as_bytes(), Authority::Device(key), &expected)
    }

    /// Whether the MAC was made with this ratchet. Constant time.
    #[must_use]
    pub fn mac_is_of(&self, ratchet: &[u8; 32]) -> bool {
        let expected = ratchet_mac(ratchet, &body_sha256(&self.body));
        self.ratchet_mac.is_some_and(|mac| subtle::ConstantTimeEq::ct_eq(&mac[..], &expected[..]).into())
    }
}

/// The digest of a body as sent: the `bh` of its proof.
#[must_use]
pub fn body_sha256(body: &[u8]) -> [u8; 32] {
    Sha256::digest(body).into()
}

/// HMAC-SHA256(ratchet, body digest): only the device that received the last answer can make it.
#[must_use]
pub fn ratchet_mac(ratchet: &[u8; 32], body_sha256: &[u8; 32]) -> [u8; 32] {
    // A key shorter than the hash's block is padded with zeros (RFC 2104 section 2); done here it cannot fail.
    let mut key = [0; 64];
    key[..ratchet.len()].copy_from_slice(ratchet);
    let mut mac = <Hmac<Sha256> as KeyInit>::new(&key.into());
    mac.update(body_sha256);
    mac.finalize().into_bytes().into()
}
