use super::*;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

/// Answers one connection with `response` and gives back what was asked.
fn server(response: Vec<u8>) -> (IssuerUrl, JoinHandle<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = IssuerUrl::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let asked = read_request(&mut stream);
        // A client that has seen enough may close before the last byte.
        let _ = stream.write_all(&response);
        asked
    });
    (url, serving)
}

fn read_request(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (head, body)
}

fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn send(url: IssuerUrl) -> Result<Delivery, UplinkError> {
    HttpsUplink::new(url, None).unwrap().send("/v1/exchange", b"request")
}

fn answered(status: &str, headers: &str, body: &[u8]) -> Result<Delivery, UplinkError> {
    let (url, serving) = server(http(status, headers, body));
    let delivery = send(url);
    serving.join().unwrap();
    delivery
}

const OURS: &str = "content-type: application/vnd.brink.exchange\r\n";
const PROBLEM: &str = "content-type: application/problem+json; charset=utf-8\r\n";

#[test]
fn the_bytes_go_up_and_come_down_as_they_are() {
    let (url, serving) = server(http("200 OK", OURS, b"\0answer\xff"));
    assert_eq!(send(url), Ok(Delivery::Answered(b"\0answer\xff".to_vec())));
    let (head, body) = serving.join().unwrap();
    assert!(head.starts_with("POST /v1/exchange HTTP/1.1\r\n"), "{head}");
    let head = head.to_ascii_lowercase();
    assert!(head.contains("content-type: application/vnd.brink.exchange\r\n"), "{head}");
    assert!(head.contains(&format!("user-agent: {USER_AGENT}\r\n")), "{head}");
    assert_eq!(body, b"request");
}

#[test]
fn a_problem_keeps_its_code_words_and_mend() {
    let body = br#"{"type":"about:blank","title":"Gone","status":409,"code":"CODE_SPENT",
        "detail":"the code was used\u001b[2J","mend":"ask for another","more":[1]}"#;
    let error = answered("409 Conflict", PROBLEM, body).unwrap_err();
    assert_eq!(error.code(), "CODE_SPENT");
    assert_eq!(error.mend(), "ask for another");
    assert!(error.to_string().contains("the code was used [2J"), "no control characters: {error}");
    assert!(error.is_definite());
}

#[test]
fn later_is_not_no_and_says_when() {
    for (status, definite) in [
        ("429 Too Many Requests", false),
        ("503 Service Unavailable", false),
        ("500 Internal Server Error", false),
        ("401 Unauthorized", true),
        ("413 Content Too Large", true),
    ] {
        let headers = format!("{PROBLEM}retry-after: 7\r\n");
        let error = answered(status, &headers, br#"{"code":"X"}"#).unwrap_err();
        assert_eq!(error.is_definite(), definite, "{status}");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    }
    let bare = answered("503 Service Unavailable", "retry-after: soon\r\n", b"<html>").unwrap_err();
    assert_eq!((bare.code(), bare.retry_after()), ("HTTP_503", None));
}

#[test]
fn what_is_no_issuer_is_named_so() {
    for (status, headers, body) in [
        ("200 OK", "content-type: text/html\r\n", &b"<html>"[..]),
        ("200 OK", "", b"x"),
        ("204 No Content", OURS, b""),
        ("404 Not Found", "content-type: text/html\r\n", b"nothing here"),
        ("404 Not Found", PROBLEM, b"not json"),
        ("302 Found", "location: http://127.0.0.1:1/elsewhere\r\n", b""),
    ] {
        let error = answered(status, headers, body).unwrap_err();
        assert_eq!(error.code(), "NOT_AN_ISSUER", "{status} {headers} {error}");
        assert!(!error.is_definite());
    }
}

#[test]
fn an_answer_above_the_limit_is_not_read_whole() {
    let error = answered("200 OK", OURS, &vec![0; RESPONSE_BYTES_MAX + 1]).unwrap_err();
    assert!(error.to_string().contains("more than"), "{error}");
    assert!(answered("200 OK", OURS, &vec![0; RESPONSE_BYTES_MAX]).is_ok());
}

#[test]
fn nobody_there_and_half_an_answer_are_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = IssuerUrl::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    assert_eq!(send(url).unwrap_err().code(), "ISSUER_UNREACHABLE");
    let (url, serving) = server(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n".to_vec());
    assert_eq!(send(url).unwrap_err().code(), "ISSUER_UNREACHABLE");
    serving.join().unwrap();
    let half = [OURS.as_bytes(), b"content-length: 10\r\n\r\nhalf"].concat();
    let (url, serving) = server([b"HTTP/1.1 200 OK\r\n".to_vec(), half].concat());
    assert_eq!(send(url).unwrap_err().code(), "ISSUER_UNREACHABLE");
    serving.join().unwrap();
}

fn probed(status: &str, body: &[u8]) -> Probed {
    let (url, serving) = server(http(status, "content-type: text/plain\r\n", body));
    let probed = HttpsUplink::new(url, None).unwrap().probe();
    let (asked, sent) = serving.join().unwrap();
    assert!(asked.starts_with("GET /healthz ") && sent.is_empty(), "{asked}");
    probed
}

#[test]
fn a_probe_tells_an_issuer_from_somebody_else_and_from_nobody() {
    assert_eq!(probed("200 OK", b"ok\n"), Probed::Answers);
    for (status, body) in [("200 OK", &b"<html>"[..]), ("404 Not Found", b"ok\n"), ("302 Found", b"")] {
        assert!(matches!(probed(status, body), Probed::NotAnIssuer(_)), "{status}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = IssuerUrl::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    assert!(matches!(HttpsUplink::new(url, None).unwrap().probe(), Probed::Unreachable(_)));
}

#[test]
fn certificates_are_certificates() {
    let url = IssuerUrl::parse("https://issuer.example").unwrap();
    for bad in ["", "no pem", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"] {
        let error = HttpsUplink::new(url.clone(), Some(bad)).unwrap_err();
        assert_eq!(error.code(), "BAD_CA_FILE", "{bad:?}");
    }
    assert!(HttpsUplink::new(url, None).is_ok());
}

#[test]
fn a_request_takes_no_longer_than_it_was_given() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = IssuerUrl::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let uplink = HttpsUplink::new(url, None).unwrap().within(Duration::from_millis(200));
        tell.send(uplink.send("/v1/exchange", b"request")).unwrap();
    });
    // Half of the time that a request has otherwise.
    let delivery = told.recv_timeout(NETWORK_TIMEOUT / 2).expect("it is given up in time");
    assert_eq!(delivery.unwrap_err().code(), "ISSUER_UNREACHABLE");
    drop(listener);
}
