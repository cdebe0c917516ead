//! The process and what it stands on, as they are when somebody asks.

use crate::storage::Pool;
use brink_license::UnixSeconds;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

/// What is looked up for each page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scraped {
    pub(crate) now: UnixSeconds,
    pub(crate) keyset_version: u64,
    pub(crate) keyset_expires_at: UnixSeconds,
    pub(crate) pool: Pool,
    pub(crate) draining: bool,
}

/// The process and what it stands on.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostMetrics {
    started: Gauge,
    clock: Gauge,
    keyset_version: Gauge,
    keyset_expires: Gauge,
    connections_max: Gauge,
    connections_in_use: Gauge,
    connections_waiting: Gauge,
    draining: Gauge,
    ready: Gauge,
}

impl HostMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let new = Self::default();
        let help = "When this process began";
        registry.register_with_unit("process_start_time", help, Unit::Seconds, new.started.clone());
        let ours = registry.sub_registry_with_prefix(super::PREFIX);
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        ours.register("build", "What runs", version);
        let help = "What time it is, by the clock that deadlines are set by";
        ours.register_with_unit("clock_timestamp", help, Unit::Seconds, new.clock.clone());
        ours.register("keyset_version", "The manifest in force", new.keyset_version.clone());
        let help = "When the manifest in force expires: devices take nothing new after that";
        ours.register_with_unit("keyset_expires_timestamp", help, Unit::Seconds, new.keyset_expires.clone());
        let help = "Connections to the database that this process may have";
        ours.register("database_connections_max", help, new.connections_max.clone());
        let help = "Connections to the database that are at work";
        ours.register("database_connections_in_use", help, new.connections_in_use.clone());
        let help = "Threads that wait for a connection to the database";
        ours.register("database_connections_waiting", help, new.connections_waiting.clone());
        ours.register("draining", "1 once this process was told to end", new.draining.clone());
        ours.register("ready", "What /readyz said last: 1 ready, 0 not, or never asked", new.ready.clone());
        new
    }

    /// The moment that the process began.
    pub(crate) fn started(&self, now: UnixSeconds) {
        self.started.set(now.as_i64());
    }

    /// What `/readyz` answers.
    pub(crate) fn ready(&self, ready: bool) {
        self.ready.set(i64::from(ready));
    }

    pub(crate) fn look(&self, scraped: &Scraped) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.clock.set(scraped.now.as_i64());
        self.keyset_version.set(i64::try_from(scraped.keyset_version).unwrap_or(i64::MAX));
        self.keyset_expires.set(scraped.keyset_expires_at.as_i64());
        self.connections_max.set(number(scraped.pool.max));
        self.connections_in_use.set(number(scraped.pool.in_use));
        self.connections_waiting.set(number(scraped.pool.waiting));
        self.draining.set(i64::from(scraped.draining));
    }
}
