//! The listener: one page, on this machine alone.

use super::MEDIA_TYPE;
use crate::agent::Event;
use crate::error::EdgeError;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Connections at once: a scraper has one.
const CONNECTIONS_MAX: usize = 8;
/// Pause after a connection that could not be taken.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// For the head of a request to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// For the agent to answer: it may be waiting for a disk.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// A listener that nobody is answered on yet.
#[derive(Debug)]
pub struct Listening {
    listener: TcpListener,
    address: SocketAddr,
}

impl Listening {
    /// Listens on an address of this machine; port 0 for a free one.
    pub fn on(address: SocketAddr) -> Result<Self, EdgeError> {
        if !address.ip().is_loopback() {
            return Err(EdgeError::Usage(format!(
                "--metrics {address}: metrics are shown to this machine alone; give 127.0.0.1 or [::1]"
            )));
        }
        let listen = || -> std::io::Result<Self> {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            Ok(Self { address: listener.local_addr()?, listener })
        };
        listen().map_err(|reason| EdgeError::System { doing: "listen for metrics", reason })
    }

    /// The address with its real port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Answers scrapes from a thread of its own, which ends with the process.
#[derive(Debug)]
pub struct MetricsServer;

impl MetricsServer {
    /// Begins to answer. What a scrape shows is asked of the agent's loop.
    pub fn start(listening: Listening, agent: Sender<Event>) -> Result<(), EdgeError> {
        let failed = |reason| EdgeError::System { doing: "serve metrics", reason };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let named = thread::Builder::new().name("brink-metrics".to_owned());
        let spawned = named.spawn(move || {
            if let Err(error) = runtime.block_on(serve(listening, agent)) {
                tracing::error!(%error, "metrics are not served any more");
            }
        });
        spawned.map(drop).map_err(failed)
    }
}

async fn serve(listening: Listening, agent: Sender<Event>) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listening.listener)?;
    let app = Router::new().route("/metrics", get(scrape)).with_state(agent);
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // The usual cause is too many open files, which time mends.
                tracing::debug!(%error, "no scrape accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else { continue };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app.clone()));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a scrape ended early");
            }
            drop(place);
        });
    }
}

async fn scrape(State(agent): State<Sender<Event>>) -> Response {
    let asked = tokio::task::spawn_blocking(move || {
        let (answer, answered) = channel();
        agent.send(Event::Measure(answer)).ok()?;
        answered.recv_timeout(ANSWER_TIMEOUT).ok()
    });
    match asked.await {
        Ok(Some(page)) => ([(CONTENT_TYPE, MEDIA_TYPE)], page).into_response(),
        Ok(None) | Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the agent does not answer\n").into_response(),
    }
}
