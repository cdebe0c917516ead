//! What a device says in a request: what it holds, and what it asks for.

use super::codec::{ExchangeError, deflate, from_postcard, inflate, to_postcard};
use super::{BODY_BYTES_MAX, CLOCK_FLAGS_MAX, SECTIONS_MAX, TEXT_BYTES_MAX};
use crate::{Typ, UnixSeconds, bounded};
use serde::{Deserialize, Serialize};

const DOCUMENT: &str = "request body";
/// The first byte of a body as sent: this version, then one zstd frame of postcard.
const VERSION: u8 = 1;
const RECEIPT_BYTES_MAX: usize = Typ::Receipt.bytes_max();

/// The body of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestBody {
    /// What is asked.
    pub kind: RequestKind,
    /// What the device holds.
    pub report: ClientReport,
    /// The receipt accepted last, so that an issuer restored from a backup sees what it once said.
    #[serde(deserialize_with = "bounded::optional_text::<_, RECEIPT_BYTES_MAX>")]
    pub last_receipt: Option<String>,
    /// What later kinds of content bring; unknown kinds are passed over.
    #[serde(deserialize_with = "bounded::list::<_, _, SECTIONS_MAX>")]
    pub sections: Vec<Section>,
}

/// What a request asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestKind {
    /// To become a device, by an activation code.
    Activate {
        /// As the admin handed it over.
        #[serde(deserialize_with = "bounded::text::<_, TEXT_BYTES_MAX>")]
        code: String,
    },
    /// To report and be answered.
    Exchange,
    /// To set the mark of time back: a challenge that an admin answers.
    ClockReset {
        /// What the wall clock says.
        wall: UnixSeconds,
        /// What the device takes for now.
        now: UnixSeconds,
    },
}

/// The state of a device as it sees itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientReport {
    /// Of the licence that is published; 0 for none.
    pub licence_seq: u64,
    /// Of the keyset that is held; 0 for none.
    pub keyset_version: u64,
    /// Of the last receipt; 0 for none.
    pub receipt_seq: u64,
    /// The names of the clock flags that are up.
    #[serde(deserialize_with = "bounded::texts::<_, CLOCK_FLAGS_MAX, TEXT_BYTES_MAX>")]
    pub clock_flags: Vec<String>,
    /// The kernel's boot id.
    #[serde(deserialize_with = "bounded::text::<_, TEXT_BYTES_MAX>")]
    pub boot_id: String,
    /// The version of the agent.
    #[serde(deserialize_with = "bounded::text::<_, TEXT_BYTES_MAX>")]
    pub agent_version: String,
}

/// Content of a kind that this version of the body does not name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// The kind, never reused.
    pub kind: u16,
    /// Its bytes, in a form of its own.
    #[serde(deserialize_with = "bounded::bytes")]
    pub bytes: Vec<u8>,
}

impl RequestBody {
    /// The bytes as sent: what the proof's `bh` and the ratchet's MAC cover.
    pub fn encode(&self) -> Result<Vec<u8>, ExchangeError> {
        let mut sent = vec![VERSION];
        sent.extend(deflate(&to_postcard(DOCUMENT, self)?));
        Ok(sent)
    }

    /// Reads bytes as sent, by a sender who may send as much as a device that is known.
    pub fn decode(sent: &[u8]) -> Result<Self, ExchangeError> {
        Self::decode_within(sent, BODY_BYTES_MAX)
    }

    /// Reads bytes as sent that inflate to at most `bytes_max`.
    pub fn decode_within(sent: &[u8], bytes_max: usize) -> Result<Self, ExchangeError> {
        let (&version, compressed) = sent.split_first().ok_or(ExchangeError::Damaged(DOCUMENT))?;
        if version != VERSION {
            return Err(ExchangeError::Version { document: DOCUMENT, version, known: VERSION });
        }
        from_postcard(DOCUMENT, &inflate(DOCUMENT, compressed, bytes_max)?)
    }
}
