use super::{Old, TABLES, migrated, number};
use brink_databases::{ask, run};
use brink_installation::{Fate, Plan};
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeMap;

/// What PostgreSQL could hold and the index on it cannot.
const TOO_LONG: &str = "source_id_very_long";
/// A span that no bigint holds, which is a numeric here.
const FAR_APART: &str = "dwell_beyond_i64";

#[test]
fn every_row_is_there_or_set_aside_with_its_reason_and_the_files_are_as_they_were() {
    let old = Old::generate(&Plan { rows: 3000, ..Plan::default() });
    let (before, database) = (old.content(), migrated());
    let url = database.url();
    old.run("run", &url).ok();
    assert_eq!(before, old.content(), "the old files were touched");

    let rejected = old
        .manifest
        .traps
        .iter()
        .filter(|trap| trap.trap != FAR_APART && (trap.fate == Fate::Rejected || trap.trap == TOO_LONG));
    let expected: BTreeMap<_, _> = rejected
        .filter(|trap| TABLES.contains(&trap.table.as_str()))
        .map(|trap| ((trap.file.clone(), trap.table.clone(), trap.rowid), trap.trap.clone()))
        .collect();
    let sql = "SELECT 'data/' || s.name, r.table_name, r.rowid FROM transfer_rejects r JOIN transfer_sources s ON s.number = r.source
               WHERE s.kind = 'telemetry'";
    let found = ask(&url, sql).into_iter().map(|row| {
        let [file, table, rowid] = [0, 1, 2].map(|at| row[at].clone().unwrap());
        (file.trim_start_matches("data/").to_owned(), table, rowid.parse::<i64>().unwrap())
    });
    let mut found: Vec<_> = found.collect();
    found.sort();
    let bare = |file: &str| file.rsplit('/').next().unwrap().to_owned();
    let mut wanted: Vec<_> =
        expected.keys().map(|(file, table, rowid)| (bare(file), table.clone(), *rowid)).collect();
    wanted.sort();
    assert_eq!(found, wanted);

    for table in TABLES {
        let aside = found.iter().filter(|(_, of, _)| of == table).count() as u64;
        let there = number(&url, &format!("SELECT count(*) FROM {table}")).unsigned_abs();
        assert_eq!(there + aside, old.manifest.rows(table), "{table}");
    }
    let verified = old.run("verify", &url).ok();
    assert!(verified.sum("equal") > 3000, "{:#}", verified.document);
    assert_eq!(verified.sum("rejected"), found.len() as u64);
    // Cameras, components, zones and keys; some of them are traps.
    assert!(number(&url, "SELECT count(*) FROM cameras") >= 5);
    assert_eq!(verified.configured("equal").cast_signed(), number(&url, "SELECT (SELECT count(*) FROM config) + (SELECT count(*) FROM cameras)
        + (SELECT count(*) FROM camera_components) + (SELECT count(*) FROM line_zones) + (SELECT count(*) FROM polygon_zones)"));
    let aside = "SELECT count(*) FROM transfer_rejects WHERE table_name NOT IN ('frames', 'telemetry_events', 'analytics_summary',
        'time_series_buckets', 'class_distribution', 'dwell_times', 'event_type_counts')";
    assert_eq!(verified.configured("rejected").cast_signed(), number(&url, aside));
    assert!(number(&url, aside) > 0);
    assert_eq!(super::left_over(&old.folder.path().join("work")), 0, "copies are left");
}

/// Asked of SQLite itself, by nothing that the transfer is made of.
#[test]
fn sums_that_somebody_else_asks_for_are_the_same() {
    let old = Old::generate(&Plan { rows: 3000, big_blob: true, ..Plan::default() });
    let database = migrated();
    let url = database.url();
    old.run("run", &url).ok();
    let (mut count, mut at, mut frames) = (0_i64, 0_i128, 0_i64);
    for file in std::fs::read_dir(old.data()).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_none_or(|extension| extension != "db") {
            continue;
        }
        let conn = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap().replace('\'', "''");
        let aside = ask(
            &url,
            &format!(
                "SELECT r.table_name, r.rowid FROM transfer_rejects r JOIN transfer_sources s ON s.number = r.source WHERE s.name = '{name}'"
            ),
        );
        let of = |table: &str| {
            let rows: Vec<String> = aside
                .iter()
                .filter(|row| row[0].as_deref() == Some(table))
                .map(|row| row[1].clone().unwrap())
                .collect();
            if rows.is_empty() { "0".to_owned() } else { rows.join(",") }
        };
        let sql =
            format!("SELECT timestamp FROM telemetry_events WHERE rowid NOT IN ({})", of("telemetry_events"));
        for moment in conn.prepare(&sql).unwrap().query_map([], |row| row.get::<_, i64>(0)).unwrap() {
            count += 1;
            at += i128::from(moment.unwrap());
        }
        let sql = format!(
            "SELECT coalesce(sum(length(thumbnail)), 0) FROM frames WHERE rowid NOT IN ({})",
            of("frames")
        );
        frames += conn.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap();
    }
    let there = ask(&url, "SELECT count(*), sum(timestamp) FROM telemetry_events");
    assert_eq!(there[0], [Some(count.to_string()), Some(at.to_string())]);
    assert_eq!(number(&url, "SELECT sum(length(thumbnail)) FROM frames"), frames);
    assert!(frames > 50_000_000, "one of them is large");
    // A frame's number leads to the frame of its own file.
    let strange = "SELECT count(*) FROM telemetry_events WHERE frame_id >> 40 <> id >> 40";
    assert_eq!(number(&url, strange), 0);
    let meets = "SELECT count(*) FROM telemetry_events e JOIN frames f ON f.id = e.frame_id";
    assert!(number(&url, meets) > 0);
}

#[test]
fn a_second_run_writes_nothing_and_a_dry_one_neither() {
    let old = Old::generate(&Plan { rows: 1000, ..Plan::default() });
    let database = migrated();
    let url = database.url();
    let mut dry = old.command("run", &url);
    let dry = super::Ended::of(dry.arg("--dry-run")).ok();
    assert_eq!(number(&url, "SELECT count(*) FROM transfer_sources"), 0);
    let first = old.run("run", &url).ok();
    assert_eq!(
        dry.sum("copied_now"),
        first.sum("copied_now")
            + number(&url, "SELECT count(*) FROM transfer_rejects WHERE reason = 'refused_by_server'")
                .unsigned_abs()
    );
    let marks = "SELECT md5(string_agg(xmin::text || ctid::text, ',' ORDER BY tableoid, ctid)) FROM";
    let state = |table: &str| ask(&url, &format!("{marks} {table}"));
    let before: Vec<_> = TABLES.iter().map(|table| state(table)).collect();
    let second = old.run("run", &url).ok();
    assert_eq!((second.sum("copied_now"), second.sum("rejected_now")), (0, 0), "{:#}", second.document);
    assert_eq!((second.configured("copied_now"), first.configured("copied_now") > 0), (0, true));
    assert_eq!(dry.configured("copied_now"), first.configured("copied_now"));
    assert_eq!(second.sum("copied"), first.sum("copied"));
    assert_eq!(
        before,
        TABLES.iter().map(|table| state(table)).collect::<Vec<_>>(),
        "rows were written again"
    );
}

#[test]
fn a_row_that_somebody_changed_added_or_removed_is_found() {
    let old = Old::generate(&Plan { rows: 1000, traps: false, ..Plan::default() });
    let database = migrated();
    let url = database.url();
    old.run("run", &url).ok();
    old.run("verify", &url).ok();
    let one = "(SELECT id FROM telemetry_events ORDER BY id DESC LIMIT 1 OFFSET 3)";
    let cases = [
        ("differing", format!("UPDATE telemetry_events SET properties = properties || '{{\"class_name\": \"elephant\"}}' WHERE id = {one}")),
        ("only_in_source", "DELETE FROM line_zones WHERE zone_id = (SELECT min(zone_id) FROM line_zones)".to_owned()),
        ("only_in_source", format!("DELETE FROM telemetry_events WHERE id = {one}")),
        ("only_in_target", "INSERT INTO class_distribution (id, camera_id, event_type) SELECT max(id) + 1, 'x', 0 FROM class_distribution".to_owned()),
        ("rejects_differing", "INSERT INTO transfer_rejects (source, table_name, rowid, reason, detail, content) VALUES (2, 'frames', 1, 'null', '', '')".to_owned()),
    ];
    let mut seen = BTreeMap::new();
    for (kind, sql) in cases {
        run(&url, &sql);
        let verified = old.run("verify", &url);
        let count = verified.sum(kind) + verified.configured(kind);
        assert_eq!(
            (verified.code, count > seen.insert(kind, count).unwrap_or(0)),
            (1, true),
            "{kind}: {:#}",
            verified.document
        );
        assert!(verified.said.contains("TRANSFER_DIFFERS"), "{}", verified.said);
    }
}
