use super::{Old, migrated, number};
use brink_installation::{Plan, Writer};

/// As tAPI does until the switch: what is written while the transfer reads comes with one of the next runs.
#[test]
fn what_is_written_meanwhile_is_neither_torn_nor_lost() {
    let old = Old::generate(&Plan { cameras: 3, rows: 3000, traps: false, ..Plan::default() });
    let database = migrated();
    let url = database.url();
    let writer = Writer::start(old.folder.path(), 5).unwrap();
    let mut seen = 0;
    for _ in 0..4 {
        old.run("run", &url).ok();
        let now = number(&url, "SELECT count(*) FROM telemetry_events");
        assert!(now >= seen);
        seen = now;
    }
    let written = writer.stop().unwrap();
    let events: u64 = written.events.values().sum();
    assert!(events > 0);
    old.run("run", &url).ok();
    old.run("verify", &url).ok();
    assert_eq!(
        number(&url, "SELECT count(*) FROM telemetry_events").unsigned_abs(),
        old.manifest.rows("telemetry_events") + events
    );
}
