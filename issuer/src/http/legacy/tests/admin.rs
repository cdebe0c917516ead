//! The old admin routes: with the scopes of everybody else, and without what was wrong with them.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_admin_route_takes_its_scope_and_its_tenant() {
    let old = Old::with(2, &[]).await;
    let routes = [
        ("POST", "/api/v1/admin/tenants".to_owned()),
        ("GET", format!("/api/v1/admin/tenants/{TENANT}")),
        ("PUT", format!("/api/v1/admin/tenants/{TENANT}")),
        ("POST", "/api/v1/admin/subscriptions".to_owned()),
        ("PUT", format!("/api/v1/admin/subscriptions/{TENANT}")),
        ("PUT", format!("/api/v1/admin/subscriptions/{TENANT}/growth-packs")),
        ("POST", format!("/api/v1/billing/license/{TENANT}/revoke")),
    ];
    for (method, path) in &routes {
        let body = json!({ "tenant_id": TENANT }).to_string();
        assert_eq!(old.ask_with(method, path, "", &body).await.refused(401), "API_KEY_MISSING", "{path}");
        assert_eq!(old.ask(method, path, &old.key, &body).await.refused(403), "SCOPE", "{path}");
    }
    old.bench.another_tenant("other");
    let of_other = key(&old.bench, "*", Some("other"));
    for (method, path) in &routes {
        let body = json!({ "tenant_id": TENANT }).to_string();
        let got = old.ask(method, path, &of_other, &body).await;
        assert!(["TENANT_OF_ANOTHER_KEY", "BEYOND_TENANT"].contains(&got.refused(403).as_str()), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_gets_its_key_once_and_is_subscribed_changed_and_ended() {
    let old = Old::of(Bench::new()).await;
    let root = key(&old.bench, "*", None);
    let admin = |method: &'static str, path: String, body: Value| {
        let (old, root) = (&old, &root);
        async move { old.ask(method, &format!("/api/v1{path}"), root, &body.to_string()).await }
    };
    let made = admin("POST", "/admin/tenants".into(), json!({ "name": "Shop" })).await.done();
    let (id, key) = (made["id"].as_str().unwrap().to_owned(), made["api_key"].as_str().unwrap().to_owned());
    let shown = admin("GET", format!("/admin/tenants/{id}"), json!({})).await.done();
    assert_eq!((&shown["name"], &shown["api_key"]), (&json!("Shop"), &json!("")), "never again");
    let order = json!({ "tenant_id": id, "plan": "base", "cameras_licensed": 0 });
    let sold = admin("POST", "/admin/subscriptions".into(), order).await.done();
    assert_eq!((&sold["plan"], &sold["cameras_licensed"]), (&json!("base"), &json!(10)));
    let sold =
        admin("PUT", format!("/admin/subscriptions/{id}"), json!({ "cameras_licensed": 4 })).await.done();
    assert_eq!(sold["cameras_licensed"], 4);
    let packs = format!("/admin/subscriptions/{id}/growth-packs");
    let enabled = admin("PUT", packs.clone(), json!({ "enable": ["Advanced Analytics"] })).await.done();
    assert_eq!(enabled["enabled_packs"], json!(["advanced_analytics"]), "a display name is understood");
    assert_eq!(
        admin("PUT", packs.clone(), json!({ "enable": ["Cloud Storage"] })).await.refused(400),
        "UNKNOWN_PACK"
    );
    let ask = json!({ "camera_id": "cam-1", "tenant_id": id }).to_string();
    let seen = old.ask("POST", "/api/v1/licenses/validate", &key, &ask).await.done();
    assert_eq!(
        (&seen["is_valid"], &seen["enabled_growth_packs"]),
        (&json!(true), &json!(["advanced_analytics"]))
    );
    let disabled = admin("PUT", packs, json!({ "disable": ["advanced_analytics"] })).await.done();
    assert_eq!(disabled["enabled_packs"], json!([]));
    admin("PUT", format!("/admin/tenants/{id}"), json!({ "status": "suspended", "name": "Shop 2" }))
        .await
        .done();
    let seen = old.ask("POST", "/api/v1/licenses/validate", &key, &ask).await.done();
    assert_eq!((&seen["is_valid"], &seen["code"]), (&json!(false), &json!("TENANT_SUSPENDED")));
    let shown = admin("PUT", format!("/admin/tenants/{id}"), json!({ "status": "active" })).await.done();
    assert_eq!((&shown["status"], &shown["name"]), (&json!("active"), &json!("Shop 2")));
    let ended = admin("POST", format!("/billing/license/{id}/revoke"), json!({})).await.done();
    assert_eq!((&ended["success"], &ended["cameras_over_limit"]), (&json!(true), &json!(1)));
    let seen = old.ask("POST", "/api/v1/licenses/validate", &key, &ask).await.done();
    assert_eq!(seen["is_valid"], false);
    let versions = old.bench.admin.storage.timeline(&id.parse().unwrap()).unwrap().versions;
    assert!(versions.len() >= 4, "what was is still on record");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_is_not_revoked_and_a_bad_order_is_refused_by_name() {
    let old = Old::of(Bench::new()).await;
    let root = key(&old.bench, "*", None);
    let post = |path: &'static str, body: Value| {
        let (old, root) = (&old, &root);
        async move { old.ask("POST", path, root, &body.to_string()).await }
    };
    let revoke = "/api/v1/billing/license/tenant-123/revoke";
    assert_eq!(post(revoke, json!({})).await.refused(404), "NO_SUBSCRIPTION");
    post(
        "/api/v1/admin/subscriptions",
        json!({ "tenant_id": TENANT, "plan": "trial", "cameras_licensed": 0 }),
    )
    .await
    .done();
    assert_eq!(post(revoke, json!({})).await.refused(400), "TRIAL");
    for (body, code) in [
        (json!({ "tenant_id": TENANT, "plan": "gold" }), "BAD_PLAN"),
        (json!({ "tenant_id": TENANT, "plan": "base", "billing_cycle": "annual" }), "BAD_CYCLE"),
        (json!({ "tenant_id": TENANT, "plan": "base", "cameras_licensed": -1 }), "BAD_FIELD"),
        (json!({ "tenant_id": TENANT, "plan": "base", "cameras_licensed": 2.5 }), "BAD_FIELD"),
        (json!({ "tenant_id": "" }), "BAD_ID"),
    ] {
        assert_eq!(post("/api/v1/admin/subscriptions", body.clone()).await.refused(400), code, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_be_half_done_is_refused_whole() {
    let old = Old::with(2, &[]).await;
    let root = key(&old.bench, "*", None);
    let ask = |method: &'static str, path: &'static str, key: String, body: Value| {
        let old = &old;
        async move { old.ask(method, path, &key, &body.to_string()).await }
    };
    // Whoever cannot give a key makes no tenant either.
    let few = key(&old.bench, "tenants:write keys:write", None);
    let made = |key: String, body: Value| ask("POST", "/api/v1/admin/tenants", key, body);
    assert_eq!(made(few, json!({ "id": "x1", "name": "X" })).await.refused(403), "SCOPE");
    let bad = json!({ "id": "x1", "name": "X", "api_key": "short" });
    assert_eq!(made(root.clone(), bad).await.refused(400), "IMPORTED_KEY");
    assert!(old.bench.admin.storage.tenant_row(&"x1".parse().unwrap()).is_err());
    let scopes = key(&old.bench, "tenants:write keys:write legacy", None);
    assert_eq!(made(scopes, json!({ "id": "x1", "name": "X" })).await.done()["id"], "x1");
    // What is paid for is not replaced.
    for plan in ["trial", "base"] {
        let order = json!({ "tenant_id": TENANT, "plan": plan, "cameras_licensed": 9 });
        let got = ask("POST", "/api/v1/admin/subscriptions", root.clone(), order).await;
        assert_eq!(got.refused(409), "SUBSCRIPTION_EXISTS", "{plan}");
    }
    let order = json!({ "tenant_id": TENANT });
    assert_eq!(
        ask("POST", "/api/v1/admin/subscriptions", root.clone(), order).await.refused(400),
        "BAD_PLAN"
    );
    // A device of ours keeps its camera, and the old client its seat.
    assert!(old.is_valid("cam-1").await);
    let device = old.bench.activated();
    old.bench.assign(&device.id(), &["cam-2".to_owned()], &[]);
    let revoke = "/api/v1/billing/license/tenant-123/revoke";
    assert_eq!(ask("POST", revoke, root.clone(), json!({})).await.refused(409), "BELOW_ASSIGNED");
    assert!(old.is_valid("cam-1").await);
    old.bench.try_assign(&device.id(), &["cam-2".to_owned()], &[], true).unwrap();
    ask("POST", revoke, root, json!({})).await.done();
    assert_eq!(old.camera("cam-1").await["code"], "NO_CAMERAS");
    let shown = old.get("/api/v1/billing/license/tenant-123").await.done();
    assert_eq!(
        (&shown["is_valid"], &shown["license_mode"], &shown["can_revoke"]),
        (&json!(false), &json!("unlicensed"), &json!(false))
    );
    assert_eq!(old.get("/api/v1/billing/subscription/tenant-123").await.done()["status"], "cancelled");
}
