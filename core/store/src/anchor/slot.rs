//! One slot: magic, version, postcard, a digest that anybody checks, and a MAC that the agent checks.

use crate::state::{AcceptedMarks, NumberMark};
use brink_license::clock::Marks;
use brink_license::token::SeqMark;
use brink_license::usage::Head;
use brink_license::{Kid, bounded};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

const MAGIC: &[u8] = b"BRINKANC";
const VERSION: u8 = 2;
const DIGEST_BYTES: usize = 32;
const MAC_BYTES: usize = 32;
/// Separates this digest and this MAC from every other use of the same functions.
const DIGEST_LABEL: &[u8] = b"brink/anchor/v1\0";
const MAC_LABEL: &[u8] = b"brink/anchor-mac/v1\0";
/// Largest slot: within one block of any file system. With every number at its largest it has 885 bytes, usually 350.
pub const SLOT_BYTES_MAX: usize = 1024;
/// Most notices: one for each kind that an issuer will ever publish, and far below what fits.
pub const NOTICES_MAX: usize = 32;
/// The clock's marks take at most 200 bytes.
const CLOCK_BYTES_MAX: usize = 256;

/// What the anchor remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Rises with every writing: the higher of two slots is the newer.
    pub generation: u64,
    /// The thumbprint of the device key: the anchor of a device that started over says nothing of the new one.
    pub device: Kid,
    /// What was accepted last. No receipt where the published one is withheld, because its key was revoked.
    pub accepted: AcceptedMarks,
    /// The number of each kind of notice in force.
    pub notices: Vec<(u16, u64)>,
    /// The clock's marks when it was written.
    pub clock: Option<Marks>,
    /// Where the usage chain of an activation, by its epoch, stood when it was written.
    pub journal: Option<(u32, Head)>,
}

/// A slot whose digest is sound. Only the holder of the device key can say whether its own agent wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    anchor: Anchor,
    digest: [u8; DIGEST_BYTES],
    mac: [u8; MAC_BYTES],
}

/// Why a slot is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SlotFault {
    /// The system refused, or no file stands there.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// Cut, changed, or written by halves.
    #[error("it is damaged")]
    Damaged,
    /// Written by a newer program.
    #[error("it has version {0}, this program reads version {VERSION}")]
    Version(u8),
    /// Its digest is sound and its MAC is not: another than this device's agent wrote it.
    #[error("it was not written by this device's agent")]
    Forged,
    /// It speaks of another device key.
    #[error("it is of another device key")]
    AnotherKey,
}

/// As it is written. Fields are numbers and digests alone.
#[derive(Serialize, Deserialize)]
struct Record {
    generation: u64,
    device: [u8; 32],
    licence: Option<(u32, u64, [u8; 32], [u8; 32])>,
    keyset: Option<(u64, [u8; 32])>,
    receipt: Option<(u64, [u8; 32])>,
    #[serde(deserialize_with = "bounded::list::<_, _, NOTICES_MAX>")]
    notices: Vec<(u16, u64)>,
    /// [`Marks::to_bytes`]; empty for none.
    #[serde(deserialize_with = "bounded::list::<_, _, CLOCK_BYTES_MAX>")]
    clock: Vec<u8>,
    journal: Option<(u32, Head)>,
}

impl Anchor {
    /// The bytes of a slot, sealed for the agent of the device that the key was derived from; `None` for more than a
    /// slot holds.
    #[must_use]
    pub fn seal(&self, key: &[u8; 32]) -> Option<Vec<u8>> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(VERSION);
        let mut bytes = postcard::to_extend(&Record::of(self), bytes).ok()?;
        let digest = digest_of(&bytes);
        bytes.extend_from_slice(&digest);
        bytes.extend_from_slice(&mac_of(key, &digest));
        (bytes.len() <= SLOT_BYTES_MAX).then_some(bytes)
    }

    /// Whether `other` remembers the same, whenever it was written and whatever the clock was.
    pub(crate) fn says_the_same(&self, other: &Anchor) -> bool {
        (self.device, &self.accepted, &self.notices) == (other.device, &other.accepted, &other.notices)
    }
}

impl Slot {
    /// Reads the bytes of a slot. Its MAC is not checked yet.
    pub fn decode(bytes: &[u8]) -> Result<Self, SlotFault> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(SlotFault::Damaged)?;
        let (&version, rest) = rest.split_first().ok_or(SlotFault::Damaged)?;
        let (rest, mac) = rest.split_last_chunk::<MAC_BYTES>().ok_or(SlotFault::Damaged)?;
        let (content, digest) = rest.split_last_chunk::<DIGEST_BYTES>().ok_or(SlotFault::Damaged)?;
        let digested = MAGIC.len() + 1 + content.len();
        if bytes.len() > SLOT_BYTES_MAX || digest_of(&bytes[..digested]) != *digest {
            return Err(SlotFault::Damaged);
        }
        // Behind a sound digest it is what somebody wrote.
        if version != VERSION {
            return Err(SlotFault::Version(version));
        }
        let record: Record = postcard::from_bytes(content).map_err(|_| SlotFault::Damaged)?;
        let anchor = record.anchor().ok_or(SlotFault::Damaged)?;
        // Spelled as we spell it: postcard by itself ignores trailing bytes and takes over-long varints.
        if postcard::to_allocvec(&Record::of(&anchor)).is_ok_and(|again| again == content) {
            return Ok(Self { anchor, digest: *digest, mac: *mac });
        }
        Err(SlotFault::Damaged)
    }

    /// What it says.
    #[must_use]
    pub const fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// Whether the agent of the device with this key wrote it.
    #[must_use]
    pub fn is_sealed_with(&self, key: &[u8; 32]) -> bool {
        bool::from(mac_of(key, &self.digest)[..].ct_eq(&self.mac))
    }
}

impl Record {
    fn of(anchor: &Anchor) -> Self {
        let number = |mark: NumberMark| (mark.number, mark.sha256);
        let licence = |mark: SeqMark| (mark.epoch, mark.seq, mark.sha256, *mark.kid.as_bytes());
        Self {
            generation: anchor.generation,
            device: *anchor.device.as_bytes(),
            licence: anchor.accepted.licence.map(licence),
            keyset: anchor.accepted.keyset.map(number),
            receipt: anchor.accepted.receipt.map(number),
            notices: anchor.notices.clone(),
            clock: anchor.clock.as_ref().map(Marks::to_bytes).unwrap_or_default(),
            journal: anchor.journal,
        }
    }

    /// `None` where the clock's marks are none.
    fn anchor(self) -> Option<Anchor> {
        let number = |(number, sha256)| NumberMark { number, sha256 };
        let licence = |(epoch, seq, sha256, kid)| SeqMark { epoch, seq, sha256, kid: Kid::from_digest(kid) };
        let clock = if self.clock.is_empty() { None } else { Some(Marks::from_bytes(&self.clock)?) };
        Some(Anchor {
            generation: self.generation,
            device: Kid::from_digest(self.device),
            accepted: AcceptedMarks {
                licence: self.licence.map(licence),
                keyset: self.keyset.map(number),
                receipt: self.receipt.map(number),
            },
            notices: self.notices,
            clock,
            journal: self.journal,
        })
    }
}

fn digest_of(bytes: &[u8]) -> [u8; DIGEST_BYTES] {
    Sha256::new_with_prefix(DIGEST_LABEL).chain_update(bytes).finalize().into()
}

/// Over the digest, which covers everything.
fn mac_of(key: &[u8; 32], digest: &[u8; DIGEST_BYTES]) -> [u8; MAC_BYTES] {
    // A key shorter than the hash's block is padded with zeros (RFC 2104 section 2); done here it cannot fail.
    let mut padded = [0; 64];
    padded[..key.len()].copy_from_slice(key);
    let mut mac = <Hmac<Sha256> as KeyInit>::new(&padded.into());
    mac.update(MAC_LABEL);
    mac.update(digest);
    mac.finalize().into_bytes().into()
}
