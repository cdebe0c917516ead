//! The routes of operators: whether the process lives, whether it is ready, and its metrics. On a listener of their own,
//! because devices and the world have no business there.

use super::observe::observed;
use super::readiness::Readiness;
use crate::issuer::Issuer;
use crate::metrics::{MEDIA_TYPE, Scraped};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;

/// The page of liveness: 200 for as long as requests are answered at all.
pub const LIVE_PATH: &str = "/livez";
/// The page of readiness.
pub const READY_PATH: &str = "/readyz";
/// The page of metrics.
pub const METRICS_PATH: &str = "/metrics";

#[derive(Clone)]
struct Booth {
    issuer: Arc<Issuer>,
    readiness: Arc<Readiness>,
}

/// The pages of operators.
pub fn ops_router(issuer: Arc<Issuer>, readiness: Arc<Readiness>) -> Router {
    let metrics = issuer.metrics().clone();
    let app = Router::new()
        .route(LIVE_PATH, get(live))
        .route(READY_PATH, get(ready))
        .route(METRICS_PATH, get(scrape))
        .fallback(nothing)
        .with_state(Booth { issuer, readiness });
    observed(app, &metrics, "ops")
}

async fn live() -> &'static str {
    "ok\n"
}

async fn nothing() -> Response {
    let known = format!("there is no such page; there are {LIVE_PATH}, {READY_PATH} and {METRICS_PATH}\n");
    (StatusCode::NOT_FOUND, known).into_response()
}

/// 200 with every check, or 503 with the same and what is wrong.
async fn ready(State(booth): State<Booth>) -> Response {
    let report = booth.readiness.report().await;
    booth.issuer.metrics().host.ready(report.is_ready());
    let status = if report.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if !report.is_ready() {
        tracing::warn!(lacks = %report.lacks(), "not ready");
    }
    (status, [(CACHE_CONTROL, "no-store")], axum::Json(report)).into_response()
}

async fn scrape(State(booth): State<Booth>) -> Response {
    let Booth { issuer, readiness } = booth;
    let held = issuer.in_force.held();
    let metrics = issuer.metrics();
    metrics.host.look(&Scraped {
        now: issuer.clock.now(),
        keyset_version: held.keyset.version(),
        keyset_expires_at: held.keyset.expires_at(),
        pool: issuer.storage.pool(),
        draining: readiness.is_draining(),
    });
    match metrics.text() {
        Ok(page) => ([(CONTENT_TYPE, MEDIA_TYPE), (CACHE_CONTROL, "no-store")], page).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
