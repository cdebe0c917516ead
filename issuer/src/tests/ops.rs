//! What operators see: liveness, readiness, metrics, and ids of requests.

use super::http::{activation, post, send, serve};
use super::keys::rotate;
use crate::config::ServeConfig;
use crate::http::{Readiness, Server, ops_router};
use crate::testkit::Bench;
use brink_license::exchange::RequestKind;
use brink_license::keyset::KeyUse;
use std::net::SocketAddr;
use std::sync::Arc;

/// The pages of operators beside a bench, and who may say that it drains.
async fn watched(bench: &Bench) -> (SocketAddr, Arc<Readiness>) {
    let readiness = Arc::new(Readiness::of(Arc::clone(&bench.issuer)));
    let server = Server::listen(ServeConfig::ops(SocketAddr::from(([127, 0, 0, 1], 0)))).await.unwrap();
    let app = ops_router(Arc::clone(&bench.issuer), Arc::clone(&readiness));
    let address = server.address();
    tokio::spawn(server.run(app, std::future::pending()));
    (address, readiness)
}

async fn page(address: SocketAddr, path: &str) -> (u16, String, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let (status, head, body) = send(address, request.as_bytes()).await;
    (status, head, String::from_utf8(body).unwrap())
}

/// The status of `/readyz` and the code of what is wrong.
async fn readiness_of(address: SocketAddr) -> (u16, Option<String>) {
    let (status, _, body) = page(address, "/readyz").await;
    let report: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(report["ready"], status == 200, "{report}");
    let checks = report["checks"].as_array().unwrap();
    let lacks: Vec<_> = checks.iter().filter(|check| check["ready"] == false).collect();
    assert!(lacks.iter().all(|check| check["mend"].is_string()), "{report}");
    (status, lacks.first().map(|check| check["code"].as_str().unwrap().to_owned()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_names_what_is_missing_and_liveness_does_not_care() {
    let bench = Bench::with(10, &[]);
    let (address, readiness) = watched(&bench).await;
    assert_eq!(readiness_of(address).await, (200, None));
    let (status, _, body) = page(address, "/metrics").await;
    assert!(status == 200 && body.contains("brink_issuer_ready 1\n"), "{body}");

    rotate(&bench, &[KeyUse::License]);
    let (key, aside) = (bench.data.keys().join("license-2.key"), bench.data.keys().join("aside"));
    std::fs::rename(&key, &aside).unwrap();
    assert_eq!(readiness_of(address).await, (503, Some("KEYS".into())));
    std::fs::rename(&aside, &key).unwrap();
    assert_eq!(readiness_of(address).await, (200, None));

    bench.pass(3 * 366 * crate::testkit::DAY);
    assert_eq!(readiness_of(address).await, (503, Some("KEYSET_EXPIRED".into())));
    readiness.drain();
    assert_eq!(readiness_of(address).await, (503, Some("DRAINING".into())));
    assert_eq!(page(address, "/livez").await.0, 200);
    let (_, _, body) = page(address, "/metrics").await;
    assert!(body.contains("brink_issuer_draining 1\n") && body.contains("brink_issuer_ready 0\n"), "{body}");
    assert_eq!(page(address, "/v1/exchange").await.0, 404, "devices have no business here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_devices_do_is_counted_once_and_nobody_is_named() {
    let bench = Bench::with(10, &[]);
    let server = serve(&bench, |_| {}).await;
    let (address, _) = watched(&bench).await;
    let mut other = bench.device();
    let request = activation(&bench, &mut other);
    other.accept(&post(server.address, "/v1/activate", &request).await.2);
    let mut edge = bench.metering();
    for thousandths in [1000, 2000] {
        edge.journal().record("sms", "cam-1", thousandths);
    }
    bench.pass_with(&mut edge, 100);
    let request = edge.request(RequestKind::Exchange);
    for _ in 0..2 {
        assert_eq!(post(server.address, "/v1/exchange", &request).await.0, 200);
    }
    assert_eq!(post(server.address, "/v1/exchange", b"garbage").await.0, 400);
    assert_eq!(post(server.address, &format!("/v1/tenants/{}", edge.id()), b"").await.0, 404);
    let (_, head, page) = page(address, "/metrics").await;
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    for line in [
        "brink_issuer_activations_total 2",
        "brink_issuer_exchanges_total 1",
        "brink_issuer_replays_total{kind=\"exchange\"} 1",
        "brink_issuer_licences_minted_total 2",
        "brink_issuer_usage_batches_total{verdict=\"taken\"} 1",
        "brink_issuer_usage_records_booked_total 2",
        "brink_issuer_usage_lag_seconds_count 1",
        "brink_issuer_refusals_total{listener=\"device\",code=\"MALFORMED\"} 1",
        "brink_issuer_refusals_total{listener=\"device\",code=\"NOT_FOUND\"} 1",
        "brink_issuer_http_requests_total{listener=\"device\",method=\"POST\",route=\"/v1/exchange\",status=\"200\"} 2",
        "brink_issuer_http_requests_total{listener=\"device\",method=\"POST\",route=\"other\",status=\"404\"} 1",
        "brink_issuer_http_requests_in_flight{listener=\"device\"} 0",
        "brink_issuer_room_taken{listener=\"device\",kind=\"work\"} 0",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} in\n{page}");
    }
    for name in [edge.id().as_str(), crate::testkit::TENANT] {
        assert!(!page.contains(name), "{name} in\n{page}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_problem_names_its_request_as_the_header_does_even_where_a_layer_answered() {
    let bench = Bench::with(10, &[]);
    let server = serve(&bench, |config| config.request_timeout = std::time::Duration::from_millis(50)).await;
    let late = b"POST /v1/exchange HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 9\r\n\r\nabc";
    for (bytes, code) in [
        (&b"POST /v1/nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"[..], "NOT_FOUND"),
        (&late[..], "REQUEST_TIMEOUT"),
    ] {
        let (_, head, body) = send(server.address, bytes).await;
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["code"], code, "{problem}");
        let id = problem["instance"].as_str().and_then(|urn| urn.strip_prefix("urn:uuid:")).unwrap();
        assert!(head.contains(&format!("x-request-id: {id}")), "{head}");
    }
}
