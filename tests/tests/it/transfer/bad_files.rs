use super::{Old, migrated, number};
use brink_installation::{Plan, broken};
use rusqlite::Connection;
use std::path::{Path, PathBuf};

/// Makes a bad file in a folder.
type Make = fn(&Path) -> Result<PathBuf, brink_installation::Error>;

#[test]
fn each_bad_file_is_named_with_its_mend_and_the_others_go_through() {
    let old = Old::generate(&Plan { cameras: 3, rows: 600, traps: false, ..Plan::default() });
    let data = old.data();
    let makes: [(Make, &str); 7] = [
        (broken::corrupt, "SOURCE_CORRUPT"),
        (broken::truncated, "SOURCE_CORRUPT"),
        (broken::encrypted_like, "SOURCE_NOT_SQLITE"),
        (broken::newer_schema, "SOURCE_NEWER"),
        (broken::not_a_database, "SOURCE_NOT_SQLITE"),
        (broken::missing_table, ""),
        (broken::missing_column, "SOURCE_SCHEMA"),
    ];
    let mut wanted = Vec::new();
    for (at, (make, code)) in makes.into_iter().enumerate() {
        let aside = tempfile::tempdir().unwrap();
        let made = make(aside.path()).unwrap();
        let name = format!("telemetry_bad_{at}.db");
        std::fs::copy(made, data.join(&name)).unwrap();
        if !code.is_empty() {
            wanted.push((name, code.to_owned()));
        }
    }
    let empty = broken::empty(tempfile::tempdir().unwrap().path()).map(drop);
    assert!(empty.is_ok());
    std::fs::write(data.join("telemetry_empty.db"), b"").unwrap();
    std::os::unix::fs::symlink("nowhere", data.join("telemetry_gone.db")).unwrap();
    wanted.push(("telemetry_gone.db".to_owned(), "SOURCE_VANISHED".to_owned()));
    std::fs::create_dir(data.join("telemetry_folder.db")).unwrap();
    let before = old.content();
    let database = migrated();
    let url = database.url();
    for verb in ["plan", "run", "verify"] {
        let ended = old.run(verb, &url);
        assert_eq!(ended.code, 1, "{verb}");
        assert!(ended.said.contains("[TRANSFER_INCOMPLETE]"), "{verb}: {}", ended.said);
        // A plan does not read every page.
        let failed = ended.failed();
        let seen = failed.iter().filter(|(_, code)| verb != "plan" || code != "SOURCE_CORRUPT");
        let expected = wanted.iter().filter(|(_, code)| verb != "plan" || code != "SOURCE_CORRUPT");
        assert_eq!(seen.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{verb}");
        let mends = ended.document["failed"].as_array().unwrap();
        assert!(mends.iter().all(|failed| failed["mend"].as_str().is_some_and(|mend| !mend.is_empty())));
    }
    assert_eq!(before, old.content());
    let good = old.manifest.rows("telemetry_events");
    assert!(number(&url, "SELECT count(*) FROM telemetry_events").unsigned_abs() >= good);
}

#[test]
fn a_file_that_another_program_holds_is_waited_for_and_then_named() {
    let old = Old::generate(&Plan { cameras: 2, rows: 200, traps: false, mixed: false, ..Plan::default() });
    let file = std::fs::read_dir(old.data())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|e| e == "db"))
        .unwrap();
    let holder = Connection::open(&file).unwrap();
    holder.pragma_update(None, "journal_mode", "DELETE").unwrap();
    holder.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE held (x)").unwrap();
    let database = migrated();
    let url = database.url();
    let mut command = old.command("run", &url);
    let held = super::Ended::of(command.args(["--busy-seconds", "0"]));
    assert_eq!(
        held.failed(),
        [(file.file_name().unwrap().to_str().unwrap().to_owned(), "SOURCE_LOCKED".to_owned())]
    );
    holder.execute_batch("ROLLBACK").unwrap();
    drop(holder);
    old.run("run", &url).ok();
    old.run("verify", &url).ok();
}

#[test]
fn a_file_that_is_another_than_before_is_not_mixed_with_it() {
    let plan =
        |rows: u64, seed: u64| Plan { cameras: 1, rows, seed, traps: false, mixed: false, ..Plan::default() };
    let old = Old::generate(&plan(500, 1));
    let database = migrated();
    let url = database.url();
    old.run("run", &url).ok();
    let name = |old: &Old| {
        let files = std::fs::read_dir(old.data()).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|extension| extension == "db")).min().unwrap()
    };
    // One with fewer rows, and one with more, in the place of the first.
    for other in [plan(50, 2), plan(2000, 3)] {
        let other = Old::generate(&other);
        for suffix in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", name(&old).display()));
        }
        std::fs::copy(name(&other), name(&old)).unwrap();
        let refused = old.run("run", &url);
        assert!(refused.failed().iter().any(|(_, code)| code == "SOURCE_REPLACED"), "{:#}", refused.document);
    }
}

#[test]
fn rows_that_retention_took_out_of_a_file_stay_and_are_told_apart() {
    let old = Old::generate(&Plan { cameras: 1, rows: 500, traps: false, mixed: false, ..Plan::default() });
    let database = migrated();
    let url = database.url();
    old.run("run", &url).ok();
    let file = std::fs::read_dir(old.data()).unwrap().map(|entry| entry.unwrap().path());
    let file = file.filter(|path| path.extension().is_some_and(|extension| extension == "db")).min().unwrap();
    Connection::open(&file).unwrap().execute("DELETE FROM telemetry_events WHERE id <= 20", []).unwrap();
    let rows = number(&url, "SELECT count(*) FROM telemetry_events");
    old.run("run", &url).ok();
    assert_eq!(number(&url, "SELECT count(*) FROM telemetry_events"), rows);
    let strict = old.run("verify", &url);
    assert_eq!(
        (strict.code, strict.sum("removed"), strict.sum("only_in_target")),
        (1, 20, 0),
        "{:#}",
        strict.document
    );
    super::Ended::of(old.command("verify", &url).arg("--allow-removed")).ok();
    // One out of the middle is no retention.
    Connection::open(&file).unwrap().execute("DELETE FROM telemetry_events WHERE id = 50", []).unwrap();
    let found = super::Ended::of(old.command("verify", &url).arg("--allow-removed"));
    assert_eq!((found.code, found.sum("only_in_target")), (1, 1));
}
