use super::super::{FILE, Journal, JournalFault, VERSION};
use super::*;
use crate::Layout;
use brink_license::usage::{ChainFault, Entry, Genesis, Overage, Quantity, Record};
use brink_license::{DeviceId, Kid, ResourceId, Slug, TokenId};
use proptest::prelude::*;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

struct Device(TempDir);

impl Device {
    /// An activated device.
    fn new() -> Self {
        let device = Self::unactivated();
        device.follow(1, "lic-1");
        device
    }

    fn unactivated() -> Self {
        let device = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(device.directory()).unwrap();
        assert_eq!(device.ensure(None), None);
        device
    }

    fn layout(&self) -> Layout {
        Layout::new(self.0.path())
    }

    fn directory(&self) -> PathBuf {
        self.layout().journal()
    }

    fn file(&self) -> PathBuf {
        self.directory().join(FILE)
    }

    fn ensure(&self, epoch: Option<u32>) -> Option<JournalFault> {
        let known = |epoch| Known { genesis: genesis(epoch), settled: Vec::new(), head: None };
        Journal::ensure(&self.layout(), epoch.map(known).as_ref()).unwrap()
    }

    fn follow(&self, epoch: u32, licence: &str) {
        self.follow_as(&Known { genesis: genesis(epoch), settled: Vec::new(), head: None }, licence).unwrap();
    }

    fn follow_as(&self, known: &Known, licence: &str) -> Result<(), UsageError> {
        Journal::follow(&self.directory(), known, Some(&TokenId::parse(licence).unwrap()))
    }

    /// Another process of the device.
    fn writer(&self) -> UsageWriter {
        UsageWriter::under(self.directory(), Terms::none)
    }

    fn summary(&self) -> Vec<ChainSummary> {
        UsageBook::open(&self.directory()).unwrap().summary().unwrap()
    }

    fn walk(&self) -> Result<Walked, BookFault> {
        UsageBook::open(&self.directory()).unwrap().walk()
    }

    /// The records of all chains, in their order.
    fn records(&self) -> Vec<Record> {
        let conn = self.conn();
        let mut found = conn.prepare("SELECT bytes FROM records ORDER BY chain, seq").unwrap();
        let bytes = found.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
        bytes.map(|bytes| Record::from_bytes(&bytes.unwrap()).unwrap()).collect()
    }

    fn conn(&self) -> Connection {
        Connection::open(self.file()).unwrap()
    }

    /// Everything in one file, as nobody has it open.
    fn settled(&self) -> Vec<u8> {
        let conn = self.conn();
        conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        drop(conn);
        std::fs::read(self.file()).unwrap()
    }

    fn put(&self, bytes: &[u8]) {
        for beside in ["db-wal", "db-shm"] {
            let _ = std::fs::remove_file(self.file().with_extension(beside));
        }
        std::fs::write(self.file(), bytes).unwrap();
    }
}

fn genesis(epoch: u32) -> Genesis {
    Genesis::new(DeviceId::parse("dev-1").unwrap(), epoch, Kid::from_digest([7; 32]))
}

fn meter(name: &str) -> Slug {
    Slug::parse(name).unwrap()
}

fn use_one(writer: &UsageWriter, name: &str) -> Recorded {
    writer.record(&meter(name), None, Quantity::whole(1)).unwrap()
}

/// Commits that a log holds: each ends with a frame that names the size of the file.
fn commits(device: &Device) -> usize {
    let log = std::fs::read(device.file().with_extension("db-wal")).unwrap();
    let page = u32::from_be_bytes(log[8..12].try_into().unwrap()) as usize;
    log[32..].chunks_exact(24 + page).filter(|frame| frame[4..8] != [0; 4]).count()
}

mod copies;
mod damage;
mod issuer;
mod places;
mod settlement;

#[test]
fn nobody_is_charged_before_the_activation_and_everybody_after_it() {
    let device = Device::unactivated();
    let writer = device.writer();
    let refused = writer.record(&meter("api_call"), None, Quantity::whole(1));
    assert_eq!(refused.as_ref().map_err(UsageError::code), Err("NOT_ACTIVATED"));
    assert_eq!(device.summary(), []);
    device.follow(1, "lic-1");
    assert_eq!(
        use_one(&writer, "api_call"),
        Recorded { seq: 1, total: Quantity::whole(1), overage: Overage::Within }
    );
    device.follow(1, "lic-2");
    let resource = ResourceId::parse("cam-1").unwrap();
    writer.record(&meter("api_call"), Some(&resource), Quantity::parse("0.5").unwrap()).unwrap();
    let [first, second] = device.records().try_into().unwrap();
    assert_eq!(first.licence.unwrap().as_str(), "lic-1");
    assert_eq!(second.licence.unwrap().as_str(), "lic-2");
    let Entry::Usage(usage) = second.entry else { panic!("usage") };
    assert_eq!((usage.resource, usage.total), (Some(resource), Quantity::parse("1.5").unwrap()));
    assert!(second.at.est_ms >= first.at.est_ms && second.at.boottime_ms >= first.at.boottime_ms);
    assert_eq!(device.walk(), Ok(Walked { chains: 1, records: 2, recoveries: 0 }));
}

#[test]
fn guarded_time_is_recorded_and_not_the_wall_clocks() {
    let device = Device::new();
    let (mut ahead, wall_ms, _) = crate::machine::read_millis().unwrap();
    ahead.wall = ahead.wall.saturating_add(86_400 * 3);
    let learned = super::super::Learned { floor: ahead.wall, ..Default::default() };
    super::super::ClockKeeper::new(device.directory()).advance(&learned, &ahead);
    use_one(&device.writer(), "api_call");
    let at = device.records()[0].at;
    assert!(at.est_ms >= ahead.wall.as_i64() * 1000, "the device knows that it is later");
    assert!(at.wall_ms < wall_ms + 86_400_000);
}

#[test]
fn a_group_is_one_commit_and_equal_uses_in_it_are_one_record() {
    let device = Device::new();
    let writer = Arc::new(device.writer());
    use_one(&writer, "first");
    let before = commits(&device);
    // Somebody else writes, so that whoever comes first waits with the rest behind it.
    let blocker = device.conn();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let threads: Vec<_> = (0..41)
        .map(|number| {
            let writer = Arc::clone(&writer);
            std::thread::spawn(move || {
                let name = if number % 2 == 0 { "even" } else { "odd" };
                writer.record(&meter(name), None, Quantity::whole(1)).unwrap()
            })
        })
        .collect();
    while writer.waiting() < 40 {
        std::thread::yield_now();
    }
    blocker.execute_batch("ROLLBACK").unwrap();
    let seqs: std::collections::BTreeSet<u64> =
        threads.into_iter().map(|thread| thread.join().unwrap().seq).collect();
    assert_eq!(commits(&device) - before, 2, "one for the first, one for all others");
    let mut counts: Vec<(String, u32)> = Vec::new();
    for record in device.records().into_iter().skip(1) {
        let Entry::Usage(usage) = record.entry else { panic!("usage") };
        assert_eq!(usage.quantity, Quantity::whole(u64::from(usage.count)));
        counts.push((usage.meter.to_string(), usage.count));
    }
    assert_eq!(counts.len(), 3, "{counts:?}");
    assert_eq!(seqs.into_iter().collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(counts.iter().map(|(_, count)| count).sum::<u32>(), 41);
    assert_eq!(counts[0].1, 1);
    assert_eq!(device.walk().unwrap().records, 4);
}

#[test]
fn a_journal_that_others_keep_is_waited_for_and_then_refused_by_name() {
    let device = Device::new();
    let blocker = device.conn();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let writer = device.writer();
    let refused = writer.record(&meter("api_call"), None, Quantity::whole(1));
    assert_eq!(refused, Err(UsageError::Busy));
    blocker.execute_batch("ROLLBACK").unwrap();
    assert_eq!(use_one(&writer, "api_call").seq, 1, "nothing of it was kept");
}

#[test]
fn processes_that_write_together_make_one_chain() {
    let device = Device::new();
    let threads: Vec<_> = (0..4)
        .map(|number| {
            let writer = device.writer();
            std::thread::spawn(move || {
                for _ in 0..25 {
                    use_one(&writer, if number < 2 { "low" } else { "high" });
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(device.walk(), Ok(Walked { chains: 1, records: 100, recoveries: 0 }));
    let totals: Vec<_> =
        device.summary().remove(0).meters.into_iter().map(|(_, total)| total.total).collect();
    assert_eq!(totals, [Quantity::whole(50); 2]);
}

#[test]
fn a_total_that_would_overflow_is_refused_and_its_neighbours_are_not() {
    let device = Device::new();
    let writer = device.writer();
    writer.record(&meter("full"), None, Quantity::MAX).unwrap();
    let refused = writer.record(&meter("full"), None, Quantity::whole(1)).unwrap_err();
    assert_eq!(refused.code(), "BAD_QUANTITY");
    assert_eq!(use_one(&writer, "other").seq, 2);
    assert_eq!(device.walk().unwrap().records, 2);
}

#[test]
fn an_activation_ends_one_chain_and_begins_the_next_and_the_old_one_stays_readable() {
    let device = Device::new();
    let writer = device.writer();
    use_one(&writer, "api_call");
    device.follow(2, "lic-2");
    assert_eq!(
        use_one(&writer, "api_call"),
        Recorded { seq: 1, total: Quantity::whole(1), overage: Overage::Within }
    );
    let [first, second] = device.summary().try_into().unwrap();
    assert_eq!((first.epoch, first.seq, second.epoch, second.seq), (1, 2, 2, 1));
    assert_eq!(first.meters[0].1.total, Quantity::whole(1));
    assert!(matches!(device.records()[1].entry, Entry::Close));
    assert_eq!(device.walk(), Ok(Walked { chains: 2, records: 3, recoveries: 0 }));
    // A state that was put back does not take the old one up again.
    let back = Known { genesis: genesis(1), settled: Vec::new(), head: None };
    assert!(device.follow_as(&back, "lic-1").is_err());
    assert_eq!(use_one(&writer, "api_call").seq, 2);
}

#[test]
fn only_the_agent_brings_an_earlier_journal_to_this_version() {
    let device = Device(tempfile::tempdir().unwrap());
    std::fs::create_dir(device.directory()).unwrap();
    let conn = device.conn();
    conn.execute_batch(include_str!("../../../../../migrations/edge/journal/0001_clock.sql")).unwrap();
    conn.execute_batch("PRAGMA user_version = 1").unwrap();
    drop(conn);
    let writer = device.writer();
    let refused = writer.record(&meter("api_call"), None, Quantity::whole(1));
    assert_eq!(refused, Err(UsageError::NotYet { version: 1, wanted: VERSION }));
    assert_eq!(
        Journal::examine(&device.directory()),
        Err(JournalFault::NotYet { version: 1, wanted: VERSION })
    );
    assert_eq!(device.ensure(Some(1)), None);
    device.follow(1, "lic-1");
    assert_eq!(use_one(&writer, "api_call").seq, 1, "nothing was lost, so nothing is recovered");
}

#[test]
fn a_damaged_end_is_set_aside_and_the_chain_goes_on_above_it() {
    let damage = [
        "UPDATE records SET bytes = zeroblob(9) WHERE seq = 3",
        "UPDATE records SET hash = zeroblob(32) WHERE seq = 3",
        "DELETE FROM records WHERE seq = 3",
        "UPDATE heads SET head = zeroblob(40)",
        "DELETE FROM heads",
        "UPDATE totals SET sums = zeroblob(7)",
    ];
    for statement in damage {
        let device = Device::new();
        let host = device.writer();
        for _ in 0..3 {
            use_one(&host, "api_call");
        }
        device.conn().execute_batch(statement).unwrap();
        assert!(matches!(device.ensure(Some(1)), Some(JournalFault::Damaged(_))), "{statement}");
        assert!(device.file().with_extension("db.damaged-1").exists());
        device.follow(1, "lic-1");
        let next = use_one(&host, "api_call");
        let walked = device.walk().unwrap();
        let whole: u64 = if statement.contains("records") { 2 } else { 3 };
        assert_eq!(next.total, Quantity::whole(whole + 1), "what was whole still counts: {statement}");
        // Where only sums were damaged, the records say that nothing was lost.
        let lost = !statement.contains("totals");
        assert_eq!(walked.recoveries, u64::from(lost), "{statement}");
        assert_eq!(walked.records, whole + 1 + u64::from(lost), "{statement}");
        if lost {
            assert!(next.seq > 1_700_000_000_000, "above every number that can have been given");
        }
        assert_eq!(device.summary()[0].recoveries, u32::from(lost));
        assert_eq!(device.ensure(Some(1)), None);
    }
}

#[test]
fn a_journal_that_is_gone_is_no_new_one() {
    let device = Device::new();
    use_one(&device.writer(), "api_call");
    std::fs::remove_file(device.file()).unwrap();
    assert_eq!(device.ensure(Some(1)), None);
    device.follow(1, "lic-1");
    assert!(use_one(&device.writer(), "api_call").seq > 1_700_000_000_000);
    assert_eq!(device.walk().unwrap().recoveries, 1);
}

#[test]
fn a_mending_that_was_interrupted_is_finished() {
    let device = Device::new();
    let writer = device.writer();
    for _ in 0..3 {
        use_one(&writer, "api_call");
    }
    drop(writer);
    let good = device.settled();
    // Killed when the damaged one had lost its name and the mended one had not got it.
    std::fs::rename(device.file(), device.file().with_extension("db.mended")).unwrap();
    std::fs::write(device.file().with_extension("db-wal"), b"of the damaged one").unwrap();
    assert_eq!(device.ensure(Some(1)), None);
    assert_eq!(device.walk().unwrap().records, 3);
    // Killed before that: the journal has gone on, and what was mended is old.
    std::fs::write(device.file().with_extension("db.mended"), good).unwrap();
    use_one(&device.writer(), "api_call");
    assert_eq!(device.ensure(Some(1)), None);
    assert!(!device.file().with_extension("db.mended").exists());
    assert_eq!(device.walk().unwrap().records, 4);
}

#[test]
fn nothing_is_recorded_in_a_file_that_was_set_aside() {
    let device = Device::new();
    let host = device.writer();
    use_one(&host, "api_call");
    let waits = Journal::open(&device.directory()).unwrap();
    device.conn().execute_batch("DELETE FROM heads").unwrap();
    assert!(device.ensure(Some(1)).is_some());
    // It saw the file under its name, waited for the agent, and may write now.
    assert_eq!(append::begin(&waits, &device.directory()).map(drop), Err(UsageError::SetAside));
    let recorded = use_one(&host, "api_call");
    assert!(device.records().iter().any(|record| record.seq == recorded.seq), "{recorded:?}");
}

#[test]
fn every_record_that_is_edited_removed_or_moved_is_named() {
    let cases = [
        ("UPDATE records SET bytes = zeroblob(9) WHERE seq = 2", ChainFault::Edited { seq: 2 }),
        ("DELETE FROM records WHERE seq = 2", ChainFault::Removed { from: 2, to: 2 }),
        ("DELETE FROM records WHERE seq = 3", ChainFault::Removed { from: 3, to: 3 }),
        (
            "UPDATE records SET seq = 9 WHERE seq = 1; UPDATE records SET seq = 1 WHERE seq = 2",
            ChainFault::Removed { from: 1, to: 1 },
        ),
        (
            "INSERT INTO records SELECT chain, 4, bytes, hash FROM records WHERE seq = 2",
            ChainFault::Duplicated { seq: 2 },
        ),
    ];
    for (statement, expected) in cases {
        let device = Device::new();
        let writer = device.writer();
        for _ in 0..3 {
            use_one(&writer, "api_call");
        }
        device.conn().execute_batch(statement).unwrap();
        match device.walk() {
            Err(BookFault::Chain { fault, epoch: 1, .. }) => assert_eq!(fault, expected, "{statement}"),
            other => panic!("{statement}: {other:?}"),
        }
    }
    for statement in ["UPDATE totals SET sums = zeroblob(7)", "DELETE FROM totals", "DELETE FROM heads"] {
        let device = Device::new();
        use_one(&device.writer(), "api_call");
        device.conn().execute_batch(statement).unwrap();
        let fault = device.walk().unwrap_err();
        assert_eq!(fault.code(), "JOURNAL_DAMAGED", "{statement}");
    }
}

#[test]
fn no_flipped_bit_loses_usage_silently() {
    let device = Device::new();
    let writer = device.writer();
    for number in 0..12 {
        use_one(&writer, ["api_call", "sms", "llm_token"][number % 3]);
    }
    drop(writer);
    let good = device.settled();
    let (records, summary) = (device.records(), device.summary());
    let mut named = 0;
    for at in (0..good.len()).step_by(7) {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at / 7 % 8);
        device.put(&bytes);
        let walked =
            UsageBook::open(&device.directory()).map_err(drop).and_then(|book| book.walk().map_err(drop));
        if walked.is_err() {
            named += 1;
            continue;
        }
        assert_eq!(walked, Ok(Walked { chains: 1, records: 12, recoveries: 0 }), "byte {at}");
        assert_eq!((device.records(), device.summary()), (records.clone(), summary.clone()), "byte {at}");
    }
    assert!(named > 300, "{named}: the records' bits matter");
}

/// One step of a life.
#[derive(Clone, Debug)]
enum Step {
    Record { process: usize, meter: u8, quantity: u32 },
    Restart { process: usize },
    Activate,
    Mind,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..2usize, 0..3u8, any::<u32>())
            .prop_map(|(process, meter, quantity)| Step::Record { process, meter, quantity }),
        2 => (0..2usize).prop_map(|process| Step::Restart { process }),
        1 => Just(Step::Activate),
        1 => Just(Step::Mind),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn sums_and_chains_are_those_of_a_model_in_every_life(steps in prop::collection::vec(step(), 1..40)) {
        let device = Device::new();
        let mut processes = [device.writer(), device.writer()];
        let mut model: Vec<BTreeMap<String, (Quantity, u64)>> = vec![BTreeMap::new()];
        for step in steps {
            match step {
                Step::Record { process, meter: number, quantity } => {
                    let (name, quantity) = (format!("m{number}"), Quantity::whole(quantity.into()));
                    let recorded = processes[process].record(&meter(&name), None, quantity).unwrap();
                    let entry = model.last_mut().unwrap().entry(name).or_default();
                    *entry = (entry.0.plus(quantity).unwrap(), entry.1 + 1);
                    prop_assert_eq!(recorded.total, entry.0);
                }
                Step::Restart { process } => processes[process] = device.writer(),
                Step::Activate => {
                    model.push(BTreeMap::new());
                    device.follow(u32::try_from(model.len()).unwrap(), "lic-1");
                }
                Step::Mind => prop_assert_eq!(device.ensure(Some(u32::try_from(model.len()).unwrap())), None),
            }
        }
        let found: Vec<BTreeMap<String, (Quantity, u64)>> = device.summary().into_iter().map(|chain| {
            chain.meters.into_iter().map(|(name, total)| (name.to_string(), (total.total, total.records))).collect()
        }).collect();
        let used: u64 = model.iter().flat_map(BTreeMap::values).map(|(_, records)| records).sum();
        let walked = device.walk().unwrap();
        prop_assert_eq!(walked.records, used + model.len() as u64 - 1);
        prop_assert_eq!(found, model);
    }
}

#[test]
fn the_days_of_a_clock_that_was_ahead_do_not_take_todays_quota_away() {
    use brink_license::token::Period;
    use brink_license::usage::{Span, Spent};
    let device = Device::new();
    let (conn, name, sms) = (device.conn(), DeviceId::parse("dev-1").unwrap(), meter("sms"));
    let licence = TokenId::parse("lic-1").unwrap();
    let day = |number: i64| {
        Span::of(Period::Day, &licence, &[], brink_license::UnixSeconds::new(1_800_000_000 + number * 86_400))
    };
    let spent = Spent { used: Quantity::whole(1), aside: Quantity::whole(2) };
    for number in [-9, -8, -7, -6, -5, 0, 100, 101, 102, 103] {
        quota_rows::put_spent(&conn, &name, (&sms, &day(number)), &spent).unwrap();
    }
    quota_rows::prune(&conn, &name, (&sms, &day(0))).unwrap();
    let is_there = |number: i64| {
        matches!(quota_rows::spent(&conn, &name, &sms, &day(number)).unwrap(), quota_rows::Found::Sound(_))
    };
    assert!([-8, -7, -6, -5, 0, 100, 103].into_iter().all(is_there) && !is_there(-9));
}
