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
    /// Requests worked on at once. SQLite takes one writer at a time, so more would only wait inside.
    pub work_max: usize,
    /// How long a request waits for its turn before it is sent away: well within a client's patience.
    pub work_wait: Duration,
    /// Time for requests in flight to end after a signal.
    pub drain_timeout: Duration,
}

/// How often somebody may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests at once, after a pause.
    pub burst: u32,
    /// Requests a minute, for as long as they like.
    pub per_minute: u32,
}

/// How the admin API is served.
#[derive(Clone, Copy, Debug)]
pub struct AdminConfig {
    /// Its listener.
    pub serve: ServeConfig,
    /// For each API key: a console that many people look at, and a script that walks every list.
    pub credential: Rate,
    /// For each address, whatever keys come from there. Behind a proxy that is everybody.
    pub address: Rate,
    /// Keys that are not known here, for each address: people paste the wrong one, a guesser sends thousands.
    pub failures: Rate,
}

impl AdminConfig {
    /// The limits that fit people and their scripts.
    #[must_use]
    pub const fn on(listen: SocketAddr) -> Self {
        let serve = ServeConfig {
            connections_max: 256,
            request_timeout: Duration::from_secs(30),
            ..ServeConfig::on(listen)
        };
        Self {
            serve,
            credential: Rate { burst: 200, per_minute: 1200 },
            address: Rate { burst: 400, per_minute: 2400 },
            failures: Rate { burst: 10, per_minute: 10 },
        }
    }
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

    /// As many requests at once as the database has connections for: those that wait for a transaction share the next one.
    #[must_use]
    pub fn with_connections(self, connections: usize) -> Self {
        Self { work_max: self.work_max.max(connections), ..self }
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
