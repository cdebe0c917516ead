//! The routes of devices.

use super::problem::Problem;
use super::room::{Room, SMALL_BYTES_MAX};
use crate::issuer::Issuer;
use crate::storage::AnswerKind;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use brink_license::exchange::{MEDIA_TYPE, REQUEST_BYTES_MAX};
use std::sync::Arc;

/// What the handlers share.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) issuer: Arc<Issuer>,
    pub(super) room: Room,
}

pub(super) async fn activate(State(desk): State<Desk>, request: Request) -> Result<Response, Problem> {
    answer(desk, request, AnswerKind::Activate).await
}

pub(super) async fn exchange(State(desk): State<Desk>, request: Request) -> Result<Response, Problem> {
    answer(desk, request, AnswerKind::Exchange).await
}

pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// The database and the signer block, so the work is done on a thread of its own. It runs to its end even when the
/// client is gone: what was recorded is answered again when the client repeats its request.
async fn answer(desk: Desk, request: Request, kind: AnswerKind) -> Result<Response, Problem> {
    let Desk { issuer, room } = desk;
    let read_place = room.to_read(length(&request, bytes_max(kind))?)?;
    let body = Bytes::from_request(request, &()).await?;
    let work_place = room.to_work().await?;
    // What is logged on that thread belongs to this request.
    let span = tracing::Span::current();
    let work = tokio::task::spawn_blocking(move || {
        let answer = span.in_scope(|| issuer.answer(&body, Some(kind)));
        drop((body, read_place, work_place));
        answer
    });
    let bytes = work.await.map_err(|_| Problem::internal())??;
    Ok(([(CONTENT_TYPE, MEDIA_TYPE), (CACHE_CONTROL, "no-store")], bytes).into_response())
}

/// How long the body may get. One that says it is too large is refused before a byte of it is read; one that does not
/// say, while it is read.
fn length(request: &Request, bytes_max: usize) -> Result<usize, Problem> {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    match length.and_then(|length| length.parse::<u64>().ok()).map(usize::try_from) {
        Some(Ok(length)) if length <= bytes_max => Ok(length),
        Some(_) => Err(Problem::too_large()),
        None => Ok(bytes_max),
    }
}

/// An activation carries a code and a report; only the exchange of a device that was activated carries more.
pub(super) const fn bytes_max(kind: AnswerKind) -> usize {
    match kind {
        AnswerKind::Activate => SMALL_BYTES_MAX,
        AnswerKind::Exchange => REQUEST_BYTES_MAX,
    }
}
