//! What is answered: one file a kind of thing.

pub(super) mod billing;
pub(super) mod cameras;
pub(super) mod entitlements;
mod event;
pub(super) mod heartbeat;
pub(super) mod licence;
pub(super) mod summary;
pub(super) mod system;
pub(super) mod tenant;
pub(super) mod usage;

use super::refusal::Refusal;
use crate::error::EdgeError;
use crate::view::View;
use axum::http::StatusCode;
use brink_store::journal::UsageError;
use serde::Deserialize;
use utoipa::IntoParams;

/// What the old product takes for its one tenant.
const DEFAULT_TENANT: &str = "default";

/// Whose. A device has one tenant.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct OfTenant {
    /// The device's tenant, or `default`, or nothing; any other is unknown here.
    #[param(max_length = 255)]
    pub(super) tenant_id: Option<String>,
}

impl OfTenant {
    fn check(&self, view: &View) -> Result<(), Refusal> {
        check_tenant(view, self.tenant_id.as_deref())
    }
}

/// Why the journal did not do what was asked. One that is gone from a device with a licence is no device that was never
/// activated: its agent makes it again.
fn journal_refusal(view: &View, error: UsageError) -> Refusal {
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    if error == UsageError::NotActivated && view.bundle().is_some() {
        let said = "the journal of this device is gone: its agent makes it again within half a minute";
        return Refusal::new(
            unavailable,
            "JOURNAL_UNUSABLE",
            said,
            "wait and ask again, or run brink-edge doctor",
        );
    }
    Refusal::of(&EdgeError::from(error), unavailable)
}

/// Whether a tenant that was named is the one of this device. A device that was not activated has none to compare with.
fn check_tenant(view: &View, asked: Option<&str>) -> Result<(), Refusal> {
    let asked = asked.filter(|asked| !matches!(*asked, "" | DEFAULT_TENANT));
    match (asked, view.claims()) {
        (Some(asked), Some(claims)) if claims.tenant.as_str() != asked => Err(Refusal::other_tenant(asked)),
        (Some(_) | None, _) => Ok(()),
    }
}
