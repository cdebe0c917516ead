//! A Redis of this process's own, which keeps nothing: it ends with whoever started it.

use crate::found::{Kind, nothing, on_path, variable};
use crate::watched::{NotStarted, Watched, folder, free_port};
use std::path::PathBuf;
use std::sync::OnceLock;

/// A Redis that is there already, for whoever can share one: `redis://HOST:PORT`.
pub const REDIS_VARIABLE: &str = "BRINK_TEST_REDIS_URL";

/// The server's part of the script that watches it: `$1` is its folder, then come its program and its port. It is asked with
/// the shell alone, and one that wants its password has answered too.
const WATCHED: &str = r#"
program=$2 port=$3 at_once=KILL
serve() { exec "$program" "$folder/redis.conf"; }
is_ready() {
  local said
  { exec 3<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null || return
  printf 'PING\r\n' >&3
  read -r -t 5 said <&3
  exec 3>&-
  case $said in +PONG* | -NOAUTH*) return 0 ;; *) return 1 ;; esac
}
"#;

/// What to say where there is none.
const KIND: Kind = Kind {
    name: "Redis",
    package: "redis-server",
    url_variable: REDIS_VARIABLE,
    example: "redis://127.0.0.1:6379",
};

/// How many ports are tried that somebody else was quicker to take.
const PORTS_TRIED: usize = 5;

/// Where this process's Redis is, as `redis://HOST:PORT`: the one that the environment names, or else one that is started
/// now, by programs of this machine or in a container. Others may keep something there too: names have to be one's own.
///
/// # Panics
/// Where there is none, with what to do about it.
#[must_use]
pub fn redis_url() -> &'static str {
    static ADDRESS: OnceLock<String> = OnceLock::new();
    static STARTED: OnceLock<RedisServer> = OnceLock::new();
    ADDRESS.get_or_init(|| {
        if let Some(url) = variable(REDIS_VARIABLE) {
            return url.trim_end_matches('/').to_owned();
        }
        #[cfg(feature = "docker")]
        if program().is_none()
            && let Some(url) = crate::docker::redis()
        {
            return url;
        }
        STARTED.get_or_init(RedisServer::start).url()
    })
}

/// A server, on a socket and on a port of 127.0.0.1.
#[derive(Debug)]
pub struct RedisServer {
    watched: Watched,
    port: u16,
}

impl RedisServer {
    /// Starts an empty one, which takes about 0.04 s.
    ///
    /// # Panics
    /// Where there is no Redis, with what to do about it.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// One that answers nobody who has not said this password.
    ///
    /// # Panics
    /// As [`RedisServer::start`].
    #[must_use]
    pub fn with_password(password: &str) -> Self {
        let quoted = password.replace('\\', "\\\\").replace('"', "\\\"");
        Self::start_with(&format!("requirepass \"{quoted}\"\n"))
    }

    fn start_with(own: &str) -> Self {
        let Some(program) = program() else { nothing(&KIND) };
        let program = program.to_string_lossy();
        let mut said = String::new();
        for _ in 0..PORTS_TRIED {
            let (folder, port) = (folder("brink-redis-", None), free_port());
            let place = folder.display();
            let settings = format!(
                "bind 127.0.0.1\nport {port}\nunixsocket {place}/socket\ndir {place}\nsave \"\"\nappendonly no\n\
                 databases 16\nloglevel notice\n{own}"
            );
            let file = folder.join("redis.conf");
            std::fs::write(&file, settings).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            match Watched::start(WATCHED, folder, &[&*program, &port.to_string()], None) {
                Ok(watched) => return Self { watched, port },
                Err(NotStarted(why)) => said = why,
            }
        }
        panic!("Redis did not start:\n{said}")
    }

    /// `redis://127.0.0.1:PORT`, without its password.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// On 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its socket in the file system.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.watched.folder().join("socket")
    }

    /// Ends it at once (SIGKILL). All that it held is lost.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(&mut self) {
        self.watched.tell("stop");
    }

    /// Starts it again, empty, on the same port and socket.
    ///
    /// # Panics
    /// When it does not start.
    pub fn again(&mut self) {
        self.watched.tell("start");
    }

    /// Stops it in its tracks (SIGSTOP): connections are taken, and nobody answers.
    ///
    /// # Panics
    /// When it does not stand still.
    pub fn freeze(&mut self) {
        self.watched.tell("freeze");
    }

    /// Lets it go on.
    ///
    /// # Panics
    /// When nobody minds it any more.
    pub fn thaw(&mut self) {
        self.watched.tell("thaw");
    }
}

fn program() -> Option<PathBuf> {
    on_path("redis-server").map(|folder| folder.join("redis-server"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
    use std::net::TcpStream;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    fn said(mut stream: impl Read + Write, words: &str) -> String {
        let mut line = String::new();
        stream.write_all(format!("{words}\r\n").as_bytes()).unwrap();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn ask(server: &RedisServer, words: &str) -> String {
        said(TcpStream::connect(("127.0.0.1", server.port())).unwrap(), words)
    }

    #[test]
    fn it_answers_on_its_port_and_on_its_socket() {
        let server = RedisServer::start();
        assert_eq!(server.url(), format!("redis://127.0.0.1:{}", server.port()));
        assert_eq!(ask(&server, "PING"), "+PONG");
        assert_eq!(said(UnixStream::connect(server.socket()).unwrap(), "PING"), "+PONG");
    }

    #[test]
    fn the_one_of_this_process_answers() {
        let address = redis_url().strip_prefix("redis://").unwrap();
        assert_eq!(said(TcpStream::connect(address).unwrap(), "PING"), "+PONG");
    }

    #[test]
    fn one_that_is_frozen_answers_when_it_is_thawed() {
        let mut server = RedisServer::start();
        server.freeze();
        let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        stream.write_all(b"PING\r\n").unwrap();
        let nothing = stream.read(&mut [0]).unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
        server.thaw();
        stream.set_read_timeout(None).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        assert_eq!(line, "+PONG\r\n");
    }

    #[test]
    fn one_that_is_started_again_is_where_it_was_and_empty() {
        let mut server = RedisServer::start();
        assert_eq!(ask(&server, "SET a b"), "+OK");
        let (port, socket) = (server.port(), server.socket());
        server.stop();
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
        assert!(UnixStream::connect(&socket).is_err());
        server.again();
        assert_eq!((server.port(), server.socket()), (port, socket));
        assert_eq!(ask(&server, "EXISTS a"), ":0");
        server.freeze();
        server.stop();
        server.again();
        assert_eq!(ask(&server, "PING"), "+PONG", "one that was frozen ends and starts too");
    }

    #[test]
    fn it_asks_for_its_password() {
        let server = RedisServer::with_password("open \"sesame\" \\ 1");
        assert!(ask(&server, "PING").starts_with("-NOAUTH"));
        assert!(ask(&server, "AUTH wrong").starts_with("-WRONGPASS"));
        assert_eq!(ask(&server, r#"AUTH "open \"sesame\" \\ 1""#), "+OK");
    }

    #[test]
    fn it_is_gone_with_its_owner() {
        let mut server = RedisServer::start();
        server.freeze();
        let (port, socket) = (server.port(), server.socket());
        drop(server);
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
        assert!(!socket.parent().unwrap().exists());
    }
}
