//! The agent's local API, as the real agent serves it beside a real issuer. Whatever it answers is held against the document
//! that it serves.

mod changes;
mod console;
mod door;
mod heartbeats;
mod offline;
mod usage;

use super::{Scene, TENANT};
use brink_tests::local_api::LocalApi;
use brink_tests::until;
use serde_json::{Value, json};

/// The names of so many cameras.
fn cameras(count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("cam-{number:03}")).collect()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

/// A device with two cameras whose agent serves.
fn served() -> (Scene, LocalApi) {
    let scene = Scene::activated(10);
    scene.assign_two();
    scene.device.exchange().ok();
    let api = LocalApi::start(&scene.device, &[]);
    (scene, api)
}

#[test]
fn what_the_licence_says_is_answered_in_every_shape() {
    let (scene, api) = served();
    let licence = api.get("/api/v1/license");
    assert_eq!((&licence["valid"], text(&licence, "owner")), (&json!(true), TENANT));
    assert_eq!((text(&licence, "tier"), text(&licence, "license_mode")), ("professional", "base"));
    let key = text(&licence, "key");
    assert!(key.starts_with("****") && key.trim_start_matches('*').len() == 4, "{key}");
    let status = api.get("/api/v1/license/status");
    assert_eq!((&status["is_valid"], &status["active_cameras"]), (&json!(true), &json!(2)));
    assert_eq!(
        (text(&status, "device_id"), &status["cameras_allowed"]),
        (scene.offer.device.as_str(), &json!(10))
    );
    let listed = api.get(&format!("/api/v1/license/cameras?tenant_id={TENANT}"));
    assert_eq!(listed["cameras"][0]["enabled_growth_packs"], json!(["advanced_analytics"]));
    assert_eq!(listed["cameras"][1]["enabled_growth_packs"], json!([]));
    assert_eq!(text(&listed["cameras"][0], "mode"), "BASE_LICENSE");
    for path in ["/api/v1/license/tenant".to_owned(), format!("/api/v1/tenants/{TENANT}")] {
        assert_eq!(text(&api.get(&path), "tenant_id"), TENANT);
    }
    let (one, two, other) = (api.validate("cam-1"), api.validate("cam-2"), api.validate("cam%203"));
    assert_eq!(
        (&one["is_valid"], &two["is_valid"], &other["is_valid"]),
        (&json!(true), &json!(true), &json!(false))
    );
    assert_eq!((text(&one, "source"), text(&other, "reason")), ("licence", "camera_not_licensed"));
    assert_eq!(text(&other, "camera_id"), "cam 3");
    let health = api.get("/api/v1/health");
    assert_eq!((text(&health, "status"), text(&health, "service")), ("healthy", "brink-edge"));
    api.stop();
}

#[test]
fn features_and_quotas_are_those_of_the_licence_counted_from_the_journal() {
    let (scene, api) = served();
    let before = api.get("/api/v1/entitlements");
    let find = |said: &Value, name: &str| {
        let all = said["entitlements"].as_array().unwrap().clone();
        all.into_iter().find(|one| one["feature_name"] == name).unwrap_or_else(|| panic!("no {name}"))
    };
    let near_miss = find(&before, "near_miss");
    assert_eq!((text(&near_miss, "feature_category"), &near_miss["is_enabled"]), ("analytics", &json!(true)));
    assert_eq!((&near_miss["cameras"], &near_miss["packs"]), (&json!(1), &json!(["advanced_analytics"])));
    assert_eq!((&near_miss["quota_limit"], &near_miss["quota_remaining"]), (&json!(-1), &json!(-1)));
    assert_eq!(find(&before, "counting")["cameras"], 2);
    let calls = find(&before, "api");
    assert_eq!((text(&calls, "meter"), &calls["quota_used"]), ("api_call", &json!(0)));
    let limit = calls["quota_limit"].as_i64().unwrap();
    assert!(limit > 0, "{calls}");
    scene.device.run(&["usage", "record", "--meter", "api_call", "--quantity", "2.5"]).ok();
    let after = find(&api.get("/api/v1/entitlements"), "api");
    assert_eq!((&after["quota_used"], &after["quota_remaining"]), (&json!(2.5), &json!(limit - 3)));
    let quota = &api.get("/api/v1/entitlements")["quotas"][0];
    assert_eq!(
        (text(quota, "meter"), text(quota, "used"), text(quota, "unit")),
        ("api_call", "2.5", "calls")
    );
    api.stop();
}

#[test]
fn an_agent_answers_before_and_after_its_activation_without_a_restart() {
    let scene = Scene::offered(10);
    let api = LocalApi::start(&scene.device, &[]);
    let before = api.validate("cam-1");
    assert_eq!((&before["is_valid"], text(&before, "source")), (&json!(false), "none"));
    let (status, refused) = api.post("/api/v1/usage", &json!({"event_type": "sms", "quantity": 1}));
    assert_eq!((status, text(&refused, "code")), (409, "NOT_ACTIVATED"));
    assert_eq!(api.post("/api/v1/license/heartbeat", &json!({})).1["code"], "NOT_ACTIVATED");
    assert_eq!(api.get("/api/v1/entitlements")["entitlements"], json!([]));
    scene.device.activate(&scene.url, &scene.offer.code).ok();
    scene.assign_two();
    scene.device.exchange().ok();
    assert_eq!(api.validate("cam-1")["is_valid"], true, "the file is looked at for it");
    until("the gate takes the licence up", || api.get("/api/v1/license/status")["active_cameras"] == 2);
    api.stop();
}

#[test]
fn an_issuer_that_is_pinned_anew_before_the_activation_is_the_one_that_counts() {
    let scene = Scene::offered(10);
    let other = brink_tests::Issuer::init(scene.world.path("other"), "dev-other");
    other.subscribe(TENANT, 3, &[]);
    let api = LocalApi::start(&scene.device, &[]);
    assert_eq!(api.validate("cam-1")["is_valid"], false);
    scene.device.run(&["init", "--trust", other.trust().to_str().unwrap()]).ok();
    let (_server, url) = other.serve();
    let offer = other.offer(TENANT);
    scene.device.activate(&url, &offer.code).ok();
    other.assign(&offer.device, &["cam-1"], &[]);
    scene.device.exchange().ok();
    assert_eq!(api.validate("cam-1")["is_valid"], true);
    api.stop();
}

#[test]
fn what_is_withdrawn_is_denied_from_the_next_exchange_on() {
    let (scene, api) = served();
    assert_eq!(api.validate("cam-1")["is_valid"], true);
    scene.issuer.run(&["license", "revoke", "--device", &scene.offer.device, "--reason", "test"]).ok();
    scene.device.exchange();
    let said = api.validate("cam-1");
    assert_eq!((&said["is_valid"], text(&said, "reason")), (&json!(false), "revoked"), "{said}");
    assert_eq!((text(&said, "license_mode"), &said["cameras_allowed"]), ("unlicensed", &json!(0)));
    until("the gate hears of it", || api.get("/api/v1/license/status")["state"] == "revoked");
    assert_eq!(api.get("/api/v1/license/status")["active_cameras"], 0);
    api.stop();
}

#[test]
fn a_retired_device_runs_to_the_end_of_its_licence_and_is_told_so() {
    let (scene, api) = served();
    scene.issuer.run(&["device", "retire", "--device", &scene.offer.device, "--reason", "test"]).ok();
    let (status, refused) = api.post("/api/v1/license/heartbeat", &json!({}));
    assert_eq!((status, text(&refused, "code")), (502, "RETIRED"), "{refused}");
    let said = api.validate("cam-1");
    assert_eq!((&said["is_valid"], text(&said, "source")), (&json!(true), "licence"));
    api.stop();
}
