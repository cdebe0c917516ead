//! What changes the device over the API: a heartbeat, and a licence that was carried.

use super::{Scene, TENANT, served, text};
use brink_tests::local_api::{Asked, LocalApi};
use serde_json::{Value, json};
use std::process::Command;

/// Standard base64 by coreutils, in lines, as a person would paste it.
fn base64(path: &std::path::Path) -> String {
    let output = Command::new("base64").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn import(api: &LocalApi, method: &str, body: &Value) -> (u16, Value) {
    let answer = api.send(&Asked::new(method, "/api/v1/license").by_token().json(&body.to_string()));
    (answer.status, answer.json())
}

#[test]
fn a_heartbeat_is_an_exchange_and_says_when_the_next_is_due() {
    let (mut scene, api) = served();
    let before = scene.device.status()["receipt"]["seq"].as_u64().unwrap();
    let old = json!({"device_id": "", "tenant_id": TENANT, "active_camera_ids": ["cam-1"], "management_tier": "basic"});
    let (status, said) = api.post("/api/v1/license/heartbeat", &old);
    assert_eq!((status, text(&said, "status")), (200, "ok"), "{said}");
    assert!(said["next_heartbeat_in_seconds"].as_u64().unwrap() > 0, "{said}");
    assert_eq!(said["exchange"]["receipt"]["seq"].as_u64(), Some(before + 1));
    let bare = api.send(&Asked::new("POST", "/api/v1/license/heartbeat").by_token());
    assert_eq!(bare.status, 200, "it needs no body");
    assert_eq!(api.post("/api/v1/license/heartbeat", &json!({"tenant_id": "acme"})).0, 404);
    scene.stop_issuer();
    let (status, said) = api.post("/api/v1/license/heartbeat", &json!({}));
    assert_eq!(
        (status, text(&said, "status"), text(&said, "code")),
        (202, "unreachable", "ISSUER_UNREACHABLE")
    );
    assert_eq!((&said["exchange"], &said["next_heartbeat_in_seconds"]), (&Value::Null, &json!(900)));
    assert!(text(&said, "mend").contains("network"), "{said}");
    api.stop();
}

#[test]
fn a_licence_that_was_carried_is_taken_up_and_nothing_else_is() {
    let (mut scene, api) = served();
    scene.stop_issuer();
    let (request, response) = (scene.world.path("request"), scene.world.path("response"));
    scene.device.run(&["exchange", "--export", request.to_str().unwrap()]).ok();
    let junk = json!({"licence_file": "QlJJTktSU1A="});
    let (status, refused) = import(&api, "POST", &junk);
    assert_eq!((status, refused["code"].is_string()), (422, true), "{refused}");
    scene.issuer.assign(&scene.offer.device, &["cam-9"], &[]);
    scene.issuer.exchange_file(&request, &response).ok();
    assert_eq!(api.validate("cam-9")["is_valid"], false);
    let file = json!({"licence_file": base64(&response)});
    let (status, said) = import(&api, "PUT", &file);
    assert_eq!((status, &said["valid"]), (200, &json!(true)), "{said}");
    assert!(text(&said, "message").contains("a new licence"), "{said}");
    assert_eq!(api.validate("cam-9")["is_valid"], true);
    let (status, refused) = import(&api, "PUT", &file);
    assert_eq!((status, text(&refused, "code")), (409, "NOTHING_PENDING"), "once");
    api.stop();
}

#[test]
fn a_device_is_activated_by_a_file_over_the_api() {
    let scene = Scene::offered(10);
    let api = LocalApi::start(&scene.device, &[]);
    let (request, response) = (scene.world.path("request"), scene.world.path("response"));
    let export = ["activate", "--code", &scene.offer.code, "--export", request.to_str().unwrap()];
    scene.device.run(&export).ok();
    scene.issuer.exchange_file(&request, &response).ok();
    let (status, said) = import(&api, "POST", &json!({"licence_file": base64(&response)}));
    assert_eq!((status, text(&said, "owner")), (200, TENANT), "{said}");
    assert_eq!(scene.device.status()["state"], "active");
    api.stop();
}

#[test]
fn keys_owners_and_deletions_are_explained_and_change_nothing() {
    let (_scene, api) = served();
    let before = api.get("/api/v1/license");
    let key = "PRO-0123-4567-89AB-CDEF";
    for (method, body, status, code) in [
        ("POST", json!({"license_key": key, "owner": "a", "email": "b"}), 410, "LICENSE_KEYS_GONE"),
        ("PUT", json!({"key": key}), 410, "LICENSE_KEYS_GONE"),
        ("POST", json!({"license_key": key, "licence_file": "AAAA"}), 410, "LICENSE_KEYS_GONE"),
        ("POST", json!({"license_key": ""}), 409, "LICENSE_NOT_DELETABLE"),
        ("POST", json!({"license_key": "none"}), 409, "LICENSE_NOT_DELETABLE"),
        ("PUT", json!({"owner": "a"}), 409, "LICENSE_NOT_EDITABLE"),
        ("POST", json!({}), 422, "NO_LICENCE_FILE"),
        ("POST", json!({"licence_file": "*"}), 422, "BAD_BASE64"),
        ("POST", json!({"licence_file": ""}), 422, "BAD_BASE64"),
    ] {
        let (found, refused) = import(&api, method, &body);
        assert_eq!((found, text(&refused, "code")), (status, code), "{body}");
        assert!(!refused.to_string().contains(key), "{refused}");
        assert!(text(&refused, "mend").len() > 10, "{refused}");
    }
    let elsewhere =
        Asked::new("POST", "/api/v1/license?tenant_id=acme").by_token().json("{\"licence_file\":\"AAAA\"}");
    assert_eq!(api.send(&elsewhere).code(), "UNKNOWN_TENANT");
    let deleted = api.send(&Asked::new("DELETE", "/api/v1/license").by_token());
    assert_eq!((deleted.status, deleted.code().as_str()), (409, "LICENSE_NOT_DELETABLE"));
    let after = api.get("/api/v1/license");
    assert_eq!(before["key"], after["key"]);
    assert!(!api.stop().contains(key));
}
