//! Usage in a request: where each chain of the device stands, and the next records of the oldest that is not settled.

use super::{FOLD_BYTES_MAX, Hash, Head, Moment};
use crate::bounded;
use crate::exchange::{ExchangeError, Section};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const DOCUMENT: &str = "usage";
/// The number of the section in a request; never reused.
pub const USAGE_SECTION: u16 = 17;
/// Most records of one batch.
pub const RECORDS_MAX: usize = 10_000;
/// Most chains that a device reports: one for each activation that has something unsettled, and the one in use.
pub const CHAINS_MAX: usize = 64;
const CHECKPOINT_BYTES_MAX: usize = 4096;
const BATCH_LABEL: &[u8] = b"brink/batch/v1\0";
/// Most bytes of all records of a batch together, before they are compressed: a device stops filling here.
pub const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024 - FOLD_BYTES_MAX;

/// What a request says of usage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageSection {
    /// Every clock of the device when the request was made.
    pub sent: Moment,
    /// Where its chains stand, the oldest first: those with something unsettled, and the one in use.
    #[serde(deserialize_with = "bounded::list::<_, _, CHAINS_MAX>")]
    pub chains: Vec<ChainReport>,
    /// The next records of the oldest chain that is not settled.
    pub batch: Option<Batch>,
}

/// Where a chain stands at its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainReport {
    /// The activation.
    pub epoch: u32,
    /// The thumbprint of its key.
    pub jkt: [u8; 32],
    /// Its last record.
    pub head: Head,
    /// The lowest number that the device still has; above the head's where it has none.
    pub kept_from: u64,
    /// Up to where receipts have acknowledged it.
    pub settled: u64,
    /// How often a damaged journal went on in it.
    pub recoveries: u32,
}

/// Records in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The activation that they belong to.
    pub epoch: u32,
    /// The bytes of each, as they are kept.
    #[serde(deserialize_with = "bounded::pieces::<_, RECORDS_MAX>")]
    pub records: Vec<Vec<u8>>,
    /// The `brink-checkpoint+jwt` over them.
    #[serde(deserialize_with = "bounded::text::<_, CHECKPOINT_BYTES_MAX>")]
    pub checkpoint: String,
}

impl UsageSection {
    /// As a section of a request.
    pub fn section(&self) -> Result<Section, ExchangeError> {
        Ok(Section { kind: USAGE_SECTION, bytes: crate::exchange::to_postcard(DOCUMENT, self)? })
    }

    /// From the sections of a request; `None` from a device that does not meter yet.
    pub fn read(sections: &[Section]) -> Result<Option<Self>, ExchangeError> {
        let found = sections.iter().find(|section| section.kind == USAGE_SECTION);
        found.map(|section| crate::exchange::from_postcard(DOCUMENT, &section.bytes)).transpose()
    }
}

/// What a checkpoint signs of a batch: over a label, and of each record the number of its bytes as four bytes with the
/// highest first, and themselves.
#[must_use]
pub fn batch_sha256<B: AsRef<[u8]>>(records: &[B]) -> Hash {
    let mut hasher = Sha256::new_with_prefix(BATCH_LABEL);
    for record in records {
        let bytes = record.as_ref();
        hasher.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        hasher.update(bytes);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::BootId;

    fn section() -> UsageSection {
        let boot = BootId::parse("00000000-0000-4000-8000-000000000001").unwrap();
        let report = ChainReport {
            epoch: 2,
            jkt: [1; 32],
            head: Head { seq: 9, hash: [2; 32] },
            kept_from: 4,
            settled: 3,
            recoveries: 1,
        };
        UsageSection {
            sent: Moment { boot, boottime_ms: 1, wall_ms: 2, est_ms: 3 },
            chains: vec![report],
            batch: Some(Batch { epoch: 2, records: vec![vec![1, 2], vec![]], checkpoint: "c".into() }),
        }
    }

    #[test]
    fn what_is_reported_comes_back_and_absent_means_none() {
        let sent = section().section().unwrap();
        let other = Section { kind: 9, bytes: vec![1] };
        assert_eq!(UsageSection::read(&[other.clone(), sent.clone()]).unwrap(), Some(section()));
        assert_eq!(UsageSection::read(&[other]).unwrap(), None);
        for cut in 0..sent.bytes.len() {
            let cut = Section { kind: USAGE_SECTION, bytes: sent.bytes[..cut].to_vec() };
            assert!(UsageSection::read(&[cut]).is_err());
        }
        let longer = Section { kind: USAGE_SECTION, bytes: [&sent.bytes[..], &[0]].concat() };
        assert!(UsageSection::read(&[longer]).is_err());
    }

    #[test]
    fn more_records_than_a_batch_may_have_are_refused_while_they_are_read() {
        let records = vec![Vec::new(); RECORDS_MAX + 1];
        let batch = Some(Batch { epoch: 1, records, checkpoint: String::new() });
        let section = UsageSection { batch, ..section() }.section().unwrap();
        assert!(UsageSection::read(&[section]).is_err());
    }

    #[test]
    fn the_digest_of_a_batch_is_the_one_of_the_specification() {
        let stated = [b"brink/batch/v1\0".as_slice(), &[0, 0, 0, 3], b"abc", &[0, 0, 0, 0]].concat();
        assert_eq!(batch_sha256(&[&b"abc"[..], b""]), <Hash>::from(Sha256::digest(stated)));
        assert_ne!(batch_sha256(&[&b"ab"[..], b"c"]), batch_sha256(&[&b"a"[..], b"bc"]));
    }
}
