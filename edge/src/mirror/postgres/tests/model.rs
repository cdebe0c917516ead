//! A journal in memory that everything happens to: after it, the rows are what it has, each once.

use super::super::super::usage::{Behind, step};
use super::*;
use crate::database::usage::{Cursor, Source, take};
use brink_license::clock::BootId;
use brink_license::usage::{
    Entry, Folding, Head, MeterTotal, Moment, Quantity, Record, Recovery, Usage, hash_of,
};
use brink_license::{DeviceId, ResourceId, Slug};
use brink_store::journal::{Copied, Traced};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const METERS: [&str; 3] = ["api_call", "sms", "m0"];

/// What happens.
#[derive(Clone, Debug)]
enum Act {
    Record(u8, u8),
    /// Of the records that were never sent, from and how many.
    Fold(prop::sample::Index, u8),
    /// The issuer takes up to here.
    Settle(prop::sample::Index),
    /// The issuer's database was put back.
    Unsettle(prop::sample::Index),
    /// Settled records leave.
    Leave(prop::sample::Index),
    /// A record is damaged: what stands behind it and was never sent is recorded again.
    Damage(prop::sample::Index),
    /// The journal is gone.
    Lose,
    /// An earlier copy of the journal is put back and goes on otherwise.
    PutBack(prop::sample::Index),
    /// A turn of so many records, that is cut after so many polls.
    Copy(u8, Option<u8>),
    /// The answer to a commit is lost: the connection is cut behind the mirror's back.
    Cut,
    /// Somebody empties the tables.
    Wipe,
}

fn act() -> impl Strategy<Value = Act> {
    use prop::sample::Index;
    prop_oneof![
        8 => (0..3u8, 1..20u8).prop_map(|(meter, count)| Act::Record(meter, count)),
        3 => (any::<Index>(), 2..30u8).prop_map(|(from, count)| Act::Fold(from, count)),
        3 => any::<Index>().prop_map(Act::Settle),
        1 => any::<Index>().prop_map(Act::Unsettle),
        2 => any::<Index>().prop_map(Act::Leave),
        1 => any::<Index>().prop_map(Act::Damage),
        1 => Just(Act::Lose),
        1 => any::<Index>().prop_map(Act::PutBack),
        8 => (1..40u8, prop::option::of(0..12u8)).prop_map(|(records, polls)| Act::Copy(records, polls)),
        1 => Just(Act::Cut),
        1 => Just(Act::Wipe),
    ]
}

/// One chain, and everything that was ever true of it.
struct Model {
    records: Vec<Copied>,
    /// The last record that left.
    base: u64,
    head: u64,
    settled: u64,
    /// What each number was about, as long as nobody went on otherwise.
    truth: BTreeMap<u64, (usize, u128)>,
    salt: i64,
}

impl Model {
    fn new() -> Self {
        Self { records: Vec::new(), base: 0, head: 0, settled: 0, truth: BTreeMap::new(), salt: 0 }
    }

    fn push(&mut self, seq: u64, entry: Entry) {
        self.salt += 1;
        let boot = BootId::parse("00000000-0000-4000-8000-000000000001").unwrap();
        let at = 1_800_000_000_000 + self.salt * 50_000;
        let at = Moment { boot, boottime_ms: 5, wall_ms: at, est_ms: at };
        let device = DeviceId::parse("dev-1").unwrap();
        let record = Record { device, epoch: 1, seq, at, licence: None, entry, prev: [0; 32] };
        let link = hash_of(&record.to_bytes());
        self.records.push(Copied { record, link });
        self.head = seq;
    }

    fn used(&mut self, meter: usize, quantity: u128) {
        let seq = self.head + 1;
        self.truth.insert(seq, (meter, quantity));
        let entry = Entry::Usage(Usage {
            meter: Slug::parse(METERS[meter]).unwrap(),
            resource: ResourceId::parse(&format!("cam-{}", quantity % 3)).ok(),
            quantity: Quantity::whole(u64::try_from(quantity).unwrap()),
            count: 1,
            total: Quantity::ZERO,
        });
        self.push(seq, entry);
    }

    /// The numbers of records that were never sent, as they stand one by one.
    fn unsent(&self) -> Vec<usize> {
        let is = |copied: &Copied| {
            matches!(copied.record.entry, Entry::Usage(_)) && copied.record.seq > self.settled
        };
        (0..self.records.len()).filter(|at| is(&self.records[*at])).collect()
    }

    fn fold(&mut self, from: prop::sample::Index, count: u8) {
        let unsent = self.unsent();
        if unsent.is_empty() {
            return;
        }
        let first = unsent[from.index(unsent.len())];
        let mut folding = Folding::default();
        let total = MeterTotal { total: Quantity::ZERO, records: 0, count: 0, first_ms: 0, last_ms: 0 };
        let mut taken = 0;
        for copied in self.records[first..].iter().take(usize::from(count)) {
            if !folding.take(&copied.record, &copied.record.to_bytes(), &total) {
                break;
            }
            taken += 1;
        }
        let Some(record) = folding.fold() else { return };
        let link = self.records[first + taken - 1].link;
        self.records.splice(first..first + taken, [Copied { record, link }]);
    }

    fn leave(&mut self, upto: prop::sample::Index) {
        let settled = self.records.iter().take_while(|copied| copied.record.seq <= self.settled).count();
        let gone = upto.index(settled + 1);
        if gone > 0 {
            self.base = self.records[gone - 1].record.seq;
            self.records.drain(..gone);
        }
    }

    fn go_on(&mut self, good: u64, again: Vec<(usize, u128)>) {
        let seen = self.head;
        // Above everything that may have been, as the device does by the milliseconds since 1970.
        let seq = seen + 1000;
        self.push(seq, Entry::Recover(Recovery { good: Head { seq: good, hash: [0; 32] }, seen }));
        for (meter, quantity) in again {
            self.used(meter, quantity);
        }
    }

    fn damage(&mut self, which: prop::sample::Index) {
        let unsent = self.unsent();
        if unsent.is_empty() {
            return;
        }
        let at = unsent[which.index(unsent.len())];
        let behind = self.records.split_off(at);
        let good = self.records.last().map_or(self.base, |last| last.record.seq);
        let read = |copied: &Copied| match &copied.record.entry {
            Entry::Usage(_) => vec![self.truth[&copied.record.seq]],
            Entry::Fold(fold) => (fold.from..=copied.record.seq).map(|seq| self.truth[&seq]).collect(),
            Entry::Recover(_) | Entry::Close => Vec::new(),
        };
        let again = behind[1..].iter().flat_map(read).collect();
        self.go_on(good, again);
    }

    fn put_back(&mut self, upto: prop::sample::Index) {
        let here = self.records.len();
        let kept = upto.index(here + 1);
        // What the issuer has stays: else the device itself would notice, and go on above.
        let kept = kept.max(self.records.iter().filter(|copied| copied.record.seq <= self.settled).count());
        self.records.truncate(kept);
        self.head = self.records.last().map_or(self.base, |last| last.record.seq);
        let head = self.head;
        self.truth.retain(|seq, _| *seq <= head);
        self.used(2, 1);
    }

    fn first(&self) -> u64 {
        self.records.first().map_or(self.base + 1, |first| first.record.first())
    }

    fn behind(&self, stands: &Cursor, most: usize) -> (Traced, Vec<Copied>, bool) {
        let seq = stands.seq.unsigned_abs();
        let found = self.records.iter().find(|copied| copied.record.seq == seq);
        let traced = match (&stands.link, found) {
            (Some(link), Some(found)) if *link == found.link => Traced::Same,
            (Some(_), Some(_)) => Traced::Other,
            _ if seq > self.head => Traced::Other,
            (Some(_), None) => Traced::Gone,
            (None, _) => Traced::Same,
        };
        let mut behind = self.records.iter().filter(|copied| copied.record.seq > seq);
        let records: Vec<Copied> = behind.by_ref().take(most).cloned().collect();
        (traced, records, behind.next().is_some())
    }
}

struct Bench<'b> {
    fresh: &'b Fresh,
    database: &'b Database,
    model: Model,
    /// The cursor, and how often the chain was another by then.
    last: (i64, u32),
    anew: u32,
}

impl Bench<'_> {
    /// Answers whether it came to its end.
    async fn copy(&mut self, most: usize, polls: Option<u8>) -> bool {
        let Ok(mut connection) = self.database.connection().await else { return false };
        let source = Source { kind: "usage", device: "dev-1".to_owned(), epoch: 1 };
        let (cameras, mut is_other) = (BTreeSet::from(["cam-1".to_owned()]), false);
        let model = &self.model;
        let next = |stands: &Cursor| {
            let (traced, records, more) = model.behind(stands, most);
            is_other = traced == Traced::Other;
            let behind = Behind {
                first: model.first(),
                traced,
                records: &records,
                more,
                settled: Some(model.settled),
                tenant: Some("tenant-123"),
                cameras: &cameras,
            };
            Ok::<_, MirrorError>(step(stands, &behind))
        };
        let mut taking = Box::pin(take(&mut connection, &source, next));
        let mut polled = 0;
        let done = std::future::poll_fn(|context| {
            polled += 1;
            match taking.as_mut().poll(context) {
                std::task::Poll::Ready(done) => std::task::Poll::Ready(Some(done)),
                std::task::Poll::Pending if polls.is_some_and(|polls| polled > u32::from(polls)) => {
                    std::task::Poll::Ready(None)
                }
                std::task::Poll::Pending => std::task::Poll::Pending,
            }
        })
        .await;
        drop(taking);
        self.anew += u32::from(is_other);
        match done {
            Some(Ok(cursor)) => {
                assert!(
                    cursor.seq >= self.last.0 || self.anew > self.last.1,
                    "{cursor:?} behind {:?}",
                    self.last
                );
                self.last = (cursor.seq, self.anew);
                true
            }
            Some(Err(_)) | None => {
                drop(Object::take(connection));
                false
            }
        }
    }

    async fn act(&mut self, act: &Act) {
        match act {
            Act::Record(meter, count) => {
                (0..*count).for_each(|n| self.model.used(usize::from(*meter), u128::from(n) + 1));
            }
            Act::Fold(from, count) => self.model.fold(*from, *count),
            Act::Settle(upto) => {
                let open = self.model.records.iter().filter(|of| of.record.seq > self.model.settled);
                let open: Vec<u64> = open.map(|copied| copied.record.seq).collect();
                if !open.is_empty() {
                    self.model.settled = open[upto.index(open.len())];
                }
            }
            Act::Unsettle(to) => {
                let taken = self.model.records.iter().filter(|of| of.record.seq <= self.model.settled);
                let taken: Vec<u64> = taken.map(|copied| copied.record.seq).collect();
                if !taken.is_empty() {
                    self.model.settled = taken[to.index(taken.len())];
                }
            }
            Act::Leave(upto) => self.model.leave(*upto),
            Act::Damage(which) => self.model.damage(*which),
            Act::Lose => {
                self.model.records.clear();
                self.model.base = 0;
                self.model.go_on(0, Vec::new());
            }
            Act::PutBack(upto) => {
                self.model.put_back(*upto);
                // Before it is as long as it was.
                while !self.copy(50, None).await {}
            }
            Act::Copy(most, polls) => {
                self.copy(usize::from(*most), *polls).await;
            }
            Act::Cut => cut_off(self.fresh.name()),
            Act::Wipe => {
                // What a turn that was cut left behind may still hold a table.
                let empty = "TRUNCATE usage_events, mirror_cursors, mirror_gaps";
                while brink_databases::try_ask(&self.fresh.url(), empty).is_err() {}
                self.last = (0, self.anew);
            }
        }
    }

    /// Copies until nothing is left.
    async fn catch_up(&mut self) {
        let stands = "SELECT coalesce(max(seq), 0) || ' ' || coalesce(max(settled), 0) FROM mirror_cursors";
        let wanted = format!("{} {}", self.model.head, self.model.settled);
        for _ in 0..400 {
            self.copy(50, None).await;
            if one(self.fresh, stands) == wanted {
                return;
            }
        }
        panic!("it stands at {} and not at {wanted}", one(self.fresh, stands));
    }

    fn check(&self) {
        let rows = "SELECT journal_seq, coalesce(metadata ->> 'from', journal_seq::text), event_type, quantity, synced_to_billing
                    FROM usage_events ORDER BY journal_seq, journal_part";
        let mut covered = BTreeMap::<(u64, u64), BTreeMap<String, u128>>::new();
        for row in ask(&self.fresh.url(), rows) {
            let text = |at: usize| row[at].clone().unwrap();
            let (seq, from): (u64, u64) = (text(0).parse().unwrap(), text(1).parse().unwrap());
            *covered.entry((from, seq)).or_default().entry(text(2)).or_default() +=
                text(3).parse::<u128>().unwrap();
            if seq >= self.model.first() {
                assert_eq!(text(4) == "t", seq <= self.model.settled, "{seq} by {}", self.model.settled);
            }
        }
        let mut seen = BTreeSet::new();
        for ((from, seq), sums) in &covered {
            let mut truth = BTreeMap::<String, u128>::new();
            for number in *from..=*seq {
                assert!(seen.insert(number), "{number} twice");
                let (meter, quantity) = self.model.truth[&number];
                *truth.entry(METERS[meter].to_owned()).or_default() += quantity;
            }
            assert_eq!(*sums, truth, "{from}..={seq}");
        }
        let mut missing = BTreeSet::new();
        for gap in ask(&self.fresh.url(), "SELECT first_seq, last_seq FROM mirror_gaps") {
            let (from, to): (u64, u64) =
                (gap[0].clone().unwrap().parse().unwrap(), gap[1].clone().unwrap().parse().unwrap());
            missing.extend(from..=to);
        }
        let mut here = BTreeSet::new();
        for copied in &self.model.records {
            match copied.record.entry {
                Entry::Usage(_) | Entry::Fold(_) => here.extend(copied.record.first()..=copied.record.seq),
                Entry::Recover(_) | Entry::Close => {}
            }
        }
        assert!(
            here.is_subset(&seen),
            "{:?} is in the journal and not copied",
            here.difference(&seen).next()
        );
        assert_eq!(seen.intersection(&missing).next(), None, "copied, and said to be gone");
        for number in self.model.truth.keys() {
            assert!(
                seen.contains(number) || missing.contains(number),
                "{number} is neither copied nor said to be gone"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 60, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_to_journal_and_server_the_rows_are_what_the_journal_has(
        acts in prop::collection::vec(act(), 1..60),
    ) {
        let (fresh, database) = shared();
        wait(async {
            let model = Model::new();
            let mut bench = Bench { fresh: &fresh, database: &database, model, last: (0, 0), anew: 0 };
            for act in &acts {
                bench.act(act).await;
            }
            bench.catch_up().await;
            bench.check();
        });
    }
}

/// A database for each case: the runtime of one ends with it.
fn shared() -> (Fresh, Database) {
    let fresh = Fresh::from_template("brink_mirror_template", |url| {
        let database = Database::at(&url.parse().unwrap(), "brink-edge tests", Sizes::default()).unwrap();
        wait(database.migrate()).unwrap();
        drop(database);
    });
    let database = crate::database::tests::at(&fresh);
    (fresh, database)
}
