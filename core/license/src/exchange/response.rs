//! The response: a receipt, the next ratchet, and whatever the device does not have yet.

use super::RESPONSE_BYTES_MAX;
use super::body::Section;
use super::codec::{ExchangeError, Frame};
use crate::keyset::WALK_MAX;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const DOCUMENT: &str = "response";
const FRAME: Frame =
    Frame { document: DOCUMENT, magic: b"BRINKRSP", version: 1, bytes_max: RESPONSE_BYTES_MAX };

/// One response as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeResponse {
    /// The issuer's `brink-receipt+jwt`, whose `ratchet_sha256` covers [`ExchangeResponse::next_ratchet`].
    pub receipt: String,
    /// What the next request's MAC is made with.
    pub next_ratchet: [u8; 32],
    /// Keyset manifests newer than the reported version, in rising order.
    pub manifests: Vec<Vec<u8>>,
    /// The licence, if newer than the one reported.
    pub licence: Option<String>,
    /// What later kinds of content bring; unknown kinds are passed over.
    pub sections: Vec<Section>,
}

impl ExchangeResponse {
    /// The bytes to answer or to export.
    pub fn encode(&self) -> Result<Vec<u8>, ExchangeError> {
        FRAME.encode(self)
    }

    /// Reads bytes; nothing in them is verified yet.
    pub fn decode(bytes: &[u8]) -> Result<Self, ExchangeError> {
        let response: Self = FRAME.decode(bytes)?;
        if response.manifests.len() > WALK_MAX {
            return Err(ExchangeError::Damaged(DOCUMENT));
        }
        Ok(response)
    }

    /// Whether the ratchet is the one that the receipt signed.
    #[must_use]
    pub fn ratchet_is(&self, ratchet_sha256: &[u8; 32]) -> bool {
        <[u8; 32]>::from(Sha256::digest(self.next_ratchet)) == *ratchet_sha256
    }
}
