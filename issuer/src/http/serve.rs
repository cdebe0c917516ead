//! The server: accepts, bounds, and drains. `axum::serve` has no timeout for request heads and no bound on connections.

use super::peer::OnConnection;
use super::tls::{Tls, TlsError};
use crate::config::ServeConfig;
use crate::metrics::Metrics;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

/// Pause after a failed accept: the usual cause is too many open files, which time mends.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// Time between two lines that say the same of a herd.
const SAY_FULL_EVERY: Duration = Duration::from_secs(10);

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be had.
    #[error("cannot listen on {listen}: {error}; choose another address, or port 0 for a free one")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// The system's words.
        error: io::Error,
    },
    /// The certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A listening server.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    config: ServeConfig,
    tls: Option<Arc<Tls>>,
    metrics: Metrics,
    name: &'static str,
}

/// What a connection is served with.
#[derive(Clone)]
struct Desk {
    config: ServeConfig,
    tls: Option<Arc<Tls>>,
    metrics: Metrics,
    name: &'static str,
    app: Router,
    /// When it was last said that there are too many connections.
    said_full: Arc<Mutex<Option<Instant>>>,
}

impl Server {
    /// Starts to listen; connections wait until [`Server::run`].
    pub async fn listen(config: ServeConfig) -> Result<Self, ServeError> {
        let fail = |error| ServeError::Listen { listen: config.listen, error };
        let listener = TcpListener::bind(config.listen).await.map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?;
        Ok(Self { listener, address, config, tls: None, metrics: Metrics::default(), name: "device" })
    }

    /// Speaks TLS and nothing else.
    #[must_use]
    pub fn with_tls(self, tls: Option<Arc<Tls>>) -> Self {
        Self { tls, ..self }
    }

    /// Counts its connections, under a name of its own.
    #[must_use]
    pub fn counted(self, metrics: &Metrics, name: &'static str) -> Self {
        Self { metrics: metrics.clone(), name, ..self }
    }

    /// Where it is reached, with its real port.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The address with its real port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` ends, then lets requests in flight finish. Returns whether all of them did in time.
    pub async fn run(self, app: Router, stop: impl Future<Output = ()>) -> bool {
        let Self { listener, config, tls, metrics, name, .. } = self;
        let desk = Desk { config, tls, metrics, name, app, said_full: Arc::default() };
        let graceful = GracefulShutdown::new();
        let room = Arc::new(Semaphore::new(config.connections_max));
        let mut stop = std::pin::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => desk.take((stream, peer), &graceful, &room),
                Err(error) => {
                    tracing::warn!(%error, "accepting a connection failed");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
        drop(listener);
        tokio::time::timeout(config.drain_timeout, graceful.shutdown()).await.is_ok()
    }
}

impl Desk {
    fn take(
        &self,
        (stream, peer): (TcpStream, SocketAddr),
        graceful: &GracefulShutdown,
        room: &Arc<Semaphore>,
    ) {
        // A connection beyond the bound is closed at once: a device tries again, memory does not grow.
        let Ok(permit) = Arc::clone(room).try_acquire_owned() else {
            self.metrics.http.connection_refused(self.name);
            self.say_full();
            return;
        };
        // Answers are small and written at once; waiting for more to send only delays them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was not set");
        }
        let (desk, watcher, counted) =
            (self.clone(), graceful.watcher(), self.metrics.http.connected(self.name));
        tokio::spawn(async move {
            match desk.tls.clone() {
                None => desk.serve((stream, peer), watcher).await,
                Some(tls) => {
                    if let Some(stream) = desk.handshake(tls, stream).await {
                        desk.serve((stream, peer), watcher).await;
                    }
                }
            }
            drop((permit, counted));
        });
    }

    /// Not for each: a herd would write a line for every connection that it tries.
    fn say_full(&self) {
        let mut said = self.said_full.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_none_or(|said| said.elapsed() >= SAY_FULL_EVERY) {
            *said = Some(Instant::now());
            tracing::warn!(
                listener = self.name,
                max = self.config.connections_max,
                "too many connections: some were closed; their count is in the metrics"
            );
        }
    }

    /// `None` for a client that does not speak TLS, does not believe the certificate, or takes too long.
    async fn handshake(
        &self,
        tls: Arc<Tls>,
        stream: TcpStream,
    ) -> Option<impl AsyncRead + AsyncWrite + Unpin + Send + use<>> {
        // It may look at files.
        let config = tokio::task::spawn_blocking(move || tls.current()).await.ok()?;
        let mut handshake = std::pin::pin!(TlsAcceptor::from(config).accept(stream).into_fallible());
        // What failed is counted while its connection is still open: who saw it end can see it counted.
        let (reason, _still_open) =
            match tokio::time::timeout(self.config.handshake_timeout, &mut handshake).await {
                Ok(Ok(stream)) => return Some(stream),
                Ok(Err((error, stream))) => {
                    tracing::debug!(listener = self.name, %error, "a TLS handshake failed");
                    ("refused", Some(stream))
                }
                Err(_) => {
                    tracing::debug!(listener = self.name, "a TLS handshake took too long");
                    ("timeout", None)
                }
            };
        self.metrics.http.handshake_failed(self.name, reason);
        None
    }

    async fn serve<S>(self, (stream, peer): (S, SocketAddr), watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let app = OnConnection::new(self.app, peer);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.config.head_timeout)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}
