//! Where a server listens, and with what certificate.

use crate::cli::error::CliError;
use crate::http::{ServeError, Tls, TlsFiles};
use crate::metrics::Metrics;
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Seconds that a process goes on to serve after SIGTERM, while its readiness already says no: two looks of a balancer
/// that asks every two seconds.
const DRAIN_GRACE_SECONDS: u32 = 4;
/// More is no grace: whoever manages services kills after 30 to 90 s.
const DRAIN_GRACE_SECONDS_MAX: u32 = 300;

/// A certificate for everybody who is not on this machine.
#[derive(Debug, Args)]
pub(in crate::cli) struct Certificate {
    /// Serve HTTPS with this certificate, a PEM file with the server's own first. It is read again when it changes
    #[arg(long, value_name = "F", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, an unencrypted PEM file that only its owner and group may read
    #[arg(long, value_name = "F", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

impl Certificate {
    pub(super) fn load(&self, metrics: &Metrics) -> Result<Option<Arc<Tls>>, CliError> {
        let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) else { return Ok(None) };
        let files = TlsFiles { certificate: certificate.clone(), key: key.clone() };
        Ok(Some(Arc::new(Tls::load(files, metrics).map_err(ServeError::Tls)?)))
    }

    pub(super) const fn is_given(&self) -> bool {
        self.tls_cert.is_some()
    }
}

/// The listener of operators.
#[derive(Debug, Args)]
pub(in crate::cli) struct Ops {
    /// Show /livez, /readyz and /metrics on this address; port 0 takes a free one, which is printed
    #[arg(long, value_name = "ADDR:PORT")]
    pub(super) ops_listen: Option<SocketAddr>,
    /// Show them on an address that others can reach; say why, for the log. They ask nobody for a credential
    #[arg(long, value_name = "REASON", requires = "ops_listen")]
    ops_open: Option<String>,
    /// Seconds to go on serving after SIGTERM while /readyz already says no, at most 300 [default: 4 with --ops-listen,
    /// else 0]
    #[arg(long, value_name = "N")]
    drain_grace_seconds: Option<u32>,
}

impl Ops {
    /// Nobody can have noticed before whom readiness was not shown to.
    pub(super) fn drain_grace(&self) -> Result<Duration, CliError> {
        let default = if self.ops_listen.is_some() { DRAIN_GRACE_SECONDS } else { 0 };
        let seconds = self.drain_grace_seconds.unwrap_or(default);
        if seconds > DRAIN_GRACE_SECONDS_MAX {
            return Err(CliError::usage(format!(
                "--drain-grace-seconds {seconds} is out of bounds: 0 to {DRAIN_GRACE_SECONDS_MAX}; choose a number within \
                 these bounds"
            )));
        }
        Ok(Duration::from_secs(u64::from(seconds)))
    }

    pub(super) fn check_address(&self) -> Result<(), CliError> {
        let Some(listen) = self.ops_listen.filter(|listen| !listen.ip().is_loopback()) else { return Ok(()) };
        match &self.ops_open {
            Some(reason) if !reason.trim().is_empty() => {
                tracing::warn!(%listen, %reason, "readiness and metrics are open to other machines");
                Ok(())
            }
            Some(_) | None => Err(CliError::usage(format!(
                "--ops-listen {listen} would show readiness and metrics to other machines, without asking who they are; \
                 listen on 127.0.0.1, or give --ops-open REASON"
            ))),
        }
    }

    /// On this machine there is no wire to protect, and a certificate is for another name.
    pub(super) fn tls(&self, tls: Option<&Arc<Tls>>) -> Option<Arc<Tls>> {
        let is_local = self.ops_listen.is_none_or(|listen| listen.ip().is_loopback());
        tls.filter(|_| !is_local).cloned()
    }
}
