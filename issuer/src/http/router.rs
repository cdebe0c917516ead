//! Every route, once.

use super::device::Desk;
use super::legacy::{self, Slashes};
use super::observe::observed;
use super::room::Room;
use super::{device, problem};
use crate::config::ServeConfig;
use crate::issuer::Issuer;
use crate::storage::AnswerKind;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{get, post};
use brink_license::exchange::{ACTIVATE_PATH, EXCHANGE_PATH};
use std::sync::Arc;
use tower_http::timeout::{RequestBodyTimeoutLayer, TimeoutLayer};

/// The device API, and beside it the billing API of before Brink.
pub fn router(issuer: Arc<Issuer>, config: &ServeConfig) -> Router {
    let (room, metrics) = (Room::new(config, (issuer.metrics(), "device")), issuer.metrics().clone());
    let app = Router::new()
        .route(ACTIVATE_PATH, post(device::activate).layer(limit(AnswerKind::Activate)))
        .route(EXCHANGE_PATH, post(device::exchange).layer(limit(AnswerKind::Exchange)))
        .route("/healthz", get(device::healthz))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .with_state(Desk { issuer: Arc::clone(&issuer), room: room.clone() })
        .merge(legacy::routes(&issuer, &room))
        .layer(RequestBodyTimeoutLayer::new(config.body_timeout))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, config.request_timeout));
    Router::new().fallback_service(Slashes(observed(app, &metrics, "device")))
}

const fn limit(kind: AnswerKind) -> DefaultBodyLimit {
    DefaultBodyLimit::max(device::bytes_max(kind))
}
