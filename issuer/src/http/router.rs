//! Every route, once.

use super::device::Desk;
use super::room::Room;
use super::{device, problem};
use crate::config::ServeConfig;
use crate::issuer::Issuer;
use crate::storage::AnswerKind;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::routing::{get, post};
use brink_license::exchange::{ACTIVATE_PATH, EXCHANGE_PATH};
use std::sync::Arc;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::timeout::{RequestBodyTimeoutLayer, TimeoutLayer};
use tower_http::trace::TraceLayer;

/// The device API.
pub fn router(issuer: Arc<Issuer>, config: &ServeConfig) -> Router {
    Router::new()
        .route(ACTIVATE_PATH, post(device::activate).layer(limit(AnswerKind::Activate)))
        .route(EXCHANGE_PATH, post(device::exchange).layer(limit(AnswerKind::Exchange)))
        .route("/healthz", get(device::healthz))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .with_state(Desk { issuer, room: Room::new(config) })
        .layer(RequestBodyTimeoutLayer::new(config.body_timeout))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, config.request_timeout))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(TraceLayer::new_for_http().make_span_with(span))
        // Always ours: an id from outside could forge lines in the log.
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
}

const fn limit(kind: AnswerKind) -> DefaultBodyLimit {
    DefaultBodyLimit::max(device::bytes_max(kind))
}

/// What a log line says of a request: never its headers, its query or its body.
pub(super) fn span(request: &Request) -> tracing::Span {
    let id =
        request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok()).unwrap_or("");
    tracing::info_span!("request", id, method = %request.method(), path = request.uri().path())
}
