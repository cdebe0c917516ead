//! The server: accepts, bounds, and drains. `axum::serve` has no timeout for request heads and no bound on connections.

use super::peer::OnConnection;
use crate::config::ServeConfig;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Pause after a failed accept: the usual cause is too many open files, which time mends.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

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
}

/// A listening server.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    config: ServeConfig,
}

impl Server {
    /// Starts to listen; connections wait until [`Server::run`].
    pub async fn listen(config: ServeConfig) -> Result<Self, ServeError> {
        let fail = |error| ServeError::Listen { listen: config.listen, error };
        let listener = TcpListener::bind(config.listen).await.map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?;
        Ok(Self { listener, address, config })
    }

    /// The address with its real port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` ends, then lets requests in flight finish. Returns whether all of them did in time.
    pub async fn run(self, app: Router, stop: impl Future<Output = ()>) -> bool {
        let graceful = GracefulShutdown::new();
        let room = Arc::new(Semaphore::new(self.config.connections_max));
        let mut stop = std::pin::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    self.spawn(stream, OnConnection::new(app.clone(), peer), &graceful, &room);
                }
                Err(error) => {
                    tracing::warn!(%error, "accepting a connection failed");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
        drop(self.listener);
        tokio::time::timeout(self.config.drain_timeout, graceful.shutdown()).await.is_ok()
    }

    fn spawn(
        &self,
        stream: TcpStream,
        app: OnConnection,
        graceful: &GracefulShutdown,
        room: &Arc<Semaphore>,
    ) {
        // A connection beyond the bound is closed at once: a device tries again, memory does not grow.
        let Ok(permit) = Arc::clone(room).try_acquire_owned() else {
            tracing::warn!("too many connections; one was closed");
            return;
        };
        // Answers are small and written at once; waiting for more to send only delays them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was not set");
        }
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.config.head_timeout)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(permit);
        });
    }
}
