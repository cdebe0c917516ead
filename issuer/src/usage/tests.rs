//! The rules against a small model: whatever becomes of batches, what was used is booked once or named as lost.

use super::book::Books;
use super::links::{Link, chained};
use super::moment::Timeline;
use super::place::{Place, Standing, place};
use crate::catalog::{Catalog, Meters};
use crate::storage::{NewLoss, StoredRecord, Sum, SumKey};
use crate::testkit::{Chain, Journal, START};
use brink_license::usage::{ChainReport, Entry, Head, Quantity};
use brink_license::{DeviceId, Kid, Slug};
use proptest::prelude::*;
use std::collections::BTreeMap;

const EPOCH: u32 = 1;

fn device() -> DeviceId {
    DeviceId::parse("dev-1").unwrap()
}

fn journal() -> Journal {
    let mut journal = Journal::new(START * 1000);
    journal.begin(&device(), EPOCH, Kid::from_digest([3; 32]));
    journal
}

/// What is on record, in memory.
struct Ledger {
    meters: Meters,
    head: Head,
    event_ms: i64,
    incomplete: bool,
    totals: BTreeMap<Slug, Quantity>,
    records: BTreeMap<u64, StoredRecord>,
    sums: BTreeMap<SumKey, Sum>,
    losses: Vec<NewLoss>,
}

impl Ledger {
    fn new(chain: &Chain) -> Self {
        Self {
            meters: Catalog::embedded().unwrap().meters,
            head: chain.genesis.head(),
            event_ms: START * 1000,
            incomplete: false,
            totals: BTreeMap::new(),
            records: BTreeMap::new(),
            sums: BTreeMap::new(),
            losses: Vec::new(),
        }
    }

    fn place(&self, report: &ChainReport, links: &[Link]) -> Place {
        let last = links.last().map_or(0, |link| link.seq);
        let reached = self.records.range(..=last).next_back().map(|(_, stored)| stored);
        let (closed, forked, restored, acknowledged, dropped) = (false, false, false, None, false);
        place(
            &Standing { head: self.head, closed, forked, acknowledged, restored, reached, dropped },
            report,
            links,
        )
    }

    /// Takes a batch as the issuer does.
    fn take(&mut self, journal: &Journal, batch: &Sent) -> Place {
        let links = chained(&batch.records, (&device(), EPOCH), batch.last).unwrap();
        let place = self.place(&batch.report, &links);
        let Place::Next { new, loss } = place else { return place };
        let received_ms = journal.clock.wall_ms;
        let line = Timeline { sent: journal.clock, received_ms, floor_ms: self.event_ms };
        let mut books = Books::open(&self.meters, line, self.totals.clone(), self.incomplete);
        if loss.is_some() {
            books.forget();
        }
        self.losses.extend(loss);
        for (at, link) in links.iter().enumerate().skip(new) {
            let inner = (at > new).then(|| link.loss_behind(&links[at - 1])).flatten();
            self.losses.extend(inner);
            books.enter(link);
            let stored = StoredRecord { seq: link.seq, from: link.from, bytes: link.bytes.clone() };
            assert!(self.records.insert(link.seq, stored).is_none(), "no number is taken twice");
            self.head = Head { seq: link.seq, hash: link.hash };
        }
        let booked = books.close();
        assert!(booked.records.iter().all(|record| record.quarantine.is_none()), "nothing is set aside");
        for (key, sum) in booked.sums {
            let entry = self.sums.entry(key).or_default();
            *entry = entry.plus(sum);
        }
        if booked.totals_lost {
            self.totals.clear();
        }
        self.totals.extend(booked.totals);
        (self.event_ms, self.incomplete) = (booked.event_ms, booked.incomplete);
        Place::Next { new, loss }
    }
}

/// A batch on its way.
#[derive(Clone)]
struct Sent {
    report: ChainReport,
    records: Vec<Vec<u8>>,
    last: u64,
}

fn sent(journal: &mut Journal, most: usize) -> Sent {
    let chain = journal.last_mut();
    let settled = chain.settled;
    let next = chain.kept.iter().filter(|kept| kept.record.seq > settled).take(most);
    let (records, numbers): (Vec<_>, Vec<_>) = next.map(|kept| (kept.bytes.clone(), kept.record.seq)).unzip();
    let last = numbers.last().copied().unwrap_or(settled);
    chain.sent = chain.sent.max(last);
    Sent { report: chain.report(), records, last }
}

/// What happens: its kind, and two numbers.
type Step = (u8, u8, u16);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_becomes_of_batches_every_use_is_booked_once_or_named_as_lost(
        steps in prop::collection::vec(any::<Step>(), 0..80),
    ) {
        let mut journal = journal();
        let mut ledger = Ledger::new(journal.last());
        let mut used: BTreeMap<u64, u128> = BTreeMap::new();
        let mut under_way: Vec<Sent> = Vec::new();
        let mut counted = 0;
        for (kind, small, large) in steps {
            match kind % 10 {
                0..=3 => {
                    let meter = ["sms", "sms_sent", "tea"][usize::from(small % 3)];
                    journal.record(meter, ["", "cam"][usize::from(small / 3 % 2)], u64::from(large));
                    used.insert(journal.last().head.seq, u128::from(large) * 1_000_000_000);
                }
                4 => journal.pass(i64::from(large) * 100),
                5 => journal.fold(usize::from(small)),
                6 if small < 60 => journal.damage(usize::from(small % 6)),
                // A batch leaves, and nobody knows when it arrives, how often, or whether its answer does.
                6 | 7 => {
                    let batch = sent(&mut journal, usize::from(small % 12) + 1);
                    if !batch.records.is_empty() {
                        under_way.push(batch);
                    }
                }
                _ => {
                    let Some(at) = usize::from(small).checked_rem(under_way.len()) else { continue };
                    // Requests are counted: one behind a later one is refused before anybody looks into it.
                    if at < counted {
                        continue;
                    }
                    counted = at;
                    let batch = under_way[at].clone();
                    let place = ledger.take(&journal, &batch);
                    prop_assert!(!matches!(place, Place::Fork(..)), "{:?}", place);
                    if large % 2 == 0 {
                        journal.last_mut().settled = ledger.head.seq.min(journal.last().head.seq);
                    }
                }
            }
        }
        for _ in 0..100 {
            journal.last_mut().settled = ledger.head.seq.min(journal.last().head.seq);
            let batch = sent(&mut journal, 10);
            if batch.records.is_empty() {
                break;
            }
            let place = ledger.take(&journal, &batch);
            prop_assert!(matches!(place, Place::Next { .. }), "{:?}", place);
        }
        prop_assert_eq!(ledger.head, journal.last().head);
        let is_lost = |seq: u64| ledger.losses.iter().any(|loss| (loss.from..=loss.to).contains(&seq));
        let expected: u128 = used.iter().filter(|(seq, _)| !is_lost(**seq)).map(|(_, much)| much).sum();
        let booked: u128 = ledger.sums.values().map(|sum| sum.quantity).sum();
        prop_assert_eq!(booked, expected);
    }

    #[test]
    fn no_batch_that_was_disturbed_is_taken_for_another_one(
        uses in 2..30_usize, at in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(), kind in 0..4_u8,
    ) {
        let mut journal = journal();
        for use_ in 0..uses {
            journal.record("tea", &format!("cam-{}", use_ % 3), 7);
        }
        let mut batch = sent(&mut journal, uses);
        let (at, other) = (at.index(uses), other.index(uses));
        match kind {
            0 => drop(batch.records.remove(at)),
            1 if at != other => batch.records.swap(at, other),
            2 => batch.records.insert(at, batch.records[other].clone()),
            _ => {
                let place = other % batch.records[at].len();
                batch.records[at][place] ^= 1;
            }
        }
        let ledger = Ledger::new(journal.last());
        // The digest of the checkpoint is compared before; here the last record's hash is what it signs.
        let taken = chained(&batch.records, (&device(), EPOCH), batch.last).is_ok_and(|links| {
            let ends = links.last().is_some_and(|link| (link.seq, link.hash) == (batch.last, journal.last().head.hash));
            ends && matches!(ledger.place(&batch.report, &links), Place::Next { .. })
        });
        prop_assert!(!taken);
    }
}

#[test]
fn sums_of_records_on_both_sides_of_what_is_on_record_are_not_divided() {
    let mut journal = journal();
    for _ in 0..40 {
        journal.record("tea", "", 1);
    }
    let mut ledger = Ledger::new(journal.last());
    let first = sent(&mut journal, 10);
    assert!(matches!(ledger.take(&journal, &first), Place::Next { new: 0, loss: None }));
    // As if what was sent had never been.
    journal.last_mut().sent = 0;
    journal.fold(20);
    assert!(matches!(journal.last().kept[0].record.entry, Entry::Fold(_)));
    let folded = sent(&mut journal, 30);
    assert_eq!(ledger.take(&journal, &folded), Place::Gap);
}
