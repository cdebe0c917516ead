//! Whether a sequence of records is whole: nothing edited, removed, reordered, duplicated or left out.

use super::{Entry, Hash, MeterTotal, Record, RecordError};
use crate::{Code, DeviceId, Kid, Slug};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

const GENESIS_LABEL: &[u8] = b"brink/gen/v1\0";

/// What a chain begins from: an activation of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Genesis {
    /// The device.
    pub device: DeviceId,
    /// The activation.
    pub epoch: u32,
    /// The thumbprint of its key.
    pub jkt: [u8; 32],
}

impl Genesis {
    /// Of an activation.
    #[must_use]
    pub fn new(device: DeviceId, epoch: u32, jkt: Kid) -> Self {
        Self { device, epoch, jkt: *jkt.as_bytes() }
    }

    /// Where a chain of it stands before the first record.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { seq: 0, hash: self.prev() }
    }

    /// What the first record has before it: over a label, the device's name, the epoch as four bytes with the highest
    /// first, and the thumbprint.
    #[must_use]
    pub fn prev(&self) -> Hash {
        let hasher = Sha256::new_with_prefix(GENESIS_LABEL).chain_update(self.device.as_str());
        hasher.chain_update(self.epoch.to_be_bytes()).chain_update(self.jkt).finalize().into()
    }
}

/// The last record of a chain; number 0 and the genesis before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Its number.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

/// The first thing that is wrong with a chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// What stands where record `seq` should is no record.
    #[error("record {seq} cannot be read: {why}")]
    Unreadable {
        /// Which was expected.
        seq: u64,
        /// Why not.
        why: RecordError,
    },
    /// It is not what its total or the next hash says.
    #[error("record {seq} was edited")]
    Edited {
        /// Which.
        seq: u64,
    },
    /// Records are absent.
    #[error("records {from} to {to} were removed")]
    Removed {
        /// The first.
        from: u64,
        /// The last.
        to: u64,
    },
    /// A record stands behind a later one.
    #[error("record {seq} is not in its place")]
    Reordered {
        /// Which.
        seq: u64,
    },
    /// A record stands there twice.
    #[error("record {seq} stands there twice")]
    Duplicated {
        /// Which.
        seq: u64,
    },
    /// A record of another device or activation.
    #[error("record {seq} belongs to another chain")]
    Foreign {
        /// Where it stands.
        seq: u64,
    },
    /// A record behind the closing one.
    #[error("record {seq} stands behind the end")]
    AfterClose {
        /// Which.
        seq: u64,
    },
}

impl ChainFault {
    /// The stable code: always [`Code::BadChain`].
    #[must_use]
    pub const fn code(&self) -> Code {
        Code::BadChain
    }

    /// One word for scripts.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            ChainFault::Unreadable { .. } => "unreadable",
            ChainFault::Edited { .. } => "edited",
            ChainFault::Removed { .. } => "removed",
            ChainFault::Reordered { .. } => "reordered",
            ChainFault::Duplicated { .. } => "duplicated",
            ChainFault::Foreign { .. } => "foreign",
            ChainFault::AfterClose { .. } => "after_close",
        }
    }

    /// The record it is about.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        match self {
            ChainFault::Removed { from: seq, .. }
            | ChainFault::Unreadable { seq, .. }
            | ChainFault::Edited { seq }
            | ChainFault::Reordered { seq }
            | ChainFault::Duplicated { seq }
            | ChainFault::Foreign { seq }
            | ChainFault::AfterClose { seq } => *seq,
        }
    }
}

/// A chain as far as it was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    genesis: Genesis,
    head: Head,
    totals: BTreeMap<Slug, MeterTotal>,
    /// Every meter that is not among the totals has come to nothing yet.
    has_all_totals: bool,
    recoveries: u64,
    is_closed: bool,
}

impl Chain {
    /// Before the first record.
    #[must_use]
    pub fn begin(genesis: Genesis) -> Self {
        let head = genesis.head();
        Self::resume(genesis, head, Some(BTreeMap::new()))
    }

    /// Behind records that were settled and are gone, where each meter had come to these sums. `None` where that is not
    /// known any more: the next record of each meter is then believed.
    #[must_use]
    pub fn resume(genesis: Genesis, head: Head, totals: Option<BTreeMap<Slug, MeterTotal>>) -> Self {
        let has_all_totals = totals.is_some();
        Self {
            genesis,
            head,
            totals: totals.unwrap_or_default(),
            has_all_totals,
            recoveries: 0,
            is_closed: false,
        }
    }

    /// Takes the next record. After a fault the chain is as it was.
    pub fn admit(&mut self, bytes: &[u8]) -> Result<Record, ChainFault> {
        let next = self.head.seq.saturating_add(1);
        let record = Record::from_bytes(bytes).map_err(|why| ChainFault::Unreadable { seq: next, why })?;
        let seq = record.seq;
        if record.device != self.genesis.device || record.epoch != self.genesis.epoch {
            return Err(ChainFault::Foreign { seq });
        }
        if seq <= self.head.seq {
            return Err(ChainFault::Duplicated { seq });
        }
        self.check_place(&record)?;
        if self.is_closed {
            return Err(ChainFault::AfterClose { seq });
        }
        match &record.entry {
            Entry::Usage(usage) => {
                let before = self.before(&usage.meter, || MeterTotal::before_usage(usage, record.at.est_ms));
                let total = MeterTotal::with_usage(before.as_ref(), usage, record.at.est_ms);
                self.totals.insert(usage.meter.clone(), total.ok_or(ChainFault::Edited { seq })?);
            }
            Entry::Fold(fold) => {
                let after =
                    fold.totals_after(|meter| self.before(meter, || fold.before(meter)), self.has_all_totals);
                self.totals.extend(after.ok_or(ChainFault::Edited { seq })?);
            }
            Entry::Recover(_) => self.recoveries += 1,
            Entry::Close => self.is_closed = true,
        }
        self.head = Head { seq, hash: record.link(bytes) };
        Ok(record)
    }

    /// What a meter had come to; where that is not known, what its next record says.
    fn before(&self, meter: &Slug, said: impl FnOnce() -> Option<MeterTotal>) -> Option<MeterTotal> {
        match self.totals.get(meter) {
            None if !self.has_all_totals => said(),
            known => known.cloned(),
        }
    }

    /// Whether the record stands right behind the last one.
    fn check_place(&self, record: &Record) -> Result<(), ChainFault> {
        let next = self.head.seq.saturating_add(1);
        let (from, follows) = match &record.entry {
            // It says itself what it follows; the record before it may be one that is not there any more.
            Entry::Recover(recovery) => (next, recovery.good == self.head),
            Entry::Fold(fold) => (fold.from, record.prev == self.head.hash),
            Entry::Usage(_) | Entry::Close => (record.seq, record.prev == self.head.hash),
        };
        if from <= self.head.seq {
            return Err(ChainFault::Duplicated { seq: from });
        }
        let is_recovery = matches!(record.entry, Entry::Recover(_));
        if from > next || (is_recovery && !follows && record.seq > next) {
            return Err(ChainFault::Removed {
                from: next,
                to: if is_recovery { record.seq } else { from } - 1,
            });
        }
        // The record before is not the one that this one followed; the first has only itself to blame.
        if follows { Ok(()) } else { Err(ChainFault::Edited { seq: self.head.seq.max(1) }) }
    }

    /// Whether this is where the chain should end.
    pub fn ends_at(&self, head: Head) -> Result<(), ChainFault> {
        if self.head.seq < head.seq {
            return Err(ChainFault::Removed { from: self.head.seq + 1, to: head.seq });
        }
        if self.head != head {
            return Err(ChainFault::Edited { seq: self.head.seq.max(1) });
        }
        Ok(())
    }

    /// What it begins from.
    #[must_use]
    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The last record that was taken.
    #[must_use]
    pub const fn head(&self) -> Head {
        self.head
    }

    /// What each meter has come to.
    #[must_use]
    pub const fn totals(&self) -> &BTreeMap<Slug, MeterTotal> {
        &self.totals
    }

    /// Whether a meter that is not among the totals has come to nothing; otherwise that is not known of it.
    #[must_use]
    pub const fn has_all_totals(&self) -> bool {
        self.has_all_totals
    }

    /// How often a damaged journal went on.
    #[must_use]
    pub const fn recoveries(&self) -> u64 {
        self.recoveries
    }

    /// Whether nothing may follow.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.is_closed
    }
}

/// Verifies a whole chain up to its head and names the first fault.
pub fn verify<B: AsRef<[u8]>>(genesis: Genesis, records: &[B], head: Head) -> Result<Chain, ChainFault> {
    let mut chain = Chain::begin(genesis);
    for (at, bytes) in records.iter().enumerate() {
        let Err(fault) = chain.admit(bytes.as_ref()) else { continue };
        // What seems to be absent may stand further behind.
        if let ChainFault::Removed { from, .. } = fault
            && stands_in(&records[at..], from)
        {
            return Err(ChainFault::Reordered { seq: from });
        }
        return Err(fault);
    }
    chain.ends_at(head)?;
    Ok(chain)
}

fn stands_in<B: AsRef<[u8]>>(records: &[B], seq: u64) -> bool {
    records.iter().any(|bytes| Record::from_bytes(bytes.as_ref()).is_ok_and(|record| record.seq == seq))
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::{record, usage};
    use super::super::{Quantity, Recovery, hash_of};
    use super::*;
    use proptest::prelude::*;

    fn genesis() -> Genesis {
        Genesis { device: DeviceId::parse("dev-1").unwrap(), epoch: 1, jkt: [3; 32] }
    }

    /// A sound chain of these quantities, by meter; `None` is a recovery.
    fn chain(steps: &[Option<(u8, u64)>]) -> (Vec<Vec<u8>>, Head) {
        let mut head = genesis().head();
        let mut totals: BTreeMap<u8, Quantity> = BTreeMap::new();
        let mut records = Vec::new();
        for step in steps {
            let (seq, entry) = match step {
                Some((meter, quantity)) => {
                    let total = totals.entry(*meter).or_default();
                    *total = total.plus(Quantity::whole(*quantity)).unwrap();
                    (head.seq + 1, usage(&format!("m{meter}"), Quantity::whole(*quantity), *total))
                }
                None => (head.seq + 7, Entry::Recover(Recovery { good: head, seen: head.seq + 3 })),
            };
            let bytes = record(seq, entry, head.hash).to_bytes();
            head = Head { seq, hash: hash_of(&bytes) };
            records.push(bytes);
        }
        (records, head)
    }

    fn steps() -> impl Strategy<Value = Vec<Option<(u8, u64)>>> {
        prop::collection::vec(prop::option::weighted(0.9, (0..3u8, any::<u64>())), 2..12)
    }

    #[test]
    fn the_genesis_is_the_one_of_the_specification() {
        let stated = [b"brink/gen/v1\0".as_slice(), b"dev-1", &[0, 0, 0, 1], &[3; 32]].concat();
        assert_eq!(genesis().prev(), <Hash>::from(Sha256::digest(stated)));
    }

    #[test]
    fn each_fault_has_its_name() {
        let (good, head) = chain(&[Some((0, 1)), Some((0, 2)), Some((1, 3)), Some((0, 4))]);
        let verdict = |records: &[Vec<u8>]| verify(genesis(), records, head).map(drop).unwrap_err();
        let mut removed = good.clone();
        removed.remove(1);
        assert_eq!(verdict(&removed), ChainFault::Removed { from: 2, to: 2 });
        assert_eq!(verdict(&good[..2]), ChainFault::Removed { from: 3, to: 4 });
        let mut swapped = good.clone();
        swapped.swap(1, 2);
        assert_eq!(verdict(&swapped), ChainFault::Reordered { seq: 2 });
        let mut twice = good.clone();
        twice.insert(2, good[1].clone());
        assert_eq!(verdict(&twice), ChainFault::Duplicated { seq: 2 });
        let mut edited = good.clone();
        let mut record = Record::from_bytes(&good[1]).unwrap();
        record.at.wall_ms += 1;
        edited[1] = record.to_bytes();
        assert_eq!(verdict(&edited), ChainFault::Edited { seq: 2 });
        let mut last = good.clone();
        let mut record = Record::from_bytes(&good[3]).unwrap();
        record.licence = None;
        last[3] = record.to_bytes();
        assert_eq!(verdict(&last), ChainFault::Edited { seq: 4 });
        let mut other = genesis();
        other.epoch = 2;
        let fault = verify(other, &good, head).map(drop).unwrap_err();
        assert_eq!((fault.kind(), fault.seq(), fault.code()), ("foreign", 1, Code::BadChain));
        let mut other = genesis();
        other.jkt = [4; 32];
        assert_eq!(verify(other, &good, head).map(drop), Err(ChainFault::Edited { seq: 1 }));
    }

    #[test]
    fn nothing_follows_a_closed_chain() {
        let (mut records, head) = chain(&[Some((0, 1))]);
        let closing = record(2, Entry::Close, head.hash).to_bytes();
        let head = Head { seq: 2, hash: hash_of(&closing) };
        records.push(closing);
        assert!(verify(genesis(), &records, head).unwrap().is_closed());
        let more = record(3, usage("m0", Quantity::whole(1), Quantity::whole(2)), head.hash).to_bytes();
        let end = Head { seq: 3, hash: hash_of(&more) };
        records.push(more);
        assert_eq!(verify(genesis(), &records, end), Err(ChainFault::AfterClose { seq: 3 }));
    }

    proptest! {
        #[test]
        fn a_sound_chain_is_taken_with_its_sums(steps in steps()) {
            let (records, head) = chain(&steps);
            let chain = verify(genesis(), &records, head).unwrap();
            for meter in 0..3u8 {
                let used: Vec<_> = steps.iter().flatten().filter(|(of, _)| *of == meter).collect();
                let total = chain.totals().get(&Slug::parse(&format!("m{meter}")).unwrap());
                let sum: u128 = used.iter().map(|(_, quantity)| u128::from(*quantity)).sum();
                prop_assert_eq!(total.map_or(0, |total| total.records), used.len() as u64);
                let found = total.map_or(0, |total| u128::from(total.total));
                prop_assert_eq!(found, sum * 1_000_000_000_000);
            }
            prop_assert_eq!(chain.recoveries(), steps.iter().filter(|step| step.is_none()).count() as u64);
        }

        #[test]
        fn every_edited_bit_is_found(steps in steps(), at in any::<prop::sample::Index>(), bit in any::<prop::sample::Index>()) {
            let (mut records, head) = chain(&steps);
            let at = at.index(records.len());
            let bit = bit.index(records[at].len() * 8);
            records[at][bit / 8] ^= 1 << (bit % 8);
            prop_assert!(verify(genesis(), &records, head).is_err());
        }

        #[test]
        fn every_removed_moved_or_repeated_record_is_found(
            steps in steps(),
            at in any::<prop::sample::Index>(),
            to in any::<prop::sample::Index>(),
        ) {
            let (good, head) = chain(&steps);
            let (at, to) = (at.index(good.len()), to.index(good.len()));
            let mut removed = good.clone();
            let one = removed.remove(at);
            prop_assert!(verify(genesis(), &removed, head).is_err());
            let mut moved = removed;
            moved.insert(to, one.clone());
            prop_assert_eq!(verify(genesis(), &moved, head).is_err(), at != to);
            let mut repeated = good;
            repeated.insert(to, one);
            prop_assert!(verify(genesis(), &repeated, head).is_err());
        }
    }
}
