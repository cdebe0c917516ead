//! Who is let in: by token, by socket, and from no page of anybody's.

use super::super::permission::{HOSTS, People};
use super::{Scene, served, text};
use brink_tests::local_api::{Asked, LocalApi, TOKEN, Wire, secret_file};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

const PATHS: [(&str, &str); 9] = [
    ("GET", "/api/v1/license"),
    ("POST", "/api/v1/license"),
    ("PUT", "/api/v1/license"),
    ("DELETE", "/api/v1/license"),
    ("POST", "/api/v1/license/validate/cam-1"),
    ("GET", "/api/v1/entitlements"),
    ("POST", "/api/v1/usage"),
    ("GET", "/api/v1/metrics"),
    ("GET", "/api/v1/billing/license/tenant-123"),
];

#[test]
fn without_the_token_nothing_is_told_but_that_somebody_is_there() {
    let scene = Scene::activated(2);
    let api = LocalApi::start(&scene.device, &["--log", "trace"]);
    for (method, path) in PATHS {
        let bare = api.send(&Asked::new(method, path));
        assert_eq!((bare.status, bare.code().as_str()), (401, "TOKEN_MISSING"), "{method} {path}");
        assert_eq!(bare.header("www-authenticate"), Some("Bearer"));
        for wrong in ["Bearer x", &format!("Bearer {}", &TOKEN[1..]), &format!("Bearer {TOKEN}0")] {
            let refused = api.send(&Asked::new(method, path).with("authorization", wrong));
            assert_eq!((refused.status, refused.code().as_str()), (401, "TOKEN_WRONG"), "{method} {path}");
            assert!(!refused.body.contains(&TOKEN[1..]));
        }
    }
    for path in ["/health", "/api/v1/health"] {
        let health = api.send(&Asked::new("GET", path));
        assert!(
            health.body.contains("\"status\":\"healthy\""),
            "compact, as it is looked for: {}",
            health.body
        );
        assert_eq!(health.header("cache-control"), Some("no-store"));
    }
    assert_eq!(api.send(&Asked::new("GET", "/api/v1/openapi.json")).status, 200);
    assert_eq!(api.get("/api/v1/license")["valid"], true);
    let log = api.stop();
    assert!(log.contains("TRACE") && !log.contains(TOKEN));
}

#[test]
fn a_name_that_was_made_to_lead_here_and_a_page_from_elsewhere_get_nothing() {
    let (_scene, api) = served();
    for host in ["evil.example", "evil.example:80", "10.0.0.1", "localhost.evil.example"] {
        for path in ["/health", "/api/v1/license"] {
            let refused = api.send(&Asked::of_host("GET", path, host).by_token());
            assert_eq!((refused.status, refused.code().as_str()), (421, "FOREIGN_HOST"), "{host}");
        }
    }
    for origin in ["http://evil.example", "null", "http://localhost:3000"] {
        let refused = api.send(&Asked::new("GET", "/api/v1/license").with("origin", origin).by_token());
        assert_eq!((refused.status, refused.code().as_str()), (403, "FOREIGN_ORIGIN"), "{origin}");
        assert_eq!(refused.header("access-control-allow-origin"), None);
    }
    api.stop();
}

#[test]
fn what_is_no_path_of_ours_no_method_of_its_or_no_document_is_refused_by_name() {
    let (_scene, api) = served();
    let send = |asked: Asked| {
        let answer = api.send(&asked.by_token());
        (answer.status, answer.code())
    };
    for path in
        ["/", "/api/v1", "/api/v1/", "/api/v1/licence", "/api/v1/billing", "/api/v1//license", "/metrics"]
    {
        assert_eq!(send(Asked::new("GET", path)), (404, "NO_SUCH_PATH".to_owned()), "{path}");
    }
    let wrong = api.send(&Asked::new("PATCH", "/api/v1/license").by_token());
    assert_eq!((wrong.status, wrong.code().as_str()), (405, "METHOD"));
    assert!(wrong.header("allow").is_some_and(|allow| allow.contains("DELETE")), "{wrong:?}");
    assert_eq!(send(Asked::new("GET", "/api/v1/license?x=1")), (400, "BAD_QUERY".to_owned()));
    assert_eq!(send(Asked::new("POST", "/api/v1/license/validate/%FF")), (400, "BAD_ID".to_owned()));
    assert_eq!(send(Asked::new("POST", "/api/v1/license/validate/a%00b")), (422, "BAD_ID".to_owned()));
    for (path, body, status, code) in [
        ("/api/v1/usage", "[]", 400, "MALFORMED"),
        ("/api/v1/usage", "", 400, "MALFORMED"),
        ("/api/v1/usage", "{\"events\":1}", 400, "MALFORMED"),
        ("/api/v1/license", "{\"licence_file\":7}", 400, "MALFORMED"),
        ("/api/v1/license", "{\"more\":7}", 400, "MALFORMED"),
        ("/api/v1/license/heartbeat", "{\"active_camera_ids\":\"a\"}", 400, "MALFORMED"),
    ] {
        assert_eq!(send(Asked::new("POST", path).json(body)), (status, code.to_owned()), "{path} {body}");
    }
    let typed =
        Asked::new("POST", "/api/v1/usage").with("content-type", "text/plain").with("content-length", "2");
    let mut wire = api.wire();
    let refused = wire.send(&typed.by_token().with("connection", "close").ending("{}"));
    assert_eq!((refused.status, refused.code().as_str()), (415, "CONTENT_TYPE"));
    let large = format!("{{\"events\":[\"{}\"]}}", "x".repeat(1024 * 1024));
    assert_eq!(send(Asked::new("POST", "/api/v1/usage").json(&large)), (413, "TOO_LARGE".to_owned()));
    assert_eq!(api.validate("cam-1")["is_valid"], true, "it goes on");
    api.stop();
}

#[test]
fn who_says_nothing_is_hung_up_on_and_takes_nobodys_place_for_long() {
    let (_scene, api) = served();
    let mut idle: Vec<_> = (0..64).map(|_| TcpStream::connect(&api.address).unwrap()).collect();
    idle[0].write_all(b"GET /health HTTP/1.1\r\nhost: loc").unwrap();
    let mut one_more = TcpStream::connect(&api.address).unwrap();
    let mut said = Vec::new();
    let _ = one_more.read_to_end(&mut said);
    assert!(said.is_empty(), "beyond the bound it is hung up at once");
    // Within the time for a head all of them are.
    for stream in &mut idle {
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
    }
    assert_eq!(api.validate("cam-1")["is_valid"], true);
    api.stop();
}

#[test]
fn what_would_let_anybody_in_does_not_start() {
    let scene = Scene::activated(2);
    let path = |name: &str| scene.world.path(name);
    let good = secret_file(path("good"), TOKEN, 0o600);
    let run = |words: &[&str]| scene.device.run(&[&["run"], words].concat());
    run(&["--api-listen", "127.0.0.1:0"]).coded(2).says("--api-token-file");
    run(&["--api-listen", "0.0.0.0:0", "--api-token-file", &good]).coded(2).says("this machine alone");
    for (name, text, mode) in [("wide", TOKEN, 0o644), ("writable", TOKEN, 0o660), ("short", "secret", 0o600)]
    {
        let file = secret_file(path(name), text, mode);
        let refused =
            run(&["--api-listen", "127.0.0.1:0", "--api-token-file", &file]).coded(2).says("SECRET_FILE");
        assert!(!refused.stderr.contains(TOKEN));
    }
    let file = path("a-file");
    std::fs::write(&file, "kept").unwrap();
    run(&["--api-socket", file.to_str().unwrap()]).coded(2).says("something else has that name");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
    for origin in ["*", "null", "http://localhost:5173/"] {
        let words = ["--api-listen", "127.0.0.1:0", "--api-token-file", &good, "--cors-origin", origin];
        run(&words).coded(2).says("origin");
    }
    for url in ["http://billing.example/api/v1", "ftp://a", "https://user:pass@a"] {
        let words = ["--api-listen", "127.0.0.1:0", "--api-token-file", &good];
        let billing = ["--billing-url", url, "--billing-key-file", &good];
        run(&[words, billing].concat()).coded(2);
    }
}

#[test]
fn the_socket_needs_no_token_and_goes_with_the_agent() {
    let (scene, path) = (Scene::activated(10), "api.sock");
    scene.assign_two();
    scene.device.exchange().ok();
    let socket = scene.world.path(path);
    let api = LocalApi::start(&scene.device, &["--api-socket", socket.to_str().unwrap()]);
    let there = socket.symlink_metadata().unwrap();
    assert!(there.file_type().is_socket());
    assert_eq!(there.mode() & 0o7777, 0o660);
    let mut wire = Wire::to_socket(&socket);
    for camera in ["cam-1", "cam-2"] {
        let asked = Asked::of_host("POST", &format!("/api/v1/license/validate/{camera}"), "agent");
        assert_eq!(api.send_on(&mut wire, &asked).json()["is_valid"], true, "on one connection");
    }
    let refused =
        api.send_on(&mut wire, &Asked::new("GET", "/api/v1/license").with("origin", "http://a.example"));
    assert_eq!(refused.code(), "FOREIGN_ORIGIN");
    let taken = scene.world.device("other", &scene.issuer);
    taken.run(&["run", "--api-socket", socket.to_str().unwrap()]).coded(2).says("somebody listens on it");
    api.stop();
    assert!(!socket.exists());
}

/// By socket the kernel says who asks; by token its file does. Nobody does by either what `agent.sock` keeps from them.
#[test]
fn hosts_do_no_more_over_http_than_over_the_agents_socket() {
    let mut scene = Scene::activated(10);
    scene.assign_two();
    let Some(people) = People::around(&scene, &scene.device) else { return };
    let socket = people.path("api.sock");
    let token = secret_file(people.path("token").into(), TOKEN, 0o640);
    std::os::unix::fs::chown(&token, Some(0), Some(HOSTS)).unwrap();
    let api = LocalApi::under(&people.agent, &token, &["--api-socket", &socket]);
    let import = json!({"licence_file": "QlJJTktSU1A"});
    let (status, refused) = api.post("/api/v1/license", &import);
    assert_eq!((status, text(&refused, "code")), (403, "NOT_FOR_HOSTS"), "{refused}");
    // Root is the owner over the socket, and a host is one there too.
    let asked = |as_whom: &str| {
        let asked = Asked::of_host("POST", "/api/v1/license", as_whom);
        asked.json(&import.to_string())
    };
    let by_root = api.send_on(&mut Wire::to_socket(socket.as_ref()), &asked("root"));
    assert_ne!(by_root.status, 403, "{by_root:?}");
    let (path, request) = (socket.clone(), asked("host"));
    let by_host = people.as_host(move || Wire::to_socket(path.as_ref()).send(&request));
    assert_eq!((by_host.status, by_host.code().as_str()), (403, "NOT_FOR_HOSTS"));
    // A host's exchange is made, and for half a minute shared.
    assert_eq!(api.post("/api/v1/license/heartbeat", &json!({})).1["status"], "ok");
    let requests = |people: &People| people.host.status()["exchange"]["ctr"].as_u64().unwrap();
    let before = requests(&people);
    assert_eq!(api.post("/api/v1/license/heartbeat", &json!({})).1["status"], "ok");
    assert_eq!(requests(&people), before);
    scene.stop_issuer();
    api.stop();
}

#[test]
fn a_token_of_the_owners_alone_is_the_owner() {
    let (_scene, api) = served();
    let (status, refused) = api.post("/api/v1/license", &json!({"licence_file": "QlJJTktSU1A"}));
    assert_eq!((status, text(&refused, "code")), (409, "NOTHING_PENDING"), "{refused}");
    api.stop();
}
