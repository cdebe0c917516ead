//! Where an issuer lives on disk, and the limits of its server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The issuer directory D, mode 0700.
#[derive(Clone, Debug)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// A directory by its path; nothing is touched.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// D itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The database, if it is a file.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.0.join("issuer.db")
    }

    /// Where the database is, if it is on a PostgreSQL server.
    #[must_use]
    pub fn database_url(&self) -> PathBuf {
        self.0.join("database.url")
    }

    /// The private keys and their public halves.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    /// What devices are provisioned with.
    #[must_use]
    pub fn trust(&self) -> PathBuf {
        self.0.join("trust.json")
    }

    /// The keyset manifest, for people who verify a document by hand.
    #[must_use]
    pub fn keyset(&self) -> PathBuf {
        self.0.join("keyset.json")
    }
}

/// How a listener is served.
#[derive(Clone, Copy, Debug)]
pub struct ServeConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Time for a client to send its request head: a device on a bad link needs seconds, a slow-loris hours.
    pub head_timeout: Duration,
    /// Time for a TLS handshake, of which the client takes the most.
    pub handshake_timeout: Duration,
    /// Time between two pieces of a body.
    pub body_timeout: Duration,
    /// Time for a whole request, which includes a body of 4 MiB over a slow link.
    pub request_timeout: Duration,
    /// Connections at once: each may hold a small body in memory.
    pub connections_max: usize,
    /// Bodies above 128 KiB at once. Only a device with a long backlog sends one, and it can come again.
    pub large_max: usize,
    /// Requests worked on at once. The database takes one writer at a time, so more would only wait inside.
    pub work_max: usize,
    /// How long a request waits for its turn before it is sent away: well within a client's patience.
    pub work_wait: Duration,
    /// Time for requests in flight to end after a signal.
    pub drain_timeout: Duration,
}

impl ServeConfig {
    /// The limits that fit devices on any link.
    #[must_use]
    pub const fn on(listen: SocketAddr) -> Self {
        Self {
            listen,
            head_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(60),
            connections_max: 512,
            large_max: 16,
            work_max: 4,
            work_wait: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(20),
        }
    }

    /// The limits that fit those who look after a process: a scraper, a balancer, a person.
    #[must_use]
    pub const fn ops(listen: SocketAddr) -> Self {
        Self {
            request_timeout: Duration::from_secs(10),
            connections_max: 32,
            drain_timeout: Duration::from_secs(2),
            ..Self::on(listen)
        }
    }
}
