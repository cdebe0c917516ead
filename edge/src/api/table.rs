//! Every route, once.

use super::ROOT;
use super::resources::{billing, cameras, entitlements, heartbeat, licence, summary, system, tenant, usage};
use super::route::{Needs, Room, Route, look, page, raw, wait};
use crate::metrics;
use axum::http::Method;

const OTHER_TENANT: (u16, &str) = (404, "The tenant that was named is not this device's.");
const NO_JOURNAL: (u16, &str) = (503, "The journal cannot be used now; Retry-After says when to ask again.");
const NOT_YET: (u16, &str) = (409, "The device was not activated.");

/// The table: method, path, handler, who may ask; and what the document calls it.
pub(super) fn table() -> Vec<Route> {
    let mut routes = of_the_agent();
    routes.extend(of_the_licence());
    routes.extend(of_usage());
    routes.extend(of_the_console());
    debug_assert!(routes.iter().all(|route| route.path.starts_with(ROOT) || route.path == "/health"));
    routes
}

fn of_the_agent() -> Vec<Route> {
    vec![
        look("/health", system::health)
            .for_whom(Needs::Nothing)
            .named("health", "That the agent answers; also at /api/v1/health"),
        look("/api/v1/health", system::health)
            .for_whom(Needs::Nothing)
            .named("apiHealth", "That the agent answers"),
        page("/api/v1/openapi.json", system::openapi)
            .for_whom(Needs::Nothing)
            .named("openapi", "This document"),
        raw((Method::GET, "/api/v1/metrics"), Room::Agent, system::measured)
            .giving(metrics::MEDIA_TYPE)
            .named("metrics", "What the agent counts, as Prometheus text"),
    ]
}

fn of_the_licence() -> Vec<Route> {
    let import = |method, id, summary| {
        wait((method, "/api/v1/license"), Room::Agent, licence::import)
            .with_body_of(licence::BODY_BYTES_MAX)
            .refusing(&[
                OTHER_TENANT,
                (403, "Hosts may not import: the token, or the socket, is not the owner's."),
                (409, "No request waits for this answer, or the licence says otherwise."),
                (410, "There are no licence keys any more."),
                (413, "The file is larger than any answer."),
                (422, "The file is not the issuer's answer to the request that waits."),
            ])
            .named(id, summary)
    };
    vec![
        look("/api/v1/license", licence::show)
            .refusing(&[OTHER_TENANT])
            .named("showLicense", "The licence, with its id masked"),
        import(Method::POST, "importLicense", "Take up a licence file; keys are refused"),
        import(Method::PUT, "replaceLicense", "The same as POST"),
        look("/api/v1/license", licence::delete)
            .by(Method::DELETE)
            .refusing(&[(409, "Always: a licence is not deleted on the device.")])
            .named("deleteLicense", "Says why a licence is not deleted, and what helps"),
        look("/api/v1/license/cameras", cameras::list)
            .refusing(&[OTHER_TENANT])
            .named("listCameras", "The cameras of the licence, as the old console lists them"),
        look("/api/v1/license/status", cameras::status)
            .refusing(&[OTHER_TENANT])
            .named("licenseStatus", "The licence and every camera, as they stand now"),
        look("/api/v1/license/tenant", tenant::own)
            .refusing(&[OTHER_TENANT, NOT_YET])
            .named("ownTenant", "Whose device this is"),
        look("/api/v1/tenants/{tenant}", tenant::named)
            .refusing(&[OTHER_TENANT, NOT_YET])
            .named("showTenant", "The same by its id"),
        look("/api/v1/license/validate/{camera_id}", cameras::validate)
            .by(Method::POST)
            .afresh()
            .refusing(&[OTHER_TENANT, (422, "No camera can have that name.")])
            .named("validateCamera", "Whether a camera is licensed, by a look at the published licence now"),
        wait((Method::POST, "/api/v1/license/heartbeat"), Room::Agent, heartbeat::beat)
            .answering(&[
                (200, "The issuer answered."),
                (202, "It has not, or not yet; the request is kept."),
            ])
            .refusing(&[
                OTHER_TENANT,
                (409, "The device was not activated, or knows no issuer to call."),
                (502, "The issuer refused; the code is its own."),
            ])
            .named("heartbeat", "Exchange with the issuer now"),
        wait((Method::GET, "/api/v1/entitlements"), Room::Journal, entitlements::list)
            .refusing(&[OTHER_TENANT, NO_JOURNAL])
            .named("listEntitlements", "Features and quotas of the licence, counted now"),
    ]
}

fn of_usage() -> Vec<Route> {
    vec![
        wait((Method::POST, "/api/v1/usage"), Room::Journal, usage::record)
            .with_body_of(usage::BODY_BYTES_MAX)
            .refusing(&[NOT_YET, (413, "The body is too large, or has too many uses."), NO_JOURNAL])
            .named("recordUsage", "Record uses; what is accepted is durable when the answer comes"),
        wait((Method::GET, "/api/v1/usage/summary"), Room::Journal, summary::show)
            .refusing(&[OTHER_TENANT, NOT_YET, NO_JOURNAL])
            .named("usageSummary", "What this activation has recorded, and what is not settled"),
    ]
}

/// What the old console asks for, and nothing else of the billing server's.
fn of_the_console() -> Vec<Route> {
    const ANSWERS: &[(u16, &str)] = &[(200, "As the billing server answered.")];
    const REFUSALS: &[(u16, &str)] = &[
        (400, "As the billing server answered."),
        (404, "There is none, or as the billing server answered."),
        (409, "As the billing server answered."),
        (422, "As the billing server answered."),
        (429, "As the billing server answered."),
        (502, "The billing server cannot be reached, refuses the agent's key, or failed."),
    ];
    let question = |path, id, summary| {
        raw((Method::GET, path), Room::Network, billing::question)
            .for_whom(Needs::Console)
            .answering(ANSWERS)
            .refusing(REFUSALS)
            .named(id, summary)
    };
    vec![
        question(
            "/api/v1/billing/license/{tenant}",
            "billingLicense",
            "Passed on: how a tenant's licence stands",
        ),
        question(
            "/api/v1/billing/subscription/{tenant}",
            "billingSubscription",
            "Passed on: what a tenant has bought",
        ),
        question("/api/v1/billing/growth-packs/available", "billingPacks", "Passed on: the packs there are"),
        question(
            "/api/v1/billing/growth-packs/{tenant}",
            "billingTenantPacks",
            "Passed on: the packs of a tenant",
        ),
        question("/api/v1/billing/usage/{tenant}", "billingUsage", "Passed on: what a tenant used"),
        question("/api/v1/billing/pricing", "billingPricing", "Passed on: prices"),
        raw((Method::POST, "/api/v1/billing/validate"), Room::Network, billing::validation)
            .for_whom(Needs::Console)
            .taking_an_object()
            .answering(ANSWERS)
            .refusing(REFUSALS)
            .named("billingValidate", "Passed on: whether a camera is licensed"),
    ]
}
