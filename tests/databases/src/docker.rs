//! Servers in containers, for a machine that has a Docker engine and no programs.

use crate::found::{docker_engine, variable};
use rustix::fs::{CWD, FileType, Mode};
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use tempfile::TempDir;
use testcontainers::bollard::models::PortBinding;
use testcontainers::core::{ContainerPort, Mount, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{GenericImage, ImageExt, TestcontainersError};

/// What is run in a container.
struct Image {
    /// Names another image, as `NAME:TAG`. It needs a shell, the server's programs, and the user.
    variable: &'static str,
    usual: &'static str,
    user: &'static str,
    port: u16,
    /// Starts the server, and waits until it answers.
    script: &'static str,
}

/// Whoever holds this pipe open keeps a container alive: only we do, so it ends with this process, however that comes about,
/// and its engine takes it away.
const WATCHED: (&str, &str) = ("exec 9</watched/alive\n", "echo brink-ready\ncat <&9 >/dev/null\n");

const POSTGRES: Image = Image {
    variable: "BRINK_TEST_POSTGRES_IMAGE",
    usual: "postgres:15-alpine",
    // A server refuses to run as root.
    user: "postgres",
    port: 5432,
    // The programs lie on the path in one image and elsewhere in another.
    script: "
PATH=$PATH:$(echo /usr/lib/postgresql/*/bin)
data=/tmp/brink-data
initdb -D $data -U postgres -A trust -E UTF8 --no-sync --locale=C.UTF-8 >/dev/null || exit 1
echo 'host all all all trust' >>$data/pg_hba.conf
postgres -D $data -c listen_addresses='*' -c unix_socket_directories=/tmp -c fsync=off -c full_page_writes=off \
  -c max_connections=300 -c max_wal_size=4GB &
until pg_isready -q -h 127.0.0.1; do kill -0 $! || exit 1; sleep 0.1; done
",
};

const REDIS: Image = Image {
    variable: "BRINK_TEST_REDIS_IMAGE",
    usual: "redis:7-alpine",
    user: "redis",
    port: 6379,
    script: "
redis-server --bind 0.0.0.0 --protected-mode no --save '' --appendonly no --dir /tmp &
until redis-cli ping 2>/dev/null | grep -q PONG; do kill -0 $! || exit 1; sleep 0.05; done
",
};

/// What keeps alive what this process started. Nobody lets go of it: the pipes close when the process ends.
static STARTED: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// Where PostgreSQL is, if an engine answers: `postgres://USER@HOST:PORT`.
pub(crate) fn postgres() -> Option<String> {
    kept(&POSTGRES).map(|port| format!("postgres://postgres@127.0.0.1:{port}"))
}

/// Where Redis is, if an engine answers: `redis://HOST:PORT`.
pub(crate) fn redis() -> Option<String> {
    kept(&REDIS).map(|port| format!("redis://127.0.0.1:{port}"))
}

/// The port of this machine that leads to a server, for as long as this process is there.
fn kept(image: &'static Image) -> Option<u16> {
    docker_engine().ok()?;
    // In a thread of its own: the caller may be inside a runtime.
    let started = std::thread::spawn(|| contained(image)).join();
    let (port, alive) = started.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked));
    STARTED.lock().unwrap_or_else(PoisonError::into_inner).push(alive);
    Some(port)
}

/// A port of this machine that leads to a server in a container, and what keeps it alive.
fn contained(image: &Image) -> (u16, File) {
    let (folder, alive) = pipe().unwrap_or_else(|e| panic!("no pipe to watch a container by: {e}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.unwrap_or_else(|e| panic!("no runtime for Docker: {e}"));
    let name = variable(image.variable).unwrap_or_else(|| image.usual.to_owned());
    let started = runtime.block_on(started(image, &name, folder.path()));
    let port = started.unwrap_or_else(|e| panic!("no container of {name}: {e}"));
    // It has the pipe open by now, and nobody would be left to clear up.
    drop(folder);
    (port, alive)
}

async fn started(image: &Image, name: &str, watched: &Path) -> Result<u16, TestcontainersError> {
    let (name, tag) = name_and_tag(name);
    let port = ContainerPort::Tcp(image.port);
    let container = GenericImage::new(name, tag)
        .with_entrypoint("sh")
        .with_exposed_port(port)
        .with_wait_for(WaitFor::message_on_stdout("brink-ready"))
        .with_cmd(["-c", &format!("{}{}{}", WATCHED.0, image.script, WATCHED.1)])
        .with_user(image.user)
        .with_mount(Mount::bind_mount(watched.to_string_lossy(), "/watched"))
        .with_host_config_modifier(move |host| {
            host.auto_remove = Some(true);
            // It asks nobody for a password, so it is for this machine alone.
            host.publish_all_ports = Some(false);
            let here = PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: None };
            host.port_bindings = Some([(port.to_string(), Some(vec![here]))].into());
        })
        .start()
        .await?;
    let port = container.get_host_port_ipv4(port).await?;
    // To drop it is to have it taken away.
    std::mem::forget(container);
    Ok(port)
}

/// A pipe with a name, in a folder that a container can read, and its end for writing.
fn pipe() -> std::io::Result<(TempDir, File)> {
    let folder = tempfile::Builder::new().prefix("brink-docker-").tempdir()?;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
    let path = folder.path().join("alive");
    rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644))?;
    // For both, because opening a pipe for writing alone waits for whoever reads.
    let alive = File::options().read(true).write(true).open(&path)?;
    Ok((folder, alive))
}

/// A registry's name may have a port, which is no tag.
fn name_and_tag(image: &str) -> (&str, &str) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        Some(_) | None => (image, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpStream;

    #[test]
    fn postgres_answers_from_a_container() {
        let url = format!("{}/postgres", postgres().expect("a Docker engine answers"));
        let made = "CREATE DATABASE made TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'";
        crate::run(&url, made);
        let found = crate::ask(&url, "SELECT 1 FROM pg_database WHERE datname = 'made'");
        assert_eq!(found, [[Some("1".to_owned())]]);
    }

    #[test]
    fn redis_answers_from_a_container_that_ends_with_the_pipe() {
        assert!(docker_engine().is_ok(), "a Docker engine answers");
        let (port, alive) = contained(&REDIS);
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(b"PING\r\n").unwrap();
        let mut said = String::new();
        let mut answers = BufReader::new(&stream);
        answers.read_line(&mut said).unwrap();
        assert_eq!(said, "+PONG\r\n");
        // As the kernel does when a process ends.
        drop(alive);
        assert_eq!(answers.read(&mut [0]).unwrap(), 0, "its end closes what was connected");
    }

    #[test]
    fn a_port_of_a_registry_is_no_tag() {
        assert_eq!(name_and_tag("redis:7-alpine"), ("redis", "7-alpine"));
        assert_eq!(name_and_tag("host:5000/redis"), ("host:5000/redis", "latest"));
        assert_eq!(name_and_tag("host:5000/redis:7"), ("host:5000/redis", "7"));
    }
}
