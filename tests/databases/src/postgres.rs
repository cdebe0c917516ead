//! A PostgreSQL of this process's own, in memory, without a promise to keep anything: it ends with whoever started it.

use crate::found::{Kind, nothing, on_path};
use crate::watched::{NotStarted, User, Watched, as_user, folder, free_port, give};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The server's part of the script that watches it: `$1` is its folder, then come its programs' folder and its port.
const WATCHED: &str = r#"
programs=$2 port=$3 at_once=QUIT
serve() { exec "$programs/postgres" -D "$folder/data"; }
is_ready() { "$programs/pg_isready" -q -h "$folder" -p "$port"; }
"#;

/// What to say where there is none.
pub(crate) const KIND: Kind = Kind {
    name: "PostgreSQL",
    package: "postgresql",
    url_variable: super::SERVER_VARIABLE,
    example: "postgres://postgres@127.0.0.1:5432",
};

/// The user that the servers of Debian's packages run as. A server refuses to run as root.
const SYSTEM_USER: &str = "postgres";

/// Of the socket: no network is listened on but where it is asked for.
const PORT: u16 = 5432;

/// What makes a server fast for as long as nobody needs its data after a loss of power.
const SETTINGS: &str = "
fsync = off
full_page_writes = off
max_connections = 300
shared_buffers = 128MB
max_wal_size = 4GB
checkpoint_timeout = 1h
autovacuum_naptime = 10s
log_min_messages = warning
";

/// A server, its data, and its socket.
#[derive(Debug)]
pub struct Server {
    watched: Watched,
    port: u16,
}

/// What is particular to one server.
#[derive(Default)]
struct Own<'a> {
    /// Where it listens beside its socket.
    port: Option<u16>,
    /// A certificate and its key.
    tls: Option<(&'a str, &'a str)>,
    /// What is asked for over TCP.
    password: Option<&'a str>,
}

impl Server {
    /// Makes a cluster and starts it.
    ///
    /// # Panics
    /// Where there is no PostgreSQL, with what to do about it.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&Own::default())
    }

    /// One that speaks TLS as `localhost`, on a port of this machine that was free a moment ago.
    ///
    /// # Panics
    /// As [`Server::start`].
    #[must_use]
    pub fn with_tls(certificate: &str, key: &str) -> (Self, u16) {
        let port = free_port();
        let own = Own { port: Some(port), tls: Some((certificate, key)), password: None };
        (Self::start_with(&own), port)
    }

    /// One that asks `postgres` for this password (SCRAM-SHA-256) on a port of 127.0.0.1 that was free a moment ago, and for
    /// none on its socket.
    ///
    /// # Panics
    /// As [`Server::start`].
    #[must_use]
    pub fn with_password(password: &str) -> (Self, u16) {
        let port = free_port();
        let own = Own { port: Some(port), tls: None, password: Some(password) };
        (Self::start_with(&own), port)
    }

    fn start_with(own: &Own<'_>) -> Self {
        let Some(programs) = programs() else { nothing(&KIND) };
        let user = server_user();
        let folder = folder("brink-pg-", user);
        make_cluster(&programs, &folder, own);
        let port = own.port.unwrap_or(PORT);
        let arguments = [&*programs.to_string_lossy(), &port.to_string()];
        match Watched::start(WATCHED, folder, &arguments, user) {
            Ok(watched) => Self { watched, port },
            Err(NotStarted(said)) => panic!("PostgreSQL did not start:\n{said}"),
        }
    }

    /// `postgres://USER@HOST:PORT`, without a database: its socket.
    #[must_use]
    pub fn url(&self) -> String {
        let socket = self.watched.folder().to_string_lossy().replace('/', "%2F");
        format!("postgres://{SYSTEM_USER}@{socket}:{}", self.port)
    }

    /// Ends it at once, as a crash does.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(&mut self) {
        self.watched.tell("stop");
    }

    /// Starts it again, where it was.
    ///
    /// # Panics
    /// When it does not start.
    pub fn again(&mut self) {
        self.watched.tell("start");
    }

    /// Stops all of its processes in their tracks (SIGSTOP): connections are taken, and nobody answers.
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

/// An empty cluster with its settings, in `data` of the folder.
fn make_cluster(programs: &Path, folder: &Path, own: &Own<'_>) {
    let data = folder.join("data");
    let mut made = Command::new(programs.join("initdb"));
    made.arg("-D").arg(&data).args(["-U", SYSTEM_USER, "-E", "UTF8", "--no-sync", "--locale=C.UTF-8"]);
    made.arg("--auth-local=trust").stdout(Stdio::null());
    if let Some(password) = own.password {
        let file = folder.join("password");
        write_private(&file, password);
        made.arg("--auth-host=scram-sha-256").arg("--pwfile").arg(file);
    } else {
        made.arg("--auth-host=trust");
    }
    let said = as_user(&mut made, server_user()).output().unwrap_or_else(|e| panic!("initdb: {e}"));
    assert!(said.status.success(), "initdb: {}", String::from_utf8_lossy(&said.stderr));
    let listened = own.port.map_or("", |_| "localhost");
    let mut settings = format!(
        "{SETTINGS}unix_socket_directories = '{}'\nlisten_addresses = '{listened}'\nport = {}\n",
        folder.display(),
        own.port.unwrap_or(PORT)
    );
    if let Some((certificate, key)) = own.tls {
        write_private(&data.join("server.crt"), certificate);
        write_private(&data.join("server.key"), key);
        settings.push_str("ssl = on\n");
    }
    let file = data.join("postgresql.auto.conf");
    std::fs::write(&file, settings).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
}

/// A file that the server alone reads, as it wants its key to be.
fn write_private(path: &Path, text: &str) {
    let mode = std::fs::Permissions::from_mode(0o600);
    let written = std::fs::write(path, text).and_then(|()| std::fs::set_permissions(path, mode));
    written.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    give(path, server_user());
}

/// Where the server's programs are: the newest version that a package installed, or what the path finds.
pub(crate) fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let numbered = versions.filter_map(|entry| {
        let version = entry.file_name().to_str()?.parse::<u32>().ok()?;
        Some((version, entry.path().join("bin")))
    });
    let found = numbered.filter(|(_, folder)| folder.join("initdb").exists()).max();
    found.map(|(_, folder)| folder).or_else(|| on_path("initdb"))
}

/// Who the server runs as, if we are root.
fn server_user() -> Option<User> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let line = users.lines().find(|line| line.split(':').next() == Some(SYSTEM_USER));
    let mut fields = line?.split(':').skip(2);
    let (user, group) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(User(user, group))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::try_ask;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn it_asks_for_its_password_over_tcp_alone() {
        let (server, port) = Server::with_password("sesame");
        let with = |user: &str| format!("postgres://{user}@127.0.0.1:{port}/postgres");
        let refused = try_ask(&with("postgres:wrong"), "SELECT 1").unwrap_err();
        assert!(refused.contains("password authentication failed"), "{refused}");
        assert!(try_ask(&with("postgres"), "SELECT 1").is_err(), "none at all");
        assert_eq!(try_ask(&with("postgres:sesame"), "SELECT 1").unwrap().len(), 1);
        assert_eq!(try_ask(&format!("{}/postgres", server.url()), "SELECT 1").unwrap().len(), 1);
    }

    #[test]
    fn one_that_is_frozen_answers_when_it_is_thawed_and_ends_in_both_states() {
        let mut server = Server::start();
        let url = format!("{}/postgres", server.url());
        server.freeze();
        let (answers, answered) = mpsc::channel();
        let asked = url.clone();
        let asking = std::thread::spawn(move || answers.send(try_ask(&asked, "SELECT 1")).unwrap());
        assert!(answered.recv_timeout(Duration::from_millis(300)).is_err());
        server.thaw();
        assert_eq!(answered.recv().unwrap().unwrap().len(), 1);
        asking.join().unwrap();
        server.freeze();
        server.stop();
        assert!(try_ask(&url, "SELECT 1").is_err());
        server.again();
        assert_eq!(try_ask(&url, "SELECT 1").unwrap().len(), 1);
    }

    #[test]
    fn a_connection_that_was_there_is_frozen_too() {
        let mut server = Server::start();
        let url = format!("{}/postgres", server.url());
        let (answers, answered) = mpsc::channel();
        // Ends when it was not allowed to run for a while.
        let running = "DO $$ DECLARE before timestamptz := clock_timestamp(); this timestamptz; BEGIN
            FOR i IN 1..200000000 LOOP
              this := clock_timestamp();
              IF this - before > interval '200 ms' THEN RETURN; END IF;
              before := this;
            END LOOP; RAISE 'never stood still'; END $$";
        let asked = url.clone();
        let asking = std::thread::spawn(move || answers.send(try_ask(&asked, running)).unwrap());
        while crate::ask(&url, "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'DO %'").is_empty() {}
        server.freeze();
        assert!(answered.recv_timeout(Duration::from_millis(400)).is_err());
        server.thaw();
        answered.recv().unwrap().unwrap();
        asking.join().unwrap();
    }
}
