use super::camera::{Camera, Cameras};
use super::telemetry::{Event, Frame, Telemetry};
use super::{Database, DatabaseError, Migrated, Sizes, upkeep};
use brink_databases::{Database as Fresh, ask, run};
use brink_postgres::DatabaseUrl;
use std::future::Future;

/// A pool on a database of the test's own.
pub(crate) fn at(fresh: &Fresh) -> Database {
    let url: DatabaseUrl = fresh.url().parse().unwrap();
    Database::at(&url, "brink-edge tests", Sizes::default()).unwrap()
}

/// Waits for what the servers say.
pub(crate) fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

/// A database with the tables.
pub(crate) fn migrated() -> (Fresh, Database) {
    let fresh = Fresh::empty();
    let database = at(&fresh);
    wait(database.migrate()).unwrap();
    (fresh, database)
}

fn one(fresh: &Fresh, sql: &str) -> String {
    ask(&fresh.url(), sql)[0][0].clone().unwrap_or_default()
}

#[test]
fn a_migration_runs_once_whoever_asks() {
    let fresh = Fresh::empty();
    let database = at(&fresh);
    assert!(matches!(wait(database.checked()), Err(DatabaseError::NoSchema)));
    // Two at once: one makes the tables, the other finds them.
    let (one_did, other_did) = wait(async { tokio::join!(database.migrate(), database.migrate()) });
    let mut did = [one_did.unwrap().from, other_did.unwrap().from];
    did.sort_unstable();
    assert_eq!(did, [0, 6]);
    assert_eq!(wait(database.migrate()).unwrap(), Migrated { from: 6, to: 6, partitions: 0 });
    drop(wait(database.checked()).unwrap());
    assert_eq!(one(&fresh, "SELECT count(*) FROM brink_schema_history"), "6");
}

#[test]
fn tables_of_others_are_left_as_they_are() {
    let fresh = Fresh::empty();
    run(&fresh.url(), "CREATE TABLE cameras (mine text); INSERT INTO cameras VALUES ('kept')");
    let refused = wait(at(&fresh).migrate()).unwrap_err();
    assert_eq!(
        (refused.code(), refused.to_string().contains("cameras")),
        ("DATABASE_OCCUPIED", true),
        "{refused}"
    );
    assert_eq!(one(&fresh, "SELECT mine FROM cameras"), "kept");
    // Whoever only looks is told the same, and not to migrate.
    assert_eq!(wait(at(&fresh).checked()).map(drop).unwrap_err().code(), "DATABASE_OCCUPIED");
    // As the mend says.
    run(&fresh.url(), "CREATE SCHEMA brink");
    let url: DatabaseUrl = format!("{}?options=-csearch_path%3Dbrink", fresh.url()).parse().unwrap();
    let beside = Database::at(&url, "brink-edge tests", Sizes::default()).unwrap();
    assert_eq!(wait(beside.migrate()).unwrap().from, 0);
    assert_eq!(one(&fresh, "SELECT count(*) FROM brink.cameras"), "0");
}

#[test]
fn tables_of_a_later_program_are_refused() {
    let (fresh, database) = migrated();
    run(
        &fresh.url(),
        "INSERT INTO brink_schema_history SELECT 99, 'later', applied_on, '1' FROM brink_schema_history LIMIT 1",
    );
    for refused in [wait(database.migrate()).unwrap_err(), wait(database.checked()).map(drop).unwrap_err()] {
        assert_eq!(refused.code(), "DATABASE_SCHEMA_NEWER");
    }
    run(&fresh.url(), "DELETE FROM brink_schema_history WHERE version > 3");
    let refused = wait(database.checked()).map(drop).unwrap_err();
    assert_eq!(
        (refused.code(), refused.mend().as_str()),
        ("DATABASE_SCHEMA_OLDER", "run brink-edge migrate")
    );
}

#[test]
fn a_month_that_comes_late_takes_its_rows_out_of_the_default_partition() {
    let (fresh, _database) = migrated();
    let url = fresh.url();
    run(
        &url,
        "INSERT INTO usage_events (tenant_id, event_type, unit, event_time)
               SELECT 'tenant-123', 'api_call', 'count', moment FROM unnest(ARRAY[
                   '2020-04-30 23:59:59.999999+00', '2020-05-01 00:00:00+00', '2020-05-31 23:59:59.999999+00',
                   '2020-06-01 00:00:00+00', '60000-01-01 00:00:00+00', '-infinity']::timestamptz[]) moment",
    );
    assert_eq!(one(&fresh, "SELECT count(*) FROM usage_events_default"), "6");
    // Whatever the session takes for its own time zone.
    run(
        &url,
        "SET TimeZone = 'Australia/Sydney'; SELECT create_monthly_partitions('usage_events', '2020-05-20', '2020-06-02')",
    );
    assert_eq!(one(&fresh, "SELECT count(*) FROM usage_events_y2020m05"), "2");
    assert_eq!(one(&fresh, "SELECT count(*) FROM usage_events_y2020m06"), "1");
    assert_eq!(one(&fresh, "SELECT count(*) FROM usage_events"), "6");
    assert_eq!(
        one(
            &fresh,
            "SELECT string_agg(n, ',') FROM drop_partitions_before('usage_events', '2020-06-30 23:59:59+00') n"
        ),
        "usage_events_y2020m05",
        "June has not ended by then"
    );
    assert_eq!(one(&fresh, "SELECT count(*) FROM usage_events"), "4");
}

#[test]
fn every_view_compiles_and_refreshes_beside_its_readers() {
    let (fresh, _database) = migrated();
    let url = fresh.url();
    run(&url, "INSERT INTO cameras (camera_id, name, url, tenant_id) VALUES ('gate', 'Gate', 'rtsp://gate', 'tenant-123');
               INSERT INTO telemetry_events (camera_id, timestamp, event_type, source_id) SELECT 'gate', n, 0, 's' FROM generate_series(1, 10) n;
               INSERT INTO line_zones (zone_id, camera_id, name, line_start_x, line_start_y, line_end_x, line_end_y)
                   SELECT 'line' || n, 'gate', 'l', 0.5, 0, 1, 1 FROM generate_series(1, 3) n;
               INSERT INTO polygon_zones (zone_id, camera_id, name, polygon_points) SELECT 'area' || n, 'gate', 'p', '[]' FROM generate_series(1, 4) n;
               INSERT INTO camera_licenses (camera_id, tenant_id, license_mode, is_trial, enabled_growth_packs)
                   VALUES ('gate', 'tenant-123', 'base', false, '[\"base\", \"retail\"]'), ('door', 'tenant-123', 'base', false, '[\"base\"]');
               INSERT INTO usage_events (tenant_id, event_type, unit, quantity) VALUES ('tenant-123', 'api_call', 'count', 2.5), ('tenant-123', 'api_call', 'count', 1)");
    for view in ["camera_status_summary", "tenant_usage_summary", "tenant_license_summary"] {
        run(&url, &format!("REFRESH MATERIALIZED VIEW CONCURRENTLY {view}"));
    }
    let summary = "SELECT event_count_24h || ' ' || line_zone_count || ' ' || polygon_zone_count FROM camera_status_summary";
    assert_eq!(one(&fresh, summary), "10 3 4");
    assert_eq!(
        one(&fresh, "SELECT camera_count || ' ' || all_growth_packs FROM tenant_license_summary"),
        "2 [\"base\", \"retail\"]"
    );
    assert_eq!(one(&fresh, "SELECT event_count || ' ' || total_quantity FROM tenant_usage_summary"), "2 3.5");
    assert_eq!(one(&fresh, "SELECT count(*) > 0 FROM database_health"), "t");
    assert_eq!(one(&fresh, "SELECT is_feature_enabled('nobody', 'analytics', 'near_miss')"), "f");
}

#[test]
fn a_server_that_is_not_there_and_one_that_refuses_are_told_apart() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url: DatabaseUrl = format!("postgres://brink@127.0.0.1:{port}/edge").parse().unwrap();
    let nobody = Database::at(&url, "brink-edge tests", Sizes::default()).unwrap();
    assert_eq!(wait(nobody.connection()).map(drop).unwrap_err().code(), "DATABASE_UNAVAILABLE");
    let fresh = Fresh::empty();
    let url: DatabaseUrl = brink_databases::url_of("no_such_database").parse().unwrap();
    let refused =
        wait(Database::at(&url, "brink-edge tests", Sizes::default()).unwrap().connection()).map(drop);
    assert_eq!(refused.unwrap_err().code(), "DATABASE_DENIED");
    drop(fresh);
}

#[test]
fn cameras_are_put_once_whatever_is_put_again() {
    let (fresh, database) = migrated();
    let cameras = Cameras::of(database);
    let camera = |id: &str, name: &str| Camera {
        camera_id: id.to_owned(),
        tenant_id: Some("tenant-123".to_owned()),
        name: name.to_owned(),
        url: format!("rtsp://{id}"),
        status: "running".to_owned(),
        pipeline_config: serde_json::json!({ "source": { "type": "rtsp" } }),
        is_active: true,
    };
    wait(async {
        let both = [camera("door", "Door"), camera("gate", "Gate")];
        assert_eq!(cameras.put(&both).await.unwrap(), 2);
        assert_eq!(cameras.put(&both).await.unwrap(), 0, "nothing changed");
        assert_eq!(cameras.put(&[camera("gate", "South gate")]).await.unwrap(), 1);
        assert_eq!(cameras.all().await.unwrap(), [camera("door", "Door"), camera("gate", "South gate")]);
        let refused = cameras
            .put(&[Camera { status: "asleep".to_owned(), ..camera("yard", "Yard") }, camera("hall", "Hall")])
            .await;
        assert_eq!(refused.unwrap_err().code(), "DATABASE_VALUE");
        assert_eq!(cameras.all().await.unwrap().len(), 2, "all of them or none");
        let twice = cameras.put(&[camera("hall", "One"), camera("hall", "Other")]).await;
        assert_eq!(twice.unwrap_err().code(), "DATABASE_VALUE");
        assert!(cameras.remove("door").await.unwrap() && !cameras.remove("door").await.unwrap());
    });
    assert_eq!(one(&fresh, "SELECT string_agg(camera_id, ',') FROM cameras"), "gate");
}

#[test]
fn telemetry_is_written_in_batches() {
    let (fresh, database) = migrated();
    let telemetry = Telemetry::of(database);
    let event = |timestamp: i64| Event {
        camera_id: "gate".to_owned(),
        tenant_id: None,
        timestamp,
        event_type: 0,
        source_id: "detector".to_owned(),
        properties: serde_json::json!({ "class_name": "person" }),
        frame_id: None,
    };
    wait(async {
        let events: Vec<_> = (1..=500).map(event).collect();
        let ids = telemetry.record(&events).await.unwrap();
        assert!(ids.len() == 500 && ids.windows(2).all(|two| two[0] < two[1]));
        let frame = Frame {
            camera_id: "gate".to_owned(),
            tenant_id: None,
            timestamp: 1,
            thumbnail: vec![0xff; 9],
            width: 3,
            height: 2,
        };
        let frames = telemetry.keep(&[frame]).await.unwrap();
        telemetry.record(&[Event { frame_id: Some(frames[0]), ..event(501) }]).await.unwrap();
        let latest = telemetry.latest("gate", 2).await.unwrap();
        assert_eq!(latest, [Event { frame_id: Some(frames[0]), ..event(501) }, event(500)]);
        let strange = Event { properties: serde_json::json!("\0"), ..event(1) };
        assert_eq!(telemetry.record(&[event(1), strange]).await.unwrap_err().code(), "DATABASE_VALUE");
    });
    assert_eq!(one(&fresh, "SELECT count(*) FROM telemetry_events"), "501");
    assert_eq!(one(&fresh, "SELECT size_bytes FROM frames"), "9");
}

#[test]
fn a_database_that_cannot_hold_every_text_is_refused() {
    let name = format!("brink_latin_{}", std::process::id());
    brink_databases::on_server(&format!(
        "CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'"
    ));
    let url: DatabaseUrl = brink_databases::url_of(&name).parse().unwrap();
    let refused = wait(Database::at(&url, "brink-edge tests", Sizes::default()).unwrap().migrate());
    brink_databases::on_server(&format!("DROP DATABASE {name} WITH (FORCE)"));
    assert_eq!(refused.unwrap_err().code(), "DATABASE_ENCODING");
}

#[test]
fn tables_of_another_schema_of_the_path_are_not_ours() {
    let (fresh, _database) = migrated();
    run(&fresh.url(), "CREATE SCHEMA beside");
    let url: DatabaseUrl = format!("{}?options=-csearch_path%3Dbeside,public", fresh.url()).parse().unwrap();
    let beside = Database::at(&url, "brink-edge tests", Sizes::default()).unwrap();
    assert!(matches!(wait(beside.checked()), Err(DatabaseError::NoSchema)));
    assert_eq!(wait(beside.migrate()).unwrap().from, 0);
    assert_eq!(one(&fresh, "SELECT count(*) FROM beside.brink_schema_history"), "6");
}

#[test]
fn a_reader_that_takes_long_holds_up_no_mirror_and_no_other_reader() {
    let (fresh, database) = migrated();
    let url = fresh.url();
    let far = 1_900_000_000;
    let reader = brink_databases::Held::by(&url, "BEGIN; SELECT count(*) FROM usage_events");
    let made = "SELECT to_regclass('usage_events_y2030m03') IS NOT NULL";
    wait(async {
        let connection = database.checked().await.unwrap();
        upkeep::partitions(&connection, far).await.unwrap();
        assert_eq!(one(&fresh, made), "f", "it is left for later");
        assert_eq!(one(&fresh, "SELECT count(*) FROM usage_events"), "0");
    });
    drop(reader);
    wait(async {
        let connection = database.checked().await.unwrap();
        for _ in 0..10 {
            upkeep::partitions(&connection, far).await.unwrap();
            if one(&fresh, made) == "t" {
                return;
            }
        }
        panic!("the reader is gone, and nothing was made");
    });
}
