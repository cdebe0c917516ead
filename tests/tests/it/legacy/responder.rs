//! A server of a few lines: it says what a test wants, in turn, and keeps what it was asked.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What is answered.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Nothing, with the connection open.
    Silence,
}

impl Answer {
    /// A status and a body of JSON.
    pub(super) fn json(status: u16, body: &str) -> Answer {
        Answer::with(status, "Content-Type: application/json\r\n", body)
    }

    /// A status with header lines of its own, each with its end.
    pub(super) fn with(status: u16, headers: &str, body: &str) -> Answer {
        let length =
            if status == 204 { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let head = format!("HTTP/1.1 {status} Said\r\n{headers}{length}Connection: close\r\n\r\n{body}");
        Answer::Bytes(head.into_bytes())
    }
}

/// One request as it came.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Method and path.
    pub(super) line: String,
    /// Header lines without their ends, but for `Host` and `User-Agent`.
    pub(super) headers: Vec<String>,
    /// The body.
    pub(super) body: String,
}

/// The server. It ends with the test's process.
#[derive(Debug)]
pub(super) struct Responder {
    base: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Responder {
    /// Answers the first request with the first, and so on; what comes after the last with the last.
    pub(super) fn says(answers: &[Answer]) -> Responder {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}/api/v1", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (kept, answers) = (Arc::clone(&asked), answers.to_vec());
        std::thread::spawn(move || serve(&listener, &answers, &kept));
        Responder { base, asked }
    }

    /// Answers everything with 200 and this.
    pub(super) fn always(body: &str) -> Responder {
        Responder::says(&[Answer::json(200, body)])
    }

    /// What the client is told to call.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Everything that it was asked so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(listener: &TcpListener, answers: &[Answer], asked: &Mutex<Vec<Asked>>) {
    let mut silent = Vec::new();
    for stream in listener.incoming().map_while(Result::ok) {
        let Some(request) = read(&stream) else { continue };
        let number = {
            let mut asked = asked.lock().unwrap();
            asked.push(request);
            asked.len() - 1
        };
        match answers.get(number).or(answers.last()) {
            // A client that has given up does not read it.
            Some(Answer::Bytes(bytes)) => drop((&stream).write_all(bytes)),
            Some(Answer::Silence) | None => silent.push(stream),
        }
    }
}

/// Reads one request, and where it waits to be told to send its body, tells it.
fn read(mut stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
        // The end of a line alone: a space at the end of a value is a part of what was sent.
        let line = line.strip_suffix("\r\n")?;
        if line.is_empty() {
            break;
        }
        lines.push(line.to_owned());
    }
    let value = |name: &str| lines.iter().find_map(|line| line.strip_prefix(name)).map(str::trim);
    if value("Expect:") == Some("100-continue") {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    let mut body = vec![0; value("Content-Length:").map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    let line = lines.remove(0).strip_suffix(" HTTP/1.1")?.to_owned();
    let of_libcurl = |line: &String| line.starts_with("Host:") || line.starts_with("User-Agent:");
    lines.retain(|line| !of_libcurl(line));
    Some(Asked { line, headers: lines, body: String::from_utf8(body).unwrap() })
}
