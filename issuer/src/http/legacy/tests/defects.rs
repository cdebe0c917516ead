//! What the servers before this one did wrong, each with what is answered now.

use super::*;
use crate::clock::Clock;
use crate::editing::Keeping;
use crate::standing::{StandingOrder, Turn};
use crate::storage::DeviceStatus;
use crate::testkit::{DAY, START};
use crate::timeline::{ChangeOrder, Entry, QuantityDelta};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asking_twice_gives_no_seat_and_the_limit_counts_paid_cameras_too() {
    let old = Old::with(2, &[]).await;
    assert!(old.is_valid("cam-1").await && old.is_valid("cam-2").await);
    for _ in 0..4 {
        let no = old.camera("cam-3").await;
        assert_eq!((&no["is_valid"], &no["code"]), (&json!(false), &json!("NO_FREE_SEAT")));
    }
    assert!(old.is_valid("cam-1").await, "who has a seat keeps it");
    assert_eq!(
        old.bench.admin.storage.seated(&TENANT.parse().unwrap()).unwrap().len(),
        2,
        "no is not on record"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cameras_that_ask_at_once_get_no_more_seats_than_there_are() {
    let old = Old::with(5, &[]).await;
    let names: Vec<String> = (0..16).map(|number| format!("cam-{number}")).collect();
    let mut asked = Vec::new();
    for name in &names {
        asked.push(old.is_valid(name));
    }
    let valid = futures_util::future::join_all(asked).await.into_iter().filter(|valid| *valid).count();
    assert_eq!(valid, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_for_its_own_tenant_whatever_body_or_path_says() {
    let old = Old::with(2, &[]).await;
    let other = old.bench.another_tenant("other");
    old.bench.admin.set_subscription(&other, &crate::testkit::order(Some(5), &[])).unwrap();
    let no =
        old.post("/licenses/validate", json!({ "camera_id": "cam-1", "tenant_id": "other" })).await.done();
    assert_eq!((&no["is_valid"], &no["code"]), (&json!(false), &json!("TENANT_OF_ANOTHER_KEY")));
    let asked = json!({ "tenant_id": "other", "feature_category": "cv_models", "feature_name": "person" });
    assert_eq!(old.post("/entitlements/check", asked).await.done()["is_enabled"], false);
    let beat = old.post("/heartbeat", json!({ "device_id": "d", "tenant_id": "other" })).await.done();
    assert_eq!(beat["status"], "denied");
    let said = old.send_usage(json!([{ "tenant_id": "other", "event_type": "api_call" }])).await;
    assert_eq!(said["accepted_count"], 1, "it is set aside, so that nobody sends it for ever: {said}");
    assert!(old.bench.admin.storage.used_in(&other, 0..i64::MAX).unwrap().is_empty());
    assert_eq!(old.used("api_call"), "0");
    for path in ["license", "subscription", "growth-packs", "usage"] {
        let got = old.get(&format!("/api/v1/billing/{path}/other")).await;
        assert_eq!(got.refused(403), "TENANT_OF_ANOTHER_KEY", "{path}");
    }
    assert!(old.bench.admin.storage.seated(&other).unwrap().is_empty());
    // A tenant whose name begins like another's is another one.
    let no =
        old.post("/licenses/validate", json!({ "camera_id": "c", "tenant_id": "tenant-12" })).await.done();
    assert_eq!(no["is_valid"], false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_begins_only_where_policy_says_so_only_once_and_never_by_looking() {
    let old = Old::of(Bench::new()).await;
    assert_eq!(old.camera("cam-1").await["code"], "NO_SUBSCRIPTION");
    let on = |on| LegacyPolicyEdit { auto_trial: Some(on), ..LegacyPolicyEdit::default() };
    old.policy(on(true));
    for path in ["license", "subscription", "growth-packs", "usage"] {
        old.get(&format!("/api/v1/billing/{path}/{TENANT}")).await;
    }
    old.post("/licenses/validate", json!({ "camera_id": "", "tenant_id": TENANT })).await.done();
    let timeline = || old.bench.admin.storage.timeline(&TENANT.parse().unwrap()).unwrap().versions;
    assert!(timeline().is_empty(), "looking begins nothing, and neither does a question without a camera");
    let (one, other) = tokio::join!(old.camera("cam-1"), old.camera("cam-2"));
    assert_eq!((&one["license_mode"], &other["license_mode"]), (&json!("trial"), &json!("trial")));
    assert_eq!(timeline().len(), 1, "one trial, whoever asks");
    assert!(!old.is_valid("cam-3").await);
    old.bench.pass(200 * DAY);
    assert_eq!(old.camera("cam-1").await["code"], "TRIAL_OVER");
    assert_eq!(timeline().len(), 1, "and no second one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_tenant_and_a_suspended_device_get_nothing() {
    let old = Old::with(2, &[]).await;
    assert!(old.is_valid("cam-1").await);
    let suspended = |on| LegacyPolicyEdit { suspended: Some(on), ..LegacyPolicyEdit::default() };
    old.policy(suspended(true));
    assert_eq!(old.camera("cam-1").await["code"], "TENANT_SUSPENDED");
    assert_eq!(old.entitled("cv_models", "person").await["is_enabled"], false);
    old.policy(suspended(false));
    let device = old.bench.activated();
    old.bench.assign(&device.id(), &["cam-real".to_owned()], &[]);
    assert!(old.is_valid("cam-real").await, "a camera of a device of ours has a seat");
    let order = StandingOrder { turn: Turn::Suspend, reason: Some("not paid".into()) };
    old.bench.admin.turn_licence(&device.id(), &order).unwrap();
    assert_eq!(old.camera("cam-real").await["code"], "DEVICE_OUT");
    assert_eq!(old.bench.view(&device.id()).device.status, DeviceStatus::Suspended);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seats_are_given_by_themselves_only_where_the_tenant_lets_them() {
    let old = Old::with(5, &[]).await;
    old.policy(LegacyPolicyEdit { auto_seat: Some(false), ..LegacyPolicyEdit::default() });
    assert_eq!(old.camera("cam-1").await["code"], "NOT_SEATED");
    let device = old.bench.activated();
    old.bench.assign(&device.id(), &["cam-1".to_owned()], &[]);
    assert!(old.is_valid("cam-1").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fewer_cameras_than_have_a_seat_keep_those_that_came_first() {
    let old = Old::with(3, &[]).await;
    let fewer = ChangeOrder { cameras: Some(QuantityDelta::To(2)), ..ChangeOrder::default() };
    let entry = Entry { at: "2026-03-02".parse().unwrap(), reason: None };
    old.bench.admin.change_subscription(&TENANT.parse().unwrap(), &fewer, &entry, &Keeping::all()).unwrap();
    for camera in ["cam-c", "cam-a", "cam-b"] {
        assert!(old.is_valid(camera).await);
        old.bench.pass(1);
    }
    old.bench.pass(DAY);
    let valid = [old.is_valid("cam-c").await, old.is_valid("cam-a").await, old.is_valid("cam-b").await];
    assert_eq!(valid, [true, true, false]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn features_are_those_of_the_packs_and_quotas_are_counted() {
    let old = Old::with(2, &["intelligence"]).await;
    let base = old.entitled("cv_models", "person").await;
    assert_eq!(
        (&base["is_enabled"], &base["quota_remaining"], &base["quota_limit"]),
        (&json!(true), &json!(-1), &json!(-1))
    );
    assert_eq!(old.entitled("analytics", "near_miss").await["is_enabled"], false);
    assert_eq!(old.entitled("llm_seats", "analyst_seat_full").await["is_enabled"], true, "its old category");
    assert_eq!(old.entitled("nothing", "at_all").await["code"], "NOT_ENTITLED");
    let calls = || old.entitled("api_calls", "standard");
    assert_eq!(calls().await["quota_remaining"], 50_000);
    old.send_usage(json!([{ "event_type": "api_call", "quantity": 49_999.0 }])).await;
    let left = calls().await;
    assert_eq!((&left["quota_remaining"], &left["quota_used"]), (&json!(1), &json!(49_999)));
    old.send_usage(json!([{ "event_type": "api_call", "quantity": 1.5 }])).await;
    let beyond = calls().await;
    assert_eq!(
        (&beyond["is_enabled"], &beyond["quota_remaining"], &beyond["overage"]),
        (&json!(true), &json!(-1), &json!("allow"))
    );
    // The quota is the month's.
    old.bench.pass(31 * DAY);
    assert_eq!(calls().await["quota_remaining"], 50_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_that_denies_is_spent_and_says_so() {
    let old = Old::of(Bench::new()).await;
    old.bench.admin.set_subscription(&TENANT.parse().unwrap(), &crate::testkit::order(None, &[])).unwrap();
    assert_eq!(old.entitled("llm", "llm_tokens").await["quota_remaining"], 50_000);
    old.send_usage(json!([{ "event_type": "llm_tokens", "quantity": 50_000 }])).await;
    let spent = old.entitled("llm", "llm_tokens").await;
    assert_eq!(
        (&spent["is_enabled"], &spent["quota_remaining"], &spent["code"]),
        (&json!(false), &json!(0), &json!("QUOTA_SPENT"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_are_on_record_and_a_device_that_is_silent_is_offline() {
    let old = Old::with(2, &[]).await;
    let tenant = TENANT.parse().unwrap();
    let beat = |tier: &str| json!({ "device_id": "4c4c4544004b", "tenant_id": TENANT, "active_camera_ids": ["a", "b"], "management_tier": tier });
    for _ in 0..4 {
        let said = old.post("/heartbeat", beat("managed")).await.done();
        assert_eq!((&said["status"], &said["next_heartbeat_in_seconds"]), (&json!("ok"), &json!(900)));
        old.bench.pass(900);
    }
    let device = || old.bench.admin.legacy_devices(&tenant).unwrap().remove(0);
    let standing = || crate::legacy::LegacyStanding::of(&device(), old.bench.clock.now());
    assert_eq!((device().name.as_str(), standing().as_str()), ("4c4c4544004b", "online"));
    let contact = device().contact.unwrap();
    assert_eq!((contact.beats, contact.cameras, contact.from.as_i64()), (4, 2, START));
    old.bench.pass(3 * 900);
    assert_eq!(standing().as_str(), "offline");
    old.post("/heartbeat", beat("basic")).await.done();
    let contacts = old.bench.admin.contacts(&device().device).unwrap();
    assert_eq!(contacts.len(), 2, "two stretches, and between them it was silent");
    assert_eq!(contacts[1].beats, 4);
    // A client that is heard of is no device with a licence: it costs nothing by itself.
    assert!(old.bench.admin.storage.device_lives(&tenant).unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_page_of_another_origin_may_read_an_answer() {
    let old = Old::with(2, &[]).await;
    let headers = format!("Authorization: Bearer {}\r\nOrigin: https://elsewhere.example\r\n", old.key);
    let got = old.ask_with("GET", &format!("/api/v1/billing/license/{TENANT}"), &headers, "").await;
    assert_eq!(got.status, 200);
    assert!(!got.head.contains("access-control"), "{got:?}");
    let preflight = old.ask_with("OPTIONS", "/api/v1/licenses/validate", &headers, "").await;
    assert_eq!(preflight.refused(405), "METHOD_NOT_ALLOWED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_and_devices_are_called_as_anybody_called_them() {
    let old = Old::with(2, &[]).await;
    for name in ["default", "Laden Süd", "0f1e2d3c4b5a69788796a5b4c3d2e1f0"] {
        let tenant = old.bench.another_tenant(name);
        old.bench.admin.set_subscription(&tenant, &crate::testkit::order(Some(1), &[])).unwrap();
        let key = key(&old.bench, "legacy", Some(name));
        let body = json!({ "camera_id": "Eingang / 1", "tenant_id": name, "device_id": name }).to_string();
        let got = old.ask("POST", "/api/v1/licenses/validate", &key, &body).await;
        assert_eq!(got.done()["is_valid"], true, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_kept_as_its_digest_and_shown_by_nothing_again() {
    let old = Old::with(2, &[]).await;
    import(&old.bench, "bb_0f1e2d3c-4b5a-6978").unwrap();
    let kept = old.bench.try_sql("SELECT id, name FROM admin_keys", &[]).unwrap();
    let notes = old.bench.try_sql("SELECT action, detail FROM audit", &[]).unwrap();
    assert!(!format!("{kept:?}{notes:?}").contains("0f1e2d3c-4b5a"));
    let secret = old.key.rsplit('_').next().unwrap().to_owned();
    assert!(!format!("{kept:?}{notes:?}").contains(&secret));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_inside_is_nobodys_business_outside() {
    let old = Old::with(2, &[]).await;
    old.bench.meddle();
    old.bench.try_sql("DROP TABLE heartbeats", &[]).unwrap();
    let got = old.post("/heartbeat", json!({ "device_id": "d", "tenant_id": TENANT })).await;
    assert_eq!(got.refused(500), "INTERNAL");
    assert!(!got.text.contains("heartbeats"), "{got:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_whose_device_was_replaced_can_come_back() {
    let old = Old::with(3, &[]).await;
    assert!(old.is_valid("cam-1").await);
    let tenant = TENANT.parse().unwrap();
    let stand_in = || old.bench.admin.legacy_devices(&tenant).unwrap().remove(0).device;
    let (first, device) = (stand_in(), old.bench.activated());
    let order = crate::retirement::RetirementOrder {
        device: first.clone(),
        successor: crate::retirement::Successor::Existing(device.id()),
        accept_overlap: false,
        reason: None,
    };
    old.bench.admin.retire(&order).unwrap();
    let seat = || old.bench.admin.storage.seat_of(&tenant, &"cam-1".parse().unwrap()).unwrap().unwrap();
    assert_eq!(seat().device, device.id(), "its camera went over");
    // Going back: taken off there, it is seated anew with its first question, and others can be as well.
    old.bench.try_assign(&device.id(), &["cam-1".to_owned()], &[], true).unwrap();
    assert!(old.is_valid("cam-1").await && old.is_valid("cam-2").await);
    assert!(stand_in() != first && seat().device == stand_in());
    old.send_usage(json!([{ "event_type": "api_call", "device_id": "dev-a" }])).await;
    old.bench.admin.verify_usage(None).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feature_that_is_called_like_a_meter_takes_its_pack() {
    let old = Old::with(2, &[]).await;
    for (category, feature) in [
        ("outputs", "sms"),
        ("outputs", "sms_sent"),
        ("outputs", "cloud_export_gb"),
        ("foo", "sms"),
        ("cv_models", "bicycle"),
    ] {
        assert_eq!(old.entitled(category, feature).await["code"], "NOT_ENTITLED", "{category}/{feature}");
    }
    old.bench.subscribe(2, &["integration", "active_transport=30"]);
    assert_eq!(old.entitled("outputs", "sms").await["is_enabled"], true);
    assert_eq!(old.entitled("cv_models", "bicycle").await["is_enabled"], true, "by its other name");
}
