//! The old console: it shows no token, and gets what is the console's from the billing server behind the agent.

use super::{Scene, text};
use brink_tests::local_api::{Answer, Asked, LocalApi, secret_file};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

const CONSOLE: &str = "http://localhost:5173";
const KEY: &str = "bk_0123456789abcdefghij";

/// A billing server that answers everything with what it is told to, and keeps what it was asked.
struct Billing {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
    answer: Arc<Mutex<String>>,
}

impl Billing {
    fn start() -> Billing {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let billing = Billing { address, asked: Arc::default(), answer: Arc::default() };
        let (asked, answer) = (Arc::clone(&billing.asked), Arc::clone(&billing.answer));
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let request = request_of(&mut stream);
                asked.lock().unwrap().push(request);
                let _ = stream.write_all(answer.lock().unwrap().as_bytes());
            }
        });
        billing
    }

    fn says(&self, status: &str, headers: &str, body: &str) {
        let head = format!(
            "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
            body.len()
        );
        *self.answer.lock().unwrap() = format!("{head}{body}");
    }

    fn says_json(&self, status: &str, body: &Value) {
        self.says(status, "content-type: application/json; charset=utf-8\r\n", &body.to_string());
    }

    fn last(&self) -> String {
        self.asked.lock().unwrap().last().cloned().unwrap_or_default()
    }

    fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn request_of(stream: &mut std::net::TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = stream.read(&mut chunk).unwrap_or(0);
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
            if body.len() >= length {
                return text;
            }
        }
        if count == 0 {
            return text;
        }
    }
}

fn with_console(billing_url: &str) -> (Scene, LocalApi) {
    let scene = Scene::activated(2);
    let key = secret_file(scene.world.path("billing.key"), KEY, 0o600);
    let words = [
        "--cors-origin",
        CONSOLE,
        "--billing-url",
        billing_url,
        "--billing-key-file",
        &key,
        "--log",
        "trace",
    ];
    let api = LocalApi::start(&scene.device, &words);
    (scene, api)
}

fn page(method: &str, path: &str) -> Asked {
    Asked::new(method, path).with("origin", CONSOLE)
}

/// What a page of the console may read of an answer.
fn readable(answer: &Answer) -> bool {
    answer.header("access-control-allow-origin") == Some(CONSOLE) && answer.header("vary") == Some("origin")
}

#[test]
fn the_console_is_answered_by_the_billing_server_with_a_key_that_it_never_sees() {
    let billing = Billing::start();
    let (_scene, api) = with_console(&format!("http://{}/api/v1/", billing.address));
    let body = json!({"license_mode": "base", "cameras": [], "cameras_allowed": null});
    billing.says_json("200 OK", &body);
    for (path, asked) in [
        ("/license/tenant-123", "/license/tenant-123"),
        ("/subscription/tenant-123", "/subscription/tenant-123"),
        ("/growth-packs/tenant-123", "/growth-packs/tenant-123"),
        ("/growth-packs/available", "/growth-packs/available"),
        ("/usage/tenant-123?", "/usage/tenant-123"),
        (
            "/usage/tenant-123?start=2026-01-01&end=2026-02-01",
            "/usage/tenant-123?start=2026-01-01&end=2026-02-01",
        ),
        ("/usage/a%2F..%2Fadmin", "/usage/a%2F..%2Fadmin"),
        ("/pricing", "/pricing"),
    ] {
        let answer = api.send(&page("GET", &format!("/api/v1/billing{path}")));
        assert_eq!((answer.status, answer.json()), (200, body.clone()), "{path}");
        assert!(readable(&answer), "{answer:?}");
        let seen = billing.last();
        assert!(seen.starts_with(&format!("GET /api/v1/billing{asked} HTTP/1.1\r\n")), "{seen}");
        assert!(seen.contains(&format!("authorization: Bearer {KEY}\r\n")), "{seen}");
        assert!(!seen.to_ascii_lowercase().contains("origin"), "{seen}");
    }
    let sent = json!({"camera_id": "cam-1", "tenant_id": "tenant-123"}).to_string();
    let answer = api.send(&page("POST", "/api/v1/billing/validate").json(&sent));
    assert_eq!(answer.status, 200);
    assert!(billing.last().starts_with("POST /api/v1/billing/validate ") && billing.last().ends_with(&sent));
    let log = api.stop();
    assert!(!log.contains(KEY), "the key was logged");
}

#[test]
fn nothing_else_is_passed_on_and_nothing_else_is_the_consoles() {
    let billing = Billing::start();
    let (_scene, api) = with_console(&format!("http://{}/api/v1", billing.address));
    billing.says_json("200 OK", &json!({}));
    for (method, path, status) in [
        ("POST", "/api/v1/billing/license/tenant-123/revoke", 404),
        ("POST", "/api/v1/billing/license/tenant-123", 405),
        ("DELETE", "/api/v1/billing/license/tenant-123", 405),
        ("GET", "/api/v1/billing/validate", 405),
        ("GET", "/api/v1/billing/admin/tenants", 404),
        ("GET", "/api/v1/billing/license/..", 400),
        ("GET", "/api/v1/billing/license/%2E%2E", 400),
    ] {
        assert_eq!(api.send(&page(method, path)).status, status, "{method} {path}");
    }
    for (method, path) in
        [("GET", "/api/v1/license"), ("POST", "/api/v1/usage"), ("DELETE", "/api/v1/license")]
    {
        let refused = api.send(&page(method, path));
        assert_eq!((refused.status, refused.code().as_str()), (401, "TOKEN_MISSING"), "{path}");
        assert!(readable(&refused), "the console can say so");
        assert_ne!(api.send(&page(method, path).by_token()).status, 401, "{path}");
    }
    // No page, or another one's.
    let path = "/api/v1/billing/license/tenant-123";
    assert_eq!(api.send(&Asked::new("GET", path)).code(), "TOKEN_MISSING");
    assert_eq!(
        api.send(&Asked::new("GET", path).with("origin", "http://evil.example")).code(),
        "FOREIGN_ORIGIN"
    );
    assert_eq!(api.send(&page("GET", path).with("authorization", "Bearer x")).code(), "TOKEN_WRONG");
    assert_eq!(billing.count(), 0, "none of it was passed on");
    assert_eq!(api.send(&Asked::new("GET", path).by_token()).status, 200);
    api.stop();
}

#[test]
fn a_browser_is_told_what_the_console_may_and_no_other_page_is() {
    let billing = Billing::start();
    let (_scene, api) = with_console(&format!("http://{}/api/v1", billing.address));
    let ask = |origin: &str| {
        let asked = Asked::new("OPTIONS", "/api/v1/billing/validate").with("origin", origin);
        api.send(&asked.with("access-control-request-method", "POST"))
    };
    let allowed = ask(CONSOLE);
    assert_eq!((allowed.status, allowed.body.as_str()), (204, ""));
    assert!(readable(&allowed));
    for (name, wanted) in
        [("access-control-allow-methods", "POST"), ("access-control-allow-headers", "content-type")]
    {
        assert!(allowed.header(name).is_some_and(|value| value.contains(wanted)), "{allowed:?}");
    }
    let refused = ask("http://evil.example");
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (403, None));
    assert_eq!(api.send(&Asked::new("OPTIONS", "/api/v1/license")).status, 405, "no question of a page");
    api.stop();
}

#[test]
fn what_the_billing_server_does_wrong_is_a_502_with_a_code_and_without_its_words() {
    let billing = Billing::start();
    let (_scene, api) = with_console(&format!("http://{}/api/v1", billing.address));
    let ask = || api.send(&page("GET", "/api/v1/billing/subscription/tenant-123"));
    let json = "content-type: application/json\r\n";
    for (status, headers, body, (told, code)) in [
        ("500 Oops", json, "{\"error\":\"SECRET-DETAIL\"}", (502, "BILLING_FAILED")),
        ("401 No", json, "{\"error\":\"SECRET-DETAIL\"}", (502, "BILLING_KEY_REFUSED")),
        ("403 No", json, "{\"error\":\"SECRET-DETAIL\"}", (404, "UNKNOWN_TENANT")),
        ("302 Found", "location: http://127.0.0.1:1/\r\n", "", (502, "BILLING_NOT_UNDERSTOOD")),
        ("200 OK", "content-type: text/html\r\n", "<SECRET-DETAIL>", (502, "BILLING_NOT_UNDERSTOOD")),
        ("200 OK", json, "{\"api_key\":\"bk_0123456789abcdefghij\"}", (502, "BILLING_NOT_UNDERSTOOD")),
    ] {
        billing.says(status, headers, body);
        let answer = ask();
        assert_eq!((answer.status, answer.code().as_str()), (told, code), "{answer:?}");
        assert!(!answer.body.contains("SECRET") && !answer.body.contains(KEY), "{answer:?}");
        assert!(text(&answer.json(), "mend").len() > 10, "{answer:?}");
    }
    billing.says("200 OK", json, &format!("\"{}\"", "x".repeat(8 * 1024 * 1024)));
    assert_eq!(ask().code(), "BILLING_NOT_UNDERSTOOD");
    billing.says_json("404 Not Found", &json!({"error": "Subscription not found"}));
    let passed = ask();
    assert_eq!((passed.status, passed.json()), (404, json!({"error": "Subscription not found"})));
    let metrics = api.send(&Asked::new("GET", "/api/v1/metrics").by_token()).body;
    assert!(metrics.contains("brink_api_billing_requests_total{result=\"failed\"} 7\n"), "{metrics}");
    api.stop();
    let (_scene, api) = with_console("http://127.0.0.1:1/api/v1");
    let answer = api.send(&page("GET", "/api/v1/billing/pricing"));
    assert_eq!((answer.status, answer.code().as_str()), (502, "BILLING_UNREACHABLE"));
    assert!(!answer.body.contains(KEY));
    api.stop();
}

#[test]
fn an_agent_without_a_billing_server_says_so() {
    let scene = Scene::activated(2);
    let api = LocalApi::start(&scene.device, &["--cors-origin", CONSOLE]);
    let refused = api.send(&page("GET", "/api/v1/billing/pricing"));
    assert_eq!((refused.status, refused.code().as_str()), (404, "NO_BILLING_SERVER"));
    api.stop();
}
