//! Every route, once.

use super::resources::{
    audit, cameras, changes, codes, corrections, devices, documents, keys, licences, oneself, quarantine,
    retirement, subscriptions, tenants, usage,
};
use super::route::{Needs, Route, act, get, post, with_body};
use crate::access::Scope;
use axum::http::Method;

/// The table: method, path below [`ROOT`](super::ROOT), scope, handler; and what the document calls it.
pub(super) fn table() -> Vec<Route> {
    let mut routes = oneself_and_keys();
    routes.extend(of_tenants());
    routes.extend(of_devices());
    routes.extend(of_licences());
    routes.extend(of_usage());
    routes
}

fn oneself_and_keys() -> Vec<Route> {
    vec![
        get("/openapi.json", Needs::AnyKey, oneself::openapi).of_own().named("openapi", "This document"),
        get("/self", Needs::AnyKey, oneself::show).of_own().named("showSelf", "What your own key may do"),
        get("/keys", Scope::KeysRead, keys::list).of_own().named("listKeys", "The API keys"),
        post("/keys", Scope::KeysWrite, keys::create)
            .of_own()
            .creates()
            .named("createKey", "Make an API key; it is shown once"),
        get("/keys/{key_id}", Scope::KeysRead, keys::show).named("showKey", "One API key"),
        act("/keys/{key_id}/revoke", Scope::KeysWrite, keys::revoke)
            .named("revokeKey", "Take an API key back; the next request with it is refused"),
        get("/keyset", Scope::KeysRead, keys::keyset)
            .of_own()
            .named("showKeyset", "The signing keys, as the manifest in force lists them"),
        get("/audit", Scope::AuditRead, audit::all).of_own().named("listAudit", "The audit, newest first"),
    ]
}

fn of_tenants() -> Vec<Route> {
    vec![
        get("/tenants", Scope::TenantsRead, tenants::list)
            .of_own()
            .named("listTenants", "The tenants, by id"),
        post("/tenants", Scope::TenantsWrite, tenants::create)
            .creates()
            .named("createTenant", "Add a tenant"),
        get("/tenants/{tenant}", Scope::TenantsRead, tenants::show).named("showTenant", "One tenant"),
        with_body(Method::PATCH, "/tenants/{tenant}", Scope::TenantsWrite, tenants::change)
            .conditional()
            .named(
                "changeTenant",
                "Change a tenant's name, or what happens when a device of it seems to run twice",
            ),
        get("/tenants/{tenant}/subscription", Scope::SubscriptionsRead, subscriptions::current)
            .named("showSubscription", "What a tenant has bought at an instant"),
        with_body(
            Method::PUT,
            "/tenants/{tenant}/subscription",
            Scope::SubscriptionsWrite,
            subscriptions::set,
        )
        .conditional()
        .named("setSubscription", "Set what a tenant has bought, from an instant on"),
        post("/tenants/{tenant}/subscription/changes", Scope::SubscriptionsWrite, changes::change)
            .creates()
            .named("changeSubscription", "Change what a tenant has bought, from an instant on"),
        post("/tenants/{tenant}/subscription/changes/cancel", Scope::SubscriptionsWrite, changes::cancel)
            .creates()
            .named("cancelChange", "Take back a change of a subscription that has not taken effect yet"),
        get("/tenants/{tenant}/subscriptions", Scope::SubscriptionsRead, subscriptions::history).named(
            "listSubscriptions",
            "Every version of what a tenant has bought, the one recorded last first",
        ),
        get("/tenants/{tenant}/audit", Scope::AuditRead, audit::of_tenant)
            .named("listTenantAudit", "The audit of a tenant, newest first"),
        get("/tenants/{tenant}/codes", Scope::CodesRead, codes::list)
            .named("listCodes", "The activation codes of a tenant, without the codes themselves"),
        post("/tenants/{tenant}/codes", Scope::CodesWrite, codes::create)
            .creates()
            .named("createCode", "Make an activation code and the devices it activates; it is shown once"),
        get("/tenants/{tenant}/devices", Scope::DevicesRead, devices::list)
            .named("listDevices", "The devices of a tenant, the oldest first"),
    ]
}

fn of_devices() -> Vec<Route> {
    vec![
        get("/devices/{device}", Scope::DevicesRead, devices::show).named("showDevice", "One device"),
        get("/devices/{device}/evidence", Scope::DevicesRead, devices::evidence)
            .named("showEvidence", "What was seen of copies of a device"),
        post("/devices/{device}/retire", Scope::DevicesWrite, retirement::retire)
            .named("retireDevice", "Take a device out of service for good"),
        post("/devices/{device}/replace", Scope::DevicesWrite, retirement::replace)
            .named("replaceDevice", "Retire a device and put another in its place"),
        post("/devices/{device}/reactivate", Scope::DevicesWrite, retirement::reactivate)
            .named("reactivateDevice", "Make a code that activates a device anew; it is shown once"),
        get("/devices/{device}/cameras", Scope::CamerasRead, cameras::list)
            .named("listCameras", "The cameras of a device"),
        post("/devices/{device}/cameras/assign", Scope::CamerasWrite, cameras::assign)
            .with_body_of(cameras::LIST_BYTES_MAX)
            .named("assignCameras", "Put cameras on a device with exactly these packs; all of them or none"),
        post("/devices/{device}/cameras/remove", Scope::CamerasWrite, cameras::remove)
            .with_body_of(cameras::LIST_BYTES_MAX)
            .named("removeCameras", "Take cameras off a device; all of them or none"),
    ]
}

fn of_licences() -> Vec<Route> {
    vec![
        get("/devices/{device}/licence", Scope::LicencesRead, licences::show)
            .named("showLicence", "What was minted last for a device, and what would be minted now"),
        act("/devices/{device}/licence/mint", Scope::LicencesWrite, licences::mint)
            .named("mintLicence", "Mint what the next exchange would, ahead of it"),
        post("/devices/{device}/licence/suspend", Scope::LicencesWrite, licences::suspend)
            .named("suspendLicence", "Hold a licence back until it is resumed"),
        post("/devices/{device}/licence/revoke", Scope::LicencesWrite, licences::revoke)
            .named("revokeLicence", "Withdraw a licence"),
        post("/devices/{device}/licence/resume", Scope::LicencesWrite, licences::resume)
            .named("resumeLicence", "Give a licence back; after a revocation, a new one"),
        post("/devices/{device}/licence/extend", Scope::LicencesWrite, licences::extend)
            .named("extendLicence", "Let a licence last a few days longer"),
        get("/devices/{device}/documents", Scope::LicencesRead, documents::of_device)
            .named("listDeviceDocuments", "Every document that was ever signed for a device, newest first"),
        get("/tenants/{tenant}/documents", Scope::LicencesRead, documents::of_tenant)
            .named("listTenantDocuments", "Every document that was ever signed for a tenant, newest first"),
        act("/tenants/{tenant}/revocations", Scope::LicencesWrite, licences::list_revoked).named(
            "listRevoked",
            "Sign the list of a tenant's revoked licences, for sites that no exchange reaches",
        ),
    ]
}

fn of_usage() -> Vec<Route> {
    vec![
        get("/tenants/{tenant}/usage", Scope::UsageRead, usage::report)
            .named("reportUsage", "Sums of what a tenant's devices used, and what they may lack"),
        get("/tenants/{tenant}/corrections", Scope::UsageRead, corrections::list)
            .named("listCorrections", "The corrections of a tenant's usage, the oldest first"),
        post("/tenants/{tenant}/corrections", Scope::UsageWrite, corrections::create)
            .creates()
            .named("createCorrection", "Add to usage, or take away from it, with a reason"),
        get("/tenants/{tenant}/quarantine", Scope::QuarantineRead, quarantine::list)
            .named("listQuarantine", "Records of a tenant that are in no sum, the oldest first"),
        act("/tenants/{tenant}/quarantine/{number}/replay", Scope::QuarantineWrite, quarantine::replay)
            .named("replayQuarantined", "Judge a record once more, by the catalogue of today"),
    ]
}

#[cfg(test)]
mod tests;
