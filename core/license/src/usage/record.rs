//! One record, and its one form of bytes: a version, then postcard. It is never encoded twice.

use super::{Fold, Head, Quantity};
use crate::clock::BootId;
use crate::{Code, DeviceId, ResourceId, Slug, TokenId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The first byte of a record.
const RECORD_VERSION: u8 = 1;
/// Longest record: every name at its bound, every number at its longest, and room for what versions add.
pub const RECORD_BYTES_MAX: usize = 1024;
/// Longest record of a fold, which stands for thousands: [`super::FOLD_SUMS_MAX`] sums with every name at its bound.
pub const FOLD_BYTES_MAX: usize = 256 * 1024;
/// The highest number of a record: above every one that a device comes to by itself, which begins again above the
/// milliseconds since 1970 where its journal was damaged, and far below the 2^53 - 1 that JSON says exactly.
pub const SEQ_MAX: u64 = 1 << 51;
const RECORD_LABEL: &[u8] = b"brink/rec/v1\0";

/// The hash of a record, or what stands in its place before the first.
pub type Hash = [u8; 32];

/// When something was recorded, by every clock that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The boot.
    pub boot: BootId,
    /// Milliseconds since that boot, which nobody can set.
    pub boottime_ms: i64,
    /// The wall clock in milliseconds since 1970, which anybody can set.
    pub wall_ms: i64,
    /// The guarded time in milliseconds since 1970.
    pub est_ms: i64,
}

/// What was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// What is counted.
    pub meter: Slug,
    /// By which camera, or what else; `None` for the device as a whole.
    pub resource: Option<ResourceId>,
    /// How much.
    pub quantity: Quantity,
    /// How many uses were added up in it.
    pub count: u32,
    /// Of this meter in this chain, with this record.
    pub total: Quantity,
}

/// A journal that was damaged, lost or put back goes on from here. What lies between `good` and this record is lost, and
/// said to be. The record before it in the chain may be one that is known to have been and is not there any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// The last record that is still whole; number 0 and the genesis for none.
    pub good: Head,
    /// The highest number that is known to have been given; 0 for none.
    pub seen: u64,
}

/// What a record is about. Numbers of variants are never reused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// Something was used.
    Usage(Usage),
    /// The journal was damaged.
    Recover(Recovery),
    /// Nothing follows: the device was activated anew.
    Close,
    /// Sums in the place of many records.
    Fold(Fold),
}

/// One link of a device's chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Whose.
    pub device: DeviceId,
    /// In which of its activations.
    pub epoch: u32,
    /// From 1 to [`SEQ_MAX`], without gaps but by a recovery. Of sums, the number of their last record.
    pub seq: u64,
    /// When.
    pub at: Moment,
    /// Under which licence.
    pub licence: Option<TokenId>,
    /// What.
    pub entry: Entry,
    /// The hash of the record before, or the genesis.
    pub prev: Hash,
}

/// Why bytes are no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// More bytes than a record has.
    #[error("{0} bytes, and a record has at most {RECORD_BYTES_MAX}, one of sums {FOLD_BYTES_MAX}")]
    TooLarge(usize),
    /// Another version.
    #[error("version {0}, which this program does not know: update it")]
    Version(u8),
    /// A number that no device comes to.
    #[error("number {0}, and the highest of a record is {SEQ_MAX}")]
    Number(u64),
    /// Anything else, or the same content in other bytes.
    #[error("not a record")]
    Malformed,
}

impl RecordError {
    /// The stable code: [`Code::BadChain`], or [`Code::Unsupported`] for another version.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            RecordError::TooLarge(_) | RecordError::Number(_) | RecordError::Malformed => Code::BadChain,
            RecordError::Version(_) => Code::Unsupported,
        }
    }
}

impl Record {
    /// The bytes that are hashed, kept and sent.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_extend(self, vec![RECORD_VERSION]).unwrap_or_default()
    }

    /// Reads the bytes that [`Record::to_bytes`] wrote, and no others.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        if bytes.len() > FOLD_BYTES_MAX {
            return Err(RecordError::TooLarge(bytes.len()));
        }
        let (version, content) = bytes.split_first().ok_or(RecordError::Malformed)?;
        if *version != RECORD_VERSION {
            return Err(RecordError::Version(*version));
        }
        let record: Self = postcard::from_bytes(content).map_err(|_| RecordError::Malformed)?;
        if !matches!(record.entry, Entry::Fold(_)) && bytes.len() > RECORD_BYTES_MAX {
            return Err(RecordError::TooLarge(bytes.len()));
        }
        if record.seq > SEQ_MAX {
            return Err(RecordError::Number(record.seq));
        }
        if record.to_bytes() == bytes { Ok(record) } else { Err(RecordError::Malformed) }
    }

    /// The lowest number that it stands for: its own, but for sums.
    #[must_use]
    pub const fn first(&self) -> u64 {
        match &self.entry {
            Entry::Fold(fold) => fold.from,
            Entry::Usage(_) | Entry::Recover(_) | Entry::Close => self.seq,
        }
    }

    /// The hash that the next record has before it. Sums end where the last of their records did.
    #[must_use]
    pub fn link(&self, bytes: &[u8]) -> Hash {
        match &self.entry {
            Entry::Fold(fold) => fold.last,
            Entry::Usage(_) | Entry::Recover(_) | Entry::Close => hash_of(bytes),
        }
    }
}

/// The hash of a record's bytes: over a label, their number as eight bytes with the highest first, and themselves.
#[must_use]
pub fn hash_of(bytes: &[u8]) -> Hash {
    let hasher = Sha256::new_with_prefix(RECORD_LABEL);
    hasher.chain_update((bytes.len() as u64).to_be_bytes()).chain_update(bytes).finalize().into()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn record(seq: u64, entry: Entry, prev: Hash) -> Record {
        let boot = BootId::parse("00000000-0000-4000-8000-000000000001").unwrap();
        let at = Moment { boot, boottime_ms: 5, wall_ms: 1_800_000_000_000, est_ms: 1_800_000_000_000 };
        let licence = Some(TokenId::parse("lic-1").unwrap());
        Record { device: DeviceId::parse("dev-1").unwrap(), epoch: 1, seq, at, licence, entry, prev }
    }

    pub(crate) fn usage(meter: &str, quantity: Quantity, total: Quantity) -> Entry {
        let resource = Some(ResourceId::parse("cam-1").unwrap());
        Entry::Usage(Usage { meter: Slug::parse(meter).unwrap(), resource, quantity, count: 1, total })
    }

    #[test]
    fn a_record_has_one_form_of_bytes() {
        let bytes = record(1, usage("api_call", Quantity::whole(3), Quantity::whole(3)), [7; 32]).to_bytes();
        let read = Record::from_bytes(&bytes).unwrap();
        assert_eq!(read.to_bytes(), bytes);
        assert!((0..bytes.len()).all(|cut| Record::from_bytes(&bytes[..cut]).is_err()));
        assert_eq!(Record::from_bytes(&[&bytes[..], &[0]].concat()), Err(RecordError::Malformed));
        assert_eq!(Record::from_bytes(&[&[9], &bytes[1..]].concat()), Err(RecordError::Version(9)));
        // A number in more bytes than it needs: the epoch behind the device's name.
        let at = 1 + 1 + "dev-1".len();
        assert_eq!(bytes[at], 1);
        let longer = [&bytes[..at], &[0x81, 0], &bytes[at + 1..]].concat();
        assert_eq!(Record::from_bytes(&longer), Err(RecordError::Malformed));
    }

    #[test]
    fn the_longest_record_is_within_its_bound() {
        let mut longest = record(u64::MAX, Entry::Close, [0xff; 32]);
        longest.device = DeviceId::parse(&"d".repeat(255)).unwrap();
        longest.epoch = u32::MAX;
        longest.licence = Some(TokenId::parse(&"j".repeat(128)).unwrap());
        let (boottime_ms, wall_ms, est_ms) = (i64::MIN, i64::MIN, i64::MIN);
        let boot = BootId::parse("ffffffff-ffff-ffff-ffff-ffffffffffff").unwrap();
        longest.at = Moment { boot, boottime_ms, wall_ms, est_ms };
        longest.entry = Entry::Usage(Usage {
            meter: Slug::parse(&"m".repeat(128)).unwrap(),
            resource: Some(ResourceId::parse(&"r".repeat(255)).unwrap()),
            quantity: Quantity::MAX,
            count: u32::MAX,
            total: Quantity::MAX,
        });
        let bytes = longest.to_bytes();
        assert!(bytes.len() <= RECORD_BYTES_MAX, "{}", bytes.len());
        assert_eq!(Record::from_bytes(&bytes), Err(RecordError::Number(u64::MAX)));
        longest.seq = SEQ_MAX;
        assert_eq!(Record::from_bytes(&longest.to_bytes()), Ok(longest));
        let error = Record::from_bytes(&[1; FOLD_BYTES_MAX + 1]);
        assert_eq!(error, Err(RecordError::TooLarge(FOLD_BYTES_MAX + 1)));
    }

    #[test]
    fn the_hash_is_the_one_of_the_specification() {
        let stated = [b"brink/rec/v1\0".as_slice(), &[0, 0, 0, 0, 0, 0, 0, 3], b"abc"].concat();
        assert_eq!(hash_of(b"abc"), <Hash>::from(Sha256::digest(stated)));
    }
}
