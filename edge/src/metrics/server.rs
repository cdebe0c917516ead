//! The listener: one page, on this machine alone.

use super::MEDIA_TYPE;
use crate::agent::Event;
use crate::error::EdgeError;
use crate::serving::{self, Loopback, NoListener};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::net::SocketAddr;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

/// Connections at once: a scraper has one.
const CONNECTIONS_MAX: usize = 8;
/// For the agent to answer: it may be waiting for a disk.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Listens on an address of this machine; port 0 for a free one.
pub fn listen(address: SocketAddr) -> Result<Loopback, EdgeError> {
    Loopback::on(address).map_err(|why| match why {
        NoListener::Elsewhere => EdgeError::Usage(format!(
            "--metrics {address}: metrics are shown to this machine alone; give 127.0.0.1 or [::1]"
        )),
        NoListener::Io(reason) => EdgeError::System { doing: "listen for metrics", reason },
    })
}

/// Begins to answer scrapes. What one shows is asked of the agent's loop.
pub fn start(listening: Loopback, agent: Sender<Event>) -> Result<(), EdgeError> {
    let serving = async move {
        let app = Router::new().route("/metrics", get(scrape)).with_state(agent);
        serving::serve(listening.into_tokio()?, CONNECTIONS_MAX, |_| app.clone()).await
    };
    let failed = |reason| EdgeError::System { doing: "serve metrics", reason };
    serving::on_a_thread("brink-metrics", serving).map_err(failed)
}

/// The page as of now; `None` where the agent does not answer. Waits for it.
#[must_use]
pub fn page(agent: &Sender<Event>) -> Option<String> {
    let (answer, answered) = channel();
    agent.send(Event::Measure(answer)).ok()?;
    answered.recv_timeout(ANSWER_TIMEOUT).ok()
}

async fn scrape(State(agent): State<Sender<Event>>) -> Response {
    match tokio::task::spawn_blocking(move || page(&agent)).await {
        Ok(Some(page)) => ([(CONTENT_TYPE, MEDIA_TYPE)], page).into_response(),
        Ok(None) | Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the agent does not answer\n").into_response(),
    }
}
