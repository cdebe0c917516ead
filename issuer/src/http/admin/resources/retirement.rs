//! Devices that go, and those that start over.

use super::codes::{MadeCode, week};
use crate::http::admin::input::whole;
use crate::http::admin::place::device;
use crate::http::admin::route::{Call, Handled};
use crate::reactivation::{Reactivation, ReactivationOrder};
use crate::retirement::{Retired, RetirementOrder, Successor};
use crate::storage::DeviceStatus;
use brink_license::{CameraId, DeviceId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a device goes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct Retirement {
    /// For the audit.
    #[schema(min_length = 1, max_length = 200)]
    reason: Option<String>,
}

/// What takes a device's place.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct Replacement {
    /// A device of the same tenant that is there already; without, a new one is made, with its code.
    #[schema(min_length = 1, max_length = 255)]
    by: Option<String>,
    /// Hours until the new device's code expires.
    #[serde(default = "week", deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 2160, default = 168)]
    expires_hours: u32,
    /// The old device is lost for good: do not wait for its lease, until whose end its seats may run twice. Needs a reason.
    #[serde(default)]
    accept_overlap: bool,
    /// For the audit.
    #[schema(min_length = 1, max_length = 200)]
    reason: Option<String>,
}

/// How a device is to be activated anew.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct NewActivation {
    /// Hours until the code expires.
    #[serde(default = "week", deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 2160, default = 168)]
    expires_hours: u32,
    /// No copy runs any more: do not wait for the lease of the old key. Needs a reason.
    #[serde(default)]
    accept_overlap: bool,
    /// Who decided, for the audit.
    #[schema(min_length = 1, max_length = 200)]
    by: Option<String>,
    /// For the audit.
    #[schema(min_length = 1, max_length = 200)]
    reason: Option<String>,
}

/// A device that went.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct RetiredDevice {
    /// The device.
    #[schema(value_type = String)]
    device: DeviceId,
    /// What took its place.
    #[schema(value_type = Option<String>)]
    replaced_by: Option<DeviceId>,
    /// Its cameras: on the successor now, or free.
    #[schema(value_type = Vec<String>)]
    cameras: Vec<CameraId>,
    /// Seats that what was minted for it may still use.
    seats_held: u64,
    /// Until then they are kept from others, or run twice, RFC 3339.
    #[schema(format = DateTime)]
    held_until: Option<String>,
    /// Whether they may run twice.
    overlap: bool,
    /// The code of a new successor.
    code: Option<MadeCode>,
}

/// A device that may be activated anew.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct ReactivatedDevice {
    /// The device.
    #[schema(value_type = String)]
    device: DeviceId,
    /// How it stands: a code lifts neither a suspension nor a revocation.
    status: DeviceStatus,
    /// The epoch that the code ends.
    epoch: u32,
    /// Seats that the old key may still use.
    seats_held: u64,
    /// Until then they are kept from the new key, or run twice, RFC 3339.
    #[schema(format = DateTime)]
    held_until: Option<String>,
    /// Whether they may run twice.
    overlap: bool,
    /// The code.
    code: MadeCode,
}

pub(in crate::http::admin) fn retire(call: Call<'_, DeviceId, (), Retirement>) -> Handled<RetiredDevice> {
    let order = RetirementOrder {
        device: call.at.clone(),
        successor: Successor::None,
        accept_overlap: false,
        reason: call.body.reason,
    };
    Ok(retired(call.context.admin.retire(&order)?).into())
}

pub(in crate::http::admin) fn replace(call: Call<'_, DeviceId, (), Replacement>) -> Handled<RetiredDevice> {
    let Replacement { by, expires_hours, accept_overlap, reason } = call.body;
    let successor = match by {
        None => Successor::New { expires_hours },
        // Whose it is says the rule of the use case; that it is there at all is no business of a key of another tenant.
        Some(by) => {
            let by = device(&by)?;
            let owner = call.context.admin.storage.tenant_of(&by)?;
            if !owner.is_some_and(|owner| call.context.credential.sees(&owner)) {
                return Err(crate::storage::StorageError::UnknownDevice(by).into());
            }
            Successor::Existing(by)
        }
    };
    let order = RetirementOrder { device: call.at.clone(), successor, accept_overlap, reason };
    Ok(retired(call.context.admin.retire(&order)?).into())
}

fn retired((retired, code): (Retired, Option<crate::admin::MadeCode>)) -> RetiredDevice {
    // No key is of two customers: devices go from one to another by the command alone.
    let Retired { device, replaced_by, cameras, seats_held, held_until, overlap, transfer: _ } = retired;
    let code = code.map(MadeCode::from);
    RetiredDevice { device, replaced_by, cameras, seats_held, held_until, overlap, code }
}

pub(in crate::http::admin) fn reactivate(
    call: Call<'_, DeviceId, (), NewActivation>,
) -> Handled<ReactivatedDevice> {
    let NewActivation { expires_hours, accept_overlap, by, reason } = call.body;
    let order = ReactivationOrder { device: call.at, expires_hours, accept_overlap, by, reason };
    let (done, made) = call.context.admin.reactivate(&order)?;
    let Reactivation { device, status, epoch, seats_held, held_until, overlap } = done;
    let code = made.into();
    Ok(ReactivatedDevice { device, status, epoch, seats_held, held_until, overlap, code }.into())
}
