use super::{Old, migrate, migrated, number};
use brink_databases::{Held, Server, run};
use brink_installation::Plan;
use brink_tests::within;
use std::time::Duration;

#[test]
fn a_server_that_is_restarted_in_the_middle_is_waited_for() {
    let old = Old::generate(&Plan { cameras: 6, rows: 30_000, ..Plan::default() });
    let mut server = Server::start();
    run(&format!("{}/postgres", server.url()), "CREATE DATABASE edge");
    let url = format!("{}/edge", server.url());
    migrate(&url);
    let mut child = old.start("run", &url);
    for step in 1..=3 {
        let sql = format!("SELECT count(*) - {} FROM transfer_progress", step * 15);
        within(Duration::from_secs(60), || {
            (number(&url, &sql) >= 0 || child.try_wait().unwrap().is_some()).then_some(())
        });
        server.stop();
        server.again();
    }
    let ended = within(Duration::from_secs(120), || child.try_wait().unwrap()).expect("it ends");
    assert!(ended.success());
    old.run("verify", &url).ok();
}

#[test]
fn of_two_at_once_one_is_told_so() {
    let old = Old::generate(&Plan { cameras: 1, rows: 100, ..Plan::default() });
    let database = migrated();
    let url = database.url();
    let other = Held::by(&url, "SELECT pg_advisory_lock(1836021349)");
    let refused = old.run("run", &url);
    assert_eq!(refused.code, 1);
    assert!(refused.said.contains("[TRANSFER_RUNS]"), "{}", refused.said);
    assert_eq!(number(&url, "SELECT count(*) FROM transfer_sources"), 0);
    drop(other);
    within(Duration::from_secs(60), || (old.run("run", &url).code == 0).then_some(()))
        .expect("the lock is free");
    // Two that really run: whoever comes second is refused or finds nothing to do.
    let more = Old::generate(&Plan { cameras: 4, rows: 20_000, seed: 9, ..Plan::default() });
    let database = migrated();
    let url = database.url();
    let mut both = [more.start("run", &url), more.start("run", &url)];
    let ended = both.each_mut().map(|child| child.wait().unwrap().success());
    assert!(ended.contains(&true));
    more.run("run", &url).ok();
    more.run("verify", &url).ok();
}

#[test]
fn without_tables_or_a_server_it_says_what_to_do() {
    let old = Old::generate(&Plan { cameras: 1, rows: 10, ..Plan::default() });
    let empty = brink_databases::Database::empty();
    let refused = old.run("run", &empty.url());
    assert!(
        refused.said.contains("[DATABASE_NO_SCHEMA]") && refused.said.contains("brink-edge migrate"),
        "{}",
        refused.said
    );
    let nobody = old.run("run", "postgres://brink@127.0.0.1:1/edge");
    assert!(nobody.code == 1 && nobody.said.contains("[DATABASE_UNAVAILABLE]"), "{}", nobody.said);
    let shown = old.run("run", "postgres://brink:hunter2@127.0.0.1/edge");
    assert!(shown.code == 2 && !shown.said.contains("hunter2"), "{}", shown.said);
}

#[test]
fn rows_that_no_checkpoint_knows_of_are_not_copied_again() {
    let old = Old::generate(&Plan { cameras: 2, rows: 500, traps: false, mixed: false, ..Plan::default() });
    let database = migrated();
    let url = database.url();
    old.run("run", &url).ok();
    run(&url, "DELETE FROM transfer_progress");
    let refused = old.run("run", &url);
    assert_eq!(refused.code, 1);
    assert!(refused.failed().iter().any(|(_, code)| code == "TRANSFER_STRAY"), "{:#}", refused.document);
}
