//! The old client against the real issuer, on each of its databases.

use super::OldClient;
use brink_databases::Database;
use brink_tests::{Issuer, Running, World};
use std::fs;

const TENANT: &str = "tenant-123";
/// A machine's id, as it is in the field: no dashes.
const DEVICE: &str = "0123456789abcdef0123456789abcdef";

/// A served issuer with a customer of two cameras.
struct Site {
    _server: Running,
    issuer: Issuer,
    base: String,
    key: String,
    world: World,
    /// Gone with it.
    _database: Option<Database>,
}

impl Site {
    fn new(database: Option<Database>) -> Site {
        let world = World::in_memory();
        let data = world.path("issuer");
        let issuer = match &database {
            Some(database) => Issuer::init_on(data, "dev-old", &database.url()),
            None => Issuer::init(data, "dev-old"),
        };
        issuer.subscribe(TENANT, 2, &["--pack", "advanced_analytics"]);
        let made =
            issuer.run(&["key", "create", "--tenant", TENANT, "--scope", "legacy", "--json"]).ok().json();
        let key = made["key"].as_str().unwrap().to_owned();
        let (server, url) = issuer.serve();
        Site { _server: server, issuer, base: format!("{url}/api/v1"), key, world, _database: database }
    }

    fn client(&self) -> OldClient {
        OldClient::at(&self.base, &self.key)
    }

    /// Events that say no time, as one writer of the client's sent them.
    fn events(&self, count: usize) -> std::path::PathBuf {
        let event = |number: usize| {
            serde_json::json!({
                "tenant_id": TENANT, "device_id": DEVICE, "camera_id": format!("cam-{}", number % 100),
                "event_type": "api_call", "quantity": 1.0, "unit": "count", "metadata": null,
            })
        };
        let body = serde_json::json!({ "events": (0..count).map(event).collect::<Vec<_>>() });
        let path = self.world.path("events.json");
        fs::write(&path, body.to_string()).unwrap();
        path
    }

    fn calls_left(&self) -> i64 {
        let asked = self.client().entitlement(TENANT, "api_calls", "standard");
        assert!(asked.answered(), "{asked:?}");
        asked.held("quota_remaining").as_i64().unwrap()
    }
}

/// On SQLite, and on PostgreSQL.
fn on_each(test: impl Fn(&Site)) {
    test(&Site::new(None));
    test(&Site::new(Some(Database::empty())));
}

#[test]
#[ignore = "needs g++, libcurl and nlohmann-json: scripts/test runs this"]
fn the_client_in_the_field_takes_every_answer_at_once_and_understands_it() {
    on_each(|site| {
        for base in [site.base.clone(), format!("{}/", site.base)] {
            let client = OldClient::at(&base, &site.key);
            let yes = client.validate(TENANT, "cam-1", DEVICE);
            let entitled = client.entitlement(TENANT, "cv_models", "person");
            let beat = client.heartbeat(TENANT, DEVICE, &["cam-1", "cam-2"]);
            let health = client.health();
            for call in [&yes, &entitled, &beat, &health] {
                assert!(call.answered() && call.attempts() == 1 && !call.redirected(), "{call:?}");
                assert!(call.remarks().is_empty() && call.refusals().is_empty(), "{call:?}");
                assert_eq!(*call.statuses(), serde_json::json!([[200]]));
            }
            assert_eq!((yes.held("is_valid"), yes.held("license_mode")), (&true.into(), &"base".into()));
            assert_eq!(
                (yes.held("cameras_allowed"), &yes.held("enabled_growth_packs")[0]),
                (&2.into(), &"advanced_analytics".into())
            );
            assert!(yes.held("valid_until").as_i64().unwrap() > 1_700_000_000, "{yes:?}");
            assert_eq!(
                (entitled.held("is_enabled"), entitled.held("quota_remaining")),
                (&true.into(), &(-1).into())
            );
            assert_eq!(beat.held("status"), "ok");
            assert_eq!(health.held("available"), true);
        }
        assert!(site.client().validate(TENANT, "cam-2", "").answered());
        let no = site.client().validate(TENANT, "cam-3", DEVICE);
        assert!(no.answered() && no.attempts() == 1, "a denial is no outage: {no:?}");
        assert_eq!((no.held("is_valid"), no.held("license_mode")), (&false.into(), &"unlicensed".into()));
        let listed = site.issuer.run(&["legacy", "devices", "--tenant", TENANT, "--json"]).ok().json();
        let device =
            &listed["devices"].as_array().unwrap().iter().find(|device| device["name"] == DEVICE).unwrap();
        assert_eq!((&device["standing"], &device["contact"]["beats"]), (&"online".into(), &2.into()));
    });
}

#[test]
#[ignore = "needs g++, libcurl and nlohmann-json: scripts/test runs this"]
fn a_thousand_events_are_taken_within_the_patience_of_the_client_and_counted_once() {
    on_each(|site| {
        let body = site.events(1000);
        let first = site.client().usage_as(&body, 1000);
        assert!(first.answered() && first.attempts() == 1, "{first:?}");
        println!("1000 events in {} ms", first.total_ms());
        // As a client does whose answer was lost: the very same again.
        for _ in 0..3 {
            assert!(site.client().usage_as(&body, 1000).answered());
        }
        assert_eq!(site.calls_left(), 49_000);
        let generated = site.client().usage(TENANT, 1000, 1_760_954_400);
        assert!(generated.answered() && generated.attempts() == 1, "however long ago: {generated:?}");
        let verified = site.issuer.run(&["usage", "verify", "--json"]).ok().json();
        assert_eq!(verified["records"], 2000, "{verified}");
    });
}

#[test]
#[ignore = "needs g++, libcurl and nlohmann-json: scripts/test runs this"]
fn the_checks_of_the_old_script_pass_by_their_meaning() {
    on_each(|site| {
        let checks = site.client().fifteen(TENANT, &[]);
        let failed: Vec<_> = checks.iter().filter(|check| !check.passed()).collect();
        assert!(failed.is_empty() && checks.len() >= 9, "{failed:?}");
        assert!(checks.iter().any(|check| check.name() == "third_camera_again"));
    });
}

#[test]
#[ignore = "needs g++, libcurl and nlohmann-json: scripts/test runs this"]
fn a_wrong_key_is_refused_four_times_and_another_tenant_s_gets_nothing() {
    let site = Site::new(None);
    let wrong = OldClient::at(&site.base, "bb_0123456789abcdef").validate(TENANT, "cam-1", DEVICE);
    assert!(!wrong.answered());
    assert_eq!(
        *wrong.statuses(),
        serde_json::json!([[401], [401], [401], [401]]),
        "four attempts in a second, each told the same"
    );
    let none = OldClient::at(&site.base, "").validate(TENANT, "cam-1", DEVICE);
    assert_eq!(*none.statuses(), serde_json::json!([[401], [401], [401], [401]]));
    site.issuer.subscribe("other", 5, &[]);
    let other = site.client().validate("other", "cam-1", DEVICE);
    assert_eq!((other.answered(), other.held("is_valid")), (true, &false.into()));
    assert!(site.client().validate(TENANT, "cam-1", DEVICE).answered());
    assert_eq!(
        site.client().validate(TENANT, "cam-1", DEVICE).held("is_valid"),
        true,
        "nobody is locked out by it"
    );
}
