//! What the records of a batch add to the sums of their customer, and which of them are set aside.

use super::links::Link;
use super::moment::{Timeline, is_late};
use crate::catalog::Meters;
use crate::storage::{NewRecord, Quarantine, QuarantineReason, Sum, SumKey};
use brink_license::usage::{Entry, Fold, FoldMeter, Quantity, Record, Usage};
use brink_license::{ResourceId, Slug};
use std::collections::BTreeMap;

/// One use, or the sum of many.
pub(crate) type Part = (SumKey, Sum);

/// The sums that a record stands for, by the catalogue's names of its meters; `bounds` are the moments that no sum of
/// sums lies outside of.
pub(crate) fn parts(record: &Record, event_ms: i64, bounds: (i64, i64), meters: &Meters) -> Vec<Part> {
    let key = |quarter, meter: &Slug, resource: &Option<ResourceId>| SumKey {
        quarter,
        meter: meters.meant(meter).clone(),
        resource: resource.clone(),
    };
    match &record.entry {
        Entry::Usage(usage) => {
            let sum = Sum { quantity: usage.quantity.into(), count: i64::from(usage.count), records: 1 };
            vec![(key(Timeline::quarter(event_ms), &usage.meter, &usage.resource), sum)]
        }
        Entry::Fold(fold) => {
            let named = fold.named().map(|(meter, sum)| {
                let quarter = Timeline::quarter_of_sum(sum.quarter, bounds);
                let count = i64::try_from(sum.count).unwrap_or(i64::MAX);
                let of = Sum { quantity: sum.quantity.into(), count, records: i64::from(sum.records) };
                (key(quarter, meter, &sum.resource), of)
            });
            named.collect()
        }
        Entry::Recover(_) | Entry::Close => Vec::new(),
    }
}

/// Whether sums are those of as many records as they stand for, and lead from what each meter had come to, where that is
/// known, to what they say it has.
pub(super) fn adds_up(fold: &Fold, seq: u64, before: impl Fn(&Slug) -> Option<Quantity>) -> bool {
    let mut added = vec![0_u128; fold.meters.len()];
    let mut records = 0_u64;
    for sum in &fold.sums {
        records += u64::from(sum.records);
        if let Some(added) = added.get_mut(usize::from(sum.meter)) {
            *added = added.saturating_add(sum.quantity.into());
        }
    }
    let leads = |(after, added): (&FoldMeter, &u128)| {
        let had = u128::from(after.after.total).checked_sub(*added);
        had.is_some_and(|had| before(&after.meter).is_none_or(|before| u128::from(before) == had))
    };
    Some(records) == (seq - fold.from).checked_add(1) && fold.meters.iter().zip(&added).all(leads)
}

/// The books of one chain, while a batch is entered.
#[derive(Debug)]
pub(crate) struct Books<'a> {
    meters: &'a Meters,
    line: Timeline,
    totals: BTreeMap<Slug, Quantity>,
    incomplete: bool,
    forgot: bool,
    entered: BTreeMap<Slug, Quantity>,
    sums: BTreeMap<SumKey, Sum>,
    records: Vec<NewRecord>,
}

/// What came of a batch.
#[derive(Debug)]
pub(crate) struct Booked {
    /// The records, each with when it was and why it is set aside.
    pub(crate) records: Vec<NewRecord>,
    /// What they add.
    pub(crate) sums: BTreeMap<SumKey, Sum>,
    /// What meters have come to.
    pub(crate) totals: BTreeMap<Slug, Quantity>,
    /// Whether what they had come to before is forgotten.
    pub(crate) totals_lost: bool,
    /// Whether what a meter has come to may be unknown.
    pub(crate) incomplete: bool,
    /// The last moment that was believed.
    pub(crate) event_ms: i64,
}

impl<'a> Books<'a> {
    /// As they are on record.
    pub(crate) fn open(
        meters: &'a Meters,
        line: Timeline,
        totals: BTreeMap<Slug, Quantity>,
        incomplete: bool,
    ) -> Self {
        let (entered, sums) = (BTreeMap::new(), BTreeMap::new());
        Self { meters, line, totals, incomplete, forgot: false, entered, sums, records: Vec::new() }
    }

    /// Records are lost, or cannot be read: what meters have come to is what the next record of each says.
    pub(crate) fn forget(&mut self) {
        self.totals.clear();
        self.entered.clear();
        (self.incomplete, self.forgot) = (true, true);
    }

    /// Enters the next record.
    pub(crate) fn enter(&mut self, link: &Link) {
        let floor_ms = self.line.floor_ms;
        let event_ms = match &link.record {
            Ok(record) => match record.entry {
                Entry::Recover(_) => self.line.date_apart(&record.at),
                Entry::Usage(_) | Entry::Fold(_) | Entry::Close => self.line.date(&record.at),
            },
            Err(_) => floor_ms,
        };
        self.enter_dated(link, (event_ms, floor_ms));
    }

    /// Enters the next record, where it is known when it was; answers why it is in no sum, if it is not.
    pub(crate) fn enter_at(&mut self, link: &Link, event_ms: i64) -> Option<Quarantine> {
        self.enter_dated(link, (event_ms, event_ms))
    }

    fn enter_dated(&mut self, link: &Link, (event_ms, floor_ms): (i64, i64)) -> Option<Quarantine> {
        match &link.record {
            Ok(record) => {
                let is_sums = matches!(record.entry, Entry::Fold(_));
                let quarantine = self.enter_read(record, (event_ms, floor_ms)).err();
                self.keep(link, (event_ms, is_sums.then_some(floor_ms)), quarantine.clone());
                quarantine
            }
            Err(error) => {
                let quarantine =
                    Quarantine { reason: QuarantineReason::Unreadable, detail: error.to_string() };
                self.set_aside(link, event_ms, quarantine.clone());
                Some(quarantine)
            }
        }
    }

    /// Keeps what cannot be read: what meters have come to is not known behind it.
    pub(crate) fn set_aside(&mut self, link: &Link, event_ms: i64, why: Quarantine) {
        self.forget();
        self.keep(link, (event_ms, None), Some(why));
    }

    fn keep(
        &mut self,
        link: &Link,
        (event_ms, floor_ms): (i64, Option<i64>),
        quarantine: Option<Quarantine>,
    ) {
        let (seq, from, bytes) = (link.seq, link.from, link.bytes.clone());
        self.records.push(NewRecord { seq, from, event_ms, floor_ms, bytes, quarantine });
    }

    /// What is set aside counts towards the totals all the same, or all that follows would be as well.
    fn enter_read(&mut self, record: &Record, (event_ms, floor_ms): (i64, i64)) -> Result<(), Quarantine> {
        match &record.entry {
            Entry::Recover(_) => self.forget(),
            Entry::Close => {}
            Entry::Usage(usage) => self.continues(usage)?,
            Entry::Fold(fold) => self.continues_by_sums(record.seq, fold)?,
        }
        check_caps(record, self.meters)?;
        let bounds = (floor_ms, self.line.received_ms);
        let parts = parts(record, event_ms, bounds, self.meters);
        check_late(&parts, self.line.received_ms)?;
        for (key, sum) in parts {
            let entry = self.sums.entry(key).or_default();
            *entry = entry.plus(sum);
        }
        Ok(())
    }

    fn before(&self, meter: &Slug) -> Option<Quantity> {
        let unknown = (!self.incomplete).then_some(Quantity::ZERO);
        self.totals.get(meter).copied().or(unknown)
    }

    fn now_at(&mut self, meter: &Slug, total: Quantity) {
        self.totals.insert(meter.clone(), total);
        self.entered.insert(meter.clone(), total);
    }

    fn continues(&mut self, usage: &Usage) -> Result<(), Quarantine> {
        let (meter, total, quantity) = (&usage.meter, usage.total, usage.quantity);
        let before = self.before(meter);
        self.now_at(meter, total);
        let is_sound = match before {
            Some(before) => before.plus(quantity) == Ok(total),
            None => total >= quantity,
        };
        if is_sound {
            return Ok(());
        }
        let known = before.map_or_else(|| "what is not known".to_owned(), |before| before.to_string());
        let detail = format!("{meter}: {known} and {quantity} are not {total}");
        Err(Quarantine { reason: QuarantineReason::Total, detail })
    }

    fn continues_by_sums(&mut self, seq: u64, fold: &Fold) -> Result<(), Quarantine> {
        let is_sound = fold.is_spelled() && adds_up(fold, seq, |meter| self.before(meter));
        for after in &fold.meters {
            self.now_at(&after.meter, after.after.total);
        }
        if is_sound {
            return Ok(());
        }
        let detail = format!("the sums of records {} to {seq} do not continue those before", fold.from);
        Err(Quarantine { reason: QuarantineReason::Total, detail })
    }

    /// What is to be recorded.
    pub(crate) fn close(self) -> Booked {
        Booked {
            records: self.records,
            sums: self.sums,
            totals: self.entered,
            totals_lost: self.forgot,
            incomplete: self.incomplete,
            event_ms: self.line.floor_ms,
        }
    }
}

/// No use is more than one of its meter can be.
pub(super) fn check_caps(record: &Record, meters: &Meters) -> Result<(), Quarantine> {
    let above = |meter: &Slug, quantity: Quantity, count: u64| {
        let cap = meters.cap(meter)?;
        let most = u128::from(cap).saturating_mul(u128::from(count));
        let detail = || format!("{meter}: {quantity} in {count} uses, and one is at most {cap}");
        (u128::from(quantity) > most).then(detail)
    };
    let found = match &record.entry {
        Entry::Usage(usage) => above(&usage.meter, usage.quantity, u64::from(usage.count)),
        Entry::Fold(fold) => fold.named().find_map(|(meter, sum)| above(meter, sum.quantity, sum.count)),
        Entry::Recover(_) | Entry::Close => None,
    };
    found.map_or(Ok(()), |detail| Err(Quarantine { reason: QuarantineReason::Cap, detail }))
}

/// Nothing is too long ago to be on any invoice.
pub(super) fn check_late(parts: &[Part], received_ms: i64) -> Result<(), Quarantine> {
    let Some((late, _)) = parts.iter().find(|(key, _)| is_late(key.quarter, received_ms)) else {
        return Ok(());
    };
    let detail = format!("{} of quarter {} comes too late", late.meter, late.quarter);
    Err(Quarantine { reason: QuarantineReason::Late, detail })
}
