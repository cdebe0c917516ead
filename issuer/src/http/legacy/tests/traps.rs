//! What a client in the field trips over: each answer has exactly the types that its parser takes.

use super::*;
use crate::testkit::{DAY, START};

/// As strictly as the parser of the client in the field: a member of another type voids the whole answer.
fn parsed(answer: &Value) -> (bool, String, Vec<String>, i64, i32) {
    let text = |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("{name} in {answer}")).to_owned();
    let packs = answer["enabled_growth_packs"].as_array().unwrap();
    let packs = packs.iter().map(|pack| pack.as_str().unwrap().to_owned()).collect();
    let until = text("valid_until");
    assert!(
        until.bytes().all(|byte| byte.is_ascii_digit()),
        "{until} begins with the seconds and has nothing else"
    );
    let cameras = i32::try_from(answer["cameras_allowed"].as_i64().unwrap()).unwrap();
    (answer["is_valid"].as_bool().unwrap(), text("license_mode"), packs, until.parse().unwrap(), cameras)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moments_are_texts_of_seconds_and_cameras_a_whole_number_for_yes_and_no() {
    let old = Old::with(1, &["advanced_analytics"]).await;
    let yes = parsed(&old.camera("cam-1").await);
    assert_eq!(yes, (true, "base".into(), vec!["advanced_analytics".into()], START + 30 * DAY, 1));
    let no = parsed(&old.camera("cam-2").await);
    assert_eq!(no, (false, "unlicensed".into(), vec![], START, 1), "a denial is an answer");
    old.bench.pass(400 * DAY);
    assert!(parsed(&old.camera("cam-1").await).0, "a subscription goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_is_called_trial_and_is_nothing_but_unlicensed_when_it_is_over() {
    let old = Old::of(Bench::new()).await;
    old.bench.admin.set_subscription(&TENANT.parse().unwrap(), &crate::testkit::order(None, &[])).unwrap();
    let (valid, mode, _, until, cameras) = parsed(&old.camera("cam-1").await);
    assert_eq!((valid, mode.as_str(), cameras), (true, "trial", 2));
    assert!(until <= START + 30 * DAY);
    old.bench.pass(100 * DAY);
    let over = old.camera("cam-1").await;
    assert_eq!((parsed(&over).0, parsed(&over).1.as_str(), parsed(&over).4), (false, "unlicensed", 0));
    assert_eq!(over["code"], "TRIAL_OVER", "the detail stands beside it");
    let spent = old.entitled("cv_models", "person").await;
    assert_eq!((spent["is_enabled"].as_bool(), spent["quota_remaining"].as_i64()), (Some(false), Some(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_base_address_with_a_slash_at_its_end_is_the_same_and_nothing_is_redirected() {
    let old = Old::with(2, &[]).await;
    let body = json!({ "camera_id": "cam-1", "tenant_id": TENANT, "device_id": "" }).to_string();
    for path in ["/api/v1//licenses/validate", "//api/v1/licenses//validate", "/api/v1/licenses/validate"] {
        let got = old.ask("POST", path, &old.key, &body).await;
        assert_eq!(got.done()["is_valid"], true, "{path}");
    }
    let got = old.ask("POST", "/api/v1/licenses/validate/", &old.key, &body).await;
    assert_eq!(got.refused(404), "NOT_FOUND");
    assert!(!got.head.contains("location"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_is_read_as_every_old_client_sends_it() {
    let old = Old::with(2, &[]).await;
    let body = json!({ "camera_id": "", "tenant_id": TENANT }).to_string();
    let with = |header: String| {
        let (old, body) = (&old, &body);
        async move { old.ask_with("POST", "/api/v1/licenses/validate", &header, body).await }
    };
    for scheme in ["Bearer", "bearer", "BEARER"] {
        assert_eq!(with(format!("Authorization: {scheme} {}\r\n", old.key)).await.done()["is_valid"], true);
        assert_eq!(with(format!("Authorization: {scheme}  {} \r\n", old.key)).await.status, 200);
    }
    for empty in
        ["", "Authorization: Bearer \r\n", "Authorization: Bearer\r\n", "Authorization: Basic eDp5\r\n"]
    {
        assert_eq!(with(empty.to_owned()).await.refused(401), "API_KEY_MISSING", "{empty:?}");
    }
    for wrong in ["brk_000000000000_00", "dev-api-key-123", "short"] {
        assert_eq!(with(format!("Authorization: Bearer {wrong}\r\n")).await.refused(401), "API_KEY_UNKNOWN");
    }
    let other = key(&old.bench, "tenants:read", None);
    assert_eq!(with(format!("Authorization: Bearer {other}\r\n")).await.refused(403), "SCOPE");
    let all = key(&old.bench, "*", None);
    assert_eq!(with(format!("Authorization: Bearer {all}\r\n")).await.refused(403), "TENANT_MISSING");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_in_the_field_goes_on_to_be_one_until_it_is_revoked() {
    let old = Old::with(2, &[]).await;
    let value = "bb_0f1e2d3c-4b5a-6978";
    assert_eq!(import(&old.bench, value).unwrap(), value, "it is shown as it is");
    let body = json!({ "camera_id": "cam-1", "tenant_id": TENANT }).to_string();
    let ask = || old.ask("POST", "/api/v1/licenses/validate", value, &body);
    assert_eq!(ask().await.done()["is_valid"], true);
    let again = import(&old.bench, value).unwrap_err();
    assert!(again.to_string().contains("there already"), "{again}");
    let keys = old.bench.admin.keys(None, None, 10).unwrap();
    let row = keys.iter().find(|row| row.name == "in the field").unwrap();
    assert!(row.last_used_at.is_some());
    old.bench.admin.revoke_key(&row.id, crate::access::Grantor::Operator).unwrap();
    assert_eq!(ask().await.refused(401), "API_KEY_REVOKED");
    for bad in ["short", "has a space in it", "brk_000000000000_000000", "tab\tand more characters", ""] {
        let error = import(&old.bench, bad).unwrap_err().to_string();
        assert!(error.contains("visible ASCII") && (bad.is_empty() || !error.contains(bad)), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_the_exact_word_at_both_paths_and_counts_stand_without_a_space() {
    let old = Old::with(2, &[]).await;
    for path in ["/health", "/api/v1/health", "//health", "/api/v1//health"] {
        let got = old.ask_with("GET", path, "", "").await;
        assert!(got.text.contains("\"status\":\"healthy\""), "{path}: {got:?}");
        assert!(got.done()["uptime_seconds"].is_f64());
    }
    old.send_usage(json!([{ "event_type": "api_call" }, { "event_type": "sms_sent" }])).await;
    let got = old.ask_with("GET", "/stats", "", "").await;
    assert!(got.text.contains("\"total_events\":2"), "{got:?}");
    assert_eq!(got.done()["by_type"], json!({ "api_call": 1, "sms": 1 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_another_shape_is_refused_by_name_as_json() {
    let old = Old::with(2, &[]).await;
    let raw = |path: &'static str, body: &'static str| {
        let old = &old;
        async move { old.ask("POST", &format!("/api/v1{path}"), &old.key, body).await }
    };
    for path in
        ["/licenses/validate", "/entitlements/check", "/usage/batch", "/heartbeat", "/billing/validate"]
    {
        for body in ["", "{", "[]", "null", "\"x\"", "{\"a\":1,}"] {
            assert_eq!(raw(path, body).await.refused(400), "BAD_JSON", "{path} {body}");
        }
        assert_eq!(raw(path, r#"{"tenant_id":7,"events":7}"#).await.refused(400), "BAD_FIELD", "{path}");
    }
    assert_eq!(raw("/licenses/validate", r#"{"camera_id":[]}"#).await.refused(400), "BAD_FIELD");
    assert_eq!(raw("/heartbeat", r#"{"active_camera_ids":"cam-1"}"#).await.refused(400), "BAD_FIELD");
    let got = old.get("/api/v1/licenses/validate").await;
    assert_eq!(got.refused(405), "METHOD_NOT_ALLOWED");
    let bad = json!({ "camera_id": "a\u{0}b", "tenant_id": TENANT });
    let bad = old.post("/licenses/validate", bad).await.done();
    assert_eq!(
        (&bad["is_valid"], &bad["code"]),
        (&json!(false), &json!("BAD_ID")),
        "a denial, which nobody repeats"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn absent_and_null_members_are_empty_ones() {
    let old = Old::with(2, &[]).await;
    for body in [json!({}), json!({ "camera_id": null, "tenant_id": null, "device_id": null })] {
        assert_eq!(old.post("/licenses/validate", body.clone()).await.done()["is_valid"], true);
        assert_eq!(old.post("/heartbeat", body).await.done()["status"], "ok");
    }
    assert!(
        old.bench.admin.storage.seated(&TENANT.parse().unwrap()).unwrap().is_empty(),
        "no camera, no seat"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_body_is_asked_for_and_taken_and_a_larger_one_is_refused() {
    let old = Old::with(2, &[]).await;
    let event = json!({ "event_type": "api_call", "metadata": { "endpoint": "x".repeat(700) } });
    let body = json!({ "events": vec![event; 1000] }).to_string();
    let headers = format!("Authorization: Bearer {}\r\nExpect: 100-continue\r\n", old.key);
    let got = old.ask_with("POST", "/api/v1/usage/batch", &headers, &body).await;
    // What came first is the leave to send the body.
    assert_eq!(got.status, 100, "{got:?}");
    assert!(got.text.contains("\"accepted_count\":1000"), "{got:?}");
    let body = format!("{{\"events\":[],\"x\":\"{}\"}}", "x".repeat(2 * 1024 * 1024));
    assert_eq!(old.ask("POST", "/api/v1/usage/batch", &old.key, &body).await.refused(413), "TOO_LARGE");
}
