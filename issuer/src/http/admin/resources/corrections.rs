//! Corrections of usage.

use super::Paging;
use crate::amount::Amount;
use crate::calendar::rfc3339;
use crate::http::admin::failure::{Failure, echoed};
use crate::http::admin::input::instant;
use crate::http::admin::page::{Asked, Page};
use crate::http::admin::route::{Call, Handled};
use crate::reports::correction::CorrectionOrder;
use crate::reports::period::begins;
use crate::storage::CorrectionRow;
use brink_license::{DeviceId, ResourceId, Slug, TenantId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A correction to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct NewCorrection {
    /// The device.
    #[schema(min_length = 1, max_length = 255)]
    device: String,
    /// The meter.
    #[schema(value_type = String, min_length = 1, max_length = 128, pattern = "^[a-z0-9][a-z0-9._:/-]*$")]
    meter: Slug,
    /// The camera, or what else used it; without, the device as a whole.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255)]
    resource: Option<ResourceId>,
    /// When it was used, RFC 3339: any moment in its quarter of an hour.
    #[schema(format = DateTime, example = "2026-03-01T12:30:00Z")]
    at: String,
    /// How much is added, or with a minus taken away: an exact decimal, as text.
    #[schema(max_length = 64, pattern = "^[+-]?[0-9]{1,12}(\\.[0-9]{1,12})?$", example = "-3.5")]
    quantity: String,
    /// Why, for the audit.
    #[schema(min_length = 1, max_length = 500, pattern = "^[ -~]*$")]
    reason: String,
}

/// A correction that was added.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Corrected {
    /// The tenant.
    #[schema(value_type = String)]
    tenant: TenantId,
    /// The device.
    #[schema(value_type = String)]
    device: DeviceId,
    /// The meter, by the catalogue's name.
    #[schema(value_type = String)]
    meter: Slug,
    /// When its quarter of an hour begins, RFC 3339.
    #[schema(format = DateTime)]
    quarter: String,
    /// The tenant's month that it lies in.
    month: String,
    /// How much.
    quantity: String,
    /// What the month came to in this meter before.
    before: String,
    /// And now.
    after: String,
}

/// A correction of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Correction {
    /// Its number.
    id: i64,
    /// The device.
    #[schema(value_type = String)]
    device: DeviceId,
    /// The meter.
    #[schema(value_type = String)]
    meter: Slug,
    /// The camera, or what else; empty for the device as a whole.
    resource: String,
    /// When its quarter of an hour begins, RFC 3339.
    #[schema(format = DateTime)]
    quarter: String,
    /// How much, with its sign.
    quantity: String,
    /// Why.
    reason: String,
    /// Who.
    actor: String,
    /// When, RFC 3339.
    #[schema(format = DateTime)]
    at: String,
}

impl From<CorrectionRow> for Correction {
    fn from(row: CorrectionRow) -> Self {
        let CorrectionRow { id, device, meter, resource, quarter, amount, reason, actor, at } = row;
        let (quarter, quantity, at) = (rfc3339(begins(quarter)), amount.to_string(), rfc3339(at));
        Self { id, device, meter, resource, quarter, quantity, reason, actor, at }
    }
}

/// The oldest first.
pub(in crate::http::admin) fn list(call: Call<'_, TenantId, Paging, ()>) -> Handled<Page<Correction>> {
    let Call { context, at, query, .. } = call;
    let asked = Asked::<i64>::read(query.limit, query.cursor.as_deref())?;
    let after = asked.after.unwrap_or(i64::MIN);
    let rows = context.admin.storage.corrections_page(&at, after, asked.limit())?;
    Ok(asked.page(rows, |row| row.id, Correction::from)?.into())
}

pub(in crate::http::admin) fn create(call: Call<'_, TenantId, (), NewCorrection>) -> Handled<Corrected> {
    let Call { context, at: tenant, body, .. } = call;
    let storage = &*context.admin.storage;
    let bad_id =
        |_| Failure::malformed("BAD_ID", format!("{} cannot be the id of a device", echoed(&body.device)));
    let device: DeviceId = body.device.parse().map_err(bad_id)?;
    // A device may have been of this tenant before, which the use case knows; that it is there is no business of others.
    let owner = storage.tenant_of(&device)?;
    if !owner.is_some_and(|owner| context.credential.sees(&owner)) {
        return Err(Failure::unknown_device(device.as_str()));
    }
    let quantity = Amount::parse(&body.quantity)
        .map_err(|error| Failure::malformed("BAD_QUANTITY", format!("quantity: {error}")))?;
    let order = CorrectionOrder {
        tenant,
        device,
        meter: body.meter,
        resource: body.resource,
        at: instant("at", &body.at)?,
        quantity,
        reason: body.reason,
    };
    let done = context.admin.correct_usage(&order)?;
    Ok(Corrected {
        tenant: order.tenant,
        device: order.device,
        meter: done.meter,
        quarter: rfc3339(done.quarter),
        month: done.month,
        quantity: order.quantity.to_string(),
        before: done.before.to_string(),
        after: done.after.to_string(),
    }
    .into())
}
