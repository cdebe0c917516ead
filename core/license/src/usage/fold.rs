//! Sums in the place of many records, for a journal that grows towards its limit: lossless for money.
//!
//! A fold stands where records `from` to its own number stood. It keeps the hash of the last of them, so that the record
//! after it still follows; what it says itself is covered by the checkpoint that the device signs over its batch.

use super::{Entry, Hash, MeterTotal, Quantity, Record, Usage, hash_of};
use crate::{ResourceId, Slug, bounded};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Milliseconds of a quarter of an hour, from which every invoice's days are added up in any time zone that there is.
pub const QUARTER_MS: i64 = 900_000;
/// Most sums of one fold.
pub const FOLD_SUMS_MAX: usize = 512;
/// Most records that one fold stands for: numbers of sums stay small, and what is wrong is found within so many.
const FOLD_RECORDS_MAX: usize = 65_536;

/// The quarter of an hour that a moment lies in, counted from 1970 in UTC.
#[must_use]
pub const fn quarter_of(milliseconds: i64) -> i64 {
    milliseconds.div_euclid(QUARTER_MS)
}

/// What stands in the place of many records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fold {
    /// The number of the first record that it stands for; the last one's is its own.
    pub from: u64,
    /// The hash of the last one.
    pub last: Hash,
    /// Every meter among them, in the order of its name.
    #[serde(deserialize_with = "bounded::list::<_, _, FOLD_SUMS_MAX>")]
    pub meters: Vec<FoldMeter>,
    /// What was used, in the order of meter, resource and time.
    #[serde(deserialize_with = "bounded::list::<_, _, FOLD_SUMS_MAX>")]
    pub sums: Vec<FoldSum>,
}

/// One meter of a fold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoldMeter {
    /// Which.
    pub meter: Slug,
    /// What it had come to in its chain, with the last of the records.
    pub after: MeterTotal,
}

/// What one resource used of one meter in a quarter of an hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoldSum {
    /// The place of the meter among those of the fold.
    pub meter: u16,
    /// Which camera, or what else; `None` for the device as a whole.
    pub resource: Option<ResourceId>,
    /// The quarter of an hour of the guarded time: see [`quarter_of`].
    pub quarter: i64,
    /// How much.
    pub quantity: Quantity,
    /// How many uses.
    pub count: u64,
    /// How many records.
    pub records: u32,
}

impl Fold {
    /// Whether meters and sums stand in the one order that they have, each sum with a meter.
    #[must_use]
    pub fn is_spelled(&self) -> bool {
        self.meters.is_sorted_by(|one, next| one.meter < next.meter)
            && self.sums.is_sorted_by(|one, next| key(one) < key(next))
            && self.sums.iter().all(|sum| usize::from(sum.meter) < self.meters.len())
    }

    /// What each meter has come to with these sums; `None` where that is not what the fold says, or the fold is not
    /// spelled the one way that [`Folding`] spells it. Where it is not known how many records a meter had before, the fold
    /// says it.
    #[must_use]
    pub fn totals_after(
        &self,
        before: impl Fn(&Slug) -> Option<MeterTotal>,
        knows_records: bool,
    ) -> Option<Vec<(Slug, MeterTotal)>> {
        if !self.is_spelled() {
            return None;
        }
        let after = |(place, FoldMeter { meter, after }): (usize, &FoldMeter)| {
            let begun = MeterTotal {
                total: Quantity::ZERO,
                records: 0,
                count: 0,
                first_ms: after.first_ms,
                last_ms: 0,
            };
            let mut total = before(meter).unwrap_or(begun);
            let of_meter = self.sums.iter().filter(|sum| usize::from(sum.meter) == place);
            for sum in of_meter {
                total.total = total.total.plus(sum.quantity).ok()?;
                total.records = total.records.checked_add(u64::from(sum.records))?;
                total.count = total.count.checked_add(sum.count)?;
            }
            total.last_ms = after.last_ms;
            let is_same = if knows_records { total == *after } else { total.total == after.total };
            is_same.then(|| (meter.clone(), after.clone()))
        };
        self.meters.iter().enumerate().map(after).collect()
    }

    /// What a meter must have come to before these sums; `None` where they are more than it has come to.
    pub(super) fn before(&self, meter: &Slug) -> Option<MeterTotal> {
        let after = &self.meters.iter().find(|known| known.meter == *meter)?.after;
        let mut before = after.clone();
        for (_, sum) in self.named().filter(|(of, _)| *of == meter) {
            before.total = before.total.minus(sum.quantity)?;
            before.records = before.records.checked_sub(u64::from(sum.records))?;
            before.count = before.count.checked_sub(sum.count)?;
        }
        Some(before)
    }

    /// Each sum with the name of its meter.
    pub fn named(&self) -> impl Iterator<Item = (&Slug, &FoldSum)> {
        self.sums.iter().filter_map(|sum| Some((&self.meters.get(usize::from(sum.meter))?.meter, sum)))
    }
}

fn key(sum: &FoldSum) -> (u16, &Option<ResourceId>, i64) {
    (sum.meter, &sum.resource, sum.quarter)
}

type Key = (Slug, Option<ResourceId>, i64);

/// Records of one chain on their way into a fold, in their order.
#[derive(Debug, Default)]
pub struct Folding {
    first: Option<Record>,
    last: Option<(Record, Hash)>,
    records: usize,
    meters: BTreeMap<Slug, MeterTotal>,
    sums: BTreeMap<Key, (Quantity, u64, u32)>,
}

impl Folding {
    /// Takes the next record in; `false` for one that does not go in any more and has to stay, or begin another fold.
    /// `after` is what its meter has come to with it.
    pub fn take(&mut self, record: &Record, bytes: &[u8], after: &MeterTotal) -> bool {
        let Entry::Usage(usage) = &record.entry else { return false };
        let follows = self.last.as_ref().is_none_or(|(last, _)| last.seq + 1 == record.seq);
        let key = (usage.meter.clone(), usage.resource.clone(), quarter_of(record.at.est_ms));
        let fits = self.sums.len() < FOLD_SUMS_MAX || self.sums.contains_key(&key);
        if !follows || !fits || self.records == FOLD_RECORDS_MAX || !self.add(key, usage) {
            return false;
        }
        self.records += 1;
        self.meters.insert(usage.meter.clone(), after.clone());
        self.first.get_or_insert_with(|| record.clone());
        self.last = Some((record.clone(), hash_of(bytes)));
        true
    }

    fn add(&mut self, key: Key, usage: &Usage) -> bool {
        let (quantity, count, records) = self.sums.get(&key).copied().unwrap_or_default();
        let Ok(quantity) = quantity.plus(usage.quantity) else { return false };
        let sum = (quantity, count.saturating_add(u64::from(usage.count)), records.saturating_add(1));
        self.sums.insert(key, sum);
        true
    }

    /// How many records went in.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.records
    }

    /// Whether none did.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// The record that takes their place; `None` where there are none.
    #[must_use]
    pub fn fold(self) -> Option<Record> {
        let (first, (last, hash)) = (self.first?, self.last?);
        let meters: Vec<FoldMeter> =
            self.meters.into_iter().map(|(meter, after)| FoldMeter { meter, after }).collect();
        let place = |meter: &Slug| meters.binary_search_by(|known| known.meter.cmp(meter)).ok();
        let sum = |((meter, resource, quarter), (quantity, count, records)): (Key, (Quantity, u64, u32))| {
            let meter = u16::try_from(place(&meter)?).ok()?;
            Some(FoldSum { meter, resource, quarter, quantity, count, records })
        };
        let sums = self.sums.into_iter().map(sum).collect::<Option<Vec<_>>>()?;
        let fold = Fold { from: first.seq, last: hash, meters, sums };
        Some(Record { prev: first.prev, entry: Entry::Fold(fold), ..last })
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::{record, usage};
    use super::super::{Chain, ChainFault, FOLD_BYTES_MAX, Genesis};
    use super::*;
    use crate::DeviceId;
    use proptest::prelude::*;

    fn genesis() -> Genesis {
        Genesis { device: DeviceId::parse("dev-1").unwrap(), epoch: 1, jkt: [3; 32] }
    }

    /// Meter, resource, minutes since the record before, and quantity of each.
    type Step = (u8, u8, u16, u32);

    fn chain(steps: &[Step]) -> (Vec<Vec<u8>>, Chain) {
        let mut chain = Chain::begin(genesis());
        let mut kept = Vec::new();
        let mut at = 1_800_000_000_000;
        for (meter, resource, minutes, quantity) in steps {
            at += i64::from(*minutes) * 60_000;
            let (name, quantity) = (format!("m{meter}"), Quantity::whole(u64::from(*quantity)));
            let before =
                chain.totals().get(&Slug::parse(&name).unwrap()).map_or(Quantity::ZERO, |of| of.total);
            let entry = match usage(&name, quantity, before.plus(quantity).unwrap()) {
                Entry::Usage(usage) => {
                    let resource = ResourceId::parse(&format!("cam-{resource}")).ok();
                    Entry::Usage(Usage { resource, ..usage })
                }
                other @ (Entry::Recover(_) | Entry::Close | Entry::Fold(_)) => other,
            };
            let mut next = record(chain.head().seq + 1, entry, chain.head().hash);
            next.at.est_ms = at;
            let bytes = next.to_bytes();
            chain.admit(&bytes).unwrap();
            kept.push(bytes);
        }
        (kept, chain)
    }

    /// The records with those from `from` up to `upto` folded.
    fn folded(records: &[Vec<u8>], from: usize, upto: usize) -> Vec<Vec<u8>> {
        let mut walk = Chain::begin(genesis());
        let mut folding = Folding::default();
        for (at, bytes) in records[..upto].iter().enumerate() {
            let record = walk.admit(bytes).unwrap();
            let Entry::Usage(usage) = &record.entry else { panic!("a use") };
            if at >= from {
                assert!(folding.take(&record, bytes, &walk.totals()[&usage.meter]));
            }
        }
        let mut after = records[..from].to_vec();
        after.extend(folding.fold().map(|record| record.to_bytes()));
        after.extend_from_slice(&records[upto..]);
        after
    }

    fn walked(records: &[Vec<u8>]) -> Result<Chain, ChainFault> {
        let mut chain = Chain::begin(genesis());
        records.iter().try_for_each(|bytes| chain.admit(bytes).map(drop))?;
        Ok(chain)
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        prop::collection::vec((0..3u8, 0..3u8, 0..20u16, any::<u32>()), 2..40)
    }

    #[test]
    fn the_largest_fold_is_within_its_bound() {
        let sums = (0..FOLD_SUMS_MAX)
            .map(|_| FoldSum {
                meter: 511,
                resource: Some(ResourceId::parse(&"r".repeat(255)).unwrap()),
                quarter: i64::MIN,
                quantity: Quantity::MAX,
                count: u64::MAX,
                records: u32::MAX,
            })
            .collect();
        let after = MeterTotal {
            total: Quantity::MAX,
            records: u64::MAX,
            count: u64::MAX,
            first_ms: i64::MIN,
            last_ms: i64::MIN,
        };
        let meter = FoldMeter { meter: Slug::parse(&"m".repeat(128)).unwrap(), after };
        let fold = Fold { from: u64::MAX, last: [255; 32], meters: vec![meter; FOLD_SUMS_MAX], sums };
        let mut largest = record(u64::MAX, Entry::Fold(fold), [255; 32]);
        largest.device = DeviceId::parse(&"d".repeat(255)).unwrap();
        assert!(largest.to_bytes().len() <= FOLD_BYTES_MAX, "{}", largest.to_bytes().len());
    }

    #[test]
    fn a_fold_takes_no_more_sums_than_it_may_have_and_nothing_but_usage_in_a_row() {
        let mut folding = Folding::default();
        let total = MeterTotal { total: Quantity::MAX, records: 1, count: 1, first_ms: 0, last_ms: 0 };
        let at = |seq: u64| {
            let mut next = record(seq, usage("m", Quantity::whole(1), Quantity::whole(1)), [0; 32]);
            next.at.est_ms = i64::try_from(seq).unwrap() * QUARTER_MS;
            next
        };
        assert!(!folding.take(&record(1, Entry::Close, [0; 32]), b"", &total));
        for seq in 1..=512 {
            assert!(folding.take(&at(seq), b"", &total));
        }
        assert!(!folding.take(&at(513), b"", &total), "another quarter of an hour");
        let mut same = at(512);
        same.seq = 514;
        assert!(!folding.take(&same, b"", &total), "a number was left out");
        same.seq = 513;
        assert!(folding.take(&same, b"", &total), "a sum that is there already");
        assert_eq!((folding.len(), folding.fold().unwrap().seq), (513, 513));
        assert_eq!(Folding::default().fold(), None);
    }

    proptest! {
        #[test]
        fn a_folded_chain_has_the_same_head_and_sums(
            steps in steps(), one in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(),
        ) {
            let (records, whole) = chain(&steps);
            let (one, other) = (one.index(records.len()), other.index(records.len()));
            let after = folded(&records, one.min(other), one.max(other) + 1);
            let after = walked(&after).unwrap();
            prop_assert_eq!(after.head(), whole.head());
            prop_assert_eq!(after.totals(), whole.totals());
        }

        #[test]
        fn behind_records_that_are_gone_a_chain_goes_on_with_or_without_their_sums(
            steps in steps(), one in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(),
        ) {
            let (records, whole) = chain(&steps);
            let (gone, upto) = (one.index(records.len()), other.index(records.len()));
            let before = walked(&records[..gone]).unwrap();
            let left = folded(&records, gone.min(upto), gone.max(upto) + 1);
            let left = &left[gone.min(upto)..];
            let before = if upto < gone { walked(&records[..upto]).unwrap() } else { before };
            for totals in [Some(before.totals().clone()), None] {
                let knows = totals.is_some();
                let mut chain = Chain::resume(genesis(), before.head(), totals);
                left.iter().try_for_each(|bytes| chain.admit(bytes).map(drop)).unwrap();
                prop_assert_eq!(chain.head(), whole.head());
                for (meter, total) in whole.totals() {
                    let found = chain.totals().get(meter);
                    prop_assert!(!knows || found == Some(total));
                    prop_assert!(found.is_none_or(|found| found.total == total.total));
                }
            }
        }

        #[test]
        fn sums_that_were_edited_or_moved_are_found(
            steps in steps(), at in any::<prop::sample::Index>(), more in 1..1000u64, which in 0..5u8,
        ) {
            let (records, whole) = chain(&steps);
            let upto = at.index(records.len()) + 1;
            let mut after = folded(&records, 0, upto);
            let mut record = Record::from_bytes(&after[0]).unwrap();
            let Entry::Fold(fold) = &mut record.entry else { panic!("a fold") };
            match which {
                0 => fold.sums[0].quantity = fold.sums[0].quantity.plus(Quantity::whole(more)).unwrap(),
                1 => fold.sums[0].count += more,
                2 => fold.last[0] ^= 1,
                3 => fold.from += more,
                _ => record.prev[0] ^= 1,
            }
            after[0] = record.to_bytes();
            prop_assert!(walked(&after).and_then(|chain| chain.ends_at(whole.head())).is_err());
        }
    }
}
