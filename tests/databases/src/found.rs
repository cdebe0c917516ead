//! Where a server comes from: one that the environment names, programs of this machine, a Docker engine that answers.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where Docker's own tools look for an engine first.
const ENGINE_VARIABLE: &str = "DOCKER_HOST";
const ENGINE_SOCKET: &str = "/var/run/docker.sock";

/// One kind of server, as it is named to somebody who has none.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// The Debian package.
    pub(crate) package: &'static str,
    pub(crate) url_variable: &'static str,
    pub(crate) example: &'static str,
}

/// What the environment says, an empty word being none.
#[allow(clippy::disallowed_methods, reason = "whoever runs the tests says what they stand on")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The folder of the path that has this program.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = variable("PATH").unwrap_or_default();
    std::env::split_paths(&path).find(|folder| folder.join(program).is_file())
}

/// The socket of a Docker engine that answers, or why there is none.
///
/// # Errors
/// What is wrong with the socket that was tried: that of `DOCKER_HOST`, or else the usual one.
pub fn docker_engine() -> Result<PathBuf, String> {
    let socket = match variable(ENGINE_VARIABLE) {
        Some(host) => match host.strip_prefix("unix://") {
            Some(path) => PathBuf::from(path),
            None => return Err(format!("{ENGINE_VARIABLE} is {host}, and only unix:// is asked here")),
        },
        None => PathBuf::from(ENGINE_SOCKET),
    };
    ping(&socket).map(|()| socket.clone()).map_err(|why| format!("{}: {why}", socket.display()))
}

/// A program named docker, or a socket that somebody left, proves nothing: the engine has to say OK.
fn ping(socket: &Path) -> Result<(), String> {
    let ask = || {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.take(4096).read_to_end(&mut answer).map(|_| answer)
    };
    let answer = ask().map_err(|error: std::io::Error| error.to_string())?;
    match answer.starts_with(b"HTTP/1.1 200") {
        true => Ok(()),
        false => Err("what answers there is no Docker engine".to_owned()),
    }
}

/// Ends a test that wants a server where there is none, with the three mends.
pub(crate) fn nothing(kind: &Kind) -> ! {
    let Kind { name, package, url_variable, example } = kind;
    let engine = match docker_engine() {
        Ok(socket) if cfg!(feature = "docker") => {
            format!(
                "one answers at {}, but a test that starts or stops a server wants programs",
                socket.display()
            )
        }
        Ok(socket) => {
            format!("one answers at {}: add --features brink-databases/docker", socket.display())
        }
        Err(why) if cfg!(feature = "docker") => format!("none answers, {why}"),
        Err(why) => format!("none answers, {why}; and add --features brink-databases/docker"),
    };
    panic!(
        "these tests need {name}. Install it: apt-get install {package}. Or set {url_variable} to a server's address, for \
         example {example}. Or start a Docker engine ({engine})."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    fn answering(answer: &'static str) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.read(&mut [0; 512]).unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
            });
            ping(&socket)
        })
    }

    #[test]
    fn an_engine_is_one_that_answers() {
        assert_eq!(answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"), Ok(()));
        assert!(answering("HTTP/1.1 503 Service Unavailable\r\n\r\n").is_err());
        assert!(answering("").is_err());
    }

    #[test]
    fn a_socket_without_anybody_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        assert!(ping(&socket).is_err());
        drop(UnixListener::bind(&socket).unwrap());
        assert!(ping(&socket).is_err(), "left behind");
    }
}
