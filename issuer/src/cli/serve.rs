//! `brink-issuer serve`.

use super::error::CliError;
use super::opening::{Directory, PassphraseSource};
use super::output::Output;
use super::upkeep::Retention;
use crate::calendar::rfc3339;
use crate::clock::{Clock, SystemClock};
use crate::config::ServeConfig;
use crate::http::{Server, router};
use crate::upkeep;
use clap::Args;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// Warn this long before the keyset expires: bringing the root keys together takes time.
const KEYSET_WARNING_SECONDS: i64 = 90 * 86_400;

#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    data: Directory,
    /// The address to listen on; port 0 takes a free one, which is printed
    #[arg(long, value_name = "ADDR:PORT")]
    listen: SocketAddr,
    #[command(flatten)]
    passphrase: PassphraseSource,
    #[command(flatten)]
    retention: Retention,
    /// Serve plain HTTP on an address that others can reach; say why, for the log
    #[arg(long, value_name = "REASON")]
    insecure_listen: Option<String>,
}

impl Serve {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        self.check_address()?;
        let issuer = Arc::new(self.data.issuer(&self.passphrase)?);
        if issuer.keyset_expires_at().since(SystemClock.now()) < KEYSET_WARNING_SECONDS {
            let at = rfc3339(issuer.keyset_expires_at());
            tracing::warn!(%at, "the keyset expires soon; after that devices accept no new licence");
        }
        let config = ServeConfig::on(self.listen);
        let app = router(Arc::clone(&issuer), &config);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(runtime_error)?;
        runtime.block_on(async {
            // Before the line is printed, so that whoever read it may send a signal.
            let stop = stop_signal().map_err(runtime_error)?;
            tokio::spawn(upkeep::daily(Arc::clone(&issuer.storage), self.retention.raw_retention_days));
            let server = Server::listen(config).await?;
            tracing::info!(issuer = %issuer.name(), address = %server.address(), "serving");
            output.line(&format!("listening on http://{}", server.address()))?;
            if !server.run(app, stop).await {
                tracing::warn!("some requests did not end in time and were cut off");
            }
            tracing::info!("stopped");
            Ok(())
        })
    }

    fn check_address(&self) -> Result<(), CliError> {
        match &self.insecure_listen {
            _ if self.listen.ip().is_loopback() => Ok(()),
            Some(reason) if !reason.trim().is_empty() => {
                tracing::warn!(listen = %self.listen, %reason, "serving plain HTTP beyond this machine");
                Ok(())
            }
            Some(_) | None => Err(CliError::usage(format!(
                "--listen {} would serve plain HTTP to other machines; listen on 127.0.0.1 behind a TLS proxy, or give \
                 --insecure-listen REASON",
                self.listen
            ))),
        }
    }
}

fn runtime_error(error: io::Error) -> CliError {
    CliError::File { path: "the server's runtime".into(), error }
}

/// Ends with the first SIGTERM or SIGINT.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
