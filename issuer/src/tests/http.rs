use crate::config::ServeConfig;
use crate::http::{Server, router};
use crate::testkit::{Bench, Edge};
use brink_license::exchange::RequestKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<bool>,
}

pub(crate) async fn serve(bench: &Bench, change: impl FnOnce(&mut ServeConfig)) -> Running {
    let mut config = ServeConfig::on(SocketAddr::from(([127, 0, 0, 1], 0)));
    change(&mut config);
    let app = router(Arc::clone(&bench.issuer), &config);
    let server = Server::listen(config).await.unwrap();
    let (stop, stopped) = oneshot::channel();
    let address = server.address();
    let ended = tokio::spawn(server.run(app, async { drop(stopped.await) }));
    Running { address, stop, ended }
}

/// Status, head and body of one exchange over a connection of its own.
pub(super) async fn post(address: SocketAddr, path: &str, body: &[u8]) -> (u16, String, Vec<u8>) {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    send(address, &[head.as_bytes(), body].concat()).await
}

pub(crate) async fn send(address: SocketAddr, bytes: &[u8]) -> (u16, String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that refuses early may close before everything is sent.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(0);
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, head, answer.split_off((end + 4).min(answer.len())))
}

pub(super) fn activation(bench: &Bench, edge: &mut Edge) -> Vec<u8> {
    edge.request(RequestKind::Activate { code: bench.code(1).code.reveal().to_owned() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_activates_and_exchanges_over_http() {
    let bench = Bench::with(10, &[]);
    let server = serve(&bench, |_| {}).await;
    let mut edge = bench.device();
    let request = activation(&bench, &mut edge);
    let (status, head, body) = post(server.address, "/v1/activate", &request).await;
    assert_eq!(status, 200, "{head}");
    assert!(head.contains("application/vnd.brink.exchange") && head.contains("x-request-id"), "{head}");
    edge.accept(&body);
    let request = edge.request(RequestKind::Exchange);
    let (status, _, body) = post(server.address, "/v1/exchange", &request).await;
    assert_eq!(status, 200);
    edge.accept(&body);
    let (status, _, again) = post(server.address, "/v1/exchange", &request).await;
    assert_eq!((status, again), (200, body));
    let (status, _, body) =
        send(server.address, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert_eq!((status, body.as_slice()), (200, &b"ok\n"[..]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_are_problems_with_their_status_and_code() {
    let bench = Bench::with(10, &[]);
    let server = serve(&bench, |_| {}).await;
    let mut edge = bench.device();
    let request = activation(&bench, &mut edge);
    let wrong_code = edge.request(RequestKind::Activate { code: "AAAAA".into() });
    let unknown = {
        let mut edge = bench.device();
        edge.device = Some("dev-unknown".parse().unwrap());
        edge.request(RequestKind::Exchange)
    };
    for (path, body, status, code) in [
        ("/v1/activate", &b"garbage"[..], 400, "MALFORMED"),
        ("/v1/exchange", &request, 401, "WRONG_PROOF"),
        ("/v1/activate", &wrong_code, 403, "CODE_UNKNOWN"),
        ("/v1/exchange", &unknown, 401, "UNKNOWN_DEVICE"),
        ("/v1/nothing", &b""[..], 404, "NOT_FOUND"),
        ("/healthz", &b""[..], 405, "METHOD_NOT_ALLOWED"),
    ] {
        let (found, head, body) = post(server.address, path, body).await;
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((found, problem["code"].as_str()), (status, Some(code)), "{path} {problem}");
        assert!(head.contains("application/problem+json"), "{head}");
        assert_eq!(problem["status"], status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_above_the_limit_and_slow_clients_are_cut_off() {
    let bench = Bench::with(10, &[]);
    let short = Duration::from_millis(300);
    let server = serve(&bench, |config| (config.head_timeout, config.body_timeout) = (short, short)).await;
    let huge =
        b"POST /v1/exchange HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 104857600\r\n\r\n";
    assert_eq!(send(server.address, huge).await.0, 413);
    let slow =
        b"POST /v1/exchange HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 100\r\n\r\nabc";
    let (status, head, _) = send(server.address, slow).await;
    assert!((400..500).contains(&status), "{head}");
    let (status, head, _) = send(server.address, b"POST /v1/exch").await;
    assert!(status == 0 || status == 408, "{head}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_in_flight_is_finished_after_the_signal() {
    let bench = Bench::with(10, &[]);
    let server = serve(&bench, |_| {}).await;
    let mut edge = bench.device();
    let request = activation(&bench, &mut edge);
    let head = format!("POST /v1/activate HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", request.len());
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&request[..10]).await.unwrap();
    // The head has to arrive before the signal: an idle connection is rightly closed.
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.stop.send(()).unwrap();
    stream.write_all(&request[10..]).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(
        answer.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&answer[..64.min(answer.len())])
    );
    assert!(server.ended.await.unwrap(), "everything ended in time");
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_finds_no_room_to_work_is_sent_away_and_welcome_again() {
    let bench = Bench::with(10, &[]);
    let wait = Duration::from_millis(50);
    let server = serve(&bench, |config| (config.work_max, config.work_wait) = (1, wait)).await;
    let mut edges = [bench.device(), bench.device()];
    let requests = edges.each_mut().map(|edge| activation(&bench, edge));
    // Whoever is first waits inside for the database, which somebody else holds.
    let held = bench.locked();
    let address = server.address;
    let (sent, mut answered) = tokio::sync::mpsc::channel(2);
    for request in requests.clone() {
        let sent = sent.clone();
        tokio::spawn(async move { sent.send(post(address, "/v1/activate", &request).await).await });
    }
    let (status, head, body) = answered.recv().await.unwrap();
    assert_eq!(status, 503, "{head}");
    assert!(head.contains("retry-after: 2") && head.contains("application/problem+json"), "{head}");
    assert!(String::from_utf8_lossy(&body).contains("\"BUSY\""));
    drop(held);
    assert_eq!(answered.recv().await.unwrap().0, 200);
    for request in requests {
        assert_eq!(post(address, "/v1/activate", &request).await.0, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_need_a_place_before_they_are_read_and_small_ones_do_not() {
    let bench = Bench::with(10, &[]);
    let server = serve(&bench, |config| config.large_max = 1).await;
    let head = |length: &str| format!("POST /v1/exchange HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n");
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    let large = head("Content-Length: 1000000\r\nExpect: 100-continue");
    slow.write_all(large.as_bytes()).await.unwrap();
    // It is told to go on once its body is read, which is after it has got its place.
    let mut told = [0; 21];
    slow.read_exact(&mut told).await.unwrap();
    assert!(told.starts_with(b"HTTP/1.1 100"));
    for length in
        ["Connection: close\r\nContent-Length: 131073", "Connection: close\r\nTransfer-Encoding: chunked"]
    {
        let (status, head, _) = send(server.address, head(length).as_bytes()).await;
        assert_eq!(status, 503, "{length}: {head}");
        assert!(head.contains("retry-after"), "{head}");
    }
    let mut edge = bench.device();
    let request = activation(&bench, &mut edge);
    assert_eq!(post(server.address, "/v1/activate", &request).await.0, 200);
    drop(slow);
    // The place is free once the server has noticed; whatever it says then is about the body.
    let body = vec![0; 131_073];
    loop {
        match post(server.address, "/v1/exchange", &body).await.0 {
            503 => tokio::task::yield_now().await,
            status => break assert_eq!(status, 400),
        }
    }
}

#[test]
fn what_requests_may_take_at_once_is_a_product_of_named_bounds() {
    let config = ServeConfig::on(SocketAddr::from(([127, 0, 0, 1], 0)));
    assert_eq!(crate::http::request_bytes_max(&config) / (1024 * 1024), 64 + 66 + 256);
    // One connection of SQLite changes nothing.
    assert_eq!(config.with_connections(1).work_max, config.work_max);
    let config = config.with_connections(16);
    assert_eq!(crate::http::request_bytes_max(&config) / (1024 * 1024), 64 + 66 + 1024);
}
