//! Every route, made from the table that the router is made of: without a key, with one of another scope, with one of
//! another tenant, and with the right one.

use super::super::route::{About, Needs, Route};
use super::super::table::table;
use super::{Api, OTHER};
use crate::access::Scope;
use crate::testkit::TENANT;
use serde_json::{Value, json};

/// What is sent to a route that takes a body. A new one has to be added here, or its test says so.
fn body(route: &Route, api: &Api) -> Option<String> {
    let now = crate::calendar::rfc3339(crate::clock::Clock::now(&*api.bench.clock));
    let body: Value = match route.id {
        "createKey" => json!({ "scopes": ["devices:read"], "tenant": TENANT }),
        "createTenant" => json!({ "id": "fresh", "name": "Fresh" }),
        "changeTenant" => json!({ "name": "Acme 2" }),
        "setSubscription" => json!({ "cameras": 30 }),
        "changeSubscription" => json!({ "cameras_by": 1 }),
        "cancelChange" => {
            let timeline = api.bench.admin.storage.timeline(&TENANT.parse().unwrap()).unwrap();
            json!({ "version": timeline.versions.last().unwrap().version })
        }
        "createCode" | "retireDevice" | "replaceDevice" | "reactivateDevice" | "suspendLicence"
        | "revokeLicence" | "resumeLicence" => json!({}),
        "assignCameras" | "removeCameras" => json!({ "cameras": ["cam-1"] }),
        "extendLicence" => json!({ "days": 1 }),
        "createCorrection" => json!({
            "device": "nobody", "meter": "api", "at": now, "quantity": "1", "reason": "counted twice",
        }),
        other => {
            assert!(!route.takes_body, "{other} takes a body that this test does not know");
            return None;
        }
    };
    Some(body.to_string())
}

fn path(route: &Route, (tenant, device, key): (&str, &str, &str)) -> String {
    let named = route.path.replace("{tenant}", tenant).replace("{device}", device);
    let path = named.replace("{key_id}", key).replace("{number}", "7");
    if route.id == "reportUsage" { format!("{path}?from=2026-01-01&to=2026-02-01") } else { path }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_without_a_key_is_401_and_says_how_to_show_one() {
    let api = Api::new().await;
    for route in table() {
        let path = path(&route, (TENANT, "dev-1", "000000000000"));
        let body = body(&route, &api);
        let got = api.raw(route.method.as_str(), &path, &[], body.as_deref()).await;
        assert_eq!(got.code(401), "API_KEY_MISSING", "{}", route.id);
        assert_eq!(got.headers["www-authenticate"], "Bearer realm=\"brink-issuer\"", "{}", route.id);
        // Nobody waits out the pause that comes after so many.
        api.bench.pass(60);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_with_every_scope_but_its_own_is_403() {
    let api = Api::new().await;
    for route in table() {
        let Needs::Scope(own) = route.needs else { continue };
        let others = Scope::all().filter(|scope| ![own, Scope::Everything].contains(scope));
        let others: Vec<_> = others.map(Scope::as_str).collect();
        let key = api.key(&others.join(" "), None);
        let path = path(&route, (TENANT, "dev-1", "000000000000"));
        let got = api.as_key(&key, route.method.as_str(), &path, body(&route, &api).as_deref()).await;
        assert_eq!(got.code(403), "SCOPE", "{}", route.id);
        assert!(got.text.contains(own.as_str()), "{}: which one is said: {}", route.id, got.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_with_a_key_of_another_tenant_answers_as_if_there_were_nothing() {
    let api = Api::new().await;
    let device = api.bench.activated().id().to_string();
    let theirs = super::id_of(&api.key("*", Some(TENANT))).to_string();
    let foreigner = api.key("*", Some(OTHER));
    let before = api.bench.rows();
    for route in table() {
        let body = body(&route, &api);
        let ask = |tenant: &str, device: &str, key: &str| path(&route, (tenant, device, key));
        let method = route.method.as_str();
        let got = api.as_key(&foreigner, method, &ask(TENANT, &device, &theirs), body.as_deref()).await;
        match route.about {
            About::Named => {
                let code = got.code(404);
                // And what there is not is answered with the same words, but for its name.
                let nothing = ask("no-such", "no-such-dev", "0123456789ab");
                let none = api.as_key(&foreigner, method, &nothing, body.as_deref()).await;
                assert_eq!(none.code(404), code, "{}", route.id);
                let words = |got: &super::Got, names: [&str; 3]| {
                    let detail = got.json()["detail"].as_str().unwrap().to_owned();
                    names.iter().fold(detail, |text, name| text.replace(name, "NAME"))
                };
                assert_eq!(
                    words(&got, [TENANT, &device, &theirs]),
                    words(&none, ["no-such-dev", "no-such", "0123456789ab"]),
                    "{}",
                    route.id
                );
                let without = |got: &super::Got| {
                    let mut names: Vec<_> = got.headers.keys().cloned().collect();
                    names.retain(|name| name != "ratelimit");
                    names
                };
                assert_eq!(without(&got), without(&none), "{}", route.id);
            }
            About::Issuer => assert_eq!(got.code(403), "BEYOND_TENANT", "{}", route.id),
            About::Own if route.id == "createKey" => assert_eq!(got.code(403), "BEYOND_TENANT"),
            About::Own => {
                let shown = got.done(200).to_string();
                assert!(!shown.contains(TENANT) && !shown.contains(&theirs), "{}: {shown}", route.id);
            }
        }
    }
    // One line for each kind and minute, and when the key was used.
    assert!(api.bench.rows() - before <= 3, "nothing was done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_with_its_own_scope_and_tenant_does_what_it_says() {
    let api = Api::new().await;
    for route in table() {
        let device = api.bench.activated().id().to_string();
        match route.id {
            "cancelChange" => {
                let path = format!("/tenants/{TENANT}/subscription/changes");
                let change = json!({ "cameras_by": 1, "effective_at": "2026-12-01" });
                api.post(&path, &change).await.done(201);
            }
            "removeCameras" => api.bench.assign(&device.parse().unwrap(), &["cam-1".into()], &[]),
            "resumeLicence" | "listRevoked" => {
                let path = format!("/devices/{device}/licence/revoke");
                api.post(&path, &json!({})).await.done(200);
            }
            _ => {}
        }
        let scope = match route.needs {
            Needs::Scope(scope) => scope.as_str(),
            Needs::AnyKey => "audit:read",
        };
        let ours = match route.about {
            About::Issuer => api.key(scope, None),
            About::Named | About::Own => {
                let more = if route.id == "createKey" { " devices:read" } else { "" };
                api.key(&format!("{scope}{more}"), Some(TENANT))
            }
        };
        let theirs = super::id_of(&api.key("*", Some(TENANT))).to_string();
        let headers = [("authorization", &*format!("Bearer {ours}")), ("if-match", "*")];
        let path = path(&route, (TENANT, &device, &theirs));
        let got = api.raw(route.method.as_str(), &path, &headers, body(&route, &api).as_deref()).await;
        match route.id {
            "replayQuarantined" => assert_eq!(got.code(404), "NOT_IN_QUARANTINE"),
            "createCorrection" => assert_eq!(got.code(404), "UNKNOWN_DEVICE"),
            _ => {
                got.done(route.status);
                assert!(got.headers.contains_key("ratelimit"), "{}", route.id);
            }
        }
        assert_eq!(got.headers["cache-control"], "no-store");
        if route.id == "removeCameras" || route.id == "assignCameras" {
            api.post(&format!("/devices/{device}/retire"), &json!({})).await.done(200);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_revoked_or_over_is_nobody_with_its_next_request() {
    let api = Api::new().await;
    let key = api.key("tenants:read", None);
    api.as_key(&key, "GET", "/tenants", None).await.done(200);
    let revoke = format!("/keys/{}/revoke", super::id_of(&key));
    let revoked = api.ask("POST", &revoke, &[], None).await.done(200);
    assert!(revoked["revoked_at"].is_string());
    assert_eq!(api.as_key(&key, "GET", "/tenants", None).await.code(401), "API_KEY_REVOKED");
    let made = api.post("/keys", &json!({ "scopes": ["tenants:read"], "expires_days": 1 })).await.done(201);
    let short = made["key"].as_str().unwrap();
    api.as_key(short, "GET", "/tenants", None).await.done(200);
    api.bench.pass(86_400);
    assert_eq!(api.as_key(short, "GET", "/tenants", None).await.code(401), "API_KEY_EXPIRED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_credential_of_a_device_opens_nothing() {
    let api = Api::new().await;
    let edge = api.bench.activated();
    let token = edge.licence.as_ref().unwrap().token().to_owned();
    assert_eq!(api.as_key(&token, "GET", "/tenants", None).await.code(401), "API_KEY_UNKNOWN");
}
