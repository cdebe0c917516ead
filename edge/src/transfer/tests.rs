//! What old files may look like, moved and compared with a real server.

use super::snapshot::Snapshot;
use super::verify::Verified;
use super::{Files, TransferError, run, verify};
use crate::database::Database;
use crate::database::tests::{migrated, wait};
use brink_databases::{Database as Fresh, ask};
use brink_installation::Plan;
use rusqlite::Connection;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// An old installation of one camera, and where it goes to.
struct World {
    folder: TempDir,
    fresh: Fresh,
    database: Database,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan { cameras: 1, rows: 200, traps: false, mixed: false, ..Plan::default() };
        plan.generate(folder.path()).unwrap();
        let (fresh, database) = migrated();
        Self { folder, fresh, database }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The one telemetry file.
    fn file(&self) -> PathBuf {
        let all = fs::read_dir(self.data()).unwrap().map(|entry| entry.unwrap().path());
        all.filter(|path| path.extension().is_some_and(|extension| extension == "db")).min().unwrap()
    }

    fn files(&self, telemetry_dir: &Path) -> Files {
        Files {
            config_db: None,
            telemetry_dir: Some(telemetry_dir.to_owned()),
            work: self.folder.path().join("work"),
            busy: Duration::from_secs(5),
            trust_names: false,
            tenant: None,
        }
    }

    /// The codes of what did not go through.
    fn run(&self, telemetry_dir: &Path) -> Vec<&'static str> {
        let ran = wait(run(&self.database, &self.files(telemetry_dir))).unwrap();
        ran.failed.iter().map(|failed| failed.code).collect()
    }

    fn verify(&self) -> Verified {
        wait(verify(&self.database, &self.files(&self.data()), None)).unwrap()
    }

    fn number(&self, sql: &str) -> u64 {
        ask(&self.fresh.url(), sql)[0][0].as_deref().unwrap().parse().unwrap()
    }
}

const EVENTS: &str = "SELECT count(*) FROM telemetry_events";
const EVENT: &str =
    "INSERT INTO telemetry_events (camera_id, timestamp, event_type, source_id) VALUES ('gate', 5, 0, 's')";

#[test]
fn what_stands_in_the_log_of_a_file_comes_through_a_link_as_well() {
    let world = World::new();
    let writer = Connection::open(world.file()).unwrap();
    writer.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0").unwrap();
    writer.execute_batch(EVENT).unwrap();
    let rows = writer.query_row(EVENTS, [], |row| row.get::<_, i64>(0)).unwrap().unsigned_abs();
    let links = world.folder.path().join("links");
    fs::create_dir(&links).unwrap();
    symlink(world.file(), links.join(world.file().file_name().unwrap())).unwrap();
    symlink("/nowhere/at/all", links.join("telemetry_lost.db")).unwrap();
    assert_eq!(world.run(&links), ["SOURCE_VANISHED"]);
    assert_eq!(world.number(EVENTS), rows);
    assert_eq!(world.verify().sums().differences, 0);
}

#[test]
fn two_names_never_become_one() {
    let world = World::new();
    for name in [&b"telemetry_\xff.db"[..], b"telemetry_%FF.db"] {
        fs::copy(world.file(), world.data().join(OsStr::from_bytes(name))).unwrap();
    }
    let one = world.number(EVENTS);
    assert_eq!((one, world.run(&world.data()).len()), (0, 0));
    assert_eq!(world.number("SELECT count(*) FROM transfer_sources"), 3);
    assert_eq!(world.verify().sums().differences, 0);
}

#[test]
fn what_is_in_the_database_alone_is_a_difference_also_where_the_file_or_the_table_is_gone() {
    let world = World::new();
    world.run(&world.data());
    let whole = world.verify().sums();
    assert_eq!((whole.differences, whole.removed), (0, 0));
    let events = world.number(EVENTS);
    let kept = fs::read(world.file()).unwrap();

    Connection::open(world.file()).unwrap().execute_batch("DROP TABLE telemetry_events").unwrap();
    let dropped = world.verify().sums();
    assert_eq!((dropped.differences, dropped.removed), (events, 0));
    fs::write(world.file(), "").unwrap();
    let emptied = world.verify().sums();
    assert_eq!((emptied.differences, emptied.removed), (whole.rows, 0));
    let (file, aside) = (world.file(), world.folder.path().join("aside"));
    fs::rename(&file, &aside).unwrap();
    let gone = world.verify();
    assert_eq!((gone.gone.len(), gone.sums().differences), (1, whole.rows));

    // Of a configuration nobody asked.
    fs::write(&file, kept).unwrap();
    assert_eq!(world.verify().sums(), whole);
}

#[test]
fn a_file_that_is_not_here_yet_is_not_held_against_rows_that_were_written_here() {
    let world = World::new();
    brink_databases::run(&world.fresh.url(), EVENT);
    for file in ["frames", "telemetry_events"] {
        Connection::open(world.file()).unwrap().execute(&format!("DELETE FROM {file}"), []).unwrap();
    }
    let found = world.verify().sums();
    assert_eq!((found.rows, found.removed), (0, 0));
}

#[test]
fn a_row_that_is_set_aside_and_also_there_was_not_removed() {
    let world = World::new();
    let conn = Connection::open(world.file()).unwrap();
    conn.execute(r#"UPDATE telemetry_events SET properties = '"\u0000"' WHERE id = 1"#, []).unwrap();
    drop(conn);
    world.run(&world.data());
    let twice = "INSERT INTO telemetry_events (id, camera_id, timestamp, event_type, source_id)
                 VALUES ((1::bigint << 40) | 1, 'gate', 5, 0, 's')";
    brink_databases::run(&world.fresh.url(), twice);
    let found = world.verify().sums();
    assert_eq!((found.rejected, found.differences, found.removed), (1, 1, 0));
}

#[test]
fn a_file_that_has_its_number_goes_on_where_no_number_is_left() {
    let world = World::new();
    world.run(&world.data());
    let last =
        "INSERT INTO transfer_sources (number, kind, name) VALUES (8191, 'telemetry', 'telemetry_last.db')";
    brink_databases::run(&world.fresh.url(), last);
    Connection::open(world.file()).unwrap().execute_batch(EVENT).unwrap();
    let events = world.number(EVENTS);
    assert_eq!(world.run(&world.data()).len(), 0);
    assert_eq!(world.number(EVENTS), events + 1);
    fs::copy(world.file(), world.data().join("telemetry_zz.db")).unwrap();
    let ran = wait(run(&world.database, &world.files(&world.data())));
    assert_eq!(ran.unwrap_err().code(), "SOURCES_TOO_MANY");
}

#[test]
fn what_a_check_of_its_table_refuses_is_no_damage() {
    let world = World::new();
    let conn = Connection::open(world.file()).unwrap();
    conn.execute_batch(
        "PRAGMA ignore_check_constraints = ON; UPDATE telemetry_events SET timestamp = 0 WHERE id = 1",
    )
    .unwrap();
    drop(conn);
    assert_eq!(world.run(&world.data()).len(), 0);
    assert_eq!(world.number("SELECT count(*) FROM telemetry_events WHERE timestamp = 0"), 1);
    assert_eq!(world.verify().sums().differences, 0);
}

#[test]
fn rows_whose_number_is_not_their_id_are_refused() {
    let world = World::new();
    for (name, id, end) in [
        ("int", "id INT PRIMARY KEY", ""),
        ("none", "id INTEGER", ""),
        ("descending", "id INTEGER PRIMARY KEY DESC", ""),
        ("two", "id INTEGER", ", PRIMARY KEY (id, camera_id)"),
        ("without", "id INTEGER PRIMARY KEY", ""),
    ] {
        let without = if name == "without" { " WITHOUT ROWID" } else { "" };
        let sql = format!(
            "CREATE TABLE telemetry_events ({id}, camera_id TEXT, timestamp INTEGER, event_type INTEGER, source_id TEXT,
                 properties TEXT, frame_id INTEGER, created_at INTEGER{end}){without};
             INSERT INTO telemetry_events VALUES (500, 'gate', 1, 1, 's', '{{}}', 7, 1)"
        );
        let other = tempfile::tempdir().unwrap();
        Connection::open(other.path().join("telemetry_gate.db")).unwrap().execute_batch(&sql).unwrap();
        assert_eq!(world.run(other.path()), ["SOURCE_SCHEMA"], "{name}");
    }
}

#[test]
fn a_copy_is_for_its_owner_alone() {
    let world = World::new();
    let files = world.files(&world.data());
    let found = files.begin().unwrap();
    let snapshot = Snapshot::of(&found[0], &files.room()).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().mode() & 0o777;
    assert_eq!(mode(&files.work), 0o700);
    let copies: Vec<_> =
        fs::read_dir(&files.work).unwrap().map(|entry| mode(&entry.unwrap().path())).collect();
    assert!(!copies.is_empty() && copies.iter().all(|mode| *mode == 0o600), "{copies:?}");
    drop(snapshot);
}

#[test]
fn what_one_file_holds_and_the_server_refuses_does_not_keep_the_others() {
    use crate::database::DatabaseError;
    assert!(TransferError::Database(DatabaseError::Value(String::new())).is_of_one_file());
    assert!(!TransferError::Database(DatabaseError::Full(String::new())).is_of_one_file());
}

#[test]
fn what_is_set_aside_is_compared_whole() {
    let world = World::new();
    let conn = Connection::open(world.file()).unwrap();
    conn.execute(r#"UPDATE telemetry_events SET properties = '"\u0000"' WHERE id IN (1, 9)"#, []).unwrap();
    world.run(&world.data());
    assert_eq!(world.verify().sums().differences, 0);
    conn.execute("UPDATE telemetry_events SET source_id = 'other' WHERE id = 9", []).unwrap();
    assert_eq!(world.verify().sums().differences, 1);
    brink_databases::run(&world.fresh.url(), "UPDATE transfer_rejects SET content = ''");
    assert_eq!(world.verify().sums().differences, 2);
}

#[test]
fn a_table_that_nobody_knows_is_not_left_behind_for_its_name() {
    let world = World::new();
    Connection::open(world.file()).unwrap().execute_batch("CREATE TABLE sqlite3archive (x)").unwrap();
    assert_eq!(world.run(&world.data()), ["SOURCE_NEWER"]);
}

#[test]
fn a_reader_that_takes_long_holds_the_transfer_up_and_nobody_else() {
    let world = World::new();
    let url = world.fresh.url();
    let locked = |granted: bool| {
        let sql = format!(
            "SELECT count(*), pg_sleep(0.05) FROM pg_locks WHERE relation = 'telemetry_events'::regclass AND granted = {granted}"
        );
        while world.number(&sql) == 0 {}
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            brink_databases::run(
                &url,
                "BEGIN; SELECT count(*) FROM telemetry_events; SELECT pg_sleep(8); COMMIT",
            )
        });
        locked(true);
        let moving = scope.spawn(|| world.run(&world.data()));
        locked(false);
        brink_databases::run(&url, &format!("SET statement_timeout = '4s'; {EVENTS}"));
        assert!(!moving.is_finished());
        assert_eq!(moving.join().unwrap().len(), 0);
    });
    assert_eq!(world.verify().sums().differences, 0);
}

/// Events 1 to 10, or others behind them, in the place of the one file.
fn events(world: &World, numbers: std::ops::RangeInclusive<i64>, source: &str) {
    let old = Connection::open(world.file()).unwrap();
    old.execute("DELETE FROM telemetry_events", []).unwrap();
    old.execute("DELETE FROM frames", []).unwrap();
    for number in numbers {
        let sql = "INSERT INTO telemetry_events (id, camera_id, timestamp, event_type, source_id, created_at) VALUES (?1, 'gate', ?1, 0, ?2, ?1)";
        old.execute(sql, (number, source)).unwrap();
    }
}

#[test]
fn a_file_without_any_row_of_before_is_believed_only_where_somebody_says_so() {
    let world = World::new();
    events(&world, 1..=10, "ours");
    assert!(world.run(&world.data()).is_empty());
    // Retention may have left a hole behind the last row that both have.
    events(&world, 8..=9, "ours");
    let sql = "INSERT INTO telemetry_events (id, camera_id, timestamp, event_type, source_id, created_at) VALUES (12, 'gate', 12, 0, 'ours', 12)";
    Connection::open(world.file()).unwrap().execute(sql, []).unwrap();
    assert!(world.run(&world.data()).is_empty());
    events(&world, 13..=30, "another's");
    assert_eq!(world.run(&world.data()), ["SOURCE_REPLACED"]);
    let trusted = Files { trust_names: true, ..world.files(&world.data()) };
    assert!(wait(run(&world.database, &trusted)).unwrap().failed.is_empty());
    let count = "SELECT count(*) FROM telemetry_events WHERE source_id = 'another''s'";
    assert_eq!(ask(&world.fresh.url(), count)[0][0].as_deref(), Some("18"));
}

#[test]
fn a_file_keeps_the_tenant_that_it_was_given() {
    let world = World::new();
    assert!(world.run(&world.data()).is_empty());
    let files = Files { tenant: Some("acme".to_owned()), ..world.files(&world.data()) };
    let refused = wait(run(&world.database, &files)).unwrap();
    let codes: Vec<_> = refused.failed.iter().map(|failed| failed.code).collect();
    assert_eq!(codes, ["TRANSFER_TENANT"]);
}

#[test]
fn a_transaction_that_was_cut_off_is_rolled_back_in_the_copy_alone() {
    let world = World::new();
    let file = world.file();
    let old = Connection::open(&file).unwrap();
    old.pragma_update(None, "journal_mode", "DELETE").unwrap();
    let before: i64 = old.query_row("SELECT count(*) FROM telemetry_events", [], |row| row.get(0)).unwrap();
    // In the middle of a transaction that has begun to write its pages, file and journal are those of one who was killed.
    old.execute_batch("PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN IMMEDIATE; DELETE FROM telemetry_events; UPDATE frames SET width = 1").unwrap();
    let (torn, journal) =
        (fs::read(&file).unwrap(), fs::read(format!("{}-journal", file.display())).unwrap());
    old.execute_batch("ROLLBACK").unwrap();
    drop(old);
    fs::write(&file, &torn).unwrap();
    fs::write(format!("{}-journal", file.display()), &journal).unwrap();
    assert!(world.run(&world.data()).is_empty());
    let there = ask(&world.fresh.url(), "SELECT count(*) FROM telemetry_events");
    assert_eq!(there[0][0].as_deref(), Some(before.to_string().as_str()));
    assert!(fs::read(&file).unwrap() == torn, "the original was touched");
}

#[test]
fn rows_with_the_number_of_no_file_are_a_difference() {
    let world = World::new();
    assert!(world.run(&world.data()).is_empty());
    brink_databases::run(
        &world.fresh.url(),
        "INSERT INTO telemetry_events (id, camera_id, timestamp, event_type, source_id) VALUES (77::bigint << 40 | 1, 'x', 1, 0, 's')",
    );
    let verified = wait(verify(&world.database, &world.files(&world.data()), None)).unwrap();
    assert_eq!((verified.unknown_rows, verified.sums().differences), (1, 1));
}
