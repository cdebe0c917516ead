//! What is made is what was planned, and the same for the same seed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper of tests that fails is a failed test")]

use brink_installation::{Fate, Manifest, Plan, Trapped, Writer, broken, camera_name};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tempfile::TempDir;

/// What is said of the first event of a file, which is an ordinary one.
const OF_FILES: [&str; 2] = ["camera_without_configuration", "ids_restart"];

fn made(plan: &Plan) -> (TempDir, Manifest) {
    let folder = TempDir::new().unwrap();
    let manifest = plan.generate(folder.path()).unwrap();
    (folder, manifest)
}

fn open(folder: &Path, file: &str) -> Connection {
    Connection::open(folder.join(file)).unwrap()
}

/// Of all rows of all files, with the classes in which they are stored.
fn digest(folder: &Path, manifest: &Manifest) -> String {
    let mut hasher = Sha256::new();
    for file in &manifest.files {
        let connection = open(folder, &file.file);
        for table in file.tables.keys() {
            let mut statement =
                connection.prepare(&format!("SELECT rowid, * FROM {table} ORDER BY rowid")).unwrap();
            let columns = statement.column_count();
            let mut rows = statement.query([]).unwrap();
            hasher.update(format!("\n{}/{table}", file.file));
            while let Some(row) = rows.next().unwrap() {
                for column in 0..columns {
                    match row.get_ref(column).unwrap() {
                        ValueRef::Text(bytes) => hasher.update([b"t", bytes].concat()),
                        ValueRef::Blob(bytes) => hasher.update([b"b", bytes].concat()),
                        other @ (ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_)) => {
                            hasher.update(format!("{other:?}"))
                        }
                    }
                }
            }
        }
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn count(connection: &Connection, table: &str) -> u64 {
    let sql = format!("SELECT count(*) FROM {table}");
    connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap().cast_unsigned()
}

/// In what class SQLite keeps a column of a snare.
fn class_of(folder: &Path, trap: &Trapped, column: &str) -> String {
    let sql = format!("SELECT typeof({column}) FROM {} WHERE rowid = ?", trap.table);
    open(folder, &trap.file).query_row(&sql, [trap.rowid], |row| row.get(0)).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_rows() {
    let plan = Plan { rows: 3000, cameras: 4, ..Plan::default() };
    let (one, first) = made(&plan);
    let (two, second) = made(&plan);
    assert_eq!(first, second);
    assert_eq!(digest(one.path(), &first), digest(two.path(), &second));
    let (three, third) = made(&Plan { seed: 2, ..plan });
    assert_ne!(digest(one.path(), &first), digest(three.path(), &third));
    assert_eq!(Manifest::read(one.path()).unwrap(), first);
}

#[test]
fn the_manifest_counts_what_is_there() {
    for traps in [false, true] {
        let (folder, manifest) = made(&Plan { traps, rows: 5000, cameras: 6, ..Plan::default() });
        for file in &manifest.files {
            let connection = open(folder.path(), &file.file);
            for (table, rows) in &file.tables {
                let total = count(&connection, table);
                assert_eq!(total, rows.total, "{} {table}", file.file);
                if table != "config" {
                    assert_eq!(cameras(&connection, table), rows.cameras, "{} {table}", file.file);
                }
            }
        }
        let ordinary: u64 = manifest
            .files
            .iter()
            .filter(|file| file.file.starts_with("data/"))
            .flat_map(|file| file.tables.values())
            .map(|rows| rows.total)
            .sum();
        let snares = manifest
            .traps
            .iter()
            .filter(|one| one.file != "tapi.db" && !OF_FILES.contains(&one.trap.as_str()));
        assert_eq!(ordinary - snares.count() as u64, 5000);
        assert!(manifest.files.iter().any(|file| file.tables.values().all(|rows| rows.total == 0)));
    }
}

fn cameras(connection: &Connection, table: &str) -> BTreeMap<String, u64> {
    let sql = format!("SELECT camera_id, count(*) FROM {table} GROUP BY camera_id");
    let mut statement = connection.prepare(&sql).unwrap();
    let rows = statement
        .query_map([], |row| Ok((camera_name(row.get_ref(0)?), row.get::<_, i64>(1)?.cast_unsigned())))
        .unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn most_rows_are_events_over_three_years() {
    let (folder, manifest) =
        made(&Plan { traps: false, mixed: false, rows: 20_000, cameras: 1, ..Plan::default() });
    assert_eq!((manifest.rows("telemetry_events"), manifest.rows("frames")), (18_400, 400));
    let connection = open(folder.path(), &manifest.files[1].file);
    let sql = "SELECT min(created_at), max(created_at), count(DISTINCT created_at / 2592000000),
                      sum(frame_id IS NOT NULL AND frame_id NOT IN (SELECT id FROM frames)), min(id), max(id)
               FROM telemetry_events";
    let seen: (i64, i64, i64, i64, i64, i64) = connection
        .query_row(sql, [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
        })
        .unwrap();
    assert!(seen.0 >= 1_685_664_000_000 && seen.1 < 1_780_272_000_000 + 1000, "{seen:?}");
    assert!(seen.2 >= 36, "{seen:?}");
    assert_eq!((seen.3, seen.4, seen.5), (0, 1, 18_400));
}

#[test]
fn every_snare_is_laid_whatever_the_seed() {
    let names = |manifest: &Manifest| -> BTreeSet<String> {
        manifest.traps.iter().map(|one| one.trap.clone()).collect()
    };
    let (_, small) = made(&Plan { rows: 100, cameras: 1, ..Plan::default() });
    let (_, other) = made(&Plan { rows: 1000, cameras: 9, seed: 77, mixed: false, ..Plan::default() });
    let (_, none) = made(&Plan { rows: 0, cameras: 2, ..Plan::default() });
    assert_eq!(names(&small), names(&other));
    assert!(names(&small).len() > 140, "{}", names(&small).len());
    let (small, none) = (names(&small), names(&none));
    // Without rows there is no first event.
    assert_eq!(small.difference(&none).collect::<Vec<_>>(), OF_FILES);
    let (_, plain) = made(&Plan { traps: false, ..Plan::default() });
    assert_eq!(plain.traps, []);
}

#[test]
fn snares_are_stored_as_they_were_meant() {
    let (folder, manifest) = made(&Plan { rows: 1000, ..Plan::default() });
    let one = |name: &str| manifest.traps.iter().find(|one| one.trap == name).expect(name);
    for (name, column, class) in [
        ("timestamp_text", "timestamp", "text"),
        ("timestamp_real", "timestamp", "real"),
        ("timestamp_whole_real", "timestamp", "integer"),
        ("timestamp_digits", "timestamp", "integer"),
        ("event_type_blob", "event_type", "blob"),
        ("camera_id_was_number", "camera_id", "text"),
        ("json_with_nul_after", "properties", "text"),
        ("properties_blob", "properties", "blob"),
        ("thumbnail_text", "thumbnail", "text"),
        ("dwell_beyond_i64", "dwell_time_ms", "real"),
        ("created_at_null", "created_at", "null"),
        ("camera_key_null", "camera_id", "null"),
    ] {
        assert_eq!(class_of(folder.path(), one(name), column), class, "{name}");
    }
    assert_eq!(one("id_2^40").rowid, 1 << 40);
    assert_eq!(one("ids_restart").rowid, 1);
    let trap = one("frame_removed_by_retention");
    let connection = open(folder.path(), &trap.file);
    let sql = "SELECT count(*) FROM frames WHERE id = 2 UNION ALL SELECT count(*) FROM frames WHERE id = 6";
    let there: Vec<i64> = connection
        .prepare(sql)
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(there, [0, 1]);
    let nameless: Vec<_> = manifest.traps.iter().filter(|one| one.trap == "bucket_without_class").collect();
    assert_eq!(nameless.len(), 3);
    assert!(nameless.iter().all(|one| one.file == nameless[0].file && one.fate == Fate::Held));
}

#[test]
fn every_file_is_sound() {
    let (folder, manifest) = made(&Plan { rows: 3000, cameras: 8, ..Plan::default() });
    let mut with_log = 0;
    for file in &manifest.files {
        let log = folder.path().join(format!("{}-wal", file.file));
        with_log += u32::from(log.exists());
        let connection = open(folder.path(), &file.file);
        for pragma in ["integrity_check", "foreign_key_check"] {
            let mut statement = connection.prepare(&format!("PRAGMA {pragma}")).unwrap();
            let answers: Vec<String> =
                statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
            assert!(answers.iter().all(|answer| answer == "ok"), "{}: {answers:?}", file.file);
        }
        let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
        assert_eq!(mode, "wal", "{}", file.file);
    }
    assert!(with_log > 8, "{with_log}");
}

#[test]
fn an_installation_is_not_made_over_another() {
    let (folder, _) = made(&Plan { rows: 10, cameras: 1, traps: false, ..Plan::default() });
    Plan::default().generate(folder.path()).unwrap_err();
}

#[test]
fn the_big_thumbnail_is_there_if_wanted() {
    let (folder, manifest) =
        made(&Plan { rows: 10, cameras: 1, traps: false, big_blob: true, ..Plan::default() });
    let trap = &manifest.traps[0];
    let connection = open(folder.path(), &trap.file);
    let sql = "SELECT length(thumbnail) FROM frames WHERE id = ?";
    let length: i64 = connection.query_row(sql, [trap.rowid], |row| row.get(0)).unwrap();
    assert_eq!((manifest.traps.len(), length), (1, 50_000_000));
}

#[test]
fn what_the_writer_wrote_is_there() {
    let (folder, manifest) = made(&Plan { rows: 2000, cameras: 3, ..Plan::default() });
    let writer = Writer::start(folder.path(), 5).unwrap();
    // A reader meanwhile, as a transfer is one.
    let file = &manifest.files[1].file;
    let reader =
        Connection::open_with_flags(folder.path().join(file), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let _: i64 = reader.query_row("SELECT count(*) FROM telemetry_events", [], |row| row.get(0)).unwrap();
    let written = writer.stop().unwrap();
    // The one with ids beyond what is ordinary is left alone.
    assert_eq!(written.events.len(), manifest.files.len() - 2);
    assert!(written.upserts > 0);
    for file in manifest.files.iter().filter(|file| file.file.starts_with("data/")) {
        let connection = open(folder.path(), &file.file);
        for (table, more) in [("telemetry_events", &written.events), ("frames", &written.frames)] {
            let there = count(&connection, table);
            let more = more.get(&file.file).copied().unwrap_or(0);
            assert_eq!(there, file.tables[table].total + more, "{} {table}", file.file);
        }
    }
}

#[test]
fn a_writer_needs_files() {
    let folder = TempDir::new().unwrap();
    Writer::start(folder.path(), 1).unwrap_err();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let error = Writer::start(folder.path(), 1).unwrap_err();
    assert!(error.to_string().contains("make an installation"), "{error}");
}

/// The rows of events that can be read before something fails, and whether something did.
fn readable(path: &Path) -> (u32, bool) {
    let read = |counted: &mut u32| -> rusqlite::Result<()> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut statement = connection.prepare("SELECT id, properties FROM telemetry_events")?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {
            *counted += 1;
        }
        Ok(())
    };
    let mut counted = 0;
    let failed = read(&mut counted).is_err();
    (counted, failed)
}

#[test]
fn broken_files_are_broken_in_their_way() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let (rows, failed) = readable(&broken::corrupt(at).unwrap());
    assert!(failed && rows > 0 && rows < 500, "{rows}");
    assert!(readable(&broken::truncated(at).unwrap()).1);
    assert_eq!(readable(&broken::encrypted_like(at).unwrap()), (0, true));
    assert_eq!(readable(&broken::not_a_database(at).unwrap()), (0, true));
    assert_eq!(readable(&broken::empty(at).unwrap()), (0, true));
    assert_eq!(readable(&broken::missing_column(at).unwrap()), (0, true));
    let newer = broken::newer_schema(at).unwrap();
    assert_eq!(readable(&newer), (500, false));
    let version: i64 =
        open(at, "telemetry_newer.db").query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 99);
    let incomplete = broken::missing_table(at).unwrap();
    assert_eq!(readable(&incomplete), (500, false));
    open(at, "telemetry_incomplete.db").prepare("SELECT 1 FROM frames").unwrap_err();
}
