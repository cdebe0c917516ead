//! A Redis server on a unix socket, and the few bytes of RESP that a GET needs.

use super::server::Server;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

/// Requests that are on their way together while it is filled.
const PIPELINE: usize = 1000;

pub struct Redis {
    stream: BufReader<UnixStream>,
    request: Vec<u8>,
    answer: Vec<u8>,
    /// Dropped last: the connection first.
    _server: Server,
}

impl Redis {
    /// Starts a server in `dir` and stores a decision under every key. `Err` says why it cannot be had, and the mend.
    pub fn filled(dir: &Path, keys: &[String]) -> Result<Self, String> {
        let socket = dir.join("redis.sock");
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"]).arg(&socket);
        let missing = |e: String| format!("Redis: {e}; install redis-server, or run scripts/bench as root");
        let mut server = Server::start(&mut command).map_err(missing)?;
        let stream = server.wait(|| UnixStream::connect(&socket)).map_err(missing)?;
        let mut redis =
            Self { stream: BufReader::new(stream), request: Vec::new(), answer: Vec::new(), _server: server };
        for keys in keys.chunks(PIPELINE) {
            keys.iter().for_each(|key| redis.word(&["SET", key, super::ANSWER]));
            redis.send();
            keys.iter().for_each(|_| assert_eq!(redis.line(), 0, "SET answers with a status"));
        }
        Ok(redis)
    }

    /// One GET and its answer.
    pub fn ask(&mut self, key: &str) -> usize {
        self.word(&["GET", key]);
        self.send();
        let length = self.line();
        self.answer.resize(length + 2, 0);
        let Self { stream, answer, .. } = self;
        stream.read_exact(answer).expect("a value");
        length
    }

    fn word(&mut self, words: &[&str]) {
        let _ = write!(self.request, "*{}\r\n", words.len());
        for word in words {
            let _ = write!(self.request, "${}\r\n{word}\r\n", word.len());
        }
    }

    fn send(&mut self) {
        self.stream.get_mut().write_all(&self.request).expect("a connection");
        self.request.clear();
    }

    /// The first line of an answer: the length of a value, or 0 for a status.
    fn line(&mut self) -> usize {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("an answer");
        line.strip_prefix('$').map_or(0, |length| length.trim().parse().expect("a value that exists"))
    }
}
