//! A server of this process's own, in memory, without a promise to keep anything: it ends with whoever started it.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Starts the server and watches the pipe on standard input, whose other end only we hold: it closes when we end, however
/// that comes about, and then the server is stopped.
const WATCHED: &str = r#"
"$1/postgres" -D "$2" </dev/null >"$2/log" 2>&1 &
server=$!
trap '' INT TERM HUP
# Whoever serves now: it may have been started again meanwhile.
stop() {
  pid=$(head -n 1 "$2/postmaster.pid" 2>/dev/null) || return
  kill -QUIT "$pid" 2>/dev/null
  while kill -0 "$pid" 2>/dev/null; do wait "$pid" 2>/dev/null || read -r -t 0.05 <> <(:); done
}
for _ in $(seq 600); do
  if ! kill -0 $server 2>/dev/null; then cat "$2/log"; exit 1; fi
  if "$1/pg_isready" -q -h "$3" -p "$4"; then echo ready; break; fi
  read -r -t 0.1 gone; [ $? -gt 128 ] || break
done
cat >/dev/null
stop "$@"
rm -rf "$3"
"#;

/// The user that the servers of Debian's packages run as. A server refuses to run as root.
const SYSTEM_USER: &str = "postgres";

/// Of the socket: no network is listened on but for TLS.
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
    watched: Child,
    folder: PathBuf,
    port: u16,
}

impl Server {
    /// Makes a cluster and starts it.
    ///
    /// # Panics
    /// Where there is no PostgreSQL, with what to do about it.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(|_| "listen_addresses = ''\n".to_owned())
    }

    /// One that speaks TLS as `localhost`, on a port of this machine that was free a moment ago.
    ///
    /// # Panics
    /// As [`Server::start`].
    #[must_use]
    pub fn with_tls(certificate: &str, key: &str) -> (Self, u16) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0");
        let port = listener.and_then(|listener| listener.local_addr()).map(|address| address.port());
        let port = port.unwrap_or_else(|e| panic!("no port: {e}"));
        let server = Self::start_with(|data| {
            for (name, text) in [("server.crt", certificate), ("server.key", key)] {
                write_private(&data.join(name), text);
            }
            format!("listen_addresses = 'localhost'\nport = {port}\nssl = on\n")
        });
        (server, port)
    }

    fn start_with(settings: impl FnOnce(&Path) -> String) -> Self {
        let binaries = binaries();
        let folder = folder();
        let data = folder.join("data");
        let mut made = Command::new(binaries.join("initdb"));
        made.arg("-D").arg(&data).args(["-U", SYSTEM_USER, "-A", "trust", "-E", "UTF8", "--no-sync"]);
        made.args(["--locale=C.UTF-8"]).stdout(Stdio::null());
        let said = as_its_user(&mut made).output().unwrap_or_else(|e| panic!("initdb: {e}"));
        assert!(said.status.success(), "initdb: {}", String::from_utf8_lossy(&said.stderr));
        let own = settings(&data);
        let port = own.lines().find_map(|line| line.strip_prefix("port = ")?.parse().ok()).unwrap_or(PORT);
        let settings =
            format!("{SETTINGS}unix_socket_directories = '{}'\nport = {port}\n{own}", folder.display());
        let file = data.join("postgresql.auto.conf");
        std::fs::write(&file, settings).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let mut watched = Command::new("bash");
        watched.args(["-c", WATCHED, "postgres-of-tests"]).arg(&binaries).arg(&data).arg(&folder);
        watched.arg(port.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut watched =
            as_its_user(&mut watched).spawn().unwrap_or_else(|e| panic!("bash, to watch a server: {e}"));
        let Some(out) = watched.stdout.take() else { panic!("a pipe that was asked for is absent") };
        let (mut line, mut out) = (String::new(), BufReader::new(out));
        out.read_line(&mut line).unwrap_or_else(|e| panic!("the server's pipe: {e}"));
        if line.trim() != "ready" {
            let _ = out.read_to_string(&mut line);
            panic!("PostgreSQL did not start:\n{line}");
        }
        Self { watched, folder, port }
    }

    /// `postgres://USER@HOST:PORT`, without a database.
    #[must_use]
    pub fn url(&self) -> String {
        let socket = self.folder.to_string_lossy().replace('/', "%2F");
        format!("postgres://{SYSTEM_USER}@{socket}:{}", self.port)
    }

    /// Ends it at once, as a crash does.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(&mut self) {
        self.control(&["stop", "-m", "immediate"]);
    }

    /// Starts it again, where it was.
    ///
    /// # Panics
    /// When it does not start.
    pub fn again(&mut self) {
        let log = self.folder.join("data/log");
        self.control(&["start", "-l", &log.to_string_lossy()]);
    }

    fn control(&self, arguments: &[&str]) {
        let mut control = Command::new(binaries().join("pg_ctl"));
        control.args(["-w", "-D"]).arg(self.folder.join("data")).args(arguments);
        control.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let ended = as_its_user(&mut control).status().unwrap_or_else(|e| panic!("pg_ctl: {e}"));
        assert!(ended.success(), "pg_ctl {arguments:?} failed");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.watched.stdin.take());
        let _ = self.watched.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A file that the server alone reads, as it wants its key to be.
fn write_private(path: &Path, text: &str) {
    let mode = std::fs::Permissions::from_mode(0o600);
    let written = std::fs::write(path, text).and_then(|()| std::fs::set_permissions(path, mode));
    let owned = written.and_then(|()| match other_user() {
        Some((user, group)) => chown(path, Some(user), Some(group)),
        None => Ok(()),
    });
    owned.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}

/// In memory where there is such a place. Sockets want short names.
fn folder() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let made = tempfile::Builder::new().prefix("brink-pg-").tempdir_in(&place);
    let folder = made.unwrap_or_else(|e| panic!("{}: {e}", place.display())).keep();
    if let Some((user, group)) = other_user() {
        let path = folder.display();
        chown(&folder, Some(user), Some(group)).unwrap_or_else(|e| panic!("{path}: {e}"));
    }
    folder
}

/// Where the server's programs are: the newest version that a package installed, or what the path finds.
#[allow(clippy::disallowed_methods, reason = "looks where a shell would")]
fn binaries() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let numbered = versions.filter_map(|entry| {
        let version = entry.file_name().to_str()?.parse::<u32>().ok()?;
        Some((version, entry.path().join("bin")))
    });
    let found = numbered.filter(|(_, folder)| folder.join("initdb").exists()).max();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = found.map(|(_, folder)| folder);
    let found = found.or_else(|| std::env::split_paths(&path).find(|folder| folder.join("initdb").exists()));
    found.unwrap_or_else(|| {
        panic!(
            "these tests need PostgreSQL: install it (apt-get install postgresql), or set {} to a server's address, for \
             example postgres://postgres@127.0.0.1:5432",
            super::SERVER_VARIABLE
        )
    })
}

/// Who the server runs as, if we are root.
fn other_user() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let line = users.lines().find(|line| line.split(':').next() == Some(SYSTEM_USER));
    let mut fields = line?.split(':').skip(2);
    fields.next()?.parse().ok().zip(fields.next()?.parse().ok())
}

fn as_its_user(command: &mut Command) -> &mut Command {
    match other_user() {
        Some((user, group)) => command.uid(user).gid(group).current_dir("/"),
        None => command,
    }
}
