//! What the program sends is what the client in the field sends, byte for byte.

use super::OldClient;
use super::driver::program;
use super::responder::{Answer, Asked, Responder};
use brink_tests::Ran;

const LICENCE: &str = r#"{"is_valid":true,"license_mode":"base","enabled_growth_packs":["advanced_analytics"],"valid_until":"1767225600","cameras_allowed":12}"#;

fn only(server: &Responder) -> Asked {
    let asked = server.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    asked.into_iter().next().unwrap()
}

/// What every call has, in the order in which it is sent.
fn headers(key: &str, body: &str) -> Vec<String> {
    let mut lines = vec!["Accept: */*".to_owned(), "Content-Type: application/json".into()];
    lines.push(format!("Authorization: Bearer {key}"));
    if !body.is_empty() {
        lines.push(format!("Content-Length: {}", body.len()));
    }
    lines
}

#[test]
#[ignore = "needs g++, libcurl and nlohmann-json: scripts/test runs this"]
fn every_call_is_the_clients_byte_for_byte() {
    let server = Responder::says(&[
        Answer::json(200, LICENCE),
        Answer::json(200, r#"{"is_enabled":true}"#),
        Answer::json(200, r#"{"accepted_count":2}"#),
        Answer::json(200, r#"{"status":"ok","next_heartbeat_in_seconds":900}"#),
        Answer::json(200, r#"{"status":"healthy"}"#),
    ]);
    let client = OldClient::at(server.base(), "bb_0123");
    assert!(client.validate("tenant-123", "cam \"7\"", "").answered());
    assert!(client.entitlement("tenant-123", "cv_models", "person").answered());
    assert!(client.usage("tenant-123", 2, 1_760_954_400).answered());
    assert!(
        client.heartbeat("tenant-123", "0123456789abcdef0123456789abcdef", &["cam-1", "cam-2"]).answered()
    );
    assert!(client.health().answered());
    let wanted = [
        (
            "POST /api/v1/licenses/validate",
            r#"{"camera_id":"cam \"7\"","device_id":"","tenant_id":"tenant-123"}"#,
        ),
        (
            "POST /api/v1/entitlements/check",
            r#"{"feature_category":"cv_models","feature_name":"person","tenant_id":"tenant-123"}"#,
        ),
        (
            "POST /api/v1/usage/batch",
            concat!(
                r#"{"events":[{"event_time":"1760954400","event_type":"api_call","metadata":{"endpoint":"/api/v1/cameras/cam-0"},"#,
                r#""quantity":1.0,"resource_id":"cam-0","tenant_id":"tenant-123","unit":"count"},"#,
                r#"{"event_time":"1760954401","event_type":"llm_tokens","metadata":{"endpoint":"/api/v1/cameras/cam-1"},"#,
                r#""quantity":2.0,"resource_id":"cam-1","tenant_id":"tenant-123","unit":"tokens"}]}"#
            ),
        ),
        (
            "POST /api/v1/heartbeat",
            concat!(
                r#"{"active_camera_ids":["cam-1","cam-2"],"device_id":"0123456789abcdef0123456789abcdef","#,
                r#""management_tier":"basic","tenant_id":"tenant-123"}"#
            ),
        ),
        ("GET /api/v1/health", ""),
    ];
    for (asked, (line, body)) in server.asked().iter().zip(wanted) {
        assert_eq!((&*asked.line, &*asked.body), (line, body));
        assert_eq!(asked.headers, headers("bb_0123", body));
    }
    assert_eq!(server.asked().len(), wanted.len());
}

#[test]
#[ignore = "needs g++, libcurl and nlohmann-json: scripts/test runs this"]
fn without_a_key_the_scheme_stands_alone_and_a_slash_too_many_is_sent() {
    let server = Responder::always(LICENCE);
    let client = OldClient::at(&format!("{}/", server.base()), "");
    let call = client.validate("default", "cam-1", "dev-1");
    assert!(call.answered() && call.remarks().is_empty(), "{call:?}");
    let asked = only(&server);
    assert_eq!(asked.line, "POST /api/v1//licenses/validate");
    assert_eq!(asked.headers, headers("", &asked.body), "the scheme and one space");
}

#[test]
#[ignore = "needs g++, libcurl and nlohmann-json: scripts/test runs this"]
fn a_large_batch_waits_to_be_told_to_go_on() {
    let server = Responder::always(r#"{"accepted_count":1000,"rejected_count":0,"errors":[]}"#);
    let call = OldClient::at(server.base(), "k").usage("tenant-123", 1000, 1_760_954_400);
    assert!(call.answered() && call.continued() && *call.held("all_accepted") == true, "{call:?}");
    let asked = only(&server);
    assert!(asked.headers.contains(&"Expect: 100-continue".to_owned()), "{:?}", asked.headers);
    assert!((150_000..250_000).contains(&asked.body.len()), "{} bytes", asked.body.len());
    let body: serde_json::Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(body["events"].as_array().unwrap().len(), 1000);
    assert_eq!(body["events"][999]["event_time"], "1760955399", "a second apart, as texts");

    // A body of a thousand bytes is sent at once.
    let server = Responder::always(r#"{"accepted_count":5}"#);
    let call = OldClient::at(server.base(), "k").usage("tenant-123", 5, 1_760_954_400);
    assert!(call.answered() && !call.continued());
    assert!(!only(&server).headers.iter().any(|line| line.starts_with("Expect:")));
}

#[test]
#[ignore = "needs g++, libcurl and nlohmann-json: scripts/test runs this"]
fn events_of_a_file_are_written_as_the_client_writes_them_and_other_bodies_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events.json");
    let one = r#"[{"tenant_id":"t","event_type":"agent_execution","resource_id":"","quantity":2.5,"unit":"count","event_time":7,"metadata":"no json {"}]"#;
    std::fs::write(&events, one).unwrap();
    let foreign = folder.path().join("foreign.json");
    let body = r#"{ "events": [ {"tenant_id":"t","device_id":"d","camera_id":"c","event_type":"api_call","quantity":1,"unit":"count","metadata":null} ] }"#;
    std::fs::write(&foreign, body).unwrap();
    let server = Responder::always(r#"{"accepted_count":1,"status":"any"}"#);
    let client = OldClient::at(server.base(), "k");
    assert_eq!(client.usage_of(&events).held("all_accepted"), true);
    assert_eq!(client.usage_as(&foreign, 1).held("all_accepted"), true);
    let said = client.post("/usage/batch", &foreign);
    assert_eq!(said.held("body"), r#"{"accepted_count":1,"status":"any"}"#);
    let asked = server.asked();
    let written = r#"{"events":[{"event_time":"7","event_type":"agent_execution","metadata":{},"quantity":2.5,"resource_id":"","tenant_id":"t","unit":"count"}]}"#;
    assert_eq!(asked.iter().map(|asked| &*asked.body).collect::<Vec<_>>(), [written, body, body]);
}

#[test]
#[ignore = "needs g++, libcurl and nlohmann-json: scripts/test runs this"]
fn whoever_calls_the_program_wrongly_is_told_and_nothing_is_sent() {
    let server = Responder::always(LICENCE);
    for (arguments, said) in [
        (&["validate", "--tenant", "t", "--camera", "c"][..], "--base is missing"),
        (&["--base", server.base()], "no command"),
        (&["--base", server.base(), "revoke"], "unknown command revoke"),
        (&["--base", server.base(), "health", "validate"], "two commands: health and validate"),
        (&["--base", server.base(), "health", "--tenant", "t"], "--tenant is not for health"),
        (&["--base", server.base(), "validate", "--tenant", "t"], "--camera is wanted once"),
        (&["--base", server.base(), "validate", "--camera", "c"], "--tenant is missing"),
        (
            &["--base", server.base(), "usage", "--tenant", "t", "--generate", "many"],
            "--generate is no number: many",
        ),
        (&["--base", server.base(), "usage", "--events", "absent.json"], "cannot read absent.json"),
        (&["--base", server.base(), "health", "--retries"], "--retries has no value"),
    ] {
        Ran::run(program(), arguments).coded(2).says(said);
    }
    assert!(server.asked().is_empty());
}
