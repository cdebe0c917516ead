//! The agent's local API as a program on the device asks it: over the loopback or its socket, with a client of its own that
//! sends exactly what a test says. Every answer is held against the document that the agent serves.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::schema::check_answer;
use crate::{Device, Running};

/// A token as an operator would make one.
pub const TOKEN: &str = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";
const PATIENCE: Duration = Duration::from_secs(60);

/// An agent that serves its API.
#[derive(Debug)]
pub struct LocalApi {
    /// The agent.
    pub agent: Running,
    /// Where its loopback is.
    pub address: String,
    document: Value,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as it came.
    pub body: String,
    /// How long it took.
    pub took: Duration,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null for what is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// The code of a refusal.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// One request, word for word.
#[derive(Clone, Debug)]
pub struct Asked {
    head: String,
    body: String,
    target: (String, String),
}

impl Asked {
    /// A request with a Host of this machine and nothing else.
    pub fn new(method: &str, path: &str) -> Asked {
        Asked::of_host(method, path, "127.0.0.1")
    }

    /// The same with another Host.
    pub fn of_host(method: &str, path: &str, host: &str) -> Asked {
        let head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n");
        Asked { head, body: String::new(), target: (method.to_owned(), path.to_owned()) }
    }

    /// With a header more.
    pub fn with(mut self, name: &str, value: &str) -> Asked {
        let _ = write!(self.head, "{name}: {value}\r\n");
        self
    }

    /// With the token.
    pub fn by_token(self) -> Asked {
        self.with("authorization", &format!("Bearer {TOKEN}"))
    }

    /// With a body that its headers speak of already.
    pub fn ending(self, body: &str) -> Asked {
        Asked { body: body.to_owned(), ..self }
    }

    /// With a body that says to be JSON.
    pub fn json(self, body: &str) -> Asked {
        let length = body.len().to_string();
        Asked {
            body: body.to_owned(),
            ..self.with("content-type", "application/json").with("content-length", &length)
        }
    }
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// One connection, kept over many requests.
pub struct Wire {
    stream: Box<dyn Stream>,
}

impl Wire {
    /// To an address.
    pub fn to(address: &str) -> Wire {
        let stream = TcpStream::connect(address).expect("somebody listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Wire { stream: Box::new(stream) }
    }

    /// To a socket.
    pub fn to_socket(path: &Path) -> Wire {
        let stream = UnixStream::connect(path).expect("somebody listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Wire { stream: Box::new(stream) }
    }

    /// Sends a request and waits for its answer.
    #[allow(clippy::disallowed_methods, reason = "how long answers take is printed")]
    pub fn send(&mut self, asked: &Asked) -> Answer {
        let began = Instant::now();
        let request = format!("{}\r\n{}", asked.head, asked.body);
        // Who is refused at once may be hung up on before everything is sent; the answer says why.
        let _ = self.stream.write_all(request.as_bytes());
        let mut bytes = Vec::new();
        let head_end = loop {
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            assert!(self.more(&mut bytes) > 0, "hung up: {asked:?}");
        };
        let head = String::from_utf8(bytes[..head_end].to_vec()).expect("a head is text");
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let told = headers.iter().find(|(name, _)| name == "content-length");
        let length: usize = told.map_or(0, |(_, length)| length.parse().expect("a number"));
        while bytes.len() < head_end + 4 + length {
            assert!(self.more(&mut bytes) > 0, "hung up within an answer: {asked:?}");
        }
        let body = String::from_utf8(bytes.split_off(head_end + 4)).expect("answers are text");
        Answer { status, headers, body, took: began.elapsed() }
    }

    fn more(&mut self, bytes: &mut Vec<u8>) -> usize {
        let mut chunk = [0; 64 * 1024];
        let count = self.stream.read(&mut chunk).unwrap_or(0);
        bytes.extend_from_slice(&chunk[..count]);
        count
    }
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wire")
    }
}

/// Writes a secret for the agent to read.
pub fn secret_file(path: PathBuf, text: &str, mode: u32) -> String {
    fs::write(&path, format!("{text}\n")).expect("a file can be written");
    fs::set_permissions(&path, Permissions::from_mode(mode)).expect("a mode can be set");
    path.to_str().expect("a test's paths are UTF-8").to_owned()
}

impl LocalApi {
    /// Starts the agent of a device with its API on a free port, a token of its owner's, and further arguments.
    pub fn start(device: &Device, more: &[&str]) -> LocalApi {
        let token = secret_file(device.data().with_extension("token"), TOKEN, 0o600);
        LocalApi::under(device, &token, more)
    }

    /// The same with the token of a file that is there.
    pub fn under(device: &Device, token_file: &str, more: &[&str]) -> LocalApi {
        let api = ["run", "--api-listen", "127.0.0.1:0", "--api-token-file", token_file];
        let mut command = device.command(&[&api[..], more].concat());
        // They are for tests of their own: a billing server of a test counts what it is asked.
        command.env("ENABLE_HEARTBEAT", "false");
        let mut agent = Running::start(&mut command, device.data().with_extension("log"));
        let said = agent.announced("agent ready on ");
        let url = said.split("API on http://").nth(1).unwrap_or_else(|| panic!("no API: {said}"));
        let address = url.split(['/', ',']).next().unwrap_or_default().to_owned();
        let mut api = LocalApi { agent, address, document: Value::Null };
        api.document = api.wire().send(&Asked::new("GET", "/api/v1/openapi.json")).json();
        assert_eq!(api.document["openapi"], "3.1.0");
        api
    }

    /// A connection.
    pub fn wire(&self) -> Wire {
        Wire::to(&self.address)
    }

    /// Sends one request on a connection of its own, and holds the answer against the document.
    #[track_caller]
    pub fn send(&self, asked: &Asked) -> Answer {
        self.send_on(&mut self.wire(), asked)
    }

    /// The same on a connection that is kept.
    #[track_caller]
    pub fn send_on(&self, wire: &mut Wire, asked: &Asked) -> Answer {
        let answer = wire.send(asked);
        let (method, path) = (asked.target.0.as_str(), asked.target.1.as_str());
        let is_json = answer.header("content-type") == Some("application/json");
        let body = is_json.then(|| answer.json());
        if !matches!(answer.code().as_str(), "NO_SUCH_PATH" | "METHOD") && method != "OPTIONS" {
            check_answer(&self.document, (method, path), answer.status, body.as_ref())
                .unwrap_or_else(|why| panic!("{why}"));
        }
        answer
    }

    /// Asks with the token.
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        let answer = self.send(&Asked::new("GET", path).by_token());
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// Sends a document with the token; gives status and answer.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let answer = self.send(&Asked::new("POST", path).by_token().json(&body.to_string()));
        (answer.status, answer.json())
    }

    /// Has a camera validated.
    #[track_caller]
    pub fn validate(&self, camera: &str) -> Value {
        let path = format!("/api/v1/license/validate/{camera}");
        let answer = self.send(&Asked::new("POST", &path).by_token());
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// Ends the agent cleanly, and gives its log.
    pub fn stop(self) -> String {
        let log = self.agent.log();
        assert!(self.agent.stop().success());
        log
    }
}
