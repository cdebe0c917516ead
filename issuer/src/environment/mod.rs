//! The old billing server's environment variables, as `serve` understands them: read once, judged all together, typed.
//!
//! Flags go before variables. Other verbs read none.

mod database;
mod table;

pub use brink_environment::Given;
pub use table::TABLE;

use crate::place::DatabasePlace;
use brink_environment::{EnvFile, Settings, alike};
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};

/// What counts of the variables. The others are in [`Environment::settings`].
#[derive(Clone, Debug)]
pub struct Environment {
    /// Where devices are listened to, on this machine.
    pub port: Given<u16>,
    /// Whether answers are to be made up; only in development.
    pub is_mocked: Given<bool>,
    /// What to log, as filters write it.
    pub log_level: Given<&'static str>,
    /// Every variable with its source, and what is wrong.
    pub settings: Settings,
}

impl Environment {
    /// Reads everything. `development`: whether the directory is a development issuer's. `place`: where its database is.
    pub fn read(
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        file: Option<&EnvFile<'_>>,
        development: bool,
        place: Option<&DatabasePlace>,
    ) -> Self {
        let mut settings = TABLE.read(environment, file, development);
        if let Some(place) = place {
            database::compare(&mut settings, place);
        }
        Self {
            port: settings.number("PORT"),
            is_mocked: settings.boolean("MOCK_BILLING_SERVICE"),
            log_level: settings.choice("LOG_LEVEL").map(alike::log_level),
            settings,
        }
    }

    /// Where to listen when no flag says it: on this machine, for a proxy that speaks TLS.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port.value))
    }

    /// What to log when no flag says it, where that was said.
    #[must_use]
    pub fn filter(&self) -> Option<String> {
        self.log_level.set().map(|level| match *level {
            "error" => "error".to_owned(),
            level => format!("warn,brink_issuer={level}"),
        })
    }
}

#[cfg(test)]
mod tests;
