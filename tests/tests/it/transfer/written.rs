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

#[test]
fn followed_until_it_is_ended_it_brings_what_is_written() {
    let old = Old::generate(&Plan { cameras: 2, rows: 1000, traps: false, ..Plan::default() });
    let database = migrated();
    let url = database.url();
    let mut follower =
        old.command("run", &url).args(["--follow", "1"]).stdout(std::process::Stdio::null()).spawn().unwrap();
    let events = "SELECT count(*) FROM telemetry_events";
    let before = i64::try_from(old.manifest.rows("telemetry_events")).unwrap();
    let there = |wanted: i64| {
        brink_tests::within(std::time::Duration::from_secs(60), || {
            (number(&url, events) >= wanted).then_some(())
        })
    };
    there(before).expect("the first pass");
    let writer = Writer::start(old.folder.path(), 7).unwrap();
    brink_tests::within(std::time::Duration::from_secs(60), || (writer.events() > 100).then_some(()))
        .expect("it writes");
    let written: u64 = writer.stop().unwrap().events.values().sum();
    there(before + written.cast_signed()).expect("a later pass");
    rustix::process::kill_process(rustix::process::Pid::from_child(&follower), rustix::process::Signal::TERM)
        .unwrap();
    assert!(follower.wait().unwrap().success());
    old.run("verify", &url).ok();
}
