//! Usage of clients that number nothing: never lost, never counted twice, and the same in the books as everybody else's.

use super::*;
use crate::clock::Clock;
use crate::testkit::DAY;
use std::collections::BTreeSet;

fn call(resource: &str) -> Value {
    json!({
        "event_time": "1772323200", "event_type": "api_call", "metadata": {}, "quantity": 1.0, "resource_id": resource,
        "tenant_id": TENANT, "unit": "count",
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_body_within_a_day_is_one_batch_and_equal_events_in_it_both_count() {
    let old = Old::with(2, &[]).await;
    let events = json!([call("cam-1"), call("cam-1"), call("cam-2")]);
    for _ in 0..4 {
        let said = old.send_usage(events.clone()).await;
        assert_eq!((&said["accepted_count"], &said["rejected_count"]), (&json!(3), &json!(0)));
    }
    assert_eq!(old.used("api_call"), "3");
    old.bench.pass(DAY - 1);
    old.send_usage(events.clone()).await;
    assert_eq!(old.used("api_call"), "3");
    old.bench.pass(2);
    old.send_usage(events).await;
    assert_eq!(old.used("api_call"), "6", "the next day it is another one");
    let sound = old.bench.admin.verify_usage(None).unwrap();
    assert_eq!((sound.records, sound.chains), (6, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retries_while_the_first_is_still_at_work_are_one_batch() {
    let old = Old::with(2, &[]).await;
    let events: Vec<Value> = (0..300).map(|number| call(&format!("cam-{}", number % 7))).collect();
    let body = json!({ "events": events });
    let sent = (0..4).map(|_| old.post("/usage/batch", body.clone()));
    for got in futures_util::future::join_all(sent).await {
        assert_eq!(got.done()["accepted_count"], 300);
    }
    assert_eq!(old.used("api_call"), "300");
    old.bench.admin.verify_usage(None).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_events_are_set_aside_and_named_and_hold_up_no_other() {
    let old = Old::with(2, &[]).await;
    let events = json!([
        call("cam-1"), 7, { "event_type": "api_call", "quantity": -1 }, { "event_type": "api_call", "event_time": "soon" },
        { "event_type": "" }, call("cam-1"), { "event_type": "api_call", "event_time": "2019-01-01" },
        { "event_type": "llm_tokens", "quantity": "12.5", "event_time": "2999-01-01T00:00:00Z" },
    ]);
    let said = old.send_usage(events).await;
    assert_eq!(said["accepted_count"], 8, "{said}");
    let errors: Vec<&str> =
        said["errors"].as_array().unwrap().iter().map(|error| error.as_str().unwrap()).collect();
    let places: Vec<&str> = errors.iter().map(|error| error.split(" was").next().unwrap()).collect();
    assert_eq!(places, ["event 1", "event 2", "event 3", "event 4", "event 6"], "{errors:?}");
    assert_eq!((old.used("api_call"), old.used("llm_token")), ("2".into(), "12.5".into()));
    let scope = crate::storage::QuarantineScope::Tenant(TENANT.parse().unwrap());
    let aside = old.bench.admin.storage.quarantine(&scope, false).unwrap();
    let reasons: Vec<_> = aside.iter().map(|row| row.reason.as_str()).collect();
    assert_eq!(reasons, ["UNREADABLE", "UNREADABLE", "UNREADABLE", "UNREADABLE", "LATE"]);
    assert_eq!(aside[0].record.bytes, b"7", "as it came");
    // Behind what could not be read the chain goes on, and the books are sound.
    old.send_usage(json!([call("cam-9")])).await;
    assert_eq!(old.used("api_call"), "3");
    let sound = old.bench.admin.verify_usage(None).unwrap();
    assert_eq!(sound.records, 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_batch_is_answered_so_that_nobody_sends_it_again() {
    let old = Old::with(2, &[]).await;
    assert_eq!(old.send_usage(json!([])).await["accepted_count"], 1);
    assert_eq!(old.post("/usage/batch", json!({})).await.done()["accepted_count"], 1);
    assert_eq!(old.bench.admin.verify_usage(None).unwrap().records, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_device_of_a_key_has_its_chain_and_invented_names_end_as_none() {
    let old = Old::with(2, &[]).await;
    let event = |device: &str| json!({ "device_id": device, "event_type": "api_call", "camera_id": "cam-1" });
    old.send_usage(json!([event("dev-1"), event(""), event("dev-2"), event("dev-1")])).await;
    assert_eq!(old.bench.admin.verify_usage(None).unwrap().chains, 3);
    let many: Vec<Value> = (0..600).map(|number| event(&format!("dev_{number}"))).collect();
    assert_eq!(old.send_usage(json!(many)).await["accepted_count"], 600);
    let devices = old.bench.admin.legacy_devices(&TENANT.parse().unwrap()).unwrap();
    assert_eq!(devices.len(), 500);
    assert_eq!(devices.iter().map(|device| &device.name).collect::<BTreeSet<_>>().len(), 500);
    assert_eq!(old.used("api_call"), "604");
    old.bench.admin.verify_usage(None).unwrap();
    // Another key of the same tenant is another client.
    let other = key(&old.bench, "legacy", Some(TENANT));
    let body = json!({ "events": [event("dev-1")] }).to_string();
    old.ask("POST", "/api/v1/usage/batch", &other, &body).await.done();
    assert_eq!(old.used("api_call"), "605");
    assert_eq!(old.bench.admin.legacy_devices(&TENANT.parse().unwrap()).unwrap().len(), 501);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_comes_late_is_of_the_day_it_says() {
    let old = Old::with(2, &[]).await;
    let at = |seconds: i64| json!({ "event_type": "api_call", "event_time": seconds.to_string(), "resource_id": "c" });
    let now = old.bench.clock.now().as_i64();
    // The newest first: nothing of old clients comes in order.
    old.send_usage(json!([at(now), at(now - 40 * DAY), at(now - 3 * DAY)])).await;
    let quarter = |seconds: i64| seconds.div_euclid(900);
    let used = |from: i64, to: i64| {
        let used =
            old.bench.admin.storage.used_in(&TENANT.parse().unwrap(), quarter(from)..quarter(to)).unwrap();
        used.values().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(used(now - 40 * DAY, now - 39 * DAY), ["1"]);
    assert_eq!(used(now - 3 * DAY, now - 2 * DAY), ["1"]);
    old.bench.admin.verify_usage(None).unwrap();
    let device = old.bench.admin.legacy_devices(&TENANT.parse().unwrap()).unwrap().remove(0).device;
    let meters = &old.bench.issuer.catalog.meters;
    let disagreements = crate::usage::recount(&*old.bench.admin.storage, &device, meters).unwrap();
    assert!(disagreements.is_empty(), "{disagreements:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sums_of_old_clients_are_as_whole_as_they_will_ever_be() {
    let old = Old::with(2, &[]).await;
    old.send_usage(json!([call("cam-1"), call("cam-2")])).await;
    let scope = crate::storage::SumScope {
        tenant: TENANT.parse().unwrap(),
        quarters: 0..i64::MAX / 900_000,
        meter: None,
        device: None,
    };
    let mut sums = 0;
    let much_later = old.bench.clock.now().saturating_add(100 * DAY);
    let mut count = |_| {
        sums += 1;
        std::ops::ControlFlow::Continue(())
    };
    let lacks = old.bench.admin.storage.usage_sums(&scope, much_later, &mut count).unwrap();
    assert_eq!(
        (sums, lacks),
        (2, crate::storage::Lacks::default()),
        "who has no journal has nothing more to tell"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_events_are_one_batch() {
    let old = Old::with(2, &[]).await;
    let events: Vec<Value> = (0..1000).map(|number| call(&format!("cam-{}", number % 100))).collect();
    assert_eq!(old.send_usage(json!(events)).await["accepted_count"], 1000);
    assert_eq!(old.used("api_call"), "1000");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_do_not_say_when_are_one_batch_for_as_long_as_a_client_tries_again() {
    let old = Old::with(2, &[]).await;
    let events =
        json!([{ "tenant_id": TENANT, "device_id": "dev-1", "event_type": "api_call", "quantity": 10 }]);
    old.send_usage(events.clone()).await;
    old.bench.pass(280);
    old.send_usage(events.clone()).await;
    assert_eq!(old.used("api_call"), "10", "its longest pause is not over");
    old.bench.pass(20);
    old.send_usage(events.clone()).await;
    assert_eq!(old.used("api_call"), "20", "the next batch looks the same, and is another one");
    old.send_usage(events).await;
    assert_eq!(old.used("api_call"), "20");
    old.bench.admin.verify_usage(None).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_events_are_refused_before_anything_is_read_of_them() {
    let old = Old::with(2, &[]).await;
    let body = json!({ "events": vec![0; 5001] });
    assert_eq!(old.post("/usage/batch", body).await.refused(413), "TOO_MANY");
    let said = old.send_usage(json!(vec![0; 5000])).await;
    assert_eq!(said["accepted_count"], 5000);
    assert_eq!(said["errors"].as_array().unwrap().len(), 101, "some are named, and how many more there are");
    assert_eq!(old.bench.admin.verify_usage(None).unwrap().records, 5000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_type_that_no_catalogue_counts_is_set_aside_by_name() {
    let old = Old::with(2, &[]).await;
    let said = old.send_usage(json!([{ "event_type": "api_cals" }, { "event_type": "api_call" }])).await;
    assert_eq!(
        said["errors"],
        json!(["event 0 was set aside: event_type \"api_cals\" is no meter of the catalogue"])
    );
    assert_eq!(old.used("api_call"), "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn empty_bodies_at_once_are_all_answered() {
    let old = Old::with(2, &[]).await;
    let sent = (0..8).map(|_| old.post("/usage/batch", json!({ "events": [] })));
    for got in futures_util::future::join_all(sent).await {
        assert_eq!(got.done()["accepted_count"], 1);
    }
}
