//! A Redis server on a unix socket, and the few bytes of RESP that a GET needs.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that ends with this value.
pub struct Redis {
    server: Child,
    stream: BufReader<UnixStream>,
    answer: Vec<u8>,
}

impl Redis {
    /// Starts a server in `dir` and connects. `scripts/bench` installs redis-server where it is missing.
    pub fn start(dir: &Path) -> Self {
        let socket = dir.join("redis.sock");
        let server = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server: install it, or run scripts/bench as root");
        let deadline = Instant::now() + Duration::from_secs(10);
        let stream = loop {
            match UnixStream::connect(&socket) {
                Ok(stream) => break stream,
                Err(e) if Instant::now() > deadline => panic!("redis-server does not answer: {e}"),
                Err(_) => std::thread::yield_now(),
            }
        };
        Self { server, stream: BufReader::new(stream), answer: Vec::new() }
    }

    /// Stores a value of a decision's size under every key.
    pub fn fill(&mut self, keys: &[String]) {
        for key in keys {
            let value = "allow|granted|active|1800000000";
            self.send(&["SET", key, value]);
            self.line();
        }
    }

    /// One GET and its answer.
    pub fn exchange(&mut self, key: &str) -> usize {
        self.send(&["GET", key]);
        let length = self.line();
        self.answer.resize(length + 2, 0);
        let Self { stream, answer, .. } = self;
        stream.read_exact(answer).expect("a value");
        length
    }

    fn send(&mut self, words: &[&str]) {
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.stream.get_mut().write_all(request.as_bytes()).expect("a connection");
    }

    /// The first line of an answer: the length of a value, or 0 for a status.
    fn line(&mut self) -> usize {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("an answer");
        line.strip_prefix('$').map_or(0, |length| length.trim().parse().expect("a value that exists"))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
