mod faults;
mod model;

use super::super::tests::Scene;
use super::*;
use crate::api::Heartbeat;
use crate::database::tests::{migrated, wait};
use crate::exchange::test_issuer::DAY;
use brink_databases::{Database as Fresh, ask, cut_off, run};
use brink_license::UnixSeconds;
use brink_license::token::LicenceStanding;

fn mirror(fresh: &Fresh) -> PostgresMirror {
    let options = PostgresOptions {
        url: fresh.url().parse().unwrap(),
        connections: 2,
        connect: Duration::from_secs(5),
        retention: super::super::Retention::default(),
    };
    PostgresMirror::new(&options).unwrap()
}

fn one(fresh: &Fresh, sql: &str) -> String {
    ask(&fresh.url(), sql)[0][0].clone().unwrap_or_default()
}

const CAMERAS: &str =
    "SELECT string_agg(camera_id || ' ' || license_mode || ' ' || is_valid || ' ' || status || ' ' ||
    enabled_growth_packs, ',' ORDER BY camera_id) FROM camera_licenses";

#[test]
fn a_licence_is_rows_and_what_did_not_change_is_not_written() {
    let (fresh, _database) = migrated();
    let scene = Scene::new();
    scene.record("api_call", "cam-0000", 3);
    wait(async {
        let mut mirror = mirror(&fresh);
        let first = mirror.turn(&scene.seen(100)).await.unwrap();
        assert_eq!((first.gaps, first.more), (0, false));
        // The device, three cameras, three features, three pairs of pack and feature, three kinds of talk, the log, three uses.
        assert_eq!(first.copied, 1 + 3 + 3 + 3 + 3 + 1 + 3);
        assert_eq!(mirror.turn(&scene.seen(102)).await.unwrap().copied, 0);
    });
    let packs = r#"["advanced_analytics", "integration"]"#;
    let cameras: Vec<String> =
        (0..3).map(|camera| format!("cam-000{camera} base true active {packs}")).collect();
    assert_eq!(one(&fresh, CAMERAS), cameras.join(","));
    assert_eq!(one(&fresh, "SELECT count(*) FROM camera_licenses WHERE cached_until = valid_until"), "3");
    let quota = "SELECT quota || ' ' || quota_used || ' ' || quota_period || ' ' || is_enabled || ' ' || growth_pack_source
                 FROM feature_entitlements WHERE feature_name = 'api'";
    assert_eq!(one(&fresh, quota), "100 4.5 monthly true integration");
    assert_eq!(one(&fresh, "SELECT quota FROM feature_entitlements WHERE feature_name = 'near_miss'"), "-1");
    let used = "SELECT sum(quantity) || ' ' || min(resource_type) || ' ' || min(unit) || ' ' || min(tenant_id) FROM usage_events";
    assert_eq!(one(&fresh, used), "4.5 camera calls tenant-123");
    let log = "SELECT string_agg(log_number || validation_result, ',') FROM license_validation_log";
    assert_eq!(one(&fresh, log), "1valid");
    let device = "SELECT status || ' ' || (metadata ->> 'state') || ' ' || (last_heartbeat IS NOT NULL) FROM edge_devices";
    assert_eq!(one(&fresh, device), "active active true");
    assert_eq!(one(&fresh, "SELECT count(*) FROM growth_pack_features WHERE catalogue = 1"), "3");
    assert_eq!(
        one(&fresh, "SELECT count(*) FROM billing_sync_status WHERE last_sync_status = 'success'"),
        "3"
    );
    assert_eq!(one(&fresh, "SELECT is_feature_enabled('tenant-123', 'analytics', 'near_miss')"), "t");
}

#[test]
fn a_licence_that_changes_changes_its_rows_and_takes_away_those_that_are_gone() {
    let (fresh, _database) = migrated();
    let mut scene = Scene::new();
    wait(async {
        let mut mirror = mirror(&fresh);
        mirror.turn(&scene.seen(100)).await.unwrap();
        mirror.turn(&scene.seen(31 * DAY)).await.unwrap();
        let grace = "SELECT string_agg(DISTINCT status || ' ' || is_valid, ',') FROM camera_licenses WHERE grace_period_end = valid_until";
        assert_eq!(one(&fresh, grace), "grace_period true");
        mirror.turn(&scene.seen(50 * DAY)).await.unwrap();
        let expired = "SELECT string_agg(DISTINCT status || ' ' || license_mode || ' ' || enabled_growth_packs, ',') FROM camera_licenses";
        assert_eq!(one(&fresh, expired), "expired unlicensed []");
        assert_eq!(one(&fresh, "SELECT count(*) FROM feature_entitlements WHERE is_enabled"), "0");
        scene.issuer.cameras = 1;
        scene.exchange(|parts| {
            let licence = parts.licence.as_mut().unwrap();
            licence.packs.retain(|pack, _| pack.as_str() == "base");
            licence.grants[0].packs.truncate(1);
            licence.quotas.clear();
        });
        mirror.turn(&scene.seen(200)).await.unwrap();
        assert_eq!(one(&fresh, CAMERAS), "cam-0000 base true active []");
        assert_eq!(one(&fresh, "SELECT count(*) FROM feature_entitlements"), "1");
        assert_eq!(one(&fresh, "SELECT count(*) FROM growth_pack_features"), "1");
        scene.issuer.standing = LicenceStanding::Suspended;
        scene.exchange(|_| {});
        mirror.turn(&scene.seen(200)).await.unwrap();
        let state = "SELECT (metadata ->> 'state') || ' ' || status FROM edge_devices";
        assert_eq!(one(&fresh, state), "suspended suspended");
        assert_eq!(one(&fresh, "SELECT bool_or(is_valid) FROM camera_licenses"), "f");
    });
}

#[test]
fn what_somebody_else_has_changed_is_put_right() {
    let (fresh, _database) = migrated();
    let scene = Scene::new();
    wait(async {
        let mut mirror = mirror(&fresh);
        mirror.turn(&scene.seen(50 * DAY)).await.unwrap();
        assert_eq!(one(&fresh, "SELECT bool_or(is_valid) FROM camera_licenses"), "f");
        run(
            &fresh.url(),
            "UPDATE camera_licenses SET is_valid = true, license_mode = 'base', cached_until = 'infinity';
             DELETE FROM growth_pack_features; DELETE FROM feature_entitlements WHERE feature_name = 'api'",
        );
        mirror.beat_at = None;
        assert_eq!(
            mirror.turn(&scene.seen(50 * DAY)).await.unwrap().copied,
            1 + 3 + 3 + 1,
            "what differs, and the sign of life"
        );
    });
    assert_eq!(one(&fresh, "SELECT bool_or(is_valid) FROM camera_licenses"), "f");
    assert_eq!(one(&fresh, "SELECT count(*) FROM feature_entitlements"), "3");
}

#[test]
fn another_devices_rows_stay() {
    let (fresh, _database) = migrated();
    let scene = Scene::new();
    run(&fresh.url(), "INSERT INTO camera_licenses (camera_id, tenant_id, device_id) VALUES ('theirs', 'tenant-123', 'dev-2');
        INSERT INTO usage_events (tenant_id, device_id, event_type, unit) VALUES ('tenant-123', 'dev-2', 'sms', 'messages')");
    wait(async { mirror(&fresh).turn(&scene.seen(100)).await.unwrap() });
    assert_eq!(one(&fresh, "SELECT count(*) FROM camera_licenses"), "4");
    assert_eq!(one(&fresh, "SELECT count(*) FROM usage_events"), "1");
}

#[test]
fn a_server_that_is_wiped_is_filled_again() {
    let (fresh, database) = migrated();
    let scene = Scene::new();
    scene.record("sms", "cam-0001", 5);
    wait(async {
        let mut mirror = mirror(&fresh);
        mirror.turn(&scene.seen(100)).await.unwrap();
        // Whoever refreshes a view at this moment may be the one who is let through.
        let wipe = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
        while brink_databases::try_ask(&fresh.url(), wipe).is_err() {}
        let refused = mirror.turn(&scene.seen(100)).await.unwrap_err();
        let refused = match mirror.turn(&scene.seen(100)).await {
            Err(again) => again,
            Ok(_) => refused,
        };
        assert_eq!((refused.code(), refused.is_refusal()), ("DATABASE_NO_SCHEMA", true));
        assert!(refused.mend().contains("brink-edge migrate"));
        database.migrate().await.unwrap();
        assert_eq!(mirror.turn(&scene.seen(100)).await.unwrap().gaps, 0);
    });
    assert_eq!(one(&fresh, "SELECT count(*) || ' ' || sum(quantity) FROM usage_events"), "5 7.5");
    assert_eq!(one(&fresh, "SELECT count(*) FROM camera_licenses"), "3");
}

#[test]
fn tables_of_another_version_a_wrong_password_and_nobody_are_told_apart() {
    let (fresh, _database) = migrated();
    let scene = Scene::new();
    let turn = |mirror: &mut PostgresMirror| wait(mirror.turn(&scene.seen(100))).unwrap_err();
    run(
        &fresh.url(),
        "INSERT INTO brink_schema_history SELECT 99, 'later', applied_on, '1' FROM brink_schema_history LIMIT 1",
    );
    let newer = turn(&mut mirror(&fresh));
    assert_eq!((newer.code(), newer.is_refusal()), ("DATABASE_SCHEMA_NEWER", true));
    run(&fresh.url(), "DELETE FROM brink_schema_history WHERE version > 3");
    let older = turn(&mut mirror(&fresh));
    assert_eq!((older.code(), older.mend().as_str()), ("DATABASE_SCHEMA_OLDER", "run brink-edge migrate"));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let options = PostgresOptions {
        url: format!("postgres://brink@127.0.0.1:{port}/edge").parse().unwrap(),
        connections: 2,
        connect: Duration::from_secs(1),
        retention: super::super::Retention::default(),
    };
    let nobody = turn(&mut PostgresMirror::new(&options).unwrap());
    assert_eq!((nobody.code(), nobody.is_refusal()), ("DATABASE_UNAVAILABLE", false));
}

#[test]
fn a_server_that_stands_still_is_given_up_in_time_and_taken_up_again() {
    let mut server = brink_databases::Server::start();
    let (address, query) = (server.url(), "SELECT count(*) FROM usage_events");
    let url = format!("{address}/postgres");
    let scene = Scene::new();
    scene.record("sms", "cam-0001", 3);
    wait(async {
        let options = PostgresOptions {
            url: url.parse().unwrap(),
            connections: 2,
            connect: Duration::from_secs(1),
            retention: super::super::Retention::default(),
        };
        Database::at(&options.url, "brink-edge tests", Sizes::default()).unwrap().migrate().await.unwrap();
        let mut mirror = PostgresMirror::new(&options).unwrap();
        mirror.patience = Duration::from_secs(2);
        mirror.turn(&scene.seen(100)).await.unwrap();
        server.freeze();
        scene.record("sms", "cam-0001", 2);
        for _ in 0..2 {
            let hung = mirror.turn(&scene.seen(100)).await.unwrap_err();
            assert!(
                matches!(hung.code(), "MIRROR_SILENT" | "DATABASE_UNAVAILABLE") && !hung.is_refusal(),
                "{hung}"
            );
            assert_eq!(mirror.lag(&scene.seen(100)).unwrap().records, 2);
        }
        server.thaw();
        mirror.turn(&scene.seen(100)).await.unwrap();
        assert_eq!(ask(&url, query)[0][0].as_deref(), Some("5"));
        server.stop();
        scene.record("sms", "cam-0001", 2);
        assert_eq!(mirror.turn(&scene.seen(100)).await.unwrap_err().code(), "DATABASE_UNAVAILABLE");
        server.again();
        mirror.turn(&scene.seen(100)).await.unwrap();
        assert_eq!(ask(&url, query)[0][0].as_deref(), Some("7"));
        assert_eq!(mirror.lag(&scene.seen(100)).unwrap().records, 0);
    });
}

#[test]
fn a_wrong_password_is_a_refusal() {
    let (_server, port) = brink_databases::Server::with_password("correct horse");
    let scene = Scene::new();
    let url: brink_postgres::DatabaseUrl =
        format!("postgres://postgres@127.0.0.1:{port}/postgres").parse().unwrap();
    for url in [url.clone(), url.clone().with_password("wrong")] {
        let options = PostgresOptions {
            url,
            connections: 2,
            connect: Duration::from_secs(5),
            retention: super::super::Retention::default(),
        };
        let denied =
            wait(async { PostgresMirror::new(&options).unwrap().turn(&scene.seen(100)).await }).unwrap_err();
        assert_eq!((denied.code(), denied.is_refusal()), ("DATABASE_DENIED", true), "{denied}");
        assert!(!denied.to_string().contains("horse"));
    }
}

/// What each meter has come to, by the journal and by the rows.
fn sums(scene: &Scene, fresh: &Fresh) -> (Vec<String>, Vec<String>) {
    let book = UsageBook::open(&scene.layout().journal()).unwrap();
    let meters = book.summary().unwrap().remove(0).meters;
    let journal = meters.iter().map(|(meter, of)| format!("{meter} {}", of.total)).collect();
    let rows = "SELECT event_type || ' ' || trim_scale(sum(quantity)) FROM usage_events GROUP BY event_type ORDER BY event_type";
    let rows = ask(&fresh.url(), rows).into_iter().map(|row| row[0].clone().unwrap()).collect();
    (journal, rows)
}

#[test]
fn a_real_journal_that_becomes_sums_and_leaves_is_in_the_rows_once() {
    let (fresh, _database) = migrated();
    let mut scene = Scene::new();
    let layout = scene.layout();
    scene.with_device(|device| device.limit_journal(1 << 20).unwrap());
    wait(async {
        let mut mirror = mirror(&fresh);
        scene.record_many(1500);
        assert_eq!(mirror.turn(&scene.seen(100)).await.unwrap().gaps, 0);
        // The cursor lies in the middle of what becomes sums.
        scene.record_many(3600);
        let reading = super::super::tests::reading(4000);
        let shrunk = scene.with_device(|device| device.mind_journal(&reading)).unwrap();
        assert!(shrunk.folded > 1500, "{shrunk:?}");
        assert_eq!(mirror.turn(&scene.seen(100)).await.unwrap().gaps, 0);
        let (journal, rows) = sums(&scene, &fresh);
        assert_eq!(journal, rows);
        let detail = "SELECT count(*) > 0 FROM usage_events WHERE metadata ->> 'kind' = 'sum'";
        assert_eq!(one(&fresh, detail), "t");
        // A server that is filled anew has the same.
        run(&fresh.url(), "TRUNCATE usage_events, mirror_cursors, mirror_gaps");
        mirror.turn(&scene.seen(100)).await.unwrap();
        assert_eq!(sums(&scene, &fresh).0, sums(&scene, &fresh).1);
        // And the journal itself is whole.
        let walked = UsageBook::open(&layout.journal()).unwrap().walk().unwrap();
        assert_eq!(walked.recoveries, 0);
        scene.exchange(|_| {});
        scene.record_many(10);
        mirror.turn(&scene.seen(100)).await.unwrap();
        assert_eq!(sums(&scene, &fresh).0, sums(&scene, &fresh).1);
    });
}

/// Lets a turn go on for a while and then drops it in the middle.
async fn torn(mirror: &mut PostgresMirror, seen: &Seen, polls: u32) -> bool {
    let mut turn = std::pin::pin!(mirror.turn(seen));
    let mut polled = 0;
    std::future::poll_fn(|context| {
        polled += 1;
        match turn.as_mut().poll(context) {
            std::task::Poll::Ready(done) => std::task::Poll::Ready(done.is_ok()),
            std::task::Poll::Pending if polled > polls => std::task::Poll::Ready(false),
            std::task::Poll::Pending => std::task::Poll::Pending,
        }
    })
    .await
}

#[test]
fn a_turn_that_is_cut_anywhere_copies_nothing_twice() {
    let (fresh, _database) = migrated();
    let scene = Scene::new();
    wait(async {
        let mut done = 0;
        for polls in 0..200 {
            scene.record("sms", "cam-0001", 1);
            // A new process each time, as after a kill.
            let mut mirror = mirror(&fresh);
            let seen = scene.seen(100);
            done += u32::from(torn(&mut mirror, &seen, polls).await);
            if done > 5 {
                break;
            }
            if polls % 7 == 0 {
                cut_off(fresh.name());
            }
        }
        assert!(done > 5, "turns come to their end");
        mirror(&fresh).turn(&scene.seen(100)).await.unwrap();
    });
    let book = UsageBook::open(&scene.layout().journal()).unwrap();
    let recorded = book.summary().unwrap()[0].seq.to_string();
    assert_eq!(one(&fresh, "SELECT count(*) FROM usage_events"), recorded);
    assert_eq!(one(&fresh, "SELECT count(DISTINCT journal_seq) FROM usage_events"), recorded);
}

#[test]
fn heartbeats_have_a_row_where_any_are_sent() {
    let (fresh, _database) = migrated();
    let scene = Scene::new();
    let row = "SELECT last_sync_status || ' ' || (last_sync_time IS NOT NULL) || ' ' || coalesce(error_message, 'well')
               || ' ' || (next_sync_scheduled IS NOT NULL) FROM billing_sync_status WHERE sync_type = 'heartbeat'";
    let (heard_at, next_at) = (UnixSeconds::new(1_800_000_000), UnixSeconds::new(1_800_000_900));
    wait(async {
        let mut mirror = mirror(&fresh);
        let beat = |heartbeat: Option<Heartbeat>| {
            let mut seen = scene.seen(100);
            seen.facts.as_mut().unwrap().heartbeat = heartbeat;
            seen
        };
        mirror.turn(&beat(None)).await.unwrap();
        assert!(ask(&fresh.url(), row).is_empty());
        mirror
            .turn(&beat(Some(Heartbeat { heard_at: Some(heard_at), failure: None, next_at })))
            .await
            .unwrap();
        assert_eq!(one(&fresh, row), "success true well true");
        let failed =
            Heartbeat { heard_at: Some(heard_at), failure: Some("BILLING_AWAY".to_owned()), next_at };
        mirror.turn(&beat(Some(failed))).await.unwrap();
        assert_eq!(one(&fresh, row), "failed true BILLING_AWAY true");
    });
}
