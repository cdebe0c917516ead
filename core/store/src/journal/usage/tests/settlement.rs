//! What leaves the journal: batches in their order, settled records, sums in the place of many; and what damage spares.

use super::super::rows::Tip;
use super::super::shrink::Shrunk;
use super::*;
use crate::state::Settled;
use brink_license::clock::BootId;
use brink_license::usage::{Head, SEQ_MAX};

/// The other end: takes each record once, in the order of its chain.
#[derive(Default)]
pub(super) struct Collector {
    cursors: BTreeMap<u32, Head>,
    sums: BTreeMap<Slug, u128>,
    pub(super) losses: u64,
}

impl Collector {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn cursor(&self, epoch: u32) -> Head {
        self.cursors.get(&epoch).copied().unwrap_or_else(|| genesis(epoch).head())
    }

    pub(super) fn take(&mut self, records: &[Vec<u8>]) {
        for bytes in records {
            let record = Record::from_bytes(bytes).unwrap();
            let cursor = self.cursor(record.epoch);
            if record.seq <= cursor.seq {
                continue;
            }
            let follows = record.first() == cursor.seq + 1 && record.prev == cursor.hash;
            match &record.entry {
                Entry::Recover(_) => self.losses += 1,
                Entry::Usage(usage) => {
                    assert!(follows, "record {} behind {}", record.seq, cursor.seq);
                    self.add(&usage.meter, usage.quantity);
                }
                Entry::Fold(fold) => {
                    assert!(follows, "sums up to {} behind {}", record.seq, cursor.seq);
                    fold.named().for_each(|(meter, sum)| self.add(meter, sum.quantity));
                }
                Entry::Close => assert!(follows),
            }
            self.cursors.insert(record.epoch, Head { seq: record.seq, hash: record.link(bytes) });
        }
    }

    /// How many uses of one each it has of a meter.
    pub(super) fn count(&self, name: &str) -> u128 {
        self.sums.get(&meter(name)).map_or(0, |sum| sum / u128::from(Quantity::whole(1)))
    }

    fn add(&mut self, meter: &Slug, quantity: Quantity) {
        *self.sums.entry(meter.clone()).or_default() += u128::from(quantity);
    }
}

/// The agent's side: what it keeps in its own state.
pub(super) struct Agent {
    pub(super) settled: Vec<Settled>,
}

impl Agent {
    pub(super) fn new() -> Self {
        Self { settled: vec![Settled::none(&genesis(1))] }
    }

    pub(super) fn outbox(&self, device: &Device, records_max: usize) -> Result<Outbox, UsageError> {
        let name = DeviceId::parse("dev-1").unwrap();
        Journal::outbox(&device.directory(), (&name, &self.settled), records_max)
    }

    /// A batch leaves; what it carries counts as sent from then on.
    pub(super) fn send(&mut self, device: &Device, records_max: usize) -> Option<Unsent> {
        let batch = self.outbox(device, records_max).unwrap().batch?;
        let settled = Settled::of(&batch.genesis, &self.settled);
        Settled::put(&mut self.settled, settled.with_sent(batch.head, batch.read_at));
        Some(batch)
    }

    /// The answer says how far every chain is settled.
    pub(super) fn settle(&mut self, collector: &Collector) {
        for settled in &mut self.settled {
            settled.cursor = collector.cursor(settled.epoch);
        }
    }

    /// Compares the journal with what is known, and mends it.
    pub(super) fn mend(&self, device: &Device) {
        mend(device, &self.known());
    }

    pub(super) fn known(&self) -> Known {
        let epoch = self.settled.last().map_or(1, |settled| settled.epoch);
        Known { genesis: genesis(epoch), settled: self.settled.clone(), head: None }
    }

    /// The device is activated anew.
    pub(super) fn follow(&mut self, device: &Device, epoch: u32) {
        device.follow(epoch, "lic-1");
        Settled::put(&mut self.settled, Settled::none(&genesis(epoch)));
    }

    /// Sends until nothing is left.
    pub(super) fn drain(&mut self, device: &Device, collector: &mut Collector) {
        while let Some(batch) = self.send(device, 97) {
            collector.take(&batch.records);
            self.settle(collector);
        }
    }

    pub(super) fn shrink(&self, device: &Device, now_ms: i64) -> Shrunk {
        Journal::shrink(&device.directory(), &self.known(), now_ms).unwrap()
    }
}

pub(super) fn mend(device: &Device, known: &Known) {
    let fault = JournalFault::Damaged("so it is said".to_owned());
    Journal::set_aside(&device.layout(), Some(known), fault).unwrap();
    let epoch = known.genesis.epoch;
    assert_eq!(device.ensure(Some(epoch)), None, "what takes its place is sound");
    assert_eq!(Journal::reach(&device.directory(), known), Ok(Reached::Known));
}

/// What is recorded from here on was recorded after the last request was read.
pub(super) fn after(settled: &[Settled]) {
    let read = settled.iter().filter_map(|settled| settled.read_at).max_by_key(|at| at.boottime_ms).unwrap();
    while crate::machine::boottime_millis() <= read.boottime_ms {
        std::thread::yield_now();
    }
}

pub(super) fn use_many(device: &Device, count: u64) {
    let writer = device.writer();
    for _ in 0..count {
        use_one(&writer, "api_call");
    }
}

pub(super) fn now_ms() -> i64 {
    crate::machine::read_millis().unwrap().1
}

/// A long time from now: settled records leave.
pub(super) fn much_later() -> i64 {
    now_ms() + 36 * 86_400_000
}

/// Small enough for a few thousand records.
pub(super) fn limit(device: &Device) {
    Journal::limit(&device.directory(), 1 << 20).unwrap();
}

#[test]
fn a_request_reports_each_chain_and_carries_the_oldest_that_is_not_settled() {
    let device = Device::new();
    let (mut agent, mut collector) = (Agent::new(), Collector::new());
    let empty = agent.outbox(&device, 10).unwrap();
    assert_eq!((empty.chains.len(), empty.chains[0].kept_from, empty.batch), (1, 1, None));
    use_many(&device, 5);
    device.follow(2, "lic-2");
    use_many(&device, 3);
    let first = agent.outbox(&device, 4).unwrap();
    let reported: Vec<_> =
        first.chains.iter().map(|chain| (chain.epoch, chain.head.seq, chain.settled)).collect();
    assert_eq!(reported, [(1, 6, 0), (2, 3, 0)], "the closing record is one more");
    let batch = agent.send(&device, 4).unwrap();
    assert_eq!((batch.genesis.epoch, batch.records.len(), batch.head.seq), (1, 4, 4));
    collector.take(&batch.records);
    agent.settle(&collector);
    let batch = agent.send(&device, 4).unwrap();
    assert_eq!((batch.genesis.epoch, batch.head.seq), (1, 6));
    collector.take(&batch.records);
    agent.settle(&collector);
    let next = agent.outbox(&device, 4).unwrap();
    assert_eq!(next.batch.unwrap().genesis.epoch, 2);
    let reported: Vec<_> = next.chains.iter().map(|chain| (chain.epoch, chain.settled)).collect();
    assert_eq!(reported, [(1, 6), (2, 0)], "an issuer that was put back may want the first again");
    // Of a chain that has stuck nothing is ever taken, and the one in use does not wait for it.
    agent.settled[0].cursor = Head { seq: 2, hash: [9; 32] };
    agent.settled[0].stuck = true;
    assert_eq!(agent.outbox(&device, 4).unwrap().batch.unwrap().genesis.epoch, 2);
    let name = DeviceId::parse("dev-1").unwrap();
    let waits = Journal::backlog(&device.directory(), (&name, &agent.settled), 10).unwrap();
    let first = |epoch| device.records().into_iter().find(|record| record.epoch == epoch).unwrap().at.est_ms;
    assert_eq!(
        (waits.records, waits.oldest_ms),
        (7, Some(first(2))),
        "nothing waits for an exchange that it has"
    );
    agent.settled[0].stuck = false;
    agent.settle(&collector);
    let name = DeviceId::parse("dev-1").unwrap();
    let backlog = |count| Journal::backlog(&device.directory(), (&name, &agent.settled), count).unwrap();
    assert_eq!((backlog(10).records, backlog(10).or_more, backlog(2).or_more), (3, false, true));
    let oldest = backlog(10).oldest_ms.unwrap();
    assert_eq!(
        oldest,
        device.records().iter().rfind(|record| record.epoch == 2 && record.seq == 1).unwrap().at.est_ms
    );
    let other = DeviceId::parse("dev-2").unwrap();
    let foreign = Journal::outbox(&device.directory(), (&other, &agent.settled), 10).unwrap();
    assert_eq!(
        (foreign.chains, foreign.batch),
        (Vec::new(), None),
        "another device's usage is not ours to settle"
    );
}

#[test]
fn settled_records_leave_after_a_while_and_the_rest_is_whole_without_them() {
    let device = Device::new();
    let (mut agent, mut collector) = (Agent::new(), Collector::new());
    use_many(&device, 20);
    for _ in 0..2 {
        let batch = agent.send(&device, 7).unwrap();
        collector.take(&batch.records);
        agent.settle(&collector);
    }
    assert_eq!(
        agent.shrink(&device, now_ms()).pruned,
        0,
        "an issuer whose database was put back may ask again"
    );
    assert_eq!(agent.shrink(&device, much_later()).pruned, 14);
    assert_eq!(device.walk(), Ok(Walked { chains: 1, records: 6, recoveries: 0 }));
    assert_eq!(device.summary()[0].meters[0].1.records, 20);
    use_many(&device, 1);
    agent.drain(&device, &mut collector);
    assert_eq!(collector.sums[&meter("api_call")], u128::from(Quantity::whole(21)));
    assert_eq!(agent.shrink(&device, much_later()).pruned, 7);
    assert_eq!((device.ensure(Some(1)), device.records().len()), (None, 0), "an empty chain is no damage");
    use_many(&device, 1);
    agent.drain(&device, &mut collector);
    assert_eq!(collector.sums[&meter("api_call")], u128::from(Quantity::whole(22)));
    assert_eq!(device.walk(), Ok(Walked { chains: 1, records: 1, recoveries: 0 }));
}

#[test]
fn a_journal_that_grows_too_large_becomes_sums_and_never_those_of_what_was_sent() {
    let device = Device::new();
    let (mut agent, mut collector) = (Agent::new(), Collector::new());
    limit(&device);
    use_many(&device, 40);
    let sent = agent.send(&device, 33).unwrap();
    let writer = Arc::new(device.writer());
    let names: Vec<String> = (0..8).map(|number| format!("cam-{number}")).collect();
    let recorded: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = names
            .iter()
            .map(|name| {
                let (writer, name) = (Arc::clone(&writer), ResourceId::parse(name).unwrap());
                scope.spawn(move || {
                    (0..600)
                        .filter(|_| writer.record(&meter("sms"), Some(&name), Quantity::whole(2)).is_ok())
                        .count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap() as u64).sum()
    });
    let before = device.records().len();
    let shrunk = agent.shrink(&device, now_ms());
    assert!(shrunk.folded > 1000 && shrunk.pruned == 0, "{shrunk:?} of {before}");
    assert!(shrunk.bytes < shrunk.bytes_max / 100 * 80, "{shrunk:?}");
    let after = device.records();
    assert!(
        after.iter().take(33).all(|record| matches!(record.entry, Entry::Usage(_))),
        "what was sent stays"
    );
    assert!(after.iter().any(|record| matches!(record.entry, Entry::Fold(_))));
    assert!(device.walk().is_ok());
    // The answer to the batch that was under way comes late.
    collector.take(&sent.records);
    agent.settle(&collector);
    agent.drain(&device, &mut collector);
    assert_eq!(collector.sums[&meter("api_call")], u128::from(Quantity::whole(40)));
    assert_eq!(collector.sums[&meter("sms")], u128::from(Quantity::whole(2 * recorded)));
    assert_eq!(collector.losses, 0);
}

#[test]
fn a_journal_at_its_limit_refuses_more_and_loses_nothing() {
    let device = Device::new();
    limit(&device);
    let writer = device.writer();
    // Each its own resource and quarter of an hour cannot be folded; here nobody folds at all.
    let long = |number: u32| ResourceId::parse(&format!("{number:0>200}")).unwrap();
    let mut recorded = 0;
    let refused = loop {
        match writer.record(&meter("sms"), Some(&long(recorded)), Quantity::whole(1)) {
            Ok(_) => recorded += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused.code(), "JOURNAL_UNUSABLE", "{refused}");
    assert!(recorded > 500, "{recorded}");
    assert_eq!(device.walk().map(|walked| walked.records), Ok(u64::from(recorded)));
    let (mut agent, mut collector) = (Agent::new(), Collector::new());
    agent.drain(&device, &mut collector);
    assert_eq!(collector.sums[&meter("sms")], u128::from(Quantity::whole(u64::from(recorded))));
    assert!(agent.shrink(&device, now_ms()).pruned > 0, "short of room, what is settled does not wait");
    use_one(&writer, "sms");
}

#[test]
fn damage_in_the_middle_costs_the_record_that_was_damaged_and_nothing_behind_it() {
    let device = Device::new();
    let (mut agent, mut collector) = (Agent::new(), Collector::new());
    use_many(&device, 30);
    collector.take(&agent.send(&device, 10).unwrap().records);
    agent.settle(&collector);
    device.conn().execute_batch("UPDATE records SET bytes = zeroblob(9) WHERE seq = 15").unwrap();
    // What stands before it still leaves, and then it is found.
    let batch = agent.send(&device, 100).unwrap();
    assert_eq!(batch.head.seq, 14);
    collector.take(&batch.records);
    agent.settle(&collector);
    let Err(UsageError::Damaged(problem)) = agent.outbox(&device, 100) else { panic!("damage") };
    Journal::set_aside(&device.layout(), Some(&agent.known()), JournalFault::Damaged(problem)).unwrap();
    agent.drain(&device, &mut collector);
    assert_eq!(collector.sums[&meter("api_call")], u128::from(Quantity::whole(29)));
    assert_eq!((collector.losses, device.walk().map(|walked| walked.recoveries)), (1, Ok(1)));
}

#[test]
fn what_was_sent_before_the_damage_is_not_recorded_again() {
    let device = Device::new();
    let (mut agent, mut collector) = (Agent::new(), Collector::new());
    use_many(&device, 30);
    // The answer to this one is lost: the issuer has 20.
    collector.take(&agent.send(&device, 20).unwrap().records);
    device.conn().execute_batch("UPDATE records SET bytes = zeroblob(9) WHERE seq = 5").unwrap();
    let Ok(batch) = agent.outbox(&device, 100) else { panic!("the first four are whole") };
    assert_eq!(batch.batch.unwrap().records.len(), 4);
    let fault = JournalFault::Damaged("record 5".into());
    Journal::set_aside(&device.layout(), Some(&agent.known()), fault).unwrap();
    agent.settle(&collector);
    agent.drain(&device, &mut collector);
    assert_eq!(collector.sums[&meter("api_call")], u128::from(Quantity::whole(30)), "once each");
}

#[test]
fn an_earlier_copy_that_is_put_back_goes_on_behind_what_is_known() {
    let device = Device::new();
    let (mut agent, mut collector) = (Agent::new(), Collector::new());
    use_many(&device, 10);
    let copy = device.settled();
    use_many(&device, 10);
    agent.drain(&device, &mut collector);
    device.put(&copy);
    assert_eq!(Journal::reach(&device.directory(), &agent.known()), Ok(Reached::WasShorter));
    assert_eq!(Journal::reach(&device.directory(), &agent.known()), Ok(Reached::Known), "once");
    use_many(&device, 3);
    agent.drain(&device, &mut collector);
    assert_eq!(collector.sums[&meter("api_call")], u128::from(Quantity::whole(23)));
    assert_eq!(device.walk().map(|walked| walked.recoveries), Ok(1));
}

#[test]
fn what_hosts_record_into_an_earlier_copy_before_anybody_looks_is_settled_too() {
    // Into a copy that is still shorter than what is settled by then, and into one that is longer.
    for more in [4, 25] {
        let device = Device::new();
        let (mut agent, mut collector) = (Agent::new(), Collector::new());
        use_many(&device, 10);
        let copy = device.settled();
        use_many(&device, 10);
        agent.drain(&device, &mut collector);
        device.put(&copy);
        after(&agent.settled);
        use_many(&device, more);
        assert_eq!(Journal::reach(&device.directory(), &agent.known()), Ok(Reached::Differs));
        agent.mend(&device);
        device.follow(1, "lic-1");
        use_many(&device, 1);
        agent.drain(&device, &mut collector);
        assert_eq!(collector.sums[&meter("api_call")], u128::from(Quantity::whole(20 + more + 1)));
        assert_eq!(device.walk().map(|walked| walked.recoveries), Ok(1));
    }
}

#[test]
fn a_copy_between_what_is_settled_and_what_the_anchor_saw_is_told_apart_by_what_is_settled() {
    let device = Device::new();
    let (mut agent, mut collector) = (Agent::new(), Collector::new());
    use_many(&device, 10);
    let copy = device.settled();
    use_many(&device, 10);
    agent.drain(&device, &mut collector);
    use_many(&device, 10);
    let head = Journal::head_of(&device.directory(), &genesis(1));
    device.put(&copy);
    after(&agent.settled);
    use_many(&device, 15);
    let known = Known { head, ..agent.known() };
    assert_eq!(Journal::reach(&device.directory(), &known), Ok(Reached::Differs));
    mend(&device, &known);
    device.follow(1, "lic-1");
    agent.drain(&device, &mut collector);
    // The ten that only the newer file had are lost, and said to be.
    assert_eq!(collector.sums[&meter("api_call")], u128::from(Quantity::whole(20 + 15)));
    assert_eq!(collector.losses, 1);
}

#[test]
fn a_copy_that_has_grown_past_what_the_anchor_saw_says_that_something_is_lost() {
    let device = Device::new();
    let (mut agent, mut collector) = (Agent::new(), Collector::new());
    use_many(&device, 5);
    agent.drain(&device, &mut collector);
    let copy = device.settled();
    use_many(&device, 5);
    let known = Known { head: Journal::head_of(&device.directory(), &genesis(1)), ..agent.known() };
    device.put(&copy);
    use_many(&device, 9);
    assert_eq!(Journal::reach(&device.directory(), &known), Ok(Reached::WasShorter));
    agent.drain(&device, &mut collector);
    assert_eq!(collector.sums[&meter("api_call")], u128::from(Quantity::whole(5 + 9)));
    assert_eq!(collector.losses, 1);
}

#[test]
fn what_is_settled_is_not_recorded_again_although_nobody_remembers_having_sent_it() {
    for row in [true, false] {
        let device = Device::new();
        let (mut agent, mut collector) = (Agent::new(), Collector::new());
        use_many(&device, 30);
        collector.take(&agent.send(&device, 30).unwrap().records);
        // The state is an earlier copy, or was made anew with another activation.
        agent.settled[0] = Settled::none(&genesis(1));
        agent.settle(&collector);
        let mut known = agent.known();
        if !row {
            device.follow(2, "lic-2");
            known = Known { genesis: genesis(2), settled: Vec::new(), head: None };
        }
        device
            .conn()
            .execute_batch("UPDATE records SET bytes = zeroblob(9) WHERE chain = 1 AND seq = 10")
            .unwrap();
        Journal::set_aside(&device.layout(), Some(&known), JournalFault::Damaged("10".into())).unwrap();
        agent.drain(&device, &mut collector);
        assert_eq!(collector.sums[&meter("api_call")], u128::from(Quantity::whole(30)), "{row}");
    }
}

#[test]
fn a_chain_of_which_nothing_is_known_is_not_folded() {
    let device = Device::new();
    device.put(&full().0);
    device.follow(2, "lic-2");
    let known = Known { genesis: genesis(2), settled: Vec::new(), head: None };
    let shrunk = Journal::shrink(&device.directory(), &known, now_ms()).unwrap();
    assert_eq!((shrunk.pruned, shrunk.folded), (0, 0), "the issuer may have any part of it");
}

#[test]
fn the_head_of_an_earlier_chain_that_is_damaged_costs_none_of_its_records() {
    let device = Device::new();
    let (mut agent, mut collector) = (Agent::new(), Collector::new());
    use_many(&device, 5);
    device.follow(2, "lic-2");
    use_many(&device, 3);
    device.conn().execute_batch("UPDATE heads SET sha256 = zeroblob(32) WHERE chain = 1").unwrap();
    let Err(UsageError::Damaged(problem)) = agent.outbox(&device, 10) else { panic!("damage") };
    let known = Known { genesis: genesis(2), ..agent.known() };
    Journal::set_aside(&device.layout(), Some(&known), JournalFault::Damaged(problem)).unwrap();
    let batch = agent.send(&device, 100).unwrap();
    assert_eq!(batch.genesis, genesis(1));
    collector.take(&batch.records);
    assert_eq!(collector.sums[&meter("api_call")], u128::from(Quantity::whole(5)));
    assert!(device.walk().is_ok(), "{:?}", device.walk());
}

#[test]
fn a_number_that_somebody_made_up_takes_no_other_away() {
    let device = Device::new();
    use_many(&device, 3);
    let conn = device.conn();
    let (chain, tip) = rows::tip(&conn).unwrap().unwrap();
    let mut appender = append::Appender::new(&conn, chain, tip).unwrap();
    appender.recover(0, None).unwrap();
    let Tip { genesis, head, .. } = appender.tip.clone();
    let far = Head { seq: 1 << 60, ..head };
    rows::put_tip(&conn, chain, &Tip { head: far, ..Tip::begin(genesis, None) }).unwrap();
    drop(conn);
    let known = Known { genesis: super::genesis(1), settled: Vec::new(), head: Some(far) };
    assert!(Journal::ensure(&device.layout(), Some(&known)).unwrap().is_some(), "no chain ends there");
    device.follow(1, "lic-1");
    assert_eq!(
        Journal::reach(&device.directory(), &known),
        Ok(Reached::Known),
        "nor does anybody remember it"
    );
    assert!(use_one(&device.writer(), "api_call").seq < 1 << 51);
}

#[test]
fn damage_among_what_is_settled_costs_nothing_wherever_it_is() {
    for damaged in [1, 10, 20] {
        let device = Device::new();
        let (mut agent, mut collector) = (Agent::new(), Collector::new());
        use_many(&device, 20);
        agent.drain(&device, &mut collector);
        use_many(&device, 5);
        let flip = "UPDATE records SET bytes = CAST(substr(bytes, 1, 20) || x'00' || substr(bytes, 22) AS BLOB) WHERE seq = ?1";
        device.conn().execute(flip, [damaged]).unwrap();
        let reached = Journal::reach(&device.directory(), &agent.known());
        assert_eq!(reached.is_err(), damaged == 20, "a damaged record is no other record");
        agent.mend(&device);
        use_many(&device, 1);
        agent.drain(&device, &mut collector);
        assert_eq!((collector.count("api_call"), collector.losses), (26, 0), "{damaged}");
        assert_eq!(device.walk().map(|walked| walked.recoveries), Ok(0));
        assert_eq!(device.summary()[0].meters[0].1.total, Quantity::whole(26));
    }
}

#[test]
fn what_was_sent_under_numbers_that_a_copy_gave_again_is_told_apart() {
    // The issuer has the request, and its answer is lost or comes late; or it has never come.
    for (arrived, heard) in [(true, false), (true, true), (false, false)] {
        let device = Device::new();
        let (mut agent, mut collector) = (Agent::new(), Collector::new());
        use_many(&device, 5);
        agent.drain(&device, &mut collector);
        use_many(&device, 5);
        let copy = device.settled();
        use_many(&device, 10);
        let batch = agent.send(&device, 100).unwrap();
        if arrived {
            collector.take(&batch.records);
        }
        device.put(&copy);
        assert_eq!(Journal::reach(&device.directory(), &agent.known()), Ok(Reached::WasShorter));
        device.put(&copy);
        after(&agent.settled);
        use_many(&device, 7);
        assert!(matches!(agent.outbox(&device, 10), Err(UsageError::Damaged(_))), "it is not sent as it is");
        assert_eq!(Journal::reach(&device.directory(), &agent.known()), Ok(Reached::Differs));
        agent.mend(&device);
        if heard {
            agent.settle(&collector);
        }
        use_many(&device, 1);
        agent.drain(&device, &mut collector);
        // What only the newer file had is lost where it has never come.
        let expected = if arrived { 20 + 7 + 1 } else { 10 + 7 + 1 };
        assert_eq!((collector.count("api_call"), collector.losses), (expected, 1), "{arrived} {heard}");
        // An issuer that is put back later counts none of it twice.
        (collector, agent.settled[0].cursor) = (Collector::new(), genesis(1).head());
        agent.drain(&device, &mut collector);
        assert_eq!(collector.count("api_call"), 10 + 7 + 1);
    }
}

#[test]
fn what_hosts_record_into_a_copy_from_before_the_last_activation_goes_on_in_the_new_chain() {
    let device = Device::new();
    let (mut agent, mut collector) = (Agent::new(), Collector::new());
    use_many(&device, 10);
    let copy = device.settled();
    use_many(&device, 10);
    agent.follow(&device, 2);
    use_many(&device, 3);
    agent.drain(&device, &mut collector);
    assert_eq!(collector.count("api_call"), 23);
    device.put(&copy);
    after(&agent.settled);
    use_many(&device, 30);
    device.follow(2, "lic-1");
    assert_eq!(Journal::reach(&device.directory(), &agent.known()), Ok(Reached::Differs));
    agent.mend(&device);
    use_many(&device, 1);
    agent.drain(&device, &mut collector);
    assert_eq!(collector.count("api_call"), 23 + 30 + 1);
    assert!(collector.losses == 1 && device.walk().is_ok(), "{:?}", device.walk());
}

#[test]
fn what_was_sent_under_a_clock_that_was_ahead_is_not_recorded_again() {
    let device = Device::new();
    let (mut agent, mut collector) = (Agent::new(), Collector::new());
    let (mut ahead, ..) = crate::machine::read_millis().unwrap();
    ahead.wall = ahead.wall.saturating_add(86_400 * 300);
    let learned = crate::journal::Learned { floor: ahead.wall, ..Default::default() };
    crate::journal::ClockKeeper::new(device.directory()).advance(&learned, &ahead);
    use_many(&device, 10);
    // The clock is put right, and the device starts again before anything is sent.
    device.conn().execute_batch("DELETE FROM clock").unwrap();
    agent.drain(&device, &mut collector);
    let other_boot = BootId::parse("00000000-0000-4000-8000-00000000000b").unwrap();
    let read = agent.settled[0].read_at.as_mut().unwrap();
    assert!(device.records().iter().all(|record| record.at.est_ms <= read.est_ms));
    read.boot = other_boot;
    assert_eq!(Journal::reach(&device.directory(), &agent.known()), Ok(Reached::Known));
    // Nor after the next request, which is read by the right clock.
    use_many(&device, 1);
    agent.drain(&device, &mut collector);
    agent.settled[0].read_at.as_mut().unwrap().boot = other_boot;
    assert_eq!(Journal::reach(&device.directory(), &agent.known()), Ok(Reached::Known));
    assert_eq!(collector.count("api_call"), 11);
}

#[test]
fn a_copy_whose_time_tells_nothing_is_told_apart_by_the_record_that_was_sent_last() {
    let device = Device::new();
    let (mut agent, mut collector) = (Agent::new(), Collector::new());
    use_many(&device, 10);
    agent.drain(&device, &mut collector);
    let copy = device.settled();
    use_many(&device, 10);
    // Its answer is lost; and a device without a clock starts again, with that of the copy.
    collector.take(&agent.send(&device, 100).unwrap().records);
    let read = agent.settled[0].read_at.as_mut().unwrap();
    read.boot = BootId::parse("00000000-0000-4000-8000-00000000000b").unwrap();
    read.est_ms += 3_600_000;
    device.put(&copy);
    use_many(&device, 15);
    assert_eq!(
        Journal::reach(&device.directory(), &agent.known()),
        Ok(Reached::Differs),
        "and no fork is sent"
    );
    agent.mend(&device);
    agent.drain(&device, &mut collector);
    // Of the ten that have the numbers of what was sent nobody can tell; the five behind them never were.
    assert_eq!((collector.count("api_call"), collector.losses), (20 + 5, 1));
}

#[test]
fn a_journal_that_grows_while_somebody_looks_is_no_damage() {
    let device = Device::new();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let writer = device.writer();
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                use_one(&writer, "api_call");
            }
        });
        let looks: Vec<_> = (0..300).map(|_| device.ensure(Some(1))).collect();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(looks.iter().all(Option::is_none), "{looks:?}");
    });
}

#[test]
fn a_record_that_was_moved_costs_nothing_and_is_moved_no_further() {
    let device = Device::new();
    let (mut agent, mut collector) = (Agent::new(), Collector::new());
    use_many(&device, 12);
    device.conn().execute_batch("UPDATE records SET seq = 300 WHERE seq = 8").unwrap();
    assert!(device.ensure(Some(1)).is_some());
    assert_eq!(device.ensure(Some(1)), None);
    agent.drain(&device, &mut collector);
    assert_eq!((collector.count("api_call"), collector.losses), (12, 1));
}

#[test]
fn a_damaged_total_of_an_earlier_activation_is_found_and_costs_nothing() {
    for damage in ["totals SET sums = zeroblob(3)", "heads SET head = zeroblob(3)"] {
        let device = Device::new();
        let (mut agent, mut collector) = (Agent::new(), Collector::new());
        use_many(&device, 5);
        agent.follow(&device, 2);
        use_many(&device, 5);
        agent.drain(&device, &mut collector);
        device.conn().execute_batch(&format!("UPDATE {damage} WHERE chain = 1")).unwrap();
        let fault = Journal::ensure(&device.layout(), Some(&agent.known())).unwrap();
        assert!(fault.is_some(), "{damage}");
        agent.mend(&device);
        use_many(&device, 1);
        agent.drain(&device, &mut collector);
        assert_eq!((collector.count("api_call"), collector.losses), (11, 0), "{damage}");
    }
}

#[test]
fn a_chain_without_a_number_left_says_so_and_makes_no_journal_after_the_other() {
    let device = Device::new();
    use_many(&device, 1);
    let conn = device.conn();
    let (chain, tip) = rows::tip(&conn).unwrap().unwrap();
    let mut appender = append::Appender::new(&conn, chain, tip).unwrap();
    appender.recover(SEQ_MAX - 1, None).unwrap();
    appender.finish().unwrap();
    drop(conn);
    assert_eq!((device.ensure(Some(1)), device.records().last().unwrap().seq), (None, SEQ_MAX));
    let refused = device.writer().record(&meter("api_call"), None, Quantity::whole(1)).unwrap_err();
    assert!(refused.to_string().contains("no number left: activate the device anew"), "{refused}");
    device.follow(2, "lic-1");
    assert_eq!(use_one(&device.writer(), "api_call").seq, 1);
}

#[test]
fn an_epoch_that_is_given_twice_records_once_more_what_nobody_has_of_it() {
    let device = Device::new();
    use_many(&device, 2);
    let another = Genesis { jkt: [8; 32], ..genesis(2) };
    device.follow_as(&Known { genesis: another, settled: Vec::new(), head: None }, "lic-1").unwrap();
    use_many(&device, 5);
    let (mut agent, mut collector) = (Agent::new(), Collector::new());
    agent.follow(&device, 2);
    use_many(&device, 1);
    let epochs: Vec<_> = agent.outbox(&device, 10).unwrap().chains.iter().map(|chain| chain.epoch).collect();
    assert_eq!(epochs, [1, 2]);
    agent.drain(&device, &mut collector);
    assert_eq!((collector.count("api_call"), collector.losses), (2 + 5 + 1, 0));
    assert!(device.walk().is_ok(), "{:?}", device.walk());
}

#[test]
fn what_an_issuer_that_was_put_back_has_lost_and_the_journal_has_no_more_is_said_and_not_sought() {
    let device = Device::new();
    let (mut agent, mut collector) = (Agent::new(), Collector::new());
    use_many(&device, 5);
    agent.drain(&device, &mut collector);
    let restored = agent.settled[0].cursor;
    use_many(&device, 15);
    agent.drain(&device, &mut collector);
    assert_eq!(agent.shrink(&device, much_later()).pruned, 20);
    agent.settled[0].cursor = restored;
    let outbox = agent.outbox(&device, 10).unwrap();
    let [said] = &outbox.chains[..] else { panic!("one chain") };
    assert_eq!((said.head.seq, said.kept_from, said.settled, outbox.batch), (20, 21, 5, None));
    let name = DeviceId::parse("dev-1").unwrap();
    let backlog = Journal::backlog(&device.directory(), (&name, &agent.settled), 10).unwrap();
    assert_eq!((backlog.records, backlog.oldest_ms), (0, None));
    assert_eq!(Journal::reach(&device.directory(), &agent.known()), Ok(Reached::Known));
    use_many(&device, 1);
    let batch = agent.send(&device, 10).unwrap();
    assert_eq!((batch.records.len(), batch.head.seq), (1, 21));
}

#[test]
fn a_batch_that_reaches_its_bound_ends_with_the_last_record_in_it() {
    let device = Device::new();
    device.follow(1, &"l".repeat(128));
    let (writer, meter) = (device.writer(), meter(&"m".repeat(128)));
    let resource = |number: u32| ResourceId::parse(&format!("{number:0>255}")).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (writer, meter) = (&writer, &meter);
            scope.spawn(move || {
                (0..900).for_each(|number| {
                    writer
                        .record(meter, Some(&resource(thread * 1000 + number)), Quantity::whole(1))
                        .unwrap();
                });
            });
        }
    });
    let (mut agent, mut collector) = (Agent::new(), Collector::new());
    let batch = agent.send(&device, 10_000).unwrap();
    assert!(batch.records.len() > 1000 && batch.records.len() < 7200, "{}", batch.records.len());
    collector.take(&batch.records);
    assert_eq!(batch.head, collector.cursor(1), "what is signed is what is sent");
    agent.settle(&collector);
    agent.drain(&device, &mut collector);
    assert_eq!(collector.sums.into_values().sum::<u128>(), u128::from(Quantity::whole(7200)));
}

#[test]
fn a_name_that_only_looks_like_a_journal_that_was_set_aside_is_in_nobodys_way() {
    let device = Device::new();
    for name in ["18446744073709551615", "4294967296", "x", "7"] {
        std::fs::write(device.directory().join(format!("journal.db.damaged-{name}")), b"x").unwrap();
    }
    use_many(&device, 1);
    Agent::new().mend(&device);
    assert!(device.directory().join("journal.db.damaged-8").exists());
}

#[test]
fn journals_that_were_set_aside_do_not_fill_the_disk() {
    let device = Device::new();
    for round in 0..6 {
        use_many(&device, 1);
        let fault = JournalFault::Damaged(format!("{round}"));
        Journal::set_aside(&device.layout(), Some(&Agent::new().known()), fault).unwrap();
        device.follow(1, "lic-1");
    }
    let listing = std::fs::read_dir(device.directory()).unwrap();
    let names = listing.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut aside: Vec<String> = names
        .filter(|name| name.contains("damaged") && !name.contains("-wal") && !name.contains("-shm"))
        .collect();
    aside.sort();
    assert_eq!(aside, ["journal.db.damaged-4", "journal.db.damaged-5", "journal.db.damaged-6"]);
}

#[test]
fn a_lost_journal_goes_on_behind_what_was_settled() {
    let device = Device::new();
    let (mut agent, mut collector) = (Agent::new(), Collector::new());
    use_many(&device, 10);
    agent.drain(&device, &mut collector);
    std::fs::remove_file(device.file()).unwrap();
    assert_eq!(Journal::ensure(&device.layout(), Some(&agent.known())), Ok(None));
    device.follow(1, "lic-1");
    use_many(&device, 2);
    let batch = agent.outbox(&device, 100).unwrap().batch.unwrap();
    let first = Record::from_bytes(&batch.records[0]).unwrap();
    assert_eq!(first.prev, collector.cursor(1).hash, "behind the last record that the issuer has");
    agent.drain(&device, &mut collector);
    assert_eq!(collector.sums[&meter("api_call")], u128::from(Quantity::whole(12)));
}

#[derive(Clone, Debug)]
enum Step {
    Use {
        meter: u8,
        resource: u8,
        count: u8,
    },
    /// A batch leaves and arrives; whether its answer does.
    Send {
        records_max: usize,
        answered: bool,
    },
    /// What was sent last arrives once more.
    Again,
    Shrink {
        later: bool,
    },
    /// A record that was never sent is damaged, and the journal is mended.
    Damage(prop::sample::Index),
    /// Where the chain begins is damaged.
    DamageBase,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3u8, 0..3u8, 1..40u8).prop_map(|(meter, resource, count)| Step::Use { meter, resource, count }),
        4 => (1..60usize, any::<bool>()).prop_map(|(records_max, answered)| Step::Send { records_max, answered }),
        1 => Just(Step::Again),
        3 => any::<bool>().prop_map(|later| Step::Shrink { later }),
        1 => any::<prop::sample::Index>().prop_map(Step::Damage),
        1 => Just(Step::DamageBase),
        1 => Just(Step::Restart),
    ]
}

struct Life {
    device: Device,
    agent: Agent,
    collector: Collector,
    last: Vec<Vec<u8>>,
    used: BTreeMap<Slug, u128>,
    is_short: bool,
}

impl Life {
    fn step(&mut self, step: &Step) {
        match step {
            Step::Use { meter: name, resource, count } => {
                let (writer, meter) = (self.device.writer(), meter(&format!("m{name}")));
                let resource = ResourceId::parse(&format!("cam-{resource}")).unwrap();
                for _ in 0..*count {
                    writer.record(&meter, Some(&resource), Quantity::whole(3)).unwrap();
                    *self.used.entry(meter.clone()).or_default() += u128::from(Quantity::whole(3));
                }
            }
            Step::Send { records_max, answered } => {
                let Some(batch) = self.agent.send(&self.device, *records_max) else { return };
                self.collector.take(&batch.records);
                if *answered {
                    self.agent.settle(&self.collector);
                }
                self.last = batch.records;
            }
            Step::Again => self.collector.take(&self.last),
            Step::Shrink { later } => {
                let shrunk = self.agent.shrink(&self.device, if *later { much_later() } else { now_ms() });
                assert!(shrunk.bytes < shrunk.bytes_max / 100 * 80, "{shrunk:?}");
            }
            Step::Damage(at) => self.damage(*at),
            Step::DamageBase => {
                self.device.conn().execute_batch("UPDATE bases SET base = zeroblob(9)").unwrap();
                self.restart();
            }
            Step::Restart => self.restart(),
        }
        // A long one at the end only.
        if self.is_short {
            assert!(self.device.walk().is_ok(), "{:?}", self.device.walk());
        }
    }

    fn damage(&mut self, at: prop::sample::Index) {
        let sent = self.agent.settled[0].sent;
        let unsent: Vec<Record> =
            self.device.records().into_iter().filter(|record| record.seq > sent).collect();
        let usage: Vec<&Record> =
            unsent.iter().filter(|record| matches!(record.entry, Entry::Usage(_))).collect();
        if usage.is_empty() {
            return;
        }
        let record = usage[at.index(usage.len())];
        let Entry::Usage(lost) = &record.entry else { return };
        *self.used.get_mut(&lost.meter).unwrap() -= u128::from(lost.quantity);
        let seq = i64::try_from(record.seq).unwrap();
        self.device.conn().execute("UPDATE records SET bytes = zeroblob(9) WHERE seq = ?1", [seq]).unwrap();
        let fault = JournalFault::Damaged("a record".into());
        Journal::set_aside(&self.device.layout(), Some(&self.agent.known()), fault).unwrap();
    }

    fn restart(&self) {
        Journal::ensure(&self.device.layout(), Some(&self.agent.known())).unwrap();
        self.device.follow(1, "lic-1");
        assert_eq!(Journal::reach(&self.device.directory(), &self.agent.known()), Ok(Reached::Known));
    }
}

/// A journal near its limit, and what was used in it: every turn makes room. Filled once for all cases.
fn full() -> &'static (Vec<u8>, u128) {
    static FULL: std::sync::OnceLock<(Vec<u8>, u128)> = std::sync::OnceLock::new();
    FULL.get_or_init(|| {
        let device = Device::new();
        limit(&device);
        let writer = device.writer();
        let used = std::thread::scope(|scope| {
            let of = |number: u32| {
                let name = ResourceId::parse(&format!("cam-{number}")).unwrap();
                let writer = &writer;
                scope.spawn(move || {
                    (0..600).for_each(|_| {
                        writer.record(&meter("m0"), Some(&name), Quantity::whole(1)).unwrap();
                    });
                })
            };
            (0..8).map(of).collect::<Vec<_>>().len() as u64 * 600
        });
        (device.settled(), u128::from(Quantity::whole(used)))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_is_lost_repeated_folded_or_damaged_every_other_use_arrives_once(
        small in any::<bool>(), steps in prop::collection::vec(step(), 1..40),
    ) {
        let device = Device::new();
        let mut used = BTreeMap::new();
        if small {
            let (bytes, sum) = full();
            device.put(bytes);
            used.insert(meter("m0"), *sum);
        }
        let mut life = Life {
            device,
            agent: Agent::new(),
            collector: Collector::new(),
            last: Vec::new(),
            used,
            is_short: !small,
        };
        steps.iter().for_each(|step| life.step(step));
        let Life { device, mut agent, mut collector, used, .. } = life;
        agent.settle(&collector);
        agent.drain(&device, &mut collector);
        prop_assert!(device.walk().is_ok(), "{:?}", device.walk());
        let used: BTreeMap<_, _> = used.into_iter().filter(|(_, sum)| *sum > 0).collect();
        prop_assert_eq!(collector.sums, used);
    }
}
