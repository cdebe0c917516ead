//! Which mirrors there are, and where.

use super::RedisAddress;
use crate::environment::ManagementTier;
use brink_postgres::DatabaseUrl;
use std::time::Duration;

/// The mirrors of an agent.
#[derive(Clone, Debug, Default)]
pub struct MirrorOptions {
    /// Rows; or why there can be none at the address that variables come to.
    pub postgres: Option<Result<PostgresOptions, String>>,
    /// Documents; or why there can be none at the address that variables name.
    pub redis: Option<Result<RedisOptions, String>>,
    /// What the rows say of the device.
    pub tier: ManagementTier,
}

/// The PostgreSQL.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// Where, with its password.
    pub url: DatabaseUrl,
    /// Connections at most.
    pub connections: usize,
    /// For the server to answer at all.
    pub connect: Duration,
    /// What is thrown away.
    pub retention: Retention,
}

/// After how many days a month's rows go; `None`: never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Of `telemetry_events`.
    pub telemetry_days: Option<u32>,
    /// Of `frames`.
    pub frames_days: Option<u32>,
    /// Of `usage_events`.
    pub usage_days: Option<u32>,
    /// Of `license_validation_log`.
    pub log_days: Option<u32>,
}

impl Retention {
    /// Each table with its days.
    #[must_use]
    pub fn tables(&self) -> Vec<(&'static str, u32)> {
        let of = [
            ("telemetry_events", self.telemetry_days),
            ("frames", self.frames_days),
            ("usage_events", self.usage_days),
            ("license_validation_log", self.log_days),
        ];
        of.into_iter().filter_map(|(table, days)| days.map(|days| (table, days))).collect()
    }
}

/// The Redis.
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// Where, with its password.
    pub address: RedisAddress,
    /// For the server to answer at all.
    pub connect: Duration,
    /// How long a licence is kept at most.
    pub licence_ttl: Duration,
    /// How long an entitlement is kept at most.
    pub entitlement_ttl: Duration,
}
