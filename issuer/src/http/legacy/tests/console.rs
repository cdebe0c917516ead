//! What the old console reads: the types that it declares, and no side effects.

use super::*;
use crate::testkit::{DAY, START};

fn is_number_or_null(value: &Value) -> bool {
    value.is_number() || value.is_null()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_licence_page_has_every_member_in_its_type() {
    let old = Old::with(3, &["advanced_analytics", "intelligence"]).await;
    old.is_valid("cam-1").await;
    let shown = old.get(&format!("/api/v1/billing/license/{TENANT}?")).await.done();
    assert_eq!(
        (&shown["license_mode"], &shown["is_valid"], &shown["active_cameras"]),
        (&json!("base"), &json!(true), &json!(1))
    );
    assert!(is_number_or_null(&shown["cameras_allowed"]) && shown["trial_max_cameras"].is_number());
    assert!(shown["days_remaining"].is_null() && shown["valid_until"].as_str().unwrap().ends_with('Z'));
    assert_eq!(shown["enabled_growth_packs"], json!(["advanced_analytics", "intelligence"]), "slugs");
    let camera = &shown["cameras"][0];
    assert_eq!(
        (&camera["camera_id"], &camera["tenant_id"], &camera["mode"]),
        (&json!("cam-1"), &json!(TENANT), &json!("base"))
    );
    assert!(camera["start_date"].is_string() && camera["end_date"].is_string());
    let pricing = &shown["pricing"];
    assert_eq!((&pricing["per_camera_rate"], &pricing["base_cost"]), (&json!(60.0), &json!(180.0)));
    assert_eq!(pricing["total_monthly"], json!(180.0 + 60.0 + 400.0));
    assert_eq!(shown["license_key"], "******-123", "never whole");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_without_anything_is_shown_as_unlicensed_and_gets_nothing_by_it() {
    let old = Old::of(Bench::new()).await;
    let shown = old.get(&format!("/api/v1/billing/license/{TENANT}")).await.done();
    assert_eq!((&shown["license_mode"], &shown["is_valid"]), (&json!("unlicensed"), &json!(false)));
    assert_eq!(
        (&shown["cameras"], &shown["enabled_growth_packs"]),
        (&json!([]), &json!([])),
        "lists, not null"
    );
    let got = old.get(&format!("/api/v1/billing/subscription/{TENANT}")).await;
    assert_eq!((got.status, got.json()["error"].as_str()), (404, Some("Subscription not found")));
    assert_eq!(
        old.get(&format!("/api/v1/billing/growth-packs/{TENANT}")).await.done()["enabled_packs"],
        json!([])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_says_how_many_days_are_left_until_the_last_second() {
    let old = Old::of(Bench::new()).await;
    old.bench.admin.set_subscription(&TENANT.parse().unwrap(), &crate::testkit::order(None, &[])).unwrap();
    let shown = || async { old.get(&format!("/api/v1/billing/license/{TENANT}")).await.done() };
    let first = shown().await;
    let days = first["days_remaining"].as_i64().unwrap();
    assert!((89..=92).contains(&days), "three calendar months: {days}");
    old.bench.pass((days - 1) * DAY);
    assert_eq!((&shown().await["days_remaining"], &shown().await["is_valid"]), (&json!(1), &json!(true)));
    old.bench.pass(DAY);
    assert_eq!(
        (&shown().await["days_remaining"], &shown().await["is_valid"]),
        (&json!(0), &json!(false)),
        "no day more"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscription_packs_and_prices_are_numbers_and_slugs() {
    let old = Old::with(2, &["advanced_analytics"]).await;
    let shown = old.get(&format!("/api/v1/billing/subscription/{TENANT}")).await.done();
    assert_eq!(
        (&shown["plan"], &shown["status"], &shown["cameras_licensed"]),
        (&json!("base"), &json!("active"), &json!(2))
    );
    assert_eq!((&shown["billing_cycle"], &shown["total_monthly_cost"]), (&json!("monthly"), &json!(160.0)));
    assert_eq!(shown["next_billing_date"], "2026-03-31T22:00:00Z", "midnight of the first, in Berlin");
    assert_eq!(shown["growth_packs"][0]["pack_id"], "advanced_analytics");
    let sold = old.get("/api/v1/billing/growth-packs/available").await.done();
    let packs = sold["packs"].as_array().unwrap();
    assert!(packs.len() > 8 && packs.iter().all(|pack| pack["price_monthly"].is_number()));
    let own = packs.iter().find(|pack| pack["pack_id"] == "advanced_analytics").unwrap();
    assert_eq!(
        (&own["is_enabled"], &own["category"], &own["price_monthly"]),
        (&json!(true), &json!("analytics"), &json!(20.0))
    );
    let pricing = old.get("/api/v1/billing/pricing").await.done();
    assert_eq!(
        (&pricing["base_license"]["per_camera_monthly"], &pricing["currency"]),
        (&json!(60.0), &json!("EUR"))
    );
    let valid =
        old.post("/billing/validate", json!({ "camera_id": "cam-1", "tenant_id": TENANT })).await.done();
    assert_eq!((&valid["is_valid"], &valid["valid_until"]), (&json!(true), &json!("2026-03-31T00:00:00Z")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn usage_is_summed_by_every_spelling_and_over_the_days_that_are_asked() {
    let old = Old::with(2, &[]).await;
    let event = |kind: &str, quantity: f64| json!({ "event_type": kind, "quantity": quantity, "event_time": START.to_string() });
    old.send_usage(json!([
        event("api_call", 3.0),
        event("llm_tokens", 10.0),
        event("llm_token", 5.0),
        event("storage_gb_days", 1.25),
        event("sms", 2.0),
        event("sms_sent", 2.0),
    ]))
    .await;
    old.bench.pass(3600);
    let shown = old.get(&format!("/api/v1/billing/usage/{TENANT}")).await.done();
    assert_eq!(
        (&shown["api_calls"], &shown["llm_tokens_used"], &shown["sms_sent"]),
        (&json!(3), &json!(15), &json!(4))
    );
    assert_eq!(shown["storage_gb_days"], json!(1.25));
    assert!(shown.get("agent_executions").is_none(), "only what there is");
    let before =
        old.get(&format!("/api/v1/billing/usage/{TENANT}?start=2026-01-01&end=2026-02-01")).await.done();
    assert!(before.get("api_calls").is_none(), "{before}");
    let bad = old.get(&format!("/api/v1/billing/usage/{TENANT}?start=yesterday")).await;
    assert_eq!(bad.refused(400), "PERIOD_MALFORMED");
    let bad = old.get(&format!("/api/v1/billing/usage/{TENANT}?start=2026-03-02&end=2026-03-01")).await;
    assert_eq!(bad.refused(400), "PERIOD_EMPTY");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_of_the_console_seats_nothing_and_is_answered_as_its_device_would_be() {
    let old = Old::with(1, &["advanced_analytics"]).await;
    let ask = |camera: &'static str| {
        let body = json!({ "camera_id": camera, "tenant_id": TENANT });
        async { old.post("/billing/validate", body).await.done() }
    };
    assert_eq!(ask("cam-1").await["is_valid"], true, "there is a seat for it");
    assert!(old.bench.admin.storage.seated(&TENANT.parse().unwrap()).unwrap().is_empty(), "and nobody on it");
    assert!(old.is_valid("cam-2").await);
    assert_eq!(ask("cam-1").await["code"], "NO_FREE_SEAT");
    assert_eq!(ask("cam-2").await["enabled_growth_packs"], json!(["advanced_analytics"]));
    old.policy(LegacyPolicyEdit { auto_seat: Some(false), ..LegacyPolicyEdit::default() });
    assert_eq!(ask("cam-1").await["code"], "NOT_SEATED");
}
