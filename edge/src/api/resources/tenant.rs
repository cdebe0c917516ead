//! Whose device this is.

use super::{OfTenant, check_tenant};
use crate::api::desk::Desk;
use crate::api::input::NoQuery;
use crate::api::refusal::Refusal;
use crate::api::route::{Call, Handled};
use crate::view::{View, mode_word};
use brink_license::token::Mode;
use serde::Serialize;
use utoipa::ToSchema;

/// The tenant, as far as a licence tells.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Tenant {
    /// Its id.
    tenant_id: String,
    /// The id again: a licence carries no other name.
    name: String,
    /// `trial` while a trial runs, else `standard`.
    r#type: &'static str,
    /// The device that answers.
    device_id: String,
    /// `trial`, `base` or `unlicensed`.
    license_mode: &'static str,
}

/// By query.
pub(in crate::api) fn own(_: &Desk, view: &View, call: Call<OfTenant, ()>) -> Handled<Tenant> {
    call.query.check(view)?;
    of(view)
}

/// By path.
pub(in crate::api) fn named(_: &Desk, view: &View, call: Call<NoQuery, ()>) -> Handled<Tenant> {
    check_tenant(view, Some(call.name()))?;
    of(view)
}

fn of(view: &View) -> Handled<Tenant> {
    let claims = view.claims().ok_or_else(Refusal::not_activated)?;
    let mode = view.mode();
    let tenant = Tenant {
        tenant_id: claims.tenant.to_string(),
        name: claims.tenant.to_string(),
        r#type: if mode == Mode::Trial { "trial" } else { "standard" },
        device_id: claims.dev.to_string(),
        license_mode: mode_word(mode),
    };
    Ok(tenant.into())
}
