//! Requests that are sent again.

use super::{Api, Got, OTHER};
use crate::testkit::{Bench, TENANT};
use serde_json::json;

async fn once(api: &Api, name: &str, path: &str, body: &serde_json::Value) -> Got {
    api.ask("POST", path, &[("idempotency-key", name)], Some(&body.to_string())).await
}

/// What is the same in an answer that is given again.
fn same(one: &Got, other: &Got) {
    assert_eq!((one.status, &one.text), (other.status, &other.text));
    assert_eq!(one.headers.get("etag"), other.headers.get("etag"));
    assert_eq!(other.headers["idempotent-replayed"], "true");
    assert!(!one.headers.contains_key("idempotent-replayed"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_is_done_once_and_answered_byte_for_byte() {
    let mut api = Api::new().await;
    let device = api.bench.activated().id();
    let cases = [
        ("/tenants", json!({ "id": "t-1", "name": "T" })),
        (&*format!("/tenants/{TENANT}/codes"), json!({ "uses": 3 })),
        ("/keys", json!({ "scopes": ["devices:read"] })),
        (&*format!("/devices/{device}/cameras/assign"), json!({ "cameras": ["cam-1"] })),
        (&*format!("/devices/{device}/licence/suspend"), json!({})),
        (&*format!("/devices/{device}/licence/resume"), json!({})),
        (&*format!("/devices/{device}/licence/extend"), json!({ "days": 2 })),
        (&*format!("/tenants/{TENANT}/subscription/changes"), json!({ "cameras_by": 1 })),
        (&*format!("/devices/{device}/replace"), json!({})),
    ];
    let mut first = Vec::new();
    for (number, (path, body)) in cases.iter().enumerate() {
        let got = once(&api, &format!("n-{number}"), path, body).await;
        assert!((200..300).contains(&got.status), "{path}: {got:?}");
        let rows = api.bench.rows();
        same(&got, &once(&api, &format!("n-{number}"), path, body).await);
        assert_eq!(api.bench.rows(), rows, "{path}");
        first.push(got);
    }
    // And after everything in memory was lost.
    api.bench.restart();
    api.address = super::serve(&api.bench, |_| {}).await;
    for (number, (path, body)) in cases.iter().enumerate() {
        same(&first[number], &once(&api, &format!("n-{number}"), path, body).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_request_under_the_same_name_is_refused() {
    let api = Api::new().await;
    let body = json!({ "id": "t-1", "name": "T" });
    once(&api, "name", "/tenants", &body).await.done(201);
    let rows = api.bench.rows();
    for (path, body) in [
        ("/tenants", json!({ "id": "t-2", "name": "T" })),
        ("/tenants", json!({ "id": "t-1", "name": "T", "currency": "USD" })),
        ("/keys", body.clone()),
        (&*format!("/tenants/{TENANT}/codes"), json!({})),
    ] {
        assert_eq!(once(&api, "name", path, &body).await.code(422), "IDEMPOTENCY_KEY_REUSED", "{path}");
    }
    assert_eq!(api.bench.rows(), rows);
    // Names are everybody's own.
    let other = api.key("*", Some(OTHER));
    let headers = [("authorization", &*format!("Bearer {other}")), ("idempotency-key", "name")];
    let got = api.raw("POST", "/keys", &headers, Some(r#"{"scopes":["*"],"tenant":"other"}"#)).await;
    got.done(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_refused_is_not_remembered_and_what_is_old_is_forgotten() {
    let api = Api::new().await;
    let path = format!("/tenants/{OTHER}/codes");
    assert_eq!(once(&api, "name", &path, &json!({})).await.code(409), "NO_SUBSCRIPTION");
    let rows = api.bench.rows();
    let order = crate::testkit::order(Some(3), &[]);
    api.bench.admin.set_subscription(&OTHER.parse().unwrap(), &order).unwrap();
    let first = once(&api, "name", &path, &json!({})).await;
    first.done(201);
    assert!(api.bench.rows() > rows);
    api.bench.pass(24 * 3600);
    same(&first, &once(&api, "name", &path, &json!({})).await);
    api.bench.pass(1);
    let again = once(&api, "name", &path, &json!({})).await;
    again.done(201);
    assert_ne!(again.text, first.text, "another code");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_make_one() {
    let api = std::sync::Arc::new(Api::new().await);
    let path = format!("/tenants/{TENANT}/codes");
    let asking: Vec<_> = (0..12)
        .map(|_| {
            let (api, path) = (std::sync::Arc::clone(&api), path.clone());
            tokio::spawn(async move { once(&api, "name", &path, &json!({})).await })
        })
        .collect();
    let mut made = Vec::new();
    for one in asking {
        let got = one.await.unwrap();
        match got.status {
            201 => made.push(got.text),
            _ => {
                assert_eq!(got.code(409), "IDEMPOTENCY_KEY_IN_USE");
                assert_eq!(got.headers["retry-after"], "1");
            }
        }
    }
    made.dedup();
    assert_eq!(made.len(), 1);
    assert_eq!(api.get(&path).await.done(200)["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_leaves_what_was_done_and_its_answer_or_neither() {
    let api = Api::new().await;
    let rows = api.bench.rows();
    // The last step before the commit fails.
    let full = api.bench.full("remembered");
    let got = once(&api, "name", "/tenants", &json!({ "id": "t-1", "name": "T" })).await;
    assert_eq!(got.code(500), "DATABASE");
    assert!(!got.text.contains("full"), "what failed is in the log: {}", got.text);
    assert_eq!(api.bench.rows(), rows, "nothing was done");
    drop(full);
    once(&api, "name", "/tenants", &json!({ "id": "t-1", "name": "T" })).await.done(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_the_database_has_no_secret_that_was_shown_once() {
    let api = Api::new().await;
    let key = once(&api, "name-of-a-request", "/keys", &json!({ "scopes": ["*"] })).await.done(201);
    let code = once(&api, "name-of-another", &format!("/tenants/{TENANT}/codes"), &json!({})).await.done(201);
    let bytes = api.bench.dump();
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has(key["api_key"]["id"].as_str().unwrap()), "it is the right file");
    assert!(!has(&key["key"].as_str().unwrap()[17..]));
    assert!(!has(code["code"].as_str().unwrap()));
    assert!(!has("name-of-a-request"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_one_text_without_spaces() {
    let api = Api::with(Bench::new(), |_| {}).await;
    let long = "x".repeat(256);
    for name in ["", "a b", "\u{e9}", &long] {
        let got = once(&api, name, "/tenants", &json!({ "id": "t", "name": "T" })).await;
        assert_eq!(got.code(400), "BAD_IDEMPOTENCY_KEY", "{name}");
    }
    let twice = [("idempotency-key", "a"), ("idempotency-key", "a")];
    let got = api.ask("POST", "/tenants", &twice, Some("{\"id\":\"t\",\"name\":\"T\"}")).await;
    assert_eq!(got.code(400), "BAD_IDEMPOTENCY_KEY");
}
