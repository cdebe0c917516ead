//! Whatever is changed behind the program's back is named.

use crate::reports::BooksError;
use crate::reports::check::Sound;
use crate::testkit::{Bench, DAY, Edge, try_sql, unguard, unhex};

/// A device with single uses, sums of many, a loss and something in quarantine.
fn used() -> (Bench, Edge) {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    bench.pass_with(&mut edge, DAY);
    for use_ in 0..12 {
        edge.journal().record("sms", &format!("cam-{}", use_ % 2), 1000);
        edge.journal().record("api_call", "", 500);
        bench.pass_with(&mut edge, 300);
    }
    edge.exchange(&bench.issuer).unwrap();
    for _ in 0..12 {
        edge.journal().record("sms", "cam-1", 1000);
        bench.pass_with(&mut edge, 300);
    }
    edge.journal().fold(8);
    edge.exchange(&bench.issuer).unwrap();
    edge.journal().record("sms", "cam-1", 1000);
    edge.journal().damage(1);
    edge.journal().record("sms", "cam-1", 1000);
    edge.exchange(&bench.issuer).unwrap();
    (bench, edge)
}

fn difference(bench: &Bench) -> String {
    match bench.admin.verify_usage(None) {
        Err(BooksError::Differs(difference)) => difference.to_string(),
        Err(error) => panic!("{error}"),
        Ok(sound) => panic!("{sound:?}"),
    }
}

#[test]
fn sound_books_are_sound_and_say_how_much_was_looked_at() {
    let (bench, edge) = used();
    let sound = bench.admin.verify_usage(Some(&edge.id())).unwrap();
    let Sound { devices, chains, records, sums, .. } = sound;
    assert_eq!((devices, chains, records), (1, 1, 24 + 5 + 2));
    assert!(sums > 10, "{sums}");
    assert_eq!(bench.admin.verify_usage(None).unwrap(), sound);
}

#[test]
fn every_change_is_named_with_its_place() {
    let (kept, _) = used();
    let change = |sql: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let copy = kept.cut(&folder.path().join("copy"));
        unguard(&copy, &["usage_records", "usage_losses", "usage_evidence"]);
        for sql in sql {
            assert_ne!(try_sql(&copy, &format!("{sql} RETURNING 1"), &[]).unwrap().len(), 0, "{sql}");
        }
        let storage = crate::place::DatabasePlace::of(&copy).unwrap().open().unwrap();
        let admin = crate::admin::Admin {
            storage,
            catalog: crate::catalog::Catalog::embedded().unwrap(),
            clock: std::sync::Arc::clone(&kept.clock) as std::sync::Arc<dyn crate::clock::Clock>,
            actor: crate::storage::Actor("test".into()),
        };
        match admin.verify_usage(None) {
            Err(BooksError::Differs(difference)) => difference.to_string(),
            other => panic!("{sql:?}: {other:?}"),
        }
    };
    let set_aside = match kept.is_on_server() {
        false => "UPDATE usage_records SET quarantined = 1 WHERE seq = 2",
        true => {
            "INSERT INTO usage_quarantine
               (device, epoch, seq, from_seq, tenant, received_at, event_ms, bytes, reason, detail, at)
             SELECT device, epoch, seq, from_seq, tenant, received_at, event_ms, bytes, 'CAP', '', 0
             FROM usage_records WHERE seq = 2"
        }
    };
    for (sql, words) in [
        // The bytes of one are put in the place of another.
        (
            "UPDATE usage_records SET bytes = (SELECT bytes FROM usage_records WHERE seq = 3) WHERE seq = 5",
            "record 5 is another record",
        ),
        ("UPDATE usage_records SET bytes = CAST(substr(bytes, 1, length(bytes) - 1) || x'00' AS BLOB) WHERE seq = 7", "6 was edited"),
        ("UPDATE usage_records SET bytes = x'00' WHERE seq = 7", "record 7 was edited"),
        ("DELETE FROM usage_records WHERE seq = 9", "records 9 to 9 are absent"),
        ("DELETE FROM usage_losses", "are absent, and no loss says why"),
        ("UPDATE usage_cursors SET hash = zeroblob(32)", "has another hash"),
        ("UPDATE usage_cursors SET seq = seq + 1", "the cursor stands at"),
        ("UPDATE usage_totals SET total = zeroblob(16) WHERE meter = 'sms'", "sms has come to 0 in the books"),
        (
            "UPDATE usage_rollups SET quantity = zeroblob(16) WHERE resource = 'cam-1'
               AND quarter = (SELECT min(quarter) FROM usage_rollups)",
            "is 0 in",
        ),
        ("UPDATE usage_rollups SET count = count + 1", "uses in the books"),
        ("DELETE FROM usage_rollups WHERE meter = 'api_call'", "api_call of \"\""),
        (set_aside, "api_call of \"\""),
        ("UPDATE usage_records SET event_ms = event_ms + 86400000 WHERE seq = 2", "api_call of \"\""),
        (
            "UPDATE usage_evidence SET checkpoint = (SELECT checkpoint FROM usage_evidence ORDER BY seq DESC LIMIT 1)
               WHERE seq = 24",
            "the checkpoint of record 24",
        ),
        ("UPDATE usage_evidence SET device_key = zeroblob(32)", "the checkpoint of record 24"),
    ] {
        let said = change(&[sql]);
        assert!(said.contains(words), "{sql}: {said}");
    }
}

#[test]
fn a_chain_that_was_made_anew_in_the_database_is_not_what_the_device_signed() {
    let (bench, _) = used();
    unguard(&bench.data, &["usage_records"]);
    let mut record = {
        let bytes = unhex(&bench.texts("SELECT bytes FROM usage_records WHERE seq = 24")[0]);
        brink_license::usage::Record::from_bytes(&bytes).unwrap()
    };
    record.at.wall_ms += 1;
    bench.sql("UPDATE usage_records SET bytes = ?1 WHERE seq = 24", &[&record.to_bytes()]);
    assert!(difference(&bench).contains("record 24 was edited"));
}
