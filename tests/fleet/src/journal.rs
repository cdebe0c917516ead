//! A device's usage without its bytes: a record is a function of the device's seed, its number and when it was recorded.
//!
//! So a device of a fleet keeps where its chain stands and nothing else, however large its backlog is, and can send any
//! part of it again, also what was acknowledged, when an issuer asks for it.

use crate::clock::Clock;
use crate::wrong::Wrong;
use brink_license::clock::BootId;
use brink_license::token::Cursor;
use brink_license::usage::{BATCH_BYTES_MAX, ChainReport, Entry, Genesis, Head, Quantity, Record, Usage};
use brink_license::{ResourceId, Slug};

/// What is counted: meters of the catalogue that the issuer carries.
pub const METERS: [&str; 4] = ["api_call", "llm_token", "sms", "webhook_call"];
/// Cameras of a device that use something.
const CAMERAS: u64 = 8;
/// Most of one use, in units of 10^-12: five wholes, with all twelve places in use.
const QUANTITY_UNITS_MAX: u64 = 5_000_000_000_000;

/// What one meter has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// All quantities together.
    pub quantity: Quantity,
    /// How many uses they are.
    pub uses: u64,
}

/// What each meter has come to, in the order of [`METERS`].
pub type Totals = [Total; METERS.len()];

/// A place in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    head: Head,
    totals: Totals,
}

/// Records that were recorded at one moment, up to this number.
#[derive(Clone, Copy, Debug)]
struct Burst {
    upto: u64,
    boottime_ms: i64,
}

/// Names that are the same in every journal, parsed once.
#[derive(Debug)]
pub struct Names {
    meters: [Slug; METERS.len()],
    cameras: Vec<ResourceId>,
}

impl Names {
    /// The names; an error in words if one of them is no name.
    pub fn new() -> Result<Self, String> {
        let meter = |at: usize| Slug::parse(METERS[at]).map_err(|error| error.to_string());
        let cameras = (1..=CAMERAS).map(|number| ResourceId::parse(&format!("cam-{number:03}")));
        Ok(Self {
            meters: [meter(0)?, meter(1)?, meter(2)?, meter(3)?],
            cameras: cameras.collect::<Result<_, _>>().map_err(|error| error.to_string())?,
        })
    }
}

/// The chain of a device's activation.
#[derive(Clone, Debug)]
pub struct Journal {
    genesis: Genesis,
    boot: BootId,
    seed: u64,
    bursts: Vec<Burst>,
    settled: Place,
    head: Place,
    /// The highest number that was ever in a request.
    sent: u64,
}

/// Records as they leave, with where they end.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The bytes of each.
    pub records: Vec<Vec<u8>>,
    /// The last.
    pub head: Head,
}

impl Journal {
    /// Nothing yet; `seed` makes its records.
    #[must_use]
    pub fn begin(genesis: Genesis, boot: BootId, seed: u64) -> Self {
        let begun = Place { head: genesis.head(), totals: [Total::default(); METERS.len()] };
        Self { genesis, boot, seed, bursts: Vec::new(), settled: begun, head: begun, sent: 0 }
    }

    /// So many uses, now.
    pub fn record(&mut self, uses: u64, names: &Names, clock: &Clock) {
        if uses == 0 {
            return;
        }
        let upto = self.head.head.seq + uses;
        self.bursts.push(Burst { upto, boottime_ms: clock.boottime_ms() });
        let mut head = self.head;
        self.walk(&mut head, upto, (names, clock), |_| true);
        self.head = head;
    }

    /// The next records that are not settled: at most so many, and at most as many bytes as a request carries. `None`
    /// where nothing is left.
    pub fn batch(&mut self, records_max: u64, names: &Names, clock: &Clock) -> Option<Outgoing> {
        let (mut place, mut records, mut bytes) = (self.settled, Vec::new(), 0);
        let upto = self.head.head.seq.min(self.settled.head.seq.saturating_add(records_max));
        self.walk(&mut place, upto, (names, clock), |record| {
            bytes += record.len();
            let fits = bytes <= BATCH_BYTES_MAX;
            if fits {
                records.push(record);
            }
            fits
        });
        self.sent = self.sent.max(place.head.seq);
        (!records.is_empty()).then_some(Outgoing { records, head: place.head })
    }

    /// Where it stands, as a request reports it. Everything is kept, since it can be made again.
    #[must_use]
    pub const fn report(&self) -> ChainReport {
        ChainReport {
            epoch: self.genesis.epoch,
            jkt: self.genesis.jkt,
            head: self.head.head,
            kept_from: 1,
            settled: self.settled.head.seq,
            recoveries: 0,
        }
    }

    /// Takes the word of a receipt and answers how many records it newly acknowledges. One below what was acknowledged
    /// before is followed, so that everything behind it is sent again, and then said to be wrong.
    pub fn take(&mut self, cursor: &Cursor, names: &Names, clock: &Clock) -> Result<u64, Wrong> {
        let (seq, before) = (cursor.seq, self.settled.head.seq);
        if seq > self.sent {
            return Err(Wrong::AckBeyondSent { acknowledged: seq, sent: self.sent });
        }
        let begun = Place { head: self.genesis.head(), totals: [Total::default(); METERS.len()] };
        let mut place = if seq < before { begun } else { self.settled };
        self.walk(&mut place, seq, (names, clock), |_| true);
        if place.head.hash != cursor.hash {
            return Err(Wrong::AckOfAnother { seq });
        }
        self.settled = place;
        if seq < before { Err(Wrong::AckLost { acknowledged: before, now: seq }) } else { Ok(seq - before) }
    }

    /// Records that no receipt has acknowledged.
    #[must_use]
    pub const fn unsettled(&self) -> u64 {
        self.head.head.seq - self.settled.head.seq
    }

    /// How many there are.
    #[must_use]
    pub const fn recorded(&self) -> u64 {
        self.head.head.seq
    }

    /// What each meter has come to with everything that was recorded.
    #[must_use]
    pub const fn totals(&self) -> &Totals {
        &self.head.totals
    }

    /// Goes record by record up to `upto` and shows each one's bytes, as long as they are taken.
    fn walk(
        &self,
        place: &mut Place,
        upto: u64,
        (names, clock): (&Names, &Clock),
        mut take: impl FnMut(Vec<u8>) -> bool,
    ) {
        let mut at = self.bursts.partition_point(|burst| burst.upto <= place.head.seq);
        while place.head.seq < upto {
            let Some(burst) = self.bursts.get(at) else { return };
            if burst.upto <= place.head.seq {
                at += 1;
                continue;
            }
            let (record, totals) = self.next(place, burst, (names, clock));
            let bytes = record.to_bytes();
            let head = Head { seq: record.seq, hash: record.link(&bytes) };
            if !take(bytes) {
                return;
            }
            *place = Place { head, totals };
        }
    }

    /// The record behind a place, and what the meters have come to with it.
    fn next(&self, place: &Place, burst: &Burst, (names, clock): (&Names, &Clock)) -> (Record, Totals) {
        let seq = place.head.seq + 1;
        let mut random = fastrand::Rng::with_seed(self.seed ^ seq.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let meter = random.usize(..METERS.len());
        let quantity = Quantity::try_from(u128::from(random.u64(1..=QUANTITY_UNITS_MAX))).unwrap_or_default();
        let resource = names.cameras.get(random.usize(..names.cameras.len())).cloned();
        let mut totals = place.totals;
        // A fleet never gets near 38 digits: that would take 10^25 of its largest uses.
        let total = totals[meter].quantity.plus(quantity).unwrap_or(Quantity::MAX);
        totals[meter] = Total { quantity: total, uses: totals[meter].uses + 1 };
        let usage = Usage { meter: names.meters[meter].clone(), resource, quantity, count: 1, total };
        let record = Record {
            device: self.genesis.device.clone(),
            epoch: self.genesis.epoch,
            seq,
            at: clock.moment(self.boot, burst.boottime_ms),
            licence: None,
            entry: Entry::Usage(usage),
            prev: place.head.hash,
        };
        (record, totals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brink_license::usage::verify;
    use brink_license::{DeviceId, Kid};

    fn journal() -> (Journal, Names, Clock) {
        let genesis = Genesis::new(DeviceId::parse("dev-1").unwrap(), 1, Kid::from_digest([7; 32]));
        let boot = BootId::parse("00000000-0000-4000-8000-000000000001").unwrap();
        (Journal::begin(genesis, boot, 42), Names::new().unwrap(), Clock::start().unwrap())
    }

    fn told(outgoing: &Outgoing) -> Cursor {
        Cursor { epoch: 1, seq: outgoing.head.seq, hash: outgoing.head.hash }
    }

    #[test]
    fn what_is_sent_is_one_whole_chain_and_comes_to_the_totals() {
        let (mut journal, names, clock) = journal();
        let mut records = Vec::new();
        for uses in [3, 0, 1, 40] {
            journal.record(uses, &names, &clock);
            while let Some(outgoing) = journal.batch(7, &names, &clock) {
                assert!(outgoing.records.len() <= 7);
                let newly = journal.take(&told(&outgoing), &names, &clock);
                assert_eq!(newly, Ok(outgoing.records.len() as u64));
                records.extend(outgoing.records);
            }
        }
        assert_eq!((journal.recorded(), journal.unsettled()), (44, 0));
        let chain = verify(journal.genesis.clone(), &records, journal.report().head).unwrap();
        for (meter, total) in METERS.iter().zip(journal.totals()) {
            let found = chain.totals().iter().find(|(name, _)| name.as_str() == *meter);
            let found = found.map(|(_, found)| Total { quantity: found.total, uses: found.count });
            assert_eq!(found, Some(*total), "{meter}");
        }
    }

    #[test]
    fn the_same_bytes_are_made_again() {
        let (mut journal, names, clock) = journal();
        journal.record(5, &names, &clock);
        let first = journal.batch(10_000, &names, &clock).unwrap();
        journal.record(5, &names, &clock);
        let again = journal.batch(5, &names, &clock).unwrap();
        assert_eq!(first.records, again.records);
    }

    #[test]
    fn each_wrong_word_of_a_receipt_is_told_apart() {
        let (mut journal, names, clock) = journal();
        journal.record(9, &names, &clock);
        let first = journal.batch(3, &names, &clock).unwrap();
        let beyond = Cursor { epoch: 1, seq: 4, hash: first.head.hash };
        let wrong = journal.take(&beyond, &names, &clock);
        assert_eq!(wrong, Err(Wrong::AckBeyondSent { acknowledged: 4, sent: 3 }));
        let another = Cursor { epoch: 1, seq: 3, hash: [0; 32] };
        assert_eq!(journal.take(&another, &names, &clock), Err(Wrong::AckOfAnother { seq: 3 }));
        assert_eq!(journal.take(&told(&first), &names, &clock), Ok(3));
        assert_eq!(journal.take(&told(&first), &names, &clock), Ok(0));
        let second = journal.batch(3, &names, &clock).unwrap();
        assert_eq!(journal.take(&told(&second), &names, &clock), Ok(3));
        let wrong = journal.take(&told(&first), &names, &clock);
        assert_eq!(wrong, Err(Wrong::AckLost { acknowledged: 6, now: 3 }));
        let again = journal.batch(3, &names, &clock).unwrap();
        assert_eq!(again.records, second.records, "and what was lost is sent again");
    }

    #[test]
    fn a_batch_ends_where_a_request_is_full() {
        let (mut journal, names, clock) = journal();
        journal.record(40_000, &names, &clock);
        let outgoing = journal.batch(u64::MAX, &names, &clock).unwrap();
        let bytes: usize = outgoing.records.iter().map(Vec::len).sum();
        assert!(bytes <= BATCH_BYTES_MAX && bytes > BATCH_BYTES_MAX - 1024, "{bytes}");
        assert_eq!(outgoing.head.seq, outgoing.records.len() as u64);
    }
}
