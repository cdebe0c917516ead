use super::*;
use crate::command::{Question, Secret};
use crate::local::{VERB_TIMEOUT, ask};
use crate::mirror::{self, Around, MirrorOptions, PostgresOptions, RedisOptions, Retention};
use crate::uplink::IssuerUrl;
use brink_license::exchange::{ExchangeRequest, RequestBody};
use brink_license::keyset::TrustAnchor;
use brink_license::{CameraId, Feature, IssuerName, Kid};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread::JoinHandle;

struct Running {
    dir: tempfile::TempDir,
    socket: PathBuf,
    events: Sender<Event>,
    ended: JoinHandle<Result<(), EdgeError>>,
}

impl Running {
    /// An agent in a directory that trusts somebody and holds no device.
    fn start() -> Self {
        Self::beside(&MirrorOptions::default())
    }

    /// The same with mirrors.
    fn beside(mirrors: &MirrorOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path().join("edge"));
        let roots = vec![Kid::from_digest([1; 32])];
        let anchor = TrustAnchor::new(IssuerName::parse("dev-acme").unwrap(), 1, roots).unwrap();
        layout.init(anchor.to_json().unwrap().as_bytes()).unwrap();
        let agent = Agent::open(&layout, None, None).unwrap();
        let events = agent.events();
        let around = Around { layout: layout.clone(), agent: agent.events(), standings: agent.mirrors() };
        mirror::start(mirrors, &around);
        let server = LocalServer::bind(&layout.socket(), None, agent.events()).unwrap();
        let ended = std::thread::spawn(move || agent.run(server));
        Self { dir, socket: layout.socket(), events, ended }
    }

    fn ask(&self, command: &Command) -> Reply {
        ask(&self.socket, command, VERB_TIMEOUT).unwrap().expect("the agent answers")
    }

    fn stop(self) -> tempfile::TempDir {
        self.events.send(Event::Shutdown).unwrap();
        self.ended.join().unwrap().unwrap();
        assert!(!self.socket.exists());
        self.dir
    }
}

fn code(reply: &Reply) -> &str {
    reply.error.as_ref().map_or("", |report| &report.code)
}

fn question() -> Command {
    Command::Check(Question {
        camera: CameraId::parse("cam-001").unwrap(),
        feature: Feature::parse("analytics/near_miss").unwrap(),
        at: None,
    })
}

fn activate(listener: &TcpListener, text: &str) -> Command {
    let issuer = IssuerUrl::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    Command::ActivateOnline { code: Secret::new(text), issuer: Some(issuer), ca_pem: None, again: false }
}

/// Reads a request from its head to the end of its body.
fn request_on(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = stream.read(&mut chunk).unwrap();
        assert_ne!(count, 0, "the client went away");
        bytes.extend_from_slice(&chunk[..count]);
        let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap();
        let length: usize = length.trim().parse().unwrap();
        if bytes.len() >= head + 4 + length {
            return bytes[head + 4..].to_vec();
        }
    }
}

#[test]
fn without_a_device_it_still_answers() {
    let running = Running::start();
    let status = running.ask(&Command::Status);
    assert_eq!((status.exit_code, status.document["state"].as_str()), (0, Some("unlicensed")));
    assert_eq!(status.document["store"]["agent"], "running");
    assert_eq!(running.ask(&question()).exit_code, 3);
    for command in [
        Command::ExchangeExport,
        Command::ExchangeOnline { issuer: None, ca_pem: None },
        Command::ActivateImport { response: crate::command::Payload(vec![1]) },
    ] {
        let reply = running.ask(&command);
        assert_eq!((reply.exit_code, code(&reply)), (1, "NOT_ACTIVATED"), "{command:?}");
    }
    running.stop();
}

#[test]
fn addresses_that_are_none_are_refused_and_the_agent_runs() {
    let why = "it is no address".to_owned();
    let options =
        MirrorOptions { postgres: Some(Err(why.clone())), redis: Some(Err(why)), ..MirrorOptions::default() };
    let running = Running::beside(&options);
    let status = running.ask(&Command::Status);
    let said = |at: usize, what: &str| status.document["mirrors"][at][what].as_str().unwrap().to_owned();
    assert_eq!((said(0, "state"), said(0, "code")), ("refused".to_owned(), "DATABASE_URL".to_owned()));
    assert_eq!((said(1, "state"), said(1, "code")), ("refused".to_owned(), "REDIS_ADDRESS".to_owned()));
    assert!(said(0, "mend").contains("POSTGRES_HOST"));
    running.stop();
}

/// Servers that take a connection and say nothing, and one that is not there.
#[test]
fn servers_of_mirrors_that_say_nothing_keep_no_verb_waiting_and_are_measured() {
    let (silent, gone) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = silent.local_addr().unwrap().port();
    let redis = gone.local_addr().unwrap().to_string();
    drop(gone);
    let connect = Duration::from_millis(300);
    let postgres = PostgresOptions {
        url: format!("postgres://brink@127.0.0.1:{port}/edge").parse().unwrap(),
        connections: 2,
        connect,
        retention: Retention::default(),
    };
    let ttl = Duration::from_secs(60);
    let address = format!("redis://{redis}").parse().unwrap();
    let redis = RedisOptions { address, connect, licence_ttl: ttl, entitlement_ttl: ttl };
    let options =
        MirrorOptions { postgres: Some(Ok(postgres)), redis: Some(Ok(redis)), ..MirrorOptions::default() };
    let running = Running::beside(&options);
    let is_down = |page: &str| {
        ["postgres", "redis"].iter().all(|mirror| {
            let line = |name: &str| format!("brink_mirror_{name}{{mirror=\"{mirror}\"}} ");
            let failed = page.lines().find_map(|said| said.strip_prefix(&line("failures_total")));
            page.contains(&format!("{}0", line("up"))) && failed.is_some_and(|failures| failures != "0")
        })
    };
    while !is_down(&crate::metrics::page(&running.events).unwrap()) {
        let status = running.ask(&Command::Status);
        assert_eq!((status.exit_code, status.document["mirrors"].as_array().unwrap().len()), (0, 2));
        assert_eq!(running.ask(&question()).exit_code, 3);
    }
    let status = running.ask(&Command::Status);
    let codes: Vec<_> =
        (0..2).map(|at| status.document["mirrors"][at]["code"].as_str().unwrap().to_owned()).collect();
    assert_eq!(codes, ["DATABASE_UNAVAILABLE", "REDIS_UNAVAILABLE"]);
    assert!(
        status.text.contains("mirror:    postgres down") && status.text.contains("mend:"),
        "{}",
        status.text
    );
    running.stop();
}

#[test]
fn a_hanging_issuer_keeps_no_other_verb_waiting() {
    let running = Running::start();
    let issuer = TcpListener::bind("127.0.0.1:0").unwrap();
    let command = activate(&issuer, "CODE");
    let asking = |command: Command, socket: PathBuf| {
        std::thread::spawn(move || ask(&socket, &command, VERB_TIMEOUT).unwrap().unwrap())
    };
    let first = asking(command.clone(), running.socket.clone());
    let (mut stream, _) = issuer.accept().unwrap();
    let sent = request_on(&mut stream);
    // From here on the issuer is silent, and everything else is answered.
    let status = running.ask(&Command::Status);
    assert_eq!(status.document["exchange"]["pending"], "activate");
    assert_eq!(running.ask(&question()).exit_code, 3);
    let Command::ActivateOnline { code: secret, .. } = &command else { unreachable!() };
    let export = Command::ActivateExport { code: secret.clone(), issuer: None, again: false };
    let exported = running.ask(&export).file.unwrap().0;
    assert_eq!(exported, sent, "by file the same bytes as by network");
    let busy = running.ask(&activate(&issuer, "ANOTHER"));
    assert_eq!(code(&busy), "AGENT_BUSY");
    stream
        .write_all(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 60\r\n\r\n")
        .unwrap();
    drop(stream);
    assert_eq!(code(&first.join().unwrap()), "HTTP_503");
    assert_eq!(running.ask(&export).file.unwrap().0, sent, "and the request is kept for the next time");
    running.stop();
}

#[test]
fn a_definite_no_gives_the_request_up_and_silence_keeps_it() {
    let running = Running::start();
    let issuer = TcpListener::bind("127.0.0.1:0").unwrap();
    let answer = |status: &str, body: &str| {
        let (mut stream, _) = issuer.accept().unwrap();
        let request = ExchangeRequest::decode(&request_on(&mut stream)).unwrap();
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\n");
        write!(stream, "{head}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()).unwrap();
        RequestBody::decode(&request.body).unwrap();
    };
    let command = activate(&issuer, "CODE");
    let mut replies = Vec::new();
    for (status, body) in
        [("503 Service Unavailable", r#"{"code":"BUSY"}"#), ("403 Forbidden", r#"{"code":"CODE_UNKNOWN"}"#)]
    {
        let (socket, command) = (running.socket.clone(), command.clone());
        let asking = std::thread::spawn(move || ask(&socket, &command, VERB_TIMEOUT).unwrap().unwrap());
        answer(status, body);
        replies.push(code(&asking.join().unwrap()).to_owned());
        let pending = running.ask(&Command::Status).document["exchange"]["pending"].clone();
        replies.push(pending.as_str().unwrap_or("nothing").to_owned());
    }
    assert_eq!(replies, ["BUSY", "activate", "CODE_UNKNOWN", "nothing"]);
    let refusal = running.ask(&Command::Status).document["exchange"]["last_refusal"]["code"].clone();
    assert_eq!(refusal, "CODE_UNKNOWN");
    running.stop();
}

#[test]
fn what_waits_for_an_answer_is_sent_without_being_asked() {
    let running = Running::start();
    let issuer = TcpListener::bind("127.0.0.1:0").unwrap();
    let Command::ActivateOnline { code: secret, issuer: url, .. } = activate(&issuer, "CODE") else {
        unreachable!()
    };
    let export = Command::ActivateExport { code: secret, issuer: url, again: false };
    let exported = running.ask(&export).file.unwrap().0;
    let (mut stream, _) = issuer.accept().unwrap();
    assert_eq!(request_on(&mut stream), exported);
    running.stop();
}

/// Asks like a host, and waits.
fn ask_as_host(running: &Running, command: Command) -> Reply {
    let (reply_to, reply) = channel();
    running.events.send(Event::Command(command, Peer::Host, reply_to)).unwrap();
    reply.recv().unwrap()
}

#[test]
fn hosts_that_ask_for_one_exchange_after_another_share_the_last_outcome() {
    let running = Running::start();
    let issuer = TcpListener::bind("127.0.0.1:0").unwrap();
    let command = activate(&issuer, "CODE");
    let calls = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    // Answers for ever that it is busy; ends with the test's process.
    std::thread::spawn(move || {
        for stream in issuer.incoming() {
            let mut stream = stream.unwrap();
            request_on(&mut stream);
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let head = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 3600\r\n";
            let _ = write!(stream, "{head}connection: close\r\n\r\n");
        }
    });
    let calls = || calls.load(std::sync::atomic::Ordering::SeqCst);
    let plain = || Command::ExchangeOnline { issuer: None, ca_pem: None };
    assert_eq!(code(&running.ask(&command)), "HTTP_503");
    assert_eq!(calls(), 1);
    for _ in 0..20 {
        assert_eq!(code(&ask_as_host(&running, plain())), "HTTP_503");
    }
    assert_eq!(calls(), 1, "no call for any of them");
    assert_eq!(code(&running.ask(&plain())), "HTTP_503");
    assert_eq!(calls(), 2, "the owner's is made");
    running.stop();
}

#[test]
fn the_next_agent_takes_up_the_directory_of_the_last() {
    let running = Running::start();
    let trust = std::fs::read_to_string(running.socket.with_file_name("trust.json")).unwrap();
    assert_eq!(running.ask(&Command::Init { trust }).exit_code, 0, "pinning the same again changes nothing");
    let layout = Layout::new(running.socket.parent().unwrap());
    assert!(Agent::open(&layout, None, None).is_err(), "one writer");
    let _dir = running.stop();
    assert!(Agent::open(&layout, None, None).is_ok());
}
