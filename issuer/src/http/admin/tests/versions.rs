//! Changes by who has looked, and by who has not.

use super::Api;
use crate::testkit::TENANT;

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
