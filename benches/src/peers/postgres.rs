//! A PostgreSQL server on a unix socket. It refuses to run as root, so root runs it as `postgres`.

use super::server::Server;
use postgres::{Client, Config, NoTls, Statement};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Where Debian keeps the server's programs, one folder a version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// In memory: what is measured is a server that has everything in its cache.
const MEMORY: &str = "/dev/shm";
const MEND: &str = "install postgresql, or run scripts/bench as root";

pub struct Postgres {
    client: Client,
    question: Statement,
    _cluster: Cluster,
}

/// A server with nothing in it yet.
pub struct Cluster {
    server: Server,
    dir: TempDir,
}

impl Postgres {
    /// Starts a server and stores a decision under every key. `Err` says why it cannot be had, and the mend.
    pub fn filled(keys: &[String]) -> Result<Self, String> {
        Self::start(keys).map_err(|e| format!("PostgreSQL: {e}; {MEND}"))
    }

    fn start(keys: &[String]) -> Result<Self, String> {
        let cluster = Cluster::start(&[])?;
        let mut client = cluster.config("postgres").connect(NoTls).map_err(said)?;
        fill(&mut client, keys).map_err(said)?;
        let question = client.prepare("SELECT until FROM decision WHERE key = $1").map_err(said)?;
        Ok(Self { client, question, _cluster: cluster })
    }

    pub fn ask(&mut self, key: &str) -> i64 {
        self.client.query_one(&self.question, &[&key]).expect("a key that exists").get(0)
    }
}

impl Cluster {
    /// Starts a server. `Err` says why it cannot be had, and the mend.
    pub fn begun(settings: &[&str]) -> Result<Self, String> {
        Self::start(settings).map_err(|e| format!("PostgreSQL: {e}; {MEND}"))
    }

    fn start(settings: &[&str]) -> Result<Self, String> {
        let bin = programs().ok_or("no initdb and postgres in PATH or below /usr/lib/postgresql")?;
        let memory = if Path::new(MEMORY).is_dir() { PathBuf::from(MEMORY) } else { std::env::temp_dir() };
        let dir = tempfile::Builder::new().prefix("brink-bench-").tempdir_in(memory).map_err(said)?;
        // The server's own user works below it.
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).map_err(said)?;
        let data = dir.path().join("data");
        let made = as_owner(&bin.join("initdb"))
            .args([
                "--no-sync",
                "--auth=trust",
                "--username=bench",
                "--encoding=UTF8",
                "--locale=C",
                "--pgdata",
            ])
            .arg(&data)
            .output()
            .map_err(said)?;
        if !made.status.success() {
            return Err(format!("initdb: {}", String::from_utf8_lossy(&made.stderr).trim()));
        }
        let mut command = as_owner(&bin.join("postgres"));
        command.arg("-D").arg(&data).arg("-k").arg(dir.path());
        let all = ["listen_addresses=", "fsync=off", "shared_buffers=512MB", "max_wal_size=4GB"];
        for setting in all.iter().chain(settings) {
            command.arg("-c").arg(setting);
        }
        let mut server = Server::start(&mut command)?;
        let mut config = Config::new();
        config.host_path(dir.path()).user("bench").dbname("postgres");
        server.wait(|| config.connect(NoTls))?;
        Ok(Self { server, dir })
    }

    /// How to reach a database of it.
    pub fn config(&self, database: &str) -> Config {
        let mut config = Config::new();
        config.host_path(self.dir.path()).user("bench").dbname(database);
        config
    }

    /// The same as text.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://bench@{}/{database}", self.dir.path().display().to_string().replace('/', "%2F"))
    }

    /// Seconds of processor time that its sessions have taken so far.
    pub fn cpu_seconds(&self) -> f64 {
        self.server.cpu_seconds()
    }
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn fill(client: &mut Client, keys: &[String]) -> Result<(), postgres::Error> {
    client.batch_execute("CREATE UNLOGGED TABLE decision (key text, until bigint NOT NULL)")?;
    let mut rows = client.copy_in("COPY decision FROM STDIN")?;
    for key in keys {
        // The connection's own buffer cannot fail to be written; `finish` says what the server thinks.
        let _ = writeln!(rows, "{key}\t{}", super::UNTIL);
    }
    rows.finish()?;
    client.batch_execute("ALTER TABLE decision ADD PRIMARY KEY (key)")?;
    client.batch_execute("VACUUM ANALYZE decision")
}

/// The folder of the newest server's programs.
fn programs() -> Option<PathBuf> {
    let has_both = |bin: &PathBuf| bin.join("initdb").is_file() && bin.join("postgres").is_file();
    let path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(bin) = std::env::split_paths(&path).find(has_both) {
        return Some(bin);
    }
    let versions = std::fs::read_dir(DEBIAN).ok()?.filter_map(Result::ok);
    let bins = versions.map(|version| version.path().join("bin")).filter(has_both);
    bins.max_by_key(|bin| {
        let version = bin.parent().and_then(Path::file_name).unwrap_or_default();
        version.to_string_lossy().parse::<u32>().unwrap_or_default()
    })
}

/// A command of the user who may run the server.
fn as_owner(program: &Path) -> Command {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !is_root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program);
    command.current_dir("/");
    command
}
