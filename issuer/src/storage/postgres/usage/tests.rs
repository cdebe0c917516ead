//! What only this adapter has: partitions, exact sums in the server, and cursors that move once.

use super::*;
use crate::storage::postgres::{DatabaseUrl, PostgresStorage};
use crate::storage::{
    ChainView, CursorRow, Evidence, NewBatch, NewRecord, NewUsage, StorageError, Sum, SumKey, Upkeep,
    UpkeepOrder, Upkept, UsageView,
};
use brink_databases::Database;
use brink_license::usage::Head;
use brink_license::{DeviceId, Kid, TenantId, UnixSeconds};
use std::collections::BTreeMap;

const DAY_MS: i64 = 86_400_000;
/// 2026-03-01.
const TODAY: i32 = 20_513;

fn storage() -> (Database, PostgresStorage) {
    let database = Database::empty();
    let url: DatabaseUrl = database.url().parse().unwrap();
    let storage = PostgresStorage::create(&url).unwrap();
    (database, storage)
}

fn device() -> DeviceId {
    "dev-1".parse().unwrap()
}

fn tenant() -> TenantId {
    "tenant-1".parse().unwrap()
}

fn key() -> SumKey {
    SumKey { quarter: 7, meter: "sms".parse().unwrap(), resource: Some("cam-1".parse().unwrap()) }
}

fn cursor(seq: u64) -> CursorRow {
    CursorRow {
        epoch: 1,
        tenant: tenant(),
        jkt: Kid::from_digest([1; 32]),
        head: Head { seq, hash: [2; 32] },
        event_ms: 0,
        closed: false,
        incomplete: false,
        forked_at: None,
        acknowledged: None,
        reported: Head { seq, hash: [2; 32] },
        recoveries: 0,
        received_ms: 0,
    }
}

fn before(seq: Option<u64>) -> UsageView {
    let cursor = seq.map(cursor);
    let chain = ChainView { tenant: tenant(), jkt: Kid::from_digest([1; 32]), began_ms: 0, cursor };
    UsageView { chains: BTreeMap::from([(1, chain)]), ..UsageView::default() }
}

/// Records from one number to another, all received on a day, that add a sum.
fn brings(seqs: std::ops::RangeInclusive<u64>, day: i32, sum: Sum) -> NewUsage {
    let received_ms = i64::from(day) * DAY_MS + 999;
    let record = |seq| NewRecord {
        seq,
        from: seq,
        event_ms: received_ms,
        floor_ms: None,
        bytes: seq.to_be_bytes().to_vec(),
        quarantine: None,
    };
    let last = *seqs.end();
    // The point of the curve's base: a public key like any other.
    let mut base = [0x66; 32];
    base[0] = 0x58;
    let batch = NewBatch {
        epoch: 1,
        tenant: tenant(),
        received_ms,
        records: seqs.map(record).collect(),
        sums: BTreeMap::from([(key(), sum)]),
        totals_lost: false,
        totals: BTreeMap::new(),
        losses: Vec::new(),
        evidence: Evidence { seq: last, device_key: base, checkpoint: "c".into(), receipt: "r".into() },
    };
    NewUsage { cursors: vec![cursor(last)], batch: Some(batch), fork: None }
}

fn one() -> Sum {
    Sum { quantity: 1, count: 1, records: 1 }
}

fn write(storage: &PostgresStorage, from: Option<u64>, usage: &NewUsage) -> Result<(), StorageError> {
    let (device, before) = (device(), before(from));
    storage.write(async |tx| record(tx, &[Brought { device: &device, before: &before, usage }]).await)
}

fn number(storage: &PostgresStorage, sql: &str) -> i64 {
    storage.read(async |tx| super::super::columns::column(&tx.one(sql, &[]).await?, "n")).unwrap()
}

/// The partitions, and how many records each has.
fn partitions(storage: &PostgresStorage) -> Vec<(String, i64)> {
    let sql =
        "SELECT tableoid::regclass::text AS name, count(*) AS n FROM usage_records GROUP BY 1 ORDER BY 1";
    storage
        .read(async |tx| {
            let rows = tx.rows(sql, &[]).await?;
            Ok(rows.iter().map(|row| (row.get("name"), row.get("n"))).collect())
        })
        .unwrap()
}

#[test]
fn a_sum_at_the_edge_is_exact_and_stays_there() {
    let (_database, storage) = storage();
    let almost = Sum { quantity: u128::MAX - 2, count: i64::MAX - 1, records: 1 };
    write(&storage, None, &brings(1..=1, TODAY, almost)).unwrap();
    let mut expected = almost;
    for seq in 2..=4 {
        write(&storage, Some(seq - 1), &brings(seq..=seq, TODAY, one())).unwrap();
        expected = expected.plus(one());
        let sums = storage.read(async |tx| recount(tx, &device(), &mut |_| {}).await).unwrap();
        assert_eq!(sums.len(), 1);
        assert_eq!((&sums[0].key, sums[0].sum), (&key(), expected), "as the port adds up");
    }
    assert_eq!((expected.quantity, expected.count), (u128::MAX, i64::MAX));
}

#[test]
fn a_cursor_moves_only_from_where_it_was_read_to_stand() {
    let (_database, storage) = storage();
    write(&storage, None, &brings(1..=5, TODAY, one())).unwrap();
    let again = write(&storage, None, &brings(1..=6, TODAY + 1, one())).unwrap_err();
    assert!(matches!(again, StorageError::Engine(_)), "{again}");
    for stale in [4, 6] {
        let refused = write(&storage, Some(stale), &brings(5..=7, TODAY + 1, one())).unwrap_err();
        assert!(refused.to_string().contains("usage_cursors.seq"), "{refused}");
    }
    assert_eq!(
        number(&storage, "SELECT count(*) AS n FROM usage_records"),
        5,
        "nor did anything else happen"
    );
    write(&storage, Some(5), &brings(6..=7, TODAY + 1, one())).unwrap();
    assert_eq!(number(&storage, "SELECT records AS n FROM usage_rollups"), 2);
}

fn order(day: i32, raw_days: Option<u32>) -> UpkeepOrder {
    UpkeepOrder { now: UnixSeconds::new(i64::from(day) * 86_400 + 5), raw_days }
}

#[test]
fn partitions_are_made_ahead_and_what_came_without_one_is_not_lost() {
    let (_database, storage) = storage();
    // Nobody has looked after it yet, and a clock was in another year once.
    write(&storage, None, &brings(1..=2, TODAY - 1, one())).unwrap();
    write(&storage, Some(2), &brings(3..=3, TODAY, one())).unwrap();
    write(&storage, Some(3), &brings(4..=4, TODAY + 5000, one())).unwrap();
    let rest = "usage_records_rest".to_owned();
    assert_eq!(partitions(&storage), [(rest.clone(), 4)]);
    let done = storage.keep_up(&order(TODAY, None)).unwrap().unwrap();
    assert_eq!(done.made.first(), Some(&(TODAY - 1..TODAY + 1)));
    assert_eq!(done.made.len(), 1 + 14, "two weeks ahead");
    let adopted = format!("usage_records_{}_{}", TODAY - 1, TODAY + 1);
    assert_eq!(partitions(&storage), [(adopted.clone(), 3), (rest.clone(), 1)]);
    assert_eq!(storage.keep_up(&order(TODAY, None)).unwrap().unwrap().made, []);
    // Today goes where today went, and tomorrow to its own.
    write(&storage, Some(4), &brings(5..=5, TODAY, one())).unwrap();
    write(&storage, Some(5), &brings(6..=6, TODAY + 1, one())).unwrap();
    let made = format!("usage_records_{}", TODAY + 1);
    assert_eq!(partitions(&storage), [(adopted, 4), (made, 1), (rest, 1)]);
    // What makes a ledger of it holds in every partition.
    for table in [format!("usage_records_{}", TODAY + 1), "usage_records_rest".to_owned()] {
        let sql = format!("DELETE FROM {table}");
        assert!(storage.write(async |tx| tx.execute(&sql, &[]).await).is_err(), "{sql}");
    }
    assert_eq!(number(&storage, "SELECT records AS n FROM usage_rollups"), 5);
}

#[test]
fn what_is_old_enough_is_dropped_with_its_fact_and_nothing_else() {
    let (_database, storage) = storage();
    storage.keep_up(&order(TODAY, None)).unwrap().unwrap();
    for (at, seq) in (TODAY..TODAY + 3).zip(1..) {
        write(&storage, (seq > 1).then(|| seq - 1), &brings(seq..=seq, at, one())).unwrap();
    }
    let kept = storage.keep_up(&order(TODAY + 435, Some(435))).unwrap().unwrap();
    assert_eq!(kept.dropped, [], "the day that is 435 days old is kept");
    let gone = storage.keep_up(&order(TODAY + 437, Some(435))).unwrap().unwrap();
    let days: Vec<_> = gone.dropped.iter().map(|dropped| (dropped.days.start, dropped.records)).collect();
    assert_eq!(days, [(TODAY, 1), (TODAY + 1, 1)]);
    assert_eq!(number(&storage, "SELECT max(to_day)::bigint AS n FROM usage_dropped"), i64::from(TODAY + 2));
    assert_eq!(number(&storage, "SELECT count(*) AS n FROM usage_records"), 1);
    assert_eq!(number(&storage, "SELECT records AS n FROM usage_rollups"), 3, "sums stay");
    assert_eq!(number(&storage, "SELECT count(*) AS n FROM usage_evidence"), 3, "and what was signed");
}

/// In a thread of its own: one that waits for the server cannot wait twice.
fn elsewhere(storage: &PostgresStorage, order: &UpkeepOrder) -> Option<Upkept> {
    std::thread::scope(|scope| scope.spawn(|| storage.keep_up(order).unwrap()).join().unwrap())
}

#[test]
fn two_at_once_do_it_once_and_a_long_reader_is_not_waited_for() {
    let (database, storage) = storage();
    let other = PostgresStorage::connect(&database.url().parse().unwrap()).unwrap();
    let held = storage.write(async |tx| {
        tx.one("SELECT pg_advisory_xact_lock($1)", &[&super::super::upkeep::LOCK]).await?;
        assert_eq!(elsewhere(&other, &order(TODAY, None)), None);
        Ok(())
    });
    held.unwrap();
    storage.keep_up(&order(TODAY, None)).unwrap().unwrap();
    let read = storage.read(async |tx| {
        tx.one("SELECT count(*) FROM usage_records", &[]).await?;
        let done = elsewhere(&other, &order(TODAY + 500, Some(435))).unwrap();
        assert!(done.postponed && done.dropped.is_empty(), "{done:?}");
        Ok(())
    });
    read.unwrap();
    let done = other.keep_up(&order(TODAY + 500, Some(435))).unwrap().unwrap();
    assert!(!done.postponed && done.dropped.len() == 15, "{done:?}");
}

#[test]
fn the_largest_sum_of_the_server_is_that_of_the_port() {
    assert_eq!(MOST, u128::MAX.to_string());
}
