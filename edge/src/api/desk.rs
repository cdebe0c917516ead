//! One request from its head to its answer, and what handlers work with.

use super::billing::Upstream;
use super::door::{Door, Way};
use super::input;
use super::refusal::Refusal;
use super::remembered::Remembered;
use super::route::{Answer, Input, Room, Route, Work};
use super::sight::Sight;
use super::tally::Tally;
use crate::agent::Event;
use crate::command::{Command, Reply};
use crate::error::EdgeError;
use crate::local::{Household, Peer};
use crate::view::View;
use axum::body::Bytes;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use brink_store::machine;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;
use tokio::sync::Semaphore;

/// What the handlers work with. One for each agent.
pub(super) struct Desk {
    pub(super) door: Door,
    pub(super) sight: Arc<Sight>,
    pub(super) agent: Sender<Event>,
    pub(super) tally: Arc<Tally>,
    pub(super) remembered: Remembered,
    pub(super) billing: Option<Arc<Upstream>>,
    /// The document of the API.
    pub(super) document: Bytes,
    pub(super) rooms: Rooms,
    pub(super) household: Household,
    /// In seconds of boottime.
    pub(super) started: i64,
}

/// How many may wait for each thing at once, the rest being told to come back.
pub(super) struct Rooms {
    journal: Arc<Semaphore>,
    agent: Arc<Semaphore>,
    network: Arc<Semaphore>,
}

impl Default for Rooms {
    fn default() -> Self {
        let of = |places| Arc::new(Semaphore::new(places));
        Self { journal: of(16), agent: of(8), network: of(8) }
    }
}

impl Rooms {
    fn of(&self, room: Room) -> Arc<Semaphore> {
        Arc::clone(match room {
            Room::Journal => &self.journal,
            Room::Agent => &self.agent,
            Room::Network => &self.network,
        })
    }
}

impl Desk {
    /// What the licence says now, from memory.
    pub(super) fn view(&self) -> Result<View, Refusal> {
        let published = self.sight.published()?;
        if published.bundle().is_some() { Ok(published) } else { self.sight.look() }
    }

    /// Seconds that this API has run.
    pub(super) fn uptime_seconds(&self) -> i64 {
        machine::boottime_seconds().saturating_sub(self.started).max(0)
    }

    /// Has the agent do something, if this caller may ask for it; `None` if it is not done within `patience`. What was
    /// begun goes on.
    pub(super) fn ask(
        &self,
        command: Command,
        peer: Peer,
        patience: Duration,
    ) -> Result<Option<Reply>, Refusal> {
        let refused = |error: &EdgeError| Refusal::of(error, StatusCode::SERVICE_UNAVAILABLE);
        self.household.check(peer, &command).map_err(|error| refused(&error))?;
        let (reply_to, reply) = channel();
        let sent = self.agent.send(Event::Command(command, peer, reply_to));
        sent.map_err(|_| refused(&EdgeError::AgentEnding))?;
        match reply.recv_timeout(patience) {
            Ok(reply) => Ok(Some(reply)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(refused(&EdgeError::AgentEnding)),
        }
    }
}

/// Answers a request for a route.
pub(super) async fn answer(
    desk: Arc<Desk>,
    route: Arc<Route>,
    named: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Response {
    let named = match named {
        Ok(named) => named.iter().map(|(_, value)| value.to_owned()).collect(),
        Err(RawPathParamsRejection::InvalidUtf8InPathParam(_)) => {
            let refusal = Refusal::malformed("BAD_ID", "the path is not UTF-8", "");
            return refusal.into_response();
        }
        // A path without names.
        Err(_) => Vec::new(),
    };
    match handle(desk, route, named, request).await {
        Ok(answer) => answer.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn handle(
    desk: Arc<Desk>,
    route: Arc<Route>,
    named: Vec<String>,
    request: Request,
) -> Result<Answer, Refusal> {
    let (head, body) = request.into_parts();
    let way = head.extensions.get::<Way>().copied().unwrap_or(Way::Loopback);
    let peer = desk.door.admit(way, &head.headers, route.needs)?;
    // A place first: bodies wait in memory.
    let place = match &route.work {
        Work::Look { .. } => None,
        Work::Wait { room, .. } => {
            Some(desk.rooms.of(*room).try_acquire_owned().map_err(|_| Refusal::busy())?)
        }
    };
    let body = if route.takes_body() {
        input::receive(&head.headers, body, route.body_max).await?
    } else {
        Bytes::new()
    };
    let input = Input { peer, named, query: head.uri.query().map(str::to_owned), body };
    match &route.work {
        Work::Look { fresh, answer } => {
            let view = Arc::clone(&desk.sight).view(*fresh).await?;
            answer(&desk, &view, input)
        }
        Work::Wait { .. } => {
            let waiting = tokio::task::spawn_blocking(move || {
                let answered = match &route.work {
                    Work::Wait { answer, .. } => answer(&desk, input),
                    Work::Look { .. } => Err(Refusal::internal("a look does not wait")),
                };
                // Given back only now, also where nobody waits for the answer any more.
                drop(place);
                answered
            });
            // A panic is a defect of ours, and costs nobody else an answer.
            waiting.await.unwrap_or_else(|_| Err(Refusal::internal("the request could not be carried out")))
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        (self.status, [(CONTENT_TYPE, self.media_type)], self.body).into_response()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.said).unwrap_or_default();
        let mut response = (self.status, [(CONTENT_TYPE, "application/json")], body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// There is no such path.
pub(super) async fn nowhere() -> Response {
    let error = "there is no such path";
    Refusal::new(StatusCode::NOT_FOUND, "NO_SUCH_PATH", error, "see /api/v1/openapi.json").into_response()
}

/// There is, and not by this method.
pub(super) async fn not_so() -> Response {
    let error = "this path does not take this method";
    // The router puts Allow in.
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD", error, "see Allow").into_response()
}
