//! The old product's environment variables, as the agent understands them: read once, judged all together, typed.
//!
//! Flags go before variables. What nobody set changes nothing: whoever asks for [`Given::set`] goes on as without variables.

mod table;

pub use brink_environment::Given;
pub use table::TABLE;

use crate::api::Heartbeats;
use crate::uplink::NETWORK_TIMEOUT;
use brink_environment::{Address, EnvFile, Secret, Settings, alike};
use brink_license::TenantId;
use std::ffi::OsString;
use std::time::Duration;

/// The issuer in `brink-edge-mock`, which devices pin: `brink-edge run` becomes that program for devices of this one alone.
pub const MOCK_ISSUER: &str = "dev-mock";

/// What counts of the variables. The others do nothing any more; they are in [`Environment::settings`].
#[derive(Clone, Debug)]
pub struct Environment {
    /// The billing service that the local API passes questions on to.
    pub billing: Billing,
    /// The tenant that they are about; `None` where nobody said one.
    pub tenant: Option<TenantId>,
    /// What heartbeats say of the device.
    pub management_tier: Given<ManagementTier>,
    /// Heartbeats.
    pub heartbeat: Heartbeat,
    /// The local API.
    pub api: LocalApi,
    /// The servers that the mirrors copy into.
    pub mirrored: Mirrored,
    /// What to log, as filters write it.
    pub log_level: Given<&'static str>,
    /// Every variable with its source, and what is wrong.
    pub settings: Settings,
}

/// The billing service.
#[derive(Clone, Debug)]
pub struct Billing {
    /// Where it is.
    pub service_url: Given<Address>,
    /// What it is shown as a bearer token. Perhaps empty.
    pub api_key: Given<Secret>,
    /// For one whole call.
    pub timeout: Given<Duration>,
    /// Whether its answers are to be made up; only in development.
    pub is_mocked: Given<bool>,
}

/// When heartbeats are sent.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// Whether.
    pub is_enabled: Given<bool>,
    /// The pause between two; 0 only where none are sent.
    pub interval_minutes: Given<u32>,
}

/// The agent's API for this machine.
#[derive(Clone, Debug)]
pub struct LocalApi {
    /// Its port.
    pub port: Given<u16>,
    /// Requests at once.
    pub threads: Given<u16>,
    /// Whether pages of other origins may call it.
    pub allows_cors: Given<bool>,
}

/// The servers that the mirrors copy into: one whose host nobody named has no mirror.
#[derive(Clone, Debug)]
pub struct Mirrored {
    /// Where the PostgreSQL is: a name, an address, or the directory of its socket.
    pub postgres_host: Given<String>,
    /// Its port.
    pub postgres_port: Given<u16>,
    /// Which of its databases.
    pub postgres_database: Given<String>,
    /// As whom.
    pub postgres_user: Given<String>,
    /// Perhaps empty.
    pub postgres_password: Given<Secret>,
    /// Connections at most.
    pub postgres_pool_size: Given<u16>,
    /// For it to answer at all.
    pub postgres_connect: Given<Duration>,
    /// Where the Redis is.
    pub redis_host: Given<String>,
    /// Its port.
    pub redis_port: Given<u16>,
    /// Perhaps empty.
    pub redis_password: Given<Secret>,
    /// For it to answer at all.
    pub redis_connect: Given<Duration>,
    /// How long a licence is kept there at most.
    pub licence_ttl: Given<Duration>,
    /// How long an entitlement is kept there at most.
    pub entitlement_ttl: Given<Duration>,
}

impl Mirrored {
    fn of(settings: &Settings) -> Self {
        Self {
            postgres_host: settings.text("POSTGRES_HOST"),
            postgres_port: settings.number("POSTGRES_PORT"),
            postgres_database: settings.text("POSTGRES_DATABASE"),
            postgres_user: settings.text("POSTGRES_USER"),
            postgres_password: settings.secret("POSTGRES_PASSWORD"),
            postgres_pool_size: settings.number("POSTGRES_POOL_SIZE"),
            postgres_connect: settings.number("POSTGRES_CONNECTION_TIMEOUT_MS").map(Duration::from_millis),
            redis_host: settings.text("REDIS_HOST"),
            redis_port: settings.number("REDIS_PORT"),
            redis_password: settings.secret("REDIS_PASSWORD"),
            redis_connect: settings.number("REDIS_CONNECTION_TIMEOUT_MS").map(Duration::from_millis),
            licence_ttl: settings.number("LICENSE_CACHE_TTL_SECONDS").map(Duration::from_secs),
            entitlement_ttl: settings.number("ENTITLEMENT_CACHE_TTL_SECONDS").map(Duration::from_secs),
        }
    }
}

/// How a device is looked after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ManagementTier {
    /// By its owner.
    #[default]
    Basic,
    /// By the vendor.
    Managed,
}

impl ManagementTier {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ManagementTier::Basic => "basic",
            ManagementTier::Managed => "managed",
        }
    }

    fn of(word: &str) -> Self {
        if word == Self::Managed.as_str() { Self::Managed } else { Self::Basic }
    }
}

impl Environment {
    /// Reads everything. `development`: whether the device trusts an issuer whose name begins with `dev-`.
    pub fn read(
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        file: Option<&EnvFile<'_>>,
        development: bool,
    ) -> Self {
        let settings = TABLE.read(environment, file, development);
        Self {
            billing: Billing {
                service_url: settings.address("BILLING_SERVICE_URL"),
                api_key: settings.secret("BILLING_API_KEY"),
                timeout: settings.number("BILLING_TIMEOUT_MS").map(Duration::from_millis),
                is_mocked: settings.boolean("MOCK_BILLING_SERVICE"),
            },
            // What cannot be one is among the problems.
            tenant: TenantId::parse(&settings.text("TENANT_ID").value).ok(),
            management_tier: settings.choice("MANAGEMENT_TIER").map(ManagementTier::of),
            heartbeat: Heartbeat {
                is_enabled: settings.boolean("ENABLE_HEARTBEAT"),
                interval_minutes: settings.number("HEARTBEAT_INTERVAL_MINUTES"),
            },
            api: LocalApi {
                port: settings.number("API_PORT"),
                threads: settings.number("API_THREADS"),
                allows_cors: settings.boolean("API_ENABLE_CORS"),
            },
            mirrored: Mirrored::of(&settings),
            log_level: settings.choice("LOG_LEVEL").map(alike::log_level),
            settings,
        }
    }

    /// What a billing server is told of this device, and how often; `None` where heartbeats are off.
    #[must_use]
    pub fn heartbeats(&self) -> Option<Heartbeats> {
        let minutes = u64::from(self.heartbeat.interval_minutes.value);
        let is_on = self.heartbeat.is_enabled.value && minutes > 0;
        is_on.then(|| Heartbeats {
            interval: Duration::from_secs(60 * minutes),
            tier: self.management_tier.value,
        })
    }

    /// How long an exchange may take, where that was said: no longer than a verb waits for it.
    #[must_use]
    pub fn exchange_timeout(&self) -> Option<Duration> {
        self.billing.timeout.set().map(|timeout| (*timeout).min(NETWORK_TIMEOUT))
    }
}

#[cfg(test)]
mod tests;
