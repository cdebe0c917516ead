//! What somebody sends who means no good, or whose program is wrong.

use super::{Api, send};
use crate::testkit::{Bench, TENANT};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_shows_a_key_in_any_other_way_is_nobody() {
    let api = Api::new().await;
    let key = api.root.clone();
    let bearer = format!("Bearer {key}");
    let cases: [&[(&str, &str)]; 9] = [
        &[("authorization", &key)],
        &[("authorization", &format!("Basic {key}"))],
        &[("authorization", &format!("Bearer {key} "))],
        &[("authorization", &format!("Bearer {key},Bearer {key}"))],
        &[("authorization", &bearer), ("authorization", &bearer)],
        &[("authorization", "Bearer ")],
        &[("x-api-key", &key)],
        &[("cookie", &format!("authorization={bearer}"))],
        &[("authorization", &format!("Bearer {}", key.to_uppercase()))],
    ];
    for (number, headers) in cases.iter().enumerate() {
        let got = api.raw("GET", "/tenants", headers, None).await;
        // A space at the end of a header's value is no part of it.
        let wanted = if number == 2 { 200 } else { 401 };
        assert_eq!(got.status, wanted, "{number}: {got:?}");
    }
    assert_eq!(api.raw("GET", &format!("/tenants?key={key}"), &[], None).await.status, 401);
    assert_eq!(
        api.raw("GET", "/tenants", &[("authorization", &format!("bEaReR {key}"))], None).await.status,
        200
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_not_what_a_path_takes_change_nothing() {
    let api = Api::new().await;
    let before = api.bench.rows();
    let deep = format!("{{\"id\":{}{}}}", "[".repeat(500), "]".repeat(500));
    for (body, code) in [
        ("", "MALFORMED"),
        ("null", "MALFORMED"),
        ("[]", "MALFORMED"),
        ("[\"a\",\"A\"]", "MALFORMED"),
        ("{\"id\":\"a\",\"name\":\"A\"", "MALFORMED"),
        ("{\"id\":\"a\",\"name\":\"A\"}}", "MALFORMED"),
        ("{\"id\":\"a\",\"id\":\"b\",\"name\":\"A\"}", "MALFORMED"),
        ("{\"id\":\"a\",\"\\u0069d\":\"b\",\"name\":\"A\"}", "MALFORMED"),
        ("{\"id\":\"a\",\"name\":\"A\",\"tenant_id\":\"b\"}", "MALFORMED"),
        ("{\"id\":\"a\",\"name\":\"A\",\"created_at\":\"2020-01-01T00:00:00Z\"}", "MALFORMED"),
        ("{\"id\":7,\"name\":\"A\"}", "MALFORMED"),
        ("{\"id\":\"a/b\",\"name\":\"A\"}", "BAD_ID"),
        ("{\"id\":\"..\",\"name\":\"A\"}", "BAD_ID"),
        ("{\"id\":\"a\\u0000\",\"name\":\"A\"}", "BAD_ID"),
        ("{\"id\":\"\\ud800\",\"name\":\"A\"}", "MALFORMED"),
        (deep.as_str(), "MALFORMED"),
    ] {
        assert_eq!(api.ask("POST", "/tenants", &[], Some(body)).await.code(400), code, "{body:.60}");
    }
    let listed = r#"{"cameras":5,"packs":[["retail","1"]]}"#;
    let path = format!("/tenants/{TENANT}/subscription");
    let got = api.ask("PUT", &path, &[("if-match", "*")], Some(listed)).await;
    assert_eq!(got.code(400), "MALFORMED");
    for (name, value) in [
        ("content-type", "text/plain"),
        ("content-type", "application/json; charset=utf-16"),
        ("content-type", "multipart/form-data"),
    ] {
        let got = api.ask("POST", "/tenants", &[(name, value)], Some("{}")).await;
        assert_eq!(got.code(415), "CONTENT_TYPE", "{value}");
    }
    let packed = [("content-encoding", "gzip")];
    assert_eq!(api.ask("POST", "/tenants", &packed, Some("{}")).await.code(415), "CONTENT_TYPE");
    let long = format!("{{\"id\":\"a\",\"name\":\"{}\"}}", "x".repeat(70_000));
    assert_eq!(api.ask("POST", "/tenants", &[], Some(&long)).await.code(413), "TOO_LARGE");
    assert_eq!(api.bench.rows(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_that_no_schema_says_are_422_and_say_no_word_of_the_command_line() {
    let api = Api::new().await;
    for (path, body, code) in [
        ("/tenants", "{\"id\":\"a\",\"name\":\" \"}", "TENANT_NAME"),
        ("/tenants", "{\"id\":\"a\",\"name\":\"A\",\"timezone\":\"Mars\"}", "TIME_ZONE"),
        ("/tenants", "{\"id\":\"a\",\"name\":\"A\",\"currency\":\"ZZZ\"}", "CURRENCY"),
        ("/tenants/tenant-123/codes", "{\"uses\":0}", "OUT_OF_BOUNDS"),
        ("/tenants/tenant-123/codes", "{\"expires_hours\":9999}", "OUT_OF_BOUNDS"),
        ("/tenants/tenant-123/codes", "{\"until\":\"tomorrow\"}", "PERIOD_MALFORMED"),
        ("/tenants/tenant-123/codes", "{\"until\":\"2020-01-01\"}", "OUT_OF_BOUNDS"),
        ("/tenants/tenant-123/codes", "{\"until\":\"2026-03-02\",\"expires_hours\":1}", "TWO_ENDS"),
        ("/keys", "{\"scopes\":[]}", "SCOPE_MISSING"),
        ("/keys", "{\"scopes\":[\"*\"],\"expires_days\":0}", "OUT_OF_BOUNDS"),
    ] {
        let got = api.ask("POST", path, &[], Some(body)).await;
        assert_eq!(got.code(422), code, "{path} {body}");
        assert!(!got.text.contains("--") && !got.text.contains("brink-issuer"), "{}", got.text);
    }
    let got = api.ask("POST", "/tenants/other/codes", &[], Some("{}")).await;
    assert_eq!(got.code(409), "NO_SUBSCRIPTION");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paths_and_queries_are_read_once_and_strictly() {
    let api = Api::new().await;
    for (path, status) in [
        ("/tenants/tenant-123", 200),
        ("/tenants/tenant%2D123", 200),
        ("/tenants/tenant%252D123", 404),
        ("/tenants/tenant-123%2Fsubscription", 404),
        ("/tenants/..%2Ftenants%2Ftenant-123", 404),
        ("/tenants/tenant-123%00", 404),
        ("/tenants/%ff%fe", 400),
        ("/tenants/tenant-123/", 404),
        ("/tenants//tenant-123", 404),
        ("/tenants/TENANT-123", 404),
        ("/devices/' OR 1=1--", 0),
        ("/devices/'%20OR%201=1--", 404),
        ("/tenants/tenant-123/quarantine?limit=1&limit=2", 400),
        ("/tenants/tenant-123/quarantine?Limit=1", 400),
        ("/tenants/tenant-123/quarantine?tenant=other", 400),
        ("/tenants/tenant-123/quarantine?limit=0", 400),
        ("/tenants/tenant-123/quarantine?limit=201", 400),
        ("/tenants/tenant-123/quarantine?limit=-1", 400),
        ("/tenants/tenant-123/quarantine?device=%ff", 400),
        ("/tenants/tenant-123/quarantine?device=dev-unknown", 404),
        ("/tenants/tenant-123/audit?subject=", 400),
        ("/tenants/tenant-123/quarantine?cursor=AAAA", 422),
        ("/tenants/tenant-123/usage?from=2026-01-01", 400),
        ("/tenants/tenant-123/usage?from=2026-01-01&to=2026-01-01", 422),
        ("/tenants/tenant-123/usage?from=2026-01-01&to=2026-01-02&by=all", 422),
        ("/keys/0123456789AB", 404),
    ] {
        let got = api.get(path).await;
        let wanted = if status == 0 { got.status } else { status };
        assert_eq!(got.status, wanted, "{path}: {got:?}");
        assert!(got.status < 500, "{path}");
    }
    // A tenant that was made on the command line, with all that an id may have.
    let odd = crate::admin::TenantOrder {
        id: "a/b c?d#e%2F".parse().unwrap(),
        name: "Odd".into(),
        timezone: "UTC".into(),
        currency: "EUR".into(),
    };
    api.bench.admin.create_tenant(odd).unwrap();
    let got = api.get("/tenants/a%2Fb%20c%3Fd%23e%252F").await.done(200);
    assert_eq!(got["id"], "a/b c?d#e%2F");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_from_outside_names_no_request() {
    let api = Api::new().await;
    let forged = [("x-request-id", "11111111-1111-1111-1111-111111111111")];
    let got = api.ask("GET", "/nothing", &forged, None).await;
    assert_eq!(got.code(404), "NOT_FOUND");
    assert!(!got.headers["x-request-id"].starts_with("11111111"), "{got:?}");
    let got = api.ask("GET", "/self", &[("origin", "https://evil.example")], None).await;
    assert!(
        !got.headers.keys().any(|name| name.starts_with("access-control")),
        "no script reads it: {got:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_get_no_body_read_and_slow_ones_no_patience() {
    let short = Duration::from_millis(300);
    let api = Api::with(Bench::with(10, &[]), |config| {
        (config.serve.head_timeout, config.serve.body_timeout) = (short, short);
        config.serve.request_timeout = Duration::from_secs(2);
    })
    .await;
    // Refused before it is told to go on.
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    let head =
        "POST /v1/admin/tenants HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 50000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut told = [0; 12];
    stream.read_exact(&mut told).await.unwrap();
    assert_eq!(&told, b"HTTP/1.1 401");
    let head = |more: &str| {
        format!(
            "POST /v1/admin/tenants HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\n{more}\r\n\r\n",
            api.root
        )
    };
    let slow = send(api.address, format!("{}{{\"id\"", head("Content-Length: 100")).as_bytes()).await;
    assert_eq!(slow.code(408), "BODY");
    assert_eq!(send(api.address, head("Content-Length: 104857600").as_bytes()).await.code(413), "TOO_LARGE");
    let endless = format!(
        "{}{}",
        head("Transfer-Encoding: chunked"),
        "10000\r\n".to_owned() + &"x".repeat(65_536) + "\r\n10000\r\n" + &"x".repeat(65_536)
    );
    assert_eq!(send(api.address, endless.as_bytes()).await.code(413), "TOO_LARGE");
    let both = head("Content-Length: 2\r\nTransfer-Encoding: chunked");
    let got = send(api.address, format!("{both}{{}}").as_bytes()).await;
    assert!((400..500).contains(&got.status), "two lengths are none: {got:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_with_the_words_of_a_database_are_kept_as_they_are() {
    let api = Api::new().await;
    let name = "'; DROP TABLE tenants; -- \" \\ % _ \u{1F600}";
    let body = serde_json::json!({ "name": name });
    let got =
        api.ask("PATCH", &format!("/tenants/{TENANT}"), &[("if-match", "*")], Some(&body.to_string())).await;
    assert_eq!(got.done(200)["name"], name);
    assert_eq!(api.get(&format!("/tenants/{TENANT}")).await.done(200)["name"], name);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_in_no_error_and_in_no_line_of_the_audit() {
    let api = Api::new().await;
    let made = api.post("/keys", &serde_json::json!({ "scopes": ["*"] })).await.done(201);
    let secret = &made["key"].as_str().unwrap()[17..];
    let code = api.post(&format!("/tenants/{TENANT}/codes"), &serde_json::json!({})).await.done(201);
    let code = code["code"].as_str().unwrap();
    let audit = api.get("/audit?limit=200").await.done(200).to_string();
    let keys = api.get("/keys?limit=200").await.done(200).to_string();
    let codes = api.get(&format!("/tenants/{TENANT}/codes?limit=200")).await.done(200).to_string();
    for shown in [audit, keys, codes] {
        assert!(!shown.contains(secret) && !shown.contains(code));
    }
}
