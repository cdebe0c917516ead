use super::{Ended, Old, migrated};
use brink_databases::run;
use brink_installation::Plan;
use brink_tests::python;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// What DuckDB and Python's sqlite3 find; the exit code with it.
fn checked(old: &Old, dump: &Path) -> (bool, Value) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("check_transfer_dumps.py");
    let output = Command::new(python()).arg(script).arg(dump).arg(old.data()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let found = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    (output.status.success(), found)
}

#[test]
#[ignore = "wants python with tests/requirements.txt: scripts/test runs it"]
fn duckdb_finds_the_same_on_both_ends_of_a_transfer() {
    let old = Old::generate(&Plan { rows: 4000, ..Plan::default() });
    let database = migrated();
    let url = database.url();
    old.run("run", &url).ok();
    let dump = old.folder.path().join("dump");
    let dumped = || Ended::of(old.command("verify", &url).arg("--dump").arg(&dump));
    let verified = dumped().ok();
    let (is_same, found) = checked(&old, &dump);
    assert!(is_same, "{found:#}");
    let tables = found["tables"].as_object().unwrap();
    let sum = |name: &str| tables.values().map(|table| table[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("copied"), sum("set_aside")), (verified.sum("equal"), verified.sum("rejected")));

    // It sees what is wrong, too.
    for sql in [
        "DELETE FROM frames WHERE id = (SELECT max(id) FROM frames)",
        "UPDATE telemetry_events SET timestamp = timestamp + 1 WHERE id = (SELECT max(id) FROM telemetry_events)",
        "UPDATE telemetry_events SET properties = jsonb_set(properties, '{class_name}', '\"elephant\"') WHERE id = (SELECT min(id) FROM telemetry_events)",
    ] {
        run(&url, sql);
        assert_eq!(dumped().code, 1);
        let (is_same, found) = checked(&old, &dump);
        assert!(!is_same, "{sql}: {found:#}");
    }
}
