//! `brink-issuer serve`.

mod admin;
mod daily;
mod listening;

use super::config::EnvironmentFile;
use super::error::CliError;
use super::opening::{Directory, PassphraseSource};
use super::output::Output;
use super::upkeep::Retention;
use crate::calendar::rfc3339;
use crate::clock::{Clock, SystemClock};
use crate::config::ServeConfig;
use crate::http::{Readiness, Server, Tls, ops_router, router};
use crate::issuer::Issuer;
use admin::AdminListener;
use clap::Args;
use listening::{Certificate, Ops};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// Warn this long before the keyset expires: bringing the root keys together takes time.
const KEYSET_WARNING_SECONDS: i64 = 90 * 86_400;

#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    data: Directory,
    /// The address to listen on; port 0 takes a free one, which is printed [default: 127.0.0.1 with the port that PORT
    /// says, or else 8081]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    passphrase: PassphraseSource,
    #[command(flatten)]
    certificate: Certificate,
    #[command(flatten)]
    retention: Retention,
    /// Serve plain HTTP on an address that others can reach; say why, for the log
    #[arg(long, value_name = "REASON", conflicts_with = "tls_cert")]
    insecure_listen: Option<String>,
    #[command(flatten)]
    admin: AdminListener,
    #[command(flatten)]
    ops: Ops,
    #[command(flatten)]
    pub(super) environment: EnvironmentFile,
}

impl Serve {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let environment = self.environment.at_start(&self.data.directory(), &self.data.place()?)?;
        let listen = self.listen.unwrap_or_else(|| environment.listen());
        self.check_address(listen)?;
        self.admin.check_address(self.certificate.is_given())?;
        self.ops.check_address()?;
        let grace = self.ops.drain_grace()?;
        let issuer = Arc::new(self.data.issuer(&self.passphrase)?);
        if issuer.keyset_expires_at().since(SystemClock.now()) < KEYSET_WARNING_SECONDS {
            let at = rfc3339(issuer.keyset_expires_at());
            tracing::warn!(%at, "the keyset expires soon; after that devices accept no new licence");
        }
        let tls = self.certificate.load(issuer.metrics())?;
        let runtime =
            tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(runtime_error)?;
        runtime.block_on(self.serve(issuer, listen, (tls, grace), output))
    }

    async fn serve(
        &self,
        issuer: Arc<Issuer>,
        listen: SocketAddr,
        (tls, grace): (Option<Arc<Tls>>, Duration),
        output: &mut Output<'_>,
    ) -> Result<(), CliError> {
        // Before the line is printed, so that whoever read it may send a signal.
        let signals = Signals::listen().map_err(runtime_error)?;
        if let Some(tls) = &tls {
            reload_on_hangup(Arc::clone(tls)).map_err(runtime_error)?;
        }
        let config = ServeConfig::on(listen).with_connections(issuer.storage.pool().max);
        let (app, metrics) = (router(Arc::clone(&issuer), &config), issuer.metrics().clone());
        let server = Server::listen(config).await?.with_tls(tls.clone()).counted(&metrics, "device");
        let readiness = Arc::new(Readiness::of(Arc::clone(&issuer)).with_tls(tls.clone()));
        let ops = match self.ops.ops_listen {
            Some(listen) => Some(
                Server::listen(ServeConfig::ops(listen))
                    .await?
                    .with_tls(self.ops.tls(tls.as_ref()))
                    .counted(&metrics, "ops"),
            ),
            None => None,
        };
        let admin = self.admin.listen(&issuer, tls.as_ref()).await?;
        tracing::info!(issuer = %issuer.name(), address = %server.address(), "serving");
        output.line(&format!("listening on {}", server.url()))?;
        if let Some((admin, _)) = &admin {
            output.line(&format!("admin API on {}", admin.url()))?;
        }
        if let Some(ops) = &ops {
            output.line(&format!("ops on {}", ops.url()))?;
        }
        let watched = ops.map(|ops| {
            let (end, ended) = oneshot::channel::<()>();
            let app = ops_router(Arc::clone(&issuer), Arc::clone(&readiness));
            (tokio::spawn(ops.run(app, async { drop(ended.await) })), end)
        });
        let daily = daily::start(Arc::clone(&issuer), self.retention.raw_retention_days);
        if !run_both((server, app), admin, signals.stop(readiness, grace)).await {
            tracing::warn!("some requests did not end in time and were cut off");
        }
        daily.abort();
        // Last, so that readiness says no for as long as there is anybody to ask it.
        if let Some((watched, end)) = watched {
            drop(end);
            let _ = watched.await;
        }
        tracing::info!("stopped");
        Ok(())
    }

    fn check_address(&self, listen: SocketAddr) -> Result<(), CliError> {
        match &self.insecure_listen {
            _ if listen.ip().is_loopback() || self.certificate.is_given() => Ok(()),
            Some(reason) if !reason.trim().is_empty() => {
                tracing::warn!(%listen, %reason, "serving plain HTTP beyond this machine");
                Ok(())
            }
            Some(_) | None => Err(CliError::usage(format!(
                "--listen {listen} would serve plain HTTP to other machines; give --tls-cert F and --tls-key F, listen on 127.0.0.1 \
                 behind a TLS proxy, or give --insecure-listen REASON"
            ))),
        }
    }
}

/// Until `stop`; then both let requests in flight finish. Answers whether all of them did in time.
async fn run_both(
    (server, app): (Server, axum::Router),
    admin: Option<(Server, axum::Router)>,
    stop: impl Future<Output = ()>,
) -> bool {
    let (tell, told) = tokio::sync::watch::channel(false);
    let stopped = |mut told: tokio::sync::watch::Receiver<bool>| async move {
        // An error says that nobody can tell any more, which is a stop as well.
        let _ = told.wait_for(|stops| *stops).await;
    };
    let devices = server.run(app, stopped(told.clone()));
    let admins = async {
        match admin {
            Some((server, app)) => server.run(app, stopped(told)).await,
            None => true,
        }
    };
    let stops = async {
        stop.await;
        // Whoever has gone needs not be told.
        let _ = tell.send(true);
    };
    let (devices, admins, ()) = tokio::join!(devices, admins, stops);
    devices && admins
}

fn runtime_error(error: io::Error) -> CliError {
    CliError::File { path: "the server's runtime".into(), error }
}

/// The signals that end a server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Ends when nobody should be served any more: some time after the first signal, at once with the second.
    async fn stop(mut self, readiness: Arc<Readiness>, grace: Duration) {
        self.next().await;
        readiness.drain();
        tracing::info!(grace_seconds = grace.as_secs(), "draining: not ready any more, and still serving");
        tokio::select! {
            () = tokio::time::sleep(grace) => {}
            () = self.next() => {}
        }
    }
}

/// Without TLS a hangup ends the process, as it always did.
fn reload_on_hangup(tls: Arc<Tls>) -> io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            let tls = Arc::clone(&tls);
            let _ = tokio::task::spawn_blocking(move || tls.reload()).await;
        }
    });
    Ok(())
}
