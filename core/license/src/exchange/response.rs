//! The response: a receipt, the next ratchet, and whatever the device does not have yet.

use super::body::Section;
use super::codec::{ExchangeError, Frame};
use super::{RESPONSE_BYTES_MAX, SECTIONS_MAX};
use crate::keyset::WALK_MAX;
use crate::token::NoticeKind;
use crate::{Typ, bounded};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const RECEIPT_BYTES_MAX: usize = Typ::Receipt.bytes_max();
const LICENCE_BYTES_MAX: usize = Typ::License.bytes_max();
const FRAME: Frame =
    Frame { document: "response", magic: b"BRINKRSP", version: 1, bytes_max: RESPONSE_BYTES_MAX };

/// One response as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeResponse {
    /// The issuer's `brink-receipt+jwt`, whose `ratchet_sha256` covers [`ExchangeResponse::next_ratchet`].
    #[serde(deserialize_with = "bounded::text::<_, RECEIPT_BYTES_MAX>")]
    pub receipt: String,
    /// What the next request's MAC is made with.
    pub next_ratchet: [u8; 32],
    /// Keyset manifests newer than the reported version, in rising order.
    #[serde(deserialize_with = "bounded::pieces::<_, WALK_MAX>")]
    pub manifests: Vec<Vec<u8>>,
    /// The licence, if newer than the one reported.
    #[serde(deserialize_with = "bounded::optional_text::<_, LICENCE_BYTES_MAX>")]
    pub licence: Option<String>,
    /// Notices by the number of their kind, at most one of each; unknown kinds are passed over.
    #[serde(deserialize_with = "bounded::list::<_, _, SECTIONS_MAX>")]
    pub sections: Vec<Section>,
}

impl ExchangeResponse {
    /// The bytes to answer or to export.
    pub fn encode(&self) -> Result<Vec<u8>, ExchangeError> {
        FRAME.encode(self)
    }

    /// Reads bytes; nothing in them is verified yet.
    pub fn decode(bytes: &[u8]) -> Result<Self, ExchangeError> {
        FRAME.decode(bytes)
    }

    /// The notices that it brings, as texts. A second one of a kind, or one that is no text, is damage.
    pub fn notices(&self) -> Result<Vec<(NoticeKind, &str)>, ExchangeError> {
        let sections = self.sections.iter().map(|section| (section.kind, section.bytes.as_slice()));
        NoticeKind::in_sections(sections).ok_or(ExchangeError::Damaged(FRAME.document))
    }

    /// Whether the ratchet is the one that the receipt signed.
    #[must_use]
    pub fn ratchet_is(&self, ratchet_sha256: &[u8; 32]) -> bool {
        <[u8; 32]>::from(Sha256::digest(self.next_ratchet)) == *ratchet_sha256
    }
}
