//! What the listeners of this machine share: an address that nobody else reaches, a bounded number of connections, heads
//! that arrive in time, and a thread of their own.

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::sync::Semaphore;

/// For the head of a request to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest head.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Most threads of one listener that wait for a disk, the network or the agent.
const BLOCKING_MAX: usize = 64;

/// A listener that nobody is answered on yet.
#[derive(Debug)]
pub struct Loopback {
    listener: TcpListener,
    address: SocketAddr,
}

/// Why there is no listener.
#[derive(Debug)]
pub enum NoListener {
    /// Others could reach the address.
    Elsewhere,
    /// The system's word.
    Io(io::Error),
}

impl Loopback {
    /// Listens on an address of this machine; port 0 for a free one.
    pub fn on(address: SocketAddr) -> Result<Self, NoListener> {
        if !address.ip().is_loopback() {
            return Err(NoListener::Elsewhere);
        }
        let listen = || -> io::Result<Self> {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            Ok(Self { address: listener.local_addr()?, listener })
        };
        listen().map_err(NoListener::Io)
    }

    /// The address with its real port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same for tokio, within its runtime.
    pub(crate) fn into_tokio(self) -> io::Result<tokio::net::TcpListener> {
        tokio::net::TcpListener::from_std(self.listener)
    }
}

/// Serves on a thread of its own, which ends with the process.
pub(crate) fn on_a_thread<F>(name: &'static str, serving: F) -> io::Result<()>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().max_blocking_threads(BLOCKING_MAX).build()?;
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(move || {
        if let Err(error) = runtime.block_on(serving) {
            tracing::error!(%error, listener = name, "nothing is served any more");
        }
    });
    spawned.map(drop)
}

/// Answers for ever; `app` is asked for each connection. One beyond `connections_max` is closed at once.
pub(crate) async fn serve<L: Listener>(
    mut listener: L,
    connections_max: usize,
    app: impl Fn(&L::Io) -> Router,
) -> io::Result<()> {
    let room = Arc::new(Semaphore::new(connections_max));
    loop {
        let (stream, _) = listener.accept().await;
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else { continue };
        let service = TowerToHyperService::new(app(&stream));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_header_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
}
