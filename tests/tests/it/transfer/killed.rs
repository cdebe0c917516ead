use super::{Old, TABLES, migrated, number};
use brink_installation::Plan;
use brink_tests::within;
use std::time::Duration;

/// How often a transfer is killed. The moments are spread over all of its checkpoints.
const KILLS: i64 = 20;

#[test]
fn killed_again_and_again_it_goes_on_where_it_stood_and_nothing_is_there_twice() {
    let old = Old::generate(&Plan { cameras: 12, rows: 60_000, ..Plan::default() });
    let database = migrated();
    let url = database.url();
    let steps = "SELECT coalesce(sum(copied + rejected), 0)::bigint FROM transfer_progress";
    let all: i64 = TABLES.iter().map(|table| old.manifest.rows(table).cast_signed()).sum();
    let mut killed = 0;
    for kill in 1..=KILLS {
        let wanted = all * kill / (KILLS + 1);
        let mut child = old.start("run", &url);
        // Whatever it is at when this is seen: in the middle of a chunk more often than not.
        let reached = within(Duration::from_secs(60), || {
            (number(&url, steps) >= wanted || child.try_wait().unwrap().is_some()).then_some(())
        });
        assert!(reached.is_some(), "it comes to nothing");
        killed += i64::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        for table in TABLES {
            let copied = format!(
                "SELECT count(*) - (SELECT coalesce(sum(copied), 0) FROM transfer_progress WHERE table_name = '{table}') FROM {table}"
            );
            // The server may still be at what the last one sent.
            let settled = within(Duration::from_secs(60), || (number(&url, &copied) == 0).then_some(()));
            assert!(settled.is_some(), "{table}: rows without their checkpoint");
        }
    }
    assert!(killed * 2 > KILLS, "only {killed} of {KILLS} were still running");
    old.run("run", &url).ok();
    let verified = old.run("verify", &url).ok();
    assert_eq!(verified.sum("equal") + verified.sum("rejected"), all.unsigned_abs());
    assert_eq!(super::left_over(&old.folder.path().join("work")), 0, "copies of the killed are left");
}
