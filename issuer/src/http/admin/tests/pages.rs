//! Walking lists while others add to them.

use super::Api;
use crate::testkit::{TENANT, names};
use serde_json::{Value, json};

/// Every row, with `between` called between two pages.
async fn walked(api: &Api, path: &str, mut between: impl FnMut()) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    let and = if path.contains('?') { '&' } else { '?' };
    loop {
        let page = api.get(&format!("{path}{and}limit=2{cursor}")).await.done(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        rows.extend(items.iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return rows,
        }
        between();
    }
}

fn ids(rows: &[Value], member: &str) -> Vec<String> {
    rows.iter()
        .map(|row| row[member].as_str().map_or_else(|| row[member].to_string(), str::to_owned))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_are_walked_once_each_whoever_adds_more() {
    let api = Api::new().await;
    let mut wanted = Vec::new();
    for _ in 0..5 {
        wanted.push(api.bench.activated().id().to_string());
        api.bench.pass(1);
    }
    let path = format!("/tenants/{TENANT}/devices");
    let mut meanwhile = Vec::new();
    let add = || {
        if meanwhile.len() < 2 {
            meanwhile.push(api.bench.code(1).devices[0].to_string());
            api.bench.pass(1);
        }
    };
    let found = ids(&walked(&api, &path, add).await, "id");
    assert_eq!(found[..5], wanted);
    assert_eq!(found[5..], meanwhile, "and those that came meanwhile, at the end");
    let active = walked(&api, &format!("{path}?status=active"), || {}).await;
    assert_eq!(ids(&active, "id"), wanted);
    assert!(walked(&api, &format!("{path}?status=retired"), || {}).await.is_empty());
    assert!(walked(&api, &format!("{path}?tier=managed"), || {}).await.is_empty());
    let now = crate::calendar::rfc3339(crate::clock::Clock::now(&*api.bench.clock));
    let silent = walked(&api, &format!("{path}?status=active&unseen_since={now}"), || {}).await;
    assert_eq!(silent.len(), 5);
    let silent =
        walked(&api, &format!("{path}?status=active&unseen_since=2020-01-01T00:00:00Z"), || {}).await;
    assert!(silent.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_that_somebody_should_look_at_are_found_by_what_is_wrong_with_them() {
    let api = Api::new().await;
    let path = format!("/tenants/{TENANT}/devices");
    for _ in 0..3 {
        api.bench.code(1);
    }
    let mut heard = api.bench.metering();
    let mut silent = api.bench.activated();
    silent.exchange(&api.bench.issuer).unwrap();
    let silent = silent.id().to_string();
    heard.journal().record("sms", "cam-1", 1000);
    api.bench.pass_with(&mut heard, 3 * 86_400);
    heard.exchange(&api.bench.issuer).unwrap();
    let found = walked(&api, &format!("{path}?alerts=silent,usage_forked"), || {}).await;
    assert_eq!(ids(&found, "id"), std::slice::from_ref(&silent));
    assert_eq!(found[0]["alerts"], json!(["silent"]));
    assert_eq!(found[0]["lag"], json!({ "licences": 0, "usage_records": 0, "usage_told_at": null }));
    let found = walked(&api, &format!("{path}?alerts=never_seen"), || {}).await;
    assert_eq!(found.len(), 3);
    assert!(found[0]["code_expires_at"].is_string());
    assert!(walked(&api, &format!("{path}?alerts=silent&silent_hours=73"), || {}).await.is_empty());
    let shown = api.get(&format!("/devices/{}", heard.id())).await.done(200);
    assert_eq!(shown["alerts"], json!([]));
    assert!(shown["lag"]["usage_told_at"].is_string());
    assert_eq!(shown["keyset_version"], 1);
    for (query, status, code) in [
        ("alerts=silent,tired", 422, "UNKNOWN_ALERT"),
        ("alerts=", 422, "UNKNOWN_ALERT"),
        ("silent_hours=0", 400, "OUT_OF_BOUNDS"),
        ("silent_hours=8785", 400, "OUT_OF_BOUNDS"),
    ] {
        assert_eq!(api.get(&format!("{path}?{query}")).await.code(status), code, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_list_is_walked_to_its_end() {
    let api = Api::new().await;
    for number in 0..3 {
        api.post("/tenants", &json!({ "id": format!("t-{number}"), "name": "T" })).await.done(201);
        api.bench.subscribe(20 + number, &[]);
    }
    assert_eq!(ids(&walked(&api, "/tenants", || {}).await, "id"), ["other", "t-0", "t-1", "t-2", TENANT]);
    let versions = walked(&api, &format!("/tenants/{TENANT}/subscriptions"), || {}).await;
    assert_eq!(ids(&versions, "version"), ["4", "3", "2", "1"], "the newest first");
    let mut edge = api.bench.activated();
    for number in 0..3 {
        api.bench.assign(&edge.id(), &names(&format!("cam-{number}"), 0..1), &[]);
        edge.exchange(&api.bench.issuer).unwrap();
        api.bench.pass(1);
    }
    let documents = walked(&api, &format!("/devices/{}/documents", edge.id()), || {}).await;
    assert_eq!(ids(&documents, "number"), ["4", "3", "2", "1"]);
    assert!(documents.iter().all(|row| row.get("token").is_none() && row["sha256"].is_string()));
    assert_eq!(walked(&api, &format!("/tenants/{TENANT}/documents"), || {}).await, documents);
    assert!(walked(&api, "/tenants/other/documents", || {}).await.is_empty());
    let codes = walked(&api, &format!("/tenants/{TENANT}/codes"), || {}).await;
    assert_eq!((codes.len(), &codes[0]["used"]), (1, &json!(1)));
    let all = walked(&api, "/audit", || {}).await;
    let ours = walked(&api, &format!("/tenants/{TENANT}/audit"), || {}).await;
    assert!(all.len() > ours.len() && ours.len() > 8, "{} {}", all.len(), ours.len());
    assert!(ours.iter().all(|line| line["tenant"] == TENANT));
    let minted = walked(&api, &format!("/tenants/{TENANT}/audit?action=licence.mint"), || {}).await;
    assert_eq!(minted.len(), 4);
    let keys = walked(&api, "/keys", || {}).await;
    assert_eq!(keys.len(), 2, "the one of init, and the one that asks");
    assert!(walked(&api, &format!("/tenants/{TENANT}/corrections"), || {}).await.is_empty());
    assert!(walked(&api, &format!("/tenants/{TENANT}/quarantine"), || {}).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_of_one_list_or_tenant_shows_nothing_of_another() {
    let api = Api::new().await;
    for _ in 0..3 {
        api.bench.code(1);
        api.bench.pass(1);
    }
    let page = api.get(&format!("/tenants/{TENANT}/devices?limit=1")).await.done(200);
    let next = page["next"].as_str().unwrap();
    let got = api.get(&format!("/tenants/other/devices?cursor={next}")).await.done(200);
    assert_eq!(got["items"], json!([]));
    for path in ["/audit", "/keys", "/tenants", "/tenants/tenant-123/quarantine"] {
        assert_eq!(api.get(&format!("{path}?cursor={next}")).await.code(422), "BAD_CURSOR", "{path}");
    }
}
