//! Changes by who has looked, and by who has not.

use super::Api;
use crate::clock::Clock;
use crate::testkit::{DAY, TENANT, names};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_is_changed_by_whoever_saw_how_it_is() {
    let api = Api::new().await;
    let path = format!("/tenants/{TENANT}");
    let seen = api.get(&path).await.headers["etag"].clone();
    let change = async |tag: Option<&str>, body: &str| {
        let headers: Vec<_> = tag.map(|tag| ("if-match", tag)).into_iter().collect();
        api.ask("PATCH", &path, &headers, Some(body)).await
    };
    assert_eq!(change(None, r#"{"name":"B"}"#).await.code(428), "PRECONDITION_REQUIRED");
    let changed = change(Some(&seen), r#"{"name":"B"}"#).await;
    assert_eq!(changed.done(200)["name"], "B");
    let now = changed.headers["etag"].clone();
    assert_ne!(now, seen);
    let stale = change(Some(&seen), r#"{"name":"C"}"#).await;
    assert_eq!((stale.code(412), &stale.headers["etag"]), ("STALE".into(), &now));
    assert_eq!(api.get(&path).await.headers["etag"], now);
    assert_eq!(change(Some(&format!("W/{now}")), r#"{"name":"C"}"#).await.code(412), "STALE");
    assert_eq!(change(Some("nonsense"), r#"{"name":"C"}"#).await.code(400), "BAD_IF_MATCH");
    let both = format!("{seen}, {now}");
    assert_eq!(change(Some(&both), r#"{"clones":"suspend"}"#).await.done(200)["clones"], "suspend");
    assert_eq!(change(Some("*"), "{}").await.code(422), "NOTHING_TO_CHANGE");
    assert_eq!(change(Some("*"), r#"{"id":"x"}"#).await.code(400), "MALFORMED");
    let rows = api.bench.rows();
    assert_eq!(change(Some("*"), r#"{"clones":"suspend"}"#).await.done(200)["name"], "B");
    assert_eq!(api.bench.rows(), rows, "no line for a change of nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_is_replaced_by_whoever_saw_the_one_in_force() {
    let api = Api::new().await;
    let path = format!("/tenants/{}/subscription", super::OTHER);
    assert_eq!(api.get(&path).await.code(404), "NO_SUBSCRIPTION");
    let set = async |tag: Option<&str>, cameras: u32| {
        let headers: Vec<_> = tag.map(|tag| ("if-match", tag)).into_iter().collect();
        api.ask("PUT", &path, &headers, Some(&format!("{{\"cameras\":{cameras}}}"))).await
    };
    assert_eq!(set(Some("*"), 5).await.code(412), "STALE", "there is nothing yet");
    let first = set(None, 5).await;
    assert_eq!((first.done(200)["version"].as_u64(), &*first.headers["etag"]), (Some(1), "\"v1\""));
    assert_eq!(set(None, 6).await.code(428), "PRECONDITION_REQUIRED");
    assert_eq!(set(Some("\"v1\""), 6).await.done(200)["version"], 2);
    let stale = set(Some("\"v1\""), 7).await;
    assert_eq!((stale.code(412), &*stale.headers["etag"]), ("STALE".into(), "\"v2\""));
    assert_eq!(api.get(&path).await.done(200)["cameras"], 6);
    let body =
        r#"{"cameras":4,"packs":[{"pack":"retail","price":"12.5"}],"days":10,"grace":0,"enforce":"warn"}"#;
    let got = api.ask("PUT", &path, &[("if-match", "\"v2\"")], Some(body)).await.done(200);
    assert_eq!((&got["packs"][0]["price"], &got["enforce"]), (&"12.5".into(), &"warn".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_change_at_once_one_is_told_to_look_again() {
    let api = std::sync::Arc::new(Api::new().await);
    let path = format!("/tenants/{TENANT}");
    let seen = api.get(&path).await.headers["etag"].clone();
    let asking: Vec<_> = (0..6)
        .map(|number| {
            let (api, path, seen) = (std::sync::Arc::clone(&api), path.clone(), seen.clone());
            tokio::spawn(async move {
                let body = format!("{{\"name\":\"N{number}\"}}");
                api.ask("PATCH", &path, &[("if-match", &seen)], Some(&body)).await.status
            })
        })
        .collect();
    let mut told = Vec::new();
    for one in asking {
        told.push(one.await.unwrap());
    }
    told.sort_unstable();
    assert_eq!(told, [200, 412, 412, 412, 412, 412]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_is_set_and_changed_from_an_instant_on() {
    let api = Api::new().await;
    let path = format!("/tenants/{}/subscription", super::OTHER);
    let changes = format!("{path}/changes");
    let at = |days: i64| {
        let at = api.bench.clock.now().saturating_add(days * DAY);
        crate::calendar::rfc3339(at)
    };
    let post =
        async |path: &str, body: serde_json::Value| api.ask("POST", path, &[], Some(&body.to_string())).await;
    let body = json!({ "cameras_by": 1 });
    assert_eq!(post(&changes, body).await.code(409), "NO_SUBSCRIPTION");
    api.ask("PUT", &path, &[], Some(r#"{"cameras":5}"#)).await.done(200);
    let body = json!({ "cameras_by": 3, "effective_at": at(10) });
    let made = post(&changes, body).await.done(201);
    assert_eq!((&made["version"]["cameras"], &made["version"]["made"]), (&8.into(), &"change".into()));
    // What lies ahead is part of what somebody has looked at.
    let seen = api.get(&path).await;
    assert_eq!((&seen.done(200)["version"], &*seen.headers["etag"]), (&1.into(), "\"v2-1\""));
    let put = async |tag: &str, body: serde_json::Value| {
        api.ask("PUT", &path, &[("if-match", tag)], Some(&body.to_string())).await
    };
    assert_eq!(put("\"v1\"", json!({ "cameras": 6 })).await.code(412), "STALE");
    let set = put("\"v2-1\"", json!({ "cameras": 6, "effective_at": at(5) })).await;
    assert_eq!((&set.done(200)["effective_at"], &*set.headers["etag"]), (&at(5).into(), "\"v4-1\""));
    assert_eq!(api.get(&path).await.headers["etag"], "\"v4-1\"");
    let then = api.get(&format!("{path}?at={}", at(5))).await;
    assert_eq!((&then.done(200)["cameras"], then.headers.get("etag")), (&6.into(), None));
    let before = at(-1);
    assert_eq!(api.get(&format!("{path}?at={before}")).await.code(404), "NO_SUBSCRIPTION");
    assert_eq!(api.get(&format!("{path}?at=never")).await.code(422), "BAD_INSTANT");
    let page = api.get(&format!("/tenants/{}/subscriptions?limit=3", super::OTHER)).await.done(200);
    let superseded = |number: usize| page["items"][number]["superseded_by"].as_u64();
    assert_eq!([superseded(0), superseded(1), superseded(2)], [None, None, Some(4)]);
    assert_eq!((&page["items"][0]["made"], &page["items"][0]["of"]), (&"again".into(), &3.into()));
    let cancel = format!("{changes}/cancel");
    post(&cancel, json!({ "version": 3, "reason": "not yet" })).await.done(201);
    assert_eq!(post(&cancel, json!({ "version": 3 })).await.code(409), "NOT_SCHEDULED");
    for (body, status, code) in [
        (json!({}), 422, "NOTHING_TO_CHANGE"),
        (json!({ "cameras": 1, "cameras_by": 1 }), 422, "CAMERAS_TWICE"),
        (json!({ "cameras_by": 1, "effective_at": "tomorrow" }), 422, "BAD_INSTANT"),
        (json!({ "cameras_by": 1, "effective_at": at(-1), "reason": "r" }), 409, "NOT_BEGUN"),
        (json!({ "cameras_by": 1, "effective_at": at(401) }), 422, "OUT_OF_BOUNDS"),
        (json!({ "cameras_by": -9 }), 409, "BELOW_ZERO"),
        (json!({ "cameras": 5 }), 409, "UNCHANGED"),
        (json!({ "remove_packs": ["retail"] }), 409, "NOT_SUBSCRIBED"),
        (json!({ "cameras_by": 1.5 }), 400, "MALFORMED"),
    ] {
        assert_eq!(post(&changes, body.clone()).await.code(status), code, "{body}");
    }
    let begun = at(0);
    api.bench.pass(DAY);
    let past = json!({ "cameras_by": 1, "effective_at": begun });
    assert_eq!(post(&changes, past).await.code(422), "REASON_MISSING");
    let past = json!({ "cameras_by": 1, "effective_at": begun, "reason": "as agreed" });
    assert_eq!(post(&changes, past).await.done(201)["version"]["reason"], "as agreed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_and_prices_of_a_contract_are_set_changed_and_shown() {
    let api = Api::new().await;
    let path = format!("/tenants/{}/subscription", super::OTHER);
    let price = |name: &str, amount: &str, per: Option<u32>, at_once| json!({ "price": name, "amount": amount, "per": per, "at_once": at_once });
    let body = json!({
        "cameras": 5, "packs": [{ "pack": "intelligence" }],
        "items": [{ "item": "analyst_seat", "quantity": 2.0 }, { "item": "cloud_export", "quantity": 0 }],
        "prices": [price("base_camera", "55.00", None, true), { "price": "api_call_overage", "amount": "0.04", "per": 1000 }],
    });
    let put = api.ask("PUT", &path, &[], Some(&body.to_string())).await.done(200);
    assert_eq!(put["items"], json!([{ "item": "analyst_seat", "quantity": 2 }]));
    let overage = price("api_call_overage", "0.04", Some(1000), false);
    assert_eq!(put["prices"], json!([overage, price("base_camera", "55.00", None, true)]));
    let seen = api.get(&path).await.done(200);
    assert_eq!((&seen["items"], &seen["prices"]), (&put["items"], &put["prices"]));
    let changes = format!("{path}/changes");
    let post = async |body: serde_json::Value| api.ask("POST", &changes, &[], Some(&body.to_string())).await;
    let change = json!({
        "items": [{ "item": "analyst_seat", "by": -1 }, { "item": "vms_connector", "quantity": 1 }],
        "prices": [price("device_basic", "45", None, false)], "catalog_prices": ["base_camera"],
    });
    let changed = post(change).await.done(201)["version"].take();
    assert_eq!(
        changed["items"],
        json!([{ "item": "analyst_seat", "quantity": 1 }, { "item": "vms_connector", "quantity": 1 }])
    );
    assert_eq!(changed["prices"], json!([overage, price("device_basic", "45", None, false)]));
    let item = |item: serde_json::Value| json!({ "items": [item] });
    let agreed = |price: serde_json::Value| json!({ "prices": [price] });
    for (body, status, code) in [
        (item(json!({ "item": "analyst_seat" })), 422, "ITEM_QUANTITY"),
        (item(json!({ "item": "analyst_seat", "quantity": 1, "by": 1 })), 422, "ITEM_QUANTITY"),
        (item(json!({ "item": "analyst_seat", "by": -9 })), 409, "BELOW_ZERO"),
        (item(json!({ "item": "analyst_seat", "quantity": 1_000_001 })), 422, "OUT_OF_BOUNDS"),
        (item(json!({ "item": "base_camera", "quantity": 1 })), 422, "NO_ITEM"),
        (item(json!({ "item": "tea", "quantity": 1 })), 422, "UNKNOWN_PRICE"),
        (item(json!({ "item": "cloud_export", "count": 1 })), 400, "MALFORMED"),
        (item(json!(["cloud_export", 1])), 400, "MALFORMED"),
        (json!({ "remove_packs": ["intelligence"] }), 422, "SEATS_WITHOUT_PACK"),
        (agreed(json!({ "price": "retail", "amount": "1" })), 422, "PRICE_OF_PACK"),
        (agreed(json!({ "price": "sms", "amount": "1" })), 422, "PASSED_ON"),
        (agreed(json!({ "price": "base_camera", "amount": "x" })), 422, "PRICE"),
        (agreed(json!({ "price": "base_camera", "amount": "1.005" })), 422, "PRICE_DIGITS"),
        (agreed(json!({ "price": "base_camera", "amount": "1", "per": 0 })), 422, "OUT_OF_BOUNDS"),
        (agreed(json!({ "price": "base_camera", "amount": 1 })), 400, "MALFORMED"),
        (json!({ "catalog_prices": ["base_camera"] }), 409, "NOT_AGREED"),
    ] {
        let got = post(body.clone()).await;
        assert_eq!(got.code(status), code, "{body}");
        assert!(!got.text.contains("--"), "{}", got.text);
    }
    assert_eq!(api.get(&path).await.done(200)["items"], changed["items"]);
    // What is set stands in the place of all of it.
    let set = api.ask("PUT", &path, &[("if-match", "*")], Some(r#"{"cameras":5}"#)).await.done(200);
    assert_eq!((&set["items"], &set["prices"]), (&json!([]), &json!([])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_sets_a_subscription_is_told_all_that_was_recorded() {
    let api = Api::new().await;
    let path = format!("/tenants/{TENANT}/subscription");
    api.bench.assign(&api.bench.activated().id(), &names("cam", 0..4), &[]);
    let at = |days: i64| crate::calendar::rfc3339(api.bench.clock.now().saturating_add(days * DAY));
    let later = json!({ "cameras_by": 5, "effective_at": at(10) });
    api.post(&format!("{path}/changes"), &later).await.done(201);
    let put = async |body: serde_json::Value| {
        api.ask("PUT", &path, &[("if-match", "*")], Some(&body.to_string())).await.done(200)
    };
    let set = put(json!({ "cameras": 3, "effective_at": at(5) })).await;
    assert_eq!((&set["version"], &set["cameras"], &set["made"]), (&3.into(), &3.into(), &"set".into()));
    assert_eq!(set["below_assigned"], json!({ "from": at(5), "cameras": 3 }), "{set}");
    let again = &set["again"].as_array().unwrap()[..];
    assert_eq!((again.len(), &again[0]["version"], &again[0]["of"]), (1, &4.into(), &3.into()));
    assert_eq!((&again[0]["effective_at"], &again[0]["cameras"]), (&at(10).into(), &3.into()));
    let enough = put(json!({ "cameras": 4 })).await;
    assert_eq!((&enough["below_assigned"], enough["again"].as_array().unwrap().len()), (&json!(null), 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_set_a_subscription_has_the_tag_that_whoever_looks_has() {
    let api = Api::new().await;
    let path = format!("/tenants/{}/subscription", super::OTHER);
    let at = |days: i64| crate::calendar::rfc3339(api.bench.clock.now().saturating_add(days * DAY));
    let put = async |tag: Option<&str>, body: serde_json::Value| {
        let headers: Vec<_> = tag.map(|tag| ("if-match", tag)).into_iter().collect();
        let put = api.ask("PUT", &path, &headers, Some(&body.to_string())).await;
        put.done(200);
        put.headers["etag"].clone()
    };
    assert_eq!(put(None, json!({ "cameras": 5 })).await, "\"v1\"");
    let (early, late) = (at(5), json!({ "cameras_by": 3, "effective_at": at(10) }));
    api.post(&format!("{path}/changes"), &late).await.done(201);
    api.post(&format!("{path}/changes/cancel"), &json!({ "version": 2 })).await.done(201);
    api.bench.pass(20 * DAY);
    // What is in force says the same as what was set before it, and so is not said again.
    let tag = put(Some("*"), json!({ "cameras": 5, "effective_at": early, "reason": "as agreed" })).await;
    assert_eq!((&*tag, &tag), ("\"v4-3\"", &api.get(&path).await.headers["etag"]));
    assert_eq!(put(Some(&tag), json!({ "cameras": 6 })).await, "\"v5\"");
}
