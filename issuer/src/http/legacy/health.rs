//! What probes and the old test script ask, without a key.

use super::desk::{Desk, Taken};
use super::wire::answer;
use axum::response::Response;
use std::sync::{Arc, MutexGuard, PoisonError};

fn taken(desk: &Desk) -> MutexGuard<'_, Taken> {
    desk.taken.lock().unwrap_or_else(PoisonError::into_inner)
}

/// That it answers; a client compares the word. Whether the database does is what readiness says.
pub(super) async fn health(desk: Arc<Desk>) -> Response {
    let (events, now) = (taken(&desk).events, desk.issuer.clock.now());
    let uptime_seconds = f64::from(i32::try_from(now.since(desk.since)).unwrap_or(i32::MAX));
    answer(&serde_json::json!({
        "status": "healthy", "service": "brinkbyte-vision-billing", "version": env!("CARGO_PKG_VERSION"),
        "timestamp": crate::calendar::rfc3339(now),
        "uptime_seconds": uptime_seconds, "total_events": events,
    }))
}

/// What this process has taken of old clients.
pub(super) async fn stats(desk: Arc<Desk>) -> Response {
    let taken = taken(&desk);
    answer(&serde_json::json!({
        "total_events": taken.events, "by_type": taken.by_meter, "tenants": taken.tenants.len(),
    }))
}
