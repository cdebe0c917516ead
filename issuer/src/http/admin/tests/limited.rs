//! How often somebody may ask, and what the audit has of those who may not.

use super::Api;
use crate::config::Rate;
use crate::storage::{AuditQuery, Whose};
use crate::testkit::{Bench, TENANT};
use serde_json::{Value, json};

fn denials(api: &Api) -> Vec<(String, String, Value, Option<String>)> {
    let query = AuditQuery { whose: Whose::All, limit: 1000, ..AuditQuery::default() };
    let lines = api.bench.admin.storage.audit_lines(&query).unwrap();
    let denied = lines.into_iter().filter(|line| line.action.starts_with("access."));
    let line = |line: crate::storage::AuditEntry| {
        let tenant = line.tenant.map(|tenant| tenant.to_string());
        (line.action, line.actor, serde_json::from_str(&line.detail).unwrap(), tenant)
    };
    denied.map(line).collect()
}

/// The line is written beside the answer, so it may come a moment later.
async fn denied(api: &Api, count: usize) -> Vec<(String, String, Value, Option<String>)> {
    for _ in 0..500 {
        let found = denials(api);
        if found.len() >= count {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{count} were awaited: {:?}", denials(api));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_asks_too_often_waits_and_others_do_not() {
    let rate = Rate { burst: 3, per_minute: 30 };
    let api = Api::with(Bench::new(), |config| config.credential = rate).await;
    let (one, other) = (api.key("*", None), api.key("*", None));
    for left in [2, 1, 0] {
        let got = api.as_key(&one, "GET", "/self", None).await;
        got.done(200);
        assert_eq!(got.headers["ratelimit"], format!("\"key\";r={left};t={}", (3 - left) * 2));
        assert_eq!(got.headers["ratelimit-policy"], "\"key\";q=3;w=6");
    }
    let got = api.as_key(&one, "GET", "/self", None).await;
    assert_eq!(got.code(429), "TOO_MANY_REQUESTS");
    assert_eq!((&*got.headers["retry-after"], &*got.headers["ratelimit"]), ("2", "\"key\";r=0;t=0"));
    api.as_key(&other, "GET", "/self", None).await.done(200);
    api.bench.pass(2);
    api.as_key(&one, "GET", "/self", None).await.done(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_asks_too_often_waits_whatever_keys_it_has() {
    let rate = Rate { burst: 5, per_minute: 60 };
    let api = Api::with(Bench::new(), |config| config.address = rate).await;
    let keys: Vec<_> = (0..6).map(|_| api.key("*", None)).collect();
    for key in &keys[..5] {
        api.as_key(key, "GET", "/self", None).await.done(200);
    }
    assert_eq!(api.as_key(&keys[5], "GET", "/self", None).await.code(429), "TOO_MANY_REQUESTS");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guessing_is_slowed_and_never_stops_a_right_key() {
    let api = Api::new().await;
    let guess = format!("{}{}", &api.root[..20], "0".repeat(61));
    let mut told = Vec::new();
    for _ in 0..14 {
        told.push(api.as_key(&guess, "GET", "/self", None).await.status);
    }
    assert_eq!(told[..10], [401; 10]);
    assert_eq!(told[10..], [429; 4]);
    api.get("/self").await.done(200);
    let lines = denied(&api, 1).await;
    assert_eq!(lines.len(), 1, "a minute of it is one line: {lines:?}");
    let (action, actor, detail, tenant) = &lines[0];
    assert_eq!(
        (action.as_str(), actor.as_str(), tenant),
        ("access.unauthenticated", "address:127.0.0.1", &None)
    );
    assert_eq!((&detail["path"], &detail["code"]), (&json!("/self"), &json!("API_KEY_UNKNOWN")));
    assert!(!detail.to_string().contains("brk_"));
    api.bench.pass(60);
    api.as_key(&guess, "GET", "/self", None).await;
    assert_eq!(denied(&api, 2).await[0].2["more_before"], 13);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reaches_for_what_is_not_theirs_stands_in_the_chain_of_their_own_tenant() {
    let api = Api::new().await;
    let foreigner = api.key("devices:read", Some(super::OTHER));
    let device = api.bench.activated().id();
    assert_eq!(api.as_key(&foreigner, "GET", &format!("/devices/{device}"), None).await.status, 404);
    assert_eq!(api.as_key(&foreigner, "GET", &format!("/tenants/{TENANT}/devices"), None).await.status, 404);
    assert_eq!(api.as_key(&foreigner, "GET", "/devices/unknown", None).await.status, 404);
    assert_eq!(api.as_key(&foreigner, "POST", "/tenants", Some("{}")).await.status, 403);
    let lines = denied(&api, 2).await;
    let actions: Vec<_> = lines.iter().map(|(action, ..)| action.as_str()).collect();
    assert_eq!(
        actions,
        ["access.denied", "access.foreign"],
        "what is not there at all is no reaching: {lines:?}"
    );
    let actor = format!("key:{}", super::id_of(&foreigner));
    for (_, by, detail, tenant) in &lines {
        assert_eq!((by, tenant.as_deref()), (&actor, Some(super::OTHER)));
        assert!(!detail.to_string().contains(device.as_str()), "paths stand there as the table has them");
    }
}
