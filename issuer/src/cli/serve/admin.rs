//! The listener of the admin API, which is a listener of its own: who may reach devices' routes is not who may reach these.

use crate::cli::error::CliError;
use crate::config::{AdminConfig, Rate};
use crate::http::{Server, Tls, admin_router};
use crate::issuer::Issuer;
use clap::Args;
use std::net::SocketAddr;
use std::sync::Arc;

#[derive(Debug, Args)]
pub(super) struct AdminListener {
    /// The address of the admin API; port 0 takes a free one, which is printed. Without, there is none
    #[arg(long, value_name = "ADDR:PORT")]
    admin_listen: Option<SocketAddr>,
    /// Serve the admin API over plain HTTP on an address that others can reach; say why, for the log
    #[arg(long, value_name = "REASON", requires = "admin_listen", conflicts_with = "tls_cert")]
    insecure_admin_listen: Option<String>,
    /// Requests a minute of one API key, for as long as it likes
    #[arg(long, value_name = "N", requires = "admin_listen", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    admin_rate: Option<u32>,
}

/// What a limit is where `rate` requests a minute of one key stand in the place of the `usual` ones.
fn scaled(limit: Rate, rate: u32, usual: u32) -> Rate {
    let scaled = |count: u32| {
        let count = u64::from(count) * u64::from(rate) / u64::from(usual.max(1));
        u32::try_from(count.max(1)).unwrap_or(u32::MAX)
    };
    Rate { burst: scaled(limit.burst), per_minute: scaled(limit.per_minute) }
}

impl AdminListener {
    /// API keys are as good as passwords, so they travel on this machine, or where somebody says that nobody listens.
    pub(super) fn check_address(&self, has_certificate: bool) -> Result<(), CliError> {
        let Some(listen) = self.admin_listen else { return Ok(()) };
        match &self.insecure_admin_listen {
            _ if listen.ip().is_loopback() || has_certificate => Ok(()),
            Some(reason) if !reason.trim().is_empty() => {
                tracing::warn!(%listen, %reason, "serving API keys over plain HTTP beyond this machine");
                Ok(())
            }
            Some(_) | None => Err(CliError::usage(format!(
                "--admin-listen {listen} would carry API keys over plain HTTP to other machines; give --tls-cert F \
                 and --tls-key F, listen on 127.0.0.1 behind a TLS proxy, or give --insecure-admin-listen REASON"
            ))),
        }
    }

    fn config(&self, listen: SocketAddr) -> AdminConfig {
        let mut config = AdminConfig::on(listen);
        if let Some(rate) = self.admin_rate {
            let usual = config.credential.per_minute;
            config.credential = scaled(config.credential, rate, usual);
            config.address = scaled(config.address, rate, usual);
        }
        config
    }

    /// Listens, if it is to. On this machine there is no wire to protect, and a certificate is for another name.
    pub(super) async fn listen(
        &self,
        issuer: &Arc<Issuer>,
        tls: Option<&Arc<Tls>>,
    ) -> Result<Option<(Server, axum::Router)>, CliError> {
        let Some(listen) = self.admin_listen else { return Ok(None) };
        let config = self.config(listen);
        let tls = tls.filter(|_| !listen.ip().is_loopback()).cloned();
        let server = Server::listen(config.serve).await?.with_tls(tls).counted(issuer.metrics(), "admin");
        Ok(Some((server, admin_router(Arc::clone(issuer), &config))))
    }
}
