//! What an admin does in a day, over the API alone, with devices beside it.

use super::Api;
use crate::testkit::{TENANT, names};
use brink_license::token::LicenceStanding;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_is_set_up_and_a_device_activates_runs_is_held_back_and_goes() {
    let api = Api::new().await;
    api.post(
        "/tenants",
        &json!({ "id": "acme", "name": "Acme", "timezone": "Europe/Berlin", "currency": "EUR" }),
    )
    .await
    .done(201);
    let set = api.ask("PUT", "/tenants/acme/subscription", &[], Some(r#"{"cameras":4}"#)).await.done(200);
    assert_eq!(set["version"], 1);
    // The devices of these tests belong to one that is there already.
    let made = api.post(&format!("/tenants/{TENANT}/codes"), &json!({ "uses": 2 })).await.done(201);
    assert_eq!(made["devices"].as_array().unwrap().len(), 2);
    let until =
        api.post(&format!("/tenants/{TENANT}/codes"), &json!({ "until": "2026-03-02" })).await.done(201);
    assert_eq!(until["expires_at"], "2026-03-02T23:00:00Z", "with that day of the tenant, which is Berlin's");
    let mut edge = api.bench.device();
    edge.activate(&api.bench.issuer, made["code"].as_str().unwrap()).unwrap();
    let device = format!("/devices/{}", edge.id());

    let assigned = api.post(&format!("{device}/cameras/assign"), &json!({ "cameras": ["a", "b"] })).await;
    assert_eq!(assigned.done(200)["changed"], 2);
    let minted = api.ask("POST", &format!("{device}/licence/mint"), &[], None).await.done(200);
    assert_eq!((&minted["why"], &minted["seq"], &minted["named"]), (&json!("changed"), &json!(2), &json!(2)));
    let again = api.ask("POST", &format!("{device}/licence/mint"), &[], None).await.done(200);
    assert_eq!((&again["why"], &again["jti"]), (&json!(null), &minted["jti"]), "once for one occasion");
    assert!(edge.exchange(&api.bench.issuer).unwrap(), "it gets the licence that was minted ahead");
    assert_eq!(edge.claims().seq, 2);

    let shown = api.get(&format!("{device}/licence?token=true")).await.done(200);
    assert_eq!(shown["minted"]["token"], edge.licence.as_ref().unwrap().token());
    assert!(api.get(&format!("{device}/licence")).await.done(200)["minted"].get("token").is_none());
    let cameras = api.get(&format!("{device}/cameras")).await.done(200);
    assert_eq!(cameras["named"][1]["camera"], "b");

    let held = api.post(&format!("{device}/licence/suspend"), &json!({ "reason": "unpaid" })).await.done(200);
    assert_eq!((&held["was"], &held["status"]), (&json!("active"), &json!("suspended")));
    let twice = api.post(&format!("{device}/licence/suspend"), &json!({})).await;
    assert_eq!(twice.code(409), "UNCHANGED");
    let refused = api.ask("POST", &format!("{device}/licence/mint"), &[], None).await;
    assert_eq!(refused.code(409), "SUSPENDED");
    edge.exchange(&api.bench.issuer).unwrap();
    assert_eq!(edge.receipt.as_ref().unwrap().claims().lic.state, LicenceStanding::Suspended);
    api.post(&format!("{device}/licence/resume"), &json!({})).await.done(200);
    let longer = api.post(&format!("{device}/licence/extend"), &json!({ "days": 3 })).await.done(200);
    assert_eq!(longer["lines"].as_array().unwrap().len(), 5);
    let documents = api.get(&format!("{device}/documents?kind=extension&token=true")).await.done(200);
    assert_eq!(documents["items"][0]["token"], longer["token"]);

    let anew = api.post(&format!("{device}/reactivate"), &json!({})).await.done(200);
    let mut other = api.bench.device();
    other.activate(&api.bench.issuer, anew["code"]["code"].as_str().unwrap()).unwrap();
    let evidence = api.get(&format!("{device}/evidence")).await.done(200);
    assert!(evidence["evidence"].as_array().unwrap().len() >= 2);
    let gone = api.post(&format!("{device}/replace"), &json!({ "reason": "broken" })).await.done(200);
    assert_eq!(gone["cameras"], json!(["a", "b"]));
    assert_eq!(api.get(&device).await.done(200)["status"], "retired");
    let audit = api.get(&format!("/tenants/{TENANT}/audit?limit=200")).await.done(200);
    let root = format!("key:{}", super::id_of(&api.root));
    let ours = audit["items"].as_array().unwrap().iter().filter(|line| line["actor"] == root).count();
    assert!(ours >= 9, "everything that was done stands there under the key: {ours}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn usage_is_reported_and_corrected_for_its_own_tenant_alone() {
    let api = Api::new().await;
    let mut edge = api.bench.metering();
    let start = crate::clock::Clock::now(&*api.bench.clock);
    edge.journal().record("api_call", "", 3_000);
    edge.exchange(&api.bench.issuer).unwrap();
    api.bench.pass(86_400);
    let day = |offset: i64| crate::calendar::rfc3339(start.saturating_add(offset));
    let period = format!("from={}&to={}", day(0), day(86_400));
    let report = api.get(&format!("/tenants/{TENANT}/usage?{period}&by=device,day")).await.done(200);
    let line = &report["lines"][0];
    assert_eq!((&line["net"], &line["keys"]["device"]), (&json!("3"), &json!(edge.id())), "{report}");
    let body = json!({
        "device": edge.id(), "meter": line["meter"], "at": day(0), "quantity": "-1", "reason": "counted twice",
    });
    let corrections = format!("/tenants/{TENANT}/corrections");
    let done = api.post(&corrections, &body).await.done(201);
    assert_eq!((&done["before"], &done["after"]), (&json!("3"), &json!("2")));
    let mut below = body.clone();
    below["quantity"] = json!("-9");
    assert_eq!(api.post(&corrections, &below).await.code(409), "CORRECTION_BELOW_ZERO");
    assert_eq!(api.post("/tenants/other/corrections", &body).await.code(409), "OTHER_TENANT");
    let foreigner = api.key("usage:write usage:read", Some(super::OTHER));
    let got = api.as_key(&foreigner, "POST", "/tenants/other/corrections", Some(&body.to_string())).await;
    assert_eq!(got.code(404), "UNKNOWN_DEVICE");
    let listed = api.get(&corrections).await.done(200);
    assert_eq!(listed["items"][0]["actor"], format!("key:{}", super::id_of(&api.root)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_of_cameras_are_as_long_as_an_order_and_all_or_nothing() {
    let api = Api::with(crate::testkit::Bench::with(5_000, &[]), |_| {}).await;
    let device = format!("/devices/{}", api.bench.activated().id());
    let many = names(&"c".repeat(40), 0..4_000);
    let got = api.post(&format!("{device}/cameras/assign"), &json!({ "cameras": many })).await;
    assert_eq!(got.done(200)["changed"], 4_000);
    let refused =
        api.post(&format!("{device}/cameras/remove"), &json!({ "cameras": [many[0], "nowhere"] })).await;
    assert_eq!(refused.code(409), "NOT_ON_DEVICE");
    let bad = api.post(&format!("{device}/cameras/assign"), &json!({ "cameras": ["a\u{7}"] })).await;
    assert_eq!(bad.code(422), "BAD_ID");
    let listed = api.get(&format!("{device}/cameras")).await.done(200);
    assert_eq!(listed["named"].as_array().unwrap().len(), 4_000);
}
