//! The agent itself: that it is there, its document, its numbers.

use crate::api::desk::Desk;
use crate::api::input::NoQuery;
use crate::api::refusal::Refusal;
use crate::api::route::{Answer, Call, Handled, Input};
use crate::error::EdgeError;
use crate::metrics;
use crate::view::View;
use crate::words::rfc3339;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// That the API answers. How the licence stands is another question.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Health {
    /// Always `healthy`.
    status: &'static str,
    /// Who answers.
    service: &'static str,
    /// Its version.
    version: &'static str,
    /// The guarded time, RFC 3339.
    timestamp: Option<String>,
    /// Seconds since it began to answer.
    uptime_seconds: f64,
    /// Uses that it has recorded since then.
    total_events: u64,
}

pub(in crate::api) fn health(desk: &Desk, view: &View, _: Call<NoQuery, ()>) -> Handled<Health> {
    let seconds = u32::try_from(desk.uptime_seconds()).unwrap_or(u32::MAX);
    let health = Health {
        status: "healthy",
        service: "brink-edge",
        version: env!("CARGO_PKG_VERSION"),
        timestamp: rfc3339(view.standing().now),
        uptime_seconds: f64::from(seconds),
        total_events: desk.tally.recorded(),
    };
    Ok(health.into())
}

/// The document of this API.
pub(in crate::api) fn openapi(desk: &Desk, _: &View) -> Answer {
    Answer { status: StatusCode::OK, media_type: "application/json", body: desk.document.clone() }
}

/// What the agent counts, for a scraper.
pub(in crate::api) fn measured(desk: &Desk, _: &'static str, _: Input) -> Result<Answer, Refusal> {
    let page = metrics::page(&desk.agent);
    let page = page.ok_or_else(|| Refusal::of(&EdgeError::AgentBusy, StatusCode::SERVICE_UNAVAILABLE))?;
    Ok(Answer { status: StatusCode::OK, media_type: metrics::MEDIA_TYPE, body: page.into() })
}
