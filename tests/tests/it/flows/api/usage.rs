//! Uses over the API: durable when they are accepted, and to each its own answer.

use super::super::settlement::{quantity, settled};
use super::{Scene, TENANT, served, text};
use brink_tests::local_api::{Asked, LocalApi};
use serde_json::{Value, json};

fn record(api: &LocalApi, body: &Value) -> Value {
    let (status, said) = api.post("/api/v1/usage", body);
    assert_eq!(status, 200, "{said}");
    said
}

fn counts(said: &Value) -> (u64, u64) {
    let count = |name: &str| said[name].as_u64().unwrap();
    (count("accepted_count"), count("rejected_count"))
}

#[test]
fn what_is_accepted_outlives_a_kill_and_reaches_the_issuer_once() {
    let (mut scene, api) = served();
    scene.stop_issuer();
    let real = json!({"tenant_id": TENANT, "event_type": "sms_sent", "resource_id": "cam-1", "quantity": 2.0, "unit": "count",
        "event_time": "1760950800", "metadata": {}});
    let implied = json!({"tenant_id": "default", "device_id": "x", "camera_id": "cam-2", "event_type": "llm_tokens",
        "quantity": 1000, "unit": "tokens", "metadata": null});
    let said = record(&api, &json!({"events": [real, implied]}));
    assert_eq!(counts(&said), (2, 0), "{said}");
    assert_eq!(
        (text(&said["results"][0], "meter"), text(&said["results"][1], "meter")),
        ("sms", "llm_token")
    );
    assert_eq!(counts(&record(&api, &json!({"event_type": "sms", "quantity": "0.5"}))), (1, 0));
    api.agent.kill();
    let api = LocalApi::start(&scene.device, &[]);
    let summary = api.get("/api/v1/usage/summary");
    assert_eq!((&summary["sms_sent"], &summary["llm_tokens_used"]), (&json!(2.5), &json!(1000)));
    assert_eq!((&summary["unsettled"]["records"], summary.get("api_calls")), (&json!(3), None));
    assert!(summary["period_start"].is_string() && summary["unsettled"]["oldest"].is_string(), "{summary}");
    let (server, url) = scene.issuer.serve();
    (scene.server, scene.url) = (Some(server), url.clone());
    scene.device.run(&["exchange", "--issuer", &url]).ok();
    assert_eq!((settled(&scene, "sms"), settled(&scene, "llm_token")), (quantity("2.5"), quantity("1000")));
    assert_eq!(api.get("/api/v1/usage/summary")["unsettled"]["records"], 0);
    scene.device.run(&["usage", "verify"]).ok();
    api.stop();
}

#[test]
fn one_bad_use_of_many_refuses_itself_alone_and_is_named() {
    let (_scene, api) = served();
    let said = record(
        &api,
        &json!({"events": [
            {"event_type": "sms", "quantity": 1},
            {"event_type": "tea", "quantity": 1, "id": "t"},
            {"event_type": "sms", "quantity": -1},
            {"event_type": "sms", "quantity": 1, "tenant_id": "acme"},
            {"event_type": "sms", "quantity": 1, "unit": "gb"},
            7,
            {"event_type": "webhook_call", "quantity": 3},
        ]}),
    );
    assert_eq!(counts(&said), (2, 5), "{said}");
    let codes: Vec<_> = said["results"].as_array().unwrap().iter().map(|one| one["code"].clone()).collect();
    let expected =
        json!([null, "UNKNOWN_METER", "BAD_QUANTITY", "UNKNOWN_TENANT", "WRONG_UNIT", "BAD_EVENT", null]);
    assert_eq!(Value::Array(codes), expected);
    assert_eq!(said["results"][1]["id"], "t");
    let errors = said["errors"].as_array().unwrap();
    assert!(
        errors.len() == 5 && text(&json!({"a": errors[0]}), "a").starts_with("events[1]: UNKNOWN_METER"),
        "{said}"
    );
    let all_bad = record(&api, &json!({"event_type": "tea", "quantity": 1}));
    assert_eq!(counts(&all_bad), (0, 1));
    assert!(text(&all_bad["results"][0], "mend").contains("llm_token"), "{all_bad}");
    assert_eq!(api.get("/api/v1/usage/summary")["meters"].as_array().unwrap().len(), 2);
    api.stop();
}

#[test]
fn a_use_that_is_sent_again_under_its_name_is_recorded_once() {
    let (_scene, api) = served();
    let named = json!({"id": "req-1", "event_type": "sms", "quantity": 1});
    let (first, again) = (record(&api, &named), record(&api, &named));
    assert_eq!((counts(&first), counts(&again)), ((1, 0), (1, 0)));
    assert_eq!(
        (&first["results"][0]["duplicate"], &again["results"][0]["duplicate"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(first["results"][0]["seq"], again["results"][0]["seq"]);
    let other = record(&api, &json!({"id": "req-1", "event_type": "sms", "quantity": 2}));
    assert_eq!((counts(&other), text(&other["results"][0], "code")), ((0, 1), "ID_REUSED"));
    let twice = record(
        &api,
        &json!({"events": [
            {"id": "a", "event_type": "sms", "quantity": 1},
            {"id": "a", "event_type": "sms", "quantity": 1},
        ]}),
    );
    assert_eq!((counts(&twice), text(&twice["results"][1], "code")), ((1, 1), "ID_IN_USE"));
    // Without a name each counts.
    (0..2).for_each(|_| drop(record(&api, &json!({"event_type": "sms", "quantity": 1}))));
    assert_eq!(api.get("/api/v1/usage/summary")["sms_sent"], 4);
    let page = api.send(&Asked::new("GET", "/api/v1/metrics").by_token()).body;
    for line in [
        "brink_api_usage_events_total{result=\"recorded\"} 4\n",
        "brink_api_usage_events_total{result=\"repeated\"} 1\n",
        "brink_api_usage_events_total{result=\"rejected\"} 2\n",
    ] {
        assert!(page.contains(line), "{line} in {page}");
    }
    api.stop();
}

#[test]
fn a_thousand_uses_are_taken_at_once_and_one_more_is_too_many() {
    let (_scene, api) = served();
    let events = |count: u64| {
        let each = (0..count).map(
            |number| json!({"event_type": "api_call", "quantity": 1, "resource_id": format!("cam-{number}")}),
        );
        json!({"events": each.collect::<Vec<_>>()})
    };
    assert_eq!(counts(&record(&api, &events(1000))), (1000, 0));
    let (status, refused) = api.post("/api/v1/usage", &events(1001));
    assert_eq!((status, text(&refused, "code")), (413, "TOO_MANY_EVENTS"));
    assert_eq!(api.get("/api/v1/usage/summary")["api_calls"], 1000);
    api.stop();
}

#[test]
fn a_firm_quota_denies_by_name_and_a_journal_that_cannot_be_used_is_said_to_be() {
    let scene = Scene::activated(2);
    scene.issuer.run(&["subscription", "set", "--tenant", TENANT, "--cameras", "2", "--trial"]).ok();
    scene.device.exchange().ok();
    let api = LocalApi::start(&scene.device, &[]);
    let quotas = api.get("/api/v1/entitlements")["quotas"].clone();
    let tokens = quotas.as_array().unwrap().iter().find(|quota| quota["meter"] == "llm_token");
    let limit = tokens.unwrap_or_else(|| panic!("{quotas}"))["quota_limit"].as_u64().unwrap();
    let denied = record(&api, &json!({"event_type": "llm_tokens", "quantity": limit + 1}));
    assert_eq!(
        (counts(&denied), text(&denied["results"][0], "code")),
        ((0, 1), "QUOTA_EXCEEDED"),
        "{denied}"
    );
    assert_eq!(counts(&record(&api, &json!({"event_type": "llm_tokens", "quantity": limit}))), (1, 0));
    assert_eq!(counts(&record(&api, &json!({"event_type": "llm_tokens", "quantity": 1}))), (0, 1));
    let journal = scene.device.data().join("journal");
    std::fs::rename(&journal, scene.world.path("away")).unwrap();
    // What the agent cannot make again.
    std::fs::write(&journal, "in its place").unwrap();
    let (status, refused) = api.post("/api/v1/usage", &json!({"event_type": "sms", "quantity": 1}));
    assert_eq!(status, 503, "{refused}");
    assert!(text(&refused, "code").starts_with("JOURNAL_"), "{refused}");
    for path in ["/api/v1/usage/summary", "/api/v1/entitlements"] {
        let refused = api.send(&Asked::new("GET", path).by_token());
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{path}");
    }
    assert_eq!(api.get("/api/v1/license/status")["is_valid"], true, "the licence needs no journal");
    api.stop();
}
