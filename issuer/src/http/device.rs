//! The routes of devices.

use super::problem::Problem;
use crate::issuer::Issuer;
use crate::storage::AnswerKind;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use brink_license::exchange::{MEDIA_TYPE, REQUEST_BYTES_MAX};
use std::sync::Arc;

pub(super) async fn activate(
    State(issuer): State<Arc<Issuer>>,
    request: Request,
) -> Result<Response, Problem> {
    answer(issuer, request, AnswerKind::Activate).await
}

pub(super) async fn exchange(
    State(issuer): State<Arc<Issuer>>,
    request: Request,
) -> Result<Response, Problem> {
    answer(issuer, request, AnswerKind::Exchange).await
}

pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// The database and the signer block, so the work is done on a thread of its own. It runs to its end even when the
/// client is gone: what was recorded is answered again when the client repeats its request.
async fn answer(issuer: Arc<Issuer>, request: Request, kind: AnswerKind) -> Result<Response, Problem> {
    check_length(&request, bytes_max(kind))?;
    let body = Bytes::from_request(request, &()).await?;
    let work = tokio::task::spawn_blocking(move || issuer.answer(&body, Some(kind)));
    let bytes = work.await.map_err(|_| Problem::internal())??;
    Ok(([(CONTENT_TYPE, MEDIA_TYPE), (CACHE_CONTROL, "no-store")], bytes).into_response())
}

/// A body that says it is too large is refused before a byte of it is read; one that does not say, while it is read.
fn check_length(request: &Request, bytes_max: usize) -> Result<(), Problem> {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    match length.and_then(|length| length.parse::<u64>().ok()) {
        Some(length) if length > bytes_max as u64 => Err(Problem::too_large()),
        Some(_) | None => Ok(()),
    }
}

/// An activation carries a code and a report; only the exchange of a device that was activated carries more.
pub(super) const fn bytes_max(kind: AnswerKind) -> usize {
    match kind {
        AnswerKind::Activate => 128 * 1024,
        AnswerKind::Exchange => REQUEST_BYTES_MAX,
    }
}
