//! Books whose oldest records are dropped, which only PostgreSQL does: they say so, and are sound.

use crate::clock::Clock;
use crate::reports::BooksError;
use crate::reports::check::Sound;
use crate::storage::UpkeepOrder;
use crate::testkit::{Bench, DAY, Edge, START};
use brink_license::usage::Entry;
use brink_license::{UnixSeconds, usage::Record};

const KEPT_DAYS: u32 = 435;

fn keep_up(bench: &Bench) -> u64 {
    let order = UpkeepOrder { now: bench.clock.now(), raw_days: Some(KEPT_DAYS) };
    let done = bench.admin.storage.keep_up(&order).unwrap().unwrap();
    assert!(!done.postponed);
    done.dropped.iter().map(|dropped| dropped.records).sum()
}

/// A device with a batch on each of three days, a loss and something in quarantine among them.
fn used() -> (Bench, Edge) {
    let bench = Bench::on_postgres(10, |catalog| {
        catalog.replacen("sms = \"messages\"", "sms = { unit = \"messages\", cap = \"5\" }", 1)
    });
    keep_up(&bench);
    let mut edge = bench.metering();
    for day in 0..3 {
        bench.pass_with(&mut edge, DAY);
        for use_ in 0..4 {
            edge.journal().record("sms", &format!("cam-{}", use_ % 2), 1000);
            edge.journal().record("api_call", "", 500);
        }
        edge.journal().record("sms", "cam-1", 9000);
        if day == 1 {
            edge.journal().record("sms", "cam-1", 1000);
            edge.journal().damage(1);
            edge.journal().record("sms", "cam-1", 1000);
        }
        edge.exchange(&bench.issuer).unwrap();
    }
    (bench, edge)
}

#[test]
fn books_whose_oldest_records_are_dropped_are_sound_and_say_since_when() {
    let (bench, mut edge) = used();
    let whole = bench.admin.verify_usage(None).unwrap();
    assert_eq!(whole.dropped_before, None);
    let before = crate::tests::usage::sums(&bench);
    // Until the first two of the three days are past their time.
    bench.pass_with(&mut edge, i64::from(KEPT_DAYS) * DAY);
    assert_eq!(keep_up(&bench), 9 + 11);
    let Sound { records, sums, dropped_before, .. } = bench.admin.verify_usage(None).unwrap();
    assert_eq!((records, sums), (9, whole.sums), "sums stay");
    assert_eq!(dropped_before, Some(UnixSeconds::new(START + 3 * DAY)));
    assert_eq!(crate::tests::usage::sums(&bench), before);
    // The chain goes on, and what was set aside is still there to be replayed.
    edge.journal().record("sms", "cam-1", 1000);
    edge.exchange(&bench.issuer).unwrap();
    bench.admin.verify_usage(Some(&edge.id())).unwrap();
    let aside = bench.admin.storage.quarantine(&crate::storage::QuarantineScope::All, false).unwrap();
    assert_eq!(aside.len(), 3);
    assert!(
        Record::from_bytes(&aside[0].record.bytes)
            .is_ok_and(|record| matches!(record.entry, Entry::Usage(_)))
    );
    // All of it may go.
    bench.pass_with(&mut edge, i64::from(KEPT_DAYS) * DAY * 2);
    assert_eq!(keep_up(&bench), 9 + 1);
    let sound = bench.admin.verify_usage(None).unwrap();
    assert_eq!((sound.records, sound.sums), (0, whole.sums + 1));
}

#[test]
fn what_is_left_is_held_against_what_was_signed_of_what_is_gone() {
    let (bench, mut edge) = used();
    bench.pass_with(&mut edge, i64::from(KEPT_DAYS) * DAY);
    keep_up(&bench);
    bench.unguard(&["usage_records", "usage_dropped"]);
    for (sql, undo, words) in [
        (
            "UPDATE usage_rollups SET count = count + 1 WHERE quarter = (SELECT max(quarter) FROM usage_rollups)",
            "UPDATE usage_rollups SET count = count - 1 WHERE quarter = (SELECT max(quarter) FROM usage_rollups)",
            "uses in the books",
        ),
        (
            "UPDATE usage_cursors SET seq = seq + 1",
            "UPDATE usage_cursors SET seq = seq - 1",
            "the cursor stands at",
        ),
        (
            "UPDATE usage_dropped SET from_day = from_day - 50, to_day = to_day - 50",
            "UPDATE usage_dropped SET from_day = from_day + 50, to_day = to_day + 50",
            "are absent, and no loss says why",
        ),
    ] {
        bench.sql(sql, &[]);
        match bench.admin.verify_usage(None) {
            Err(BooksError::Differs(difference)) => {
                assert!(difference.to_string().contains(words), "{difference}")
            }
            other => panic!("{sql}: {other:?}"),
        }
        bench.sql(undo, &[]);
    }
    bench.admin.verify_usage(None).unwrap();
}

#[test]
fn records_that_are_sent_again_when_they_are_gone_are_no_fork() {
    let (bench, mut edge) = used();
    // Its answer was lost, and then it lay on a shelf.
    let head = edge.journal().last().head.seq;
    let settled = edge.journal().last().settled;
    edge.journal().last_mut().settled = settled - 3;
    bench.pass_with(&mut edge, (i64::from(KEPT_DAYS) + 3) * DAY);
    assert_eq!(keep_up(&bench), 9 + 11 + 9);
    edge.journal().record("api_call", "", 500);
    edge.exchange(&bench.issuer).unwrap();
    let told = edge.told();
    assert_eq!(told.batch, brink_license::token::BatchVerdict::Taken);
    assert_eq!(told.cursors[0].seq, head + 1);
    bench.admin.verify_usage(None).unwrap();
}
