//! The billing API of before Brink, on the device listener: what clients in the field and the old console send is read, handed to
//! [`crate::legacy`], and answered in the shapes that they read. Denials are answers with status 200, because these clients take
//! any other status for an outage, ask four times, and go on with what they remember.

mod admin;
mod console;
mod desk;
mod devices;
mod health;
mod slashes;
mod wire;

use super::room::Room;
use crate::issuer::Issuer;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, any, get, post, put};
use desk::{Ask, Desk};
pub(super) use slashes::Slashes;
use std::sync::Arc;
use wire::Denial;

/// What every path begins with.
const ROOT: &str = "/api/v1";
/// Largest body: a thousand events are 200 KiB, and metadata may be ten times that.
const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Answers one route on a thread that may block.
type Handler = fn(&Desk, &Ask) -> Result<serde_json::Value, Denial>;

/// Every route of it, once.
pub(super) fn routes(issuer: &Arc<Issuer>, room: &Room) -> Router {
    let desk = Arc::new(Desk::new(Arc::clone(issuer), room.clone()));
    let to = |handler: Handler| {
        let desk = Arc::clone(&desk);
        move |request| Arc::clone(&desk).answer(request, handler)
    };
    let health = || {
        let desk = Arc::clone(&desk);
        get(move || health::health(Arc::clone(&desk)))
    };
    let stats = Arc::clone(&desk);
    let routes: [(&str, MethodRouter); 16] = [
        ("/licenses/validate", post(to(devices::licence))),
        ("/entitlements/check", post(to(devices::entitlement))),
        ("/usage/batch", post(to(devices::usage))),
        ("/heartbeat", post(to(devices::heartbeat))),
        ("/health", health()),
        ("/billing/license/{tenant}", get(to(console::licence))),
        ("/billing/license/{tenant}/revoke", post(to(admin::revoke))),
        ("/billing/subscription/{tenant}", get(to(console::subscription))),
        ("/billing/growth-packs/available", get(to(console::available))),
        ("/billing/growth-packs/{tenant}", get(to(console::packs))),
        ("/billing/usage/{tenant}", get(to(console::usage))),
        ("/billing/validate", post(to(console::validate))),
        ("/billing/pricing", get(to(console::pricing))),
        ("/admin/tenants", post(to(admin::create_tenant))),
        ("/admin/tenants/{tenant}", get(to(admin::show_tenant)).put(to(admin::change_tenant))),
        ("/admin/subscriptions", post(to(admin::subscribe))),
    ];
    let mut router =
        Router::new().route("/health", health()).route("/stats", get(move || health::stats(stats)));
    for (path, route) in routes {
        router = router.route(&format!("{ROOT}{path}"), route);
    }
    router
        .route(&format!("{ROOT}/admin/subscriptions/{{tenant}}"), put(to(admin::change_subscription)))
        .route(&format!("{ROOT}/admin/subscriptions/{{tenant}}/growth-packs"), put(to(admin::change_packs)))
        .route(&format!("{ROOT}/{{*other}}"), any(wire::not_found))
        .method_not_allowed_fallback(wire::method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

#[cfg(test)]
mod tests;
