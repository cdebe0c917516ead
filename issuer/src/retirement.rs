//! Taking a device out of service, and putting another in its place: pure rules from an order to a record.
//!
//! A retired device gets nothing any more, but what was minted for it may run until its lease has ended for good. So its
//! cameras are free at once and its seats only then: the rule of [`crate::seats`] goes on to count them. Only somebody who
//! says so, and why, lets the successor have them earlier; what may run twice is bounded and named.

use crate::calendar::{local_day, local_midnight, rfc3339};
use crate::storage::{
    Actor, AuditNote, DeviceStatus, DeviceView, NewCode, Retirement, RetirementView, Transfer,
};
use brink_license::{CameraId, DeviceId, TenantId, UnixSeconds};
use chrono_tz::Tz;
use serde::Serialize;

/// Longest reason: a line of the audit, and no essay.
pub const REASON_CHARS_MAX: usize = 200;

/// What a person asks for.
#[derive(Clone, Debug)]
pub struct RetirementOrder {
    /// The device that goes.
    pub device: DeviceId,
    /// What takes its place.
    pub successor: Successor,
    /// Do not wait for the lease of what goes.
    pub accept_overlap: bool,
    /// Why.
    pub reason: Option<String>,
}

/// What takes a device's place.
#[derive(Clone, Debug)]
pub enum Successor {
    /// Nothing.
    None,
    /// A new device, with a code that lives this long.
    New {
        /// Hours.
        expires_hours: u32,
    },
    /// A device that is there already.
    Existing(DeviceId),
    /// The same machine at another customer, as a new device with a code that lives this long.
    Elsewhere {
        /// The customer.
        tenant: TenantId,
        /// Hours.
        expires_hours: u32,
    },
}

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RetirementError {
    /// It is out of service already.
    #[error(
        "device {device} is retired already{}; `device list` shows every device",
        .replaced_by.as_ref().map_or_else(String::new, |by| format!(", replaced by {by}"))
    )]
    Already {
        /// The device.
        device: DeviceId,
        /// Its successor.
        replaced_by: Option<DeviceId>,
    },
    /// An overlap without a reason.
    #[error("--accept-overlap lets licences run twice for a while; say why with --reason TEXT")]
    ReasonMissing,
    /// A reason that is no line.
    #[error("a reason has 1 to {REASON_CHARS_MAX} characters, and no control characters")]
    Reason,
    /// A device in its own place.
    #[error("device {0} cannot take its own place; name another with --by, or leave --by out for a new one")]
    Itself(DeviceId),
    /// A successor of another customer.
    #[error("device {device} is of tenant {tenant}; name one of the same tenant with --by")]
    OtherTenant {
        /// The device.
        device: DeviceId,
        /// Whose it is.
        tenant: TenantId,
    },
    /// A transfer to whom the device is already.
    #[error(
        "device {device} is of tenant {tenant} already; `device replace` puts another in its place, \
         `device reactivate` gives it another key"
    )]
    SameTenant {
        /// The device.
        device: DeviceId,
        /// Whose it is.
        tenant: TenantId,
    },
    /// A successor that is out of service itself.
    #[error("device {0} is retired itself; leave --by out for a new device")]
    SuccessorRetired(DeviceId),
    /// More would run twice than is subscribed.
    #[error(
        "with the {held} seats that device {device} holds until {until}, {overlapping} would overlap, but {subscribed} are \
         subscribed, and licences never sum above twice that; leave --accept-overlap out and wait, or add some with \
         `subscription change --tenant T --cameras N`"
    )]
    OverlapBeyond {
        /// The device.
        device: DeviceId,
        /// Its seats.
        held: u64,
        /// Until when.
        until: String,
        /// With those that overlap already.
        overlapping: u64,
        /// As subscribed.
        subscribed: u64,
    },
}

impl RetirementError {
    /// Whether the order contradicts what is stored, rather than being wrong in itself.
    #[must_use]
    pub const fn is_of_state(&self) -> bool {
        match self {
            Self::Already { .. }
            | Self::OtherTenant { .. }
            | Self::SameTenant { .. }
            | Self::SuccessorRetired(_)
            | Self::OverlapBeyond { .. } => true,
            Self::ReasonMissing | Self::Reason | Self::Itself(_) => false,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Retired {
    /// The device that went.
    pub device: DeviceId,
    /// What took its place.
    pub replaced_by: Option<DeviceId>,
    /// Its cameras: on the successor now, or free.
    pub cameras: Vec<CameraId>,
    /// Seats that what was minted for it may use until [`Retired::held_until`].
    pub seats_held: u64,
    /// Until then they are kept from others, or run twice; `None` when nothing is held.
    pub held_until: Option<String>,
    /// Whether they may run twice.
    pub overlap: bool,
    /// What it becomes at another customer.
    pub transfer: Option<Moved>,
}

/// A device at the customer that it went to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// The device there.
    pub device: DeviceId,
    /// The customer.
    pub tenant: TenantId,
    /// From when on that customer pays for it: its own midnight of the day after that of the transfer where the device was.
    pub billed_from: String,
}

/// What is wrong with an order before anything stored is looked at.
pub fn check_order(order: &RetirementOrder) -> Result<(), RetirementError> {
    match &order.reason {
        None if order.accept_overlap => return Err(RetirementError::ReasonMissing),
        Some(reason) if !check_reason(reason) => return Err(RetirementError::Reason),
        Some(_) | None => {}
    }
    match &order.successor {
        Successor::Existing(by) if *by == order.device => Err(RetirementError::Itself(by.clone())),
        Successor::Existing(_) | Successor::New { .. } | Successor::Elsewhere { .. } | Successor::None => {
            Ok(())
        }
    }
}

/// Whether a text is a line of the audit.
pub(crate) fn check_reason(reason: &str) -> bool {
    !reason.trim().is_empty()
        && reason.chars().count() <= REASON_CHARS_MAX
        && !reason.chars().any(char::is_control)
}

/// What to record, or why not. With a new successor come its code and the zone of whose it will be.
pub fn retire(
    view: &RetirementView,
    order: &RetirementOrder,
    fresh: Option<(&NewCode, Tz)>,
    (now, actor): (UnixSeconds, &Actor),
) -> Result<(Retired, Retirement), RetirementError> {
    check_parties(view, order)?;
    let (device, existing) =
        (&view.device.device, view.successor.as_ref().map(|successor| &successor.device));
    let Held { seats: held, quota_ppm, until: held_until } = Held::of(&view.device);
    let overlap = order.accept_overlap && (held > 0 || quota_ppm > 0);
    if overlap {
        check_overlap(view)?;
    }
    let code = fresh.map(|(code, _)| code);
    let new = code.and_then(|code| code.devices.first()).map(|(device, _)| device);
    let transfer = match (&order.successor, new, fresh) {
        (Successor::Elsewhere { .. }, Some(new), Some((_, there))) => {
            let billed_from = day_after(now, view.device.tenant.zone, there);
            Some(Transfer { device: new.clone(), billed_from })
        }
        _ => None,
    };
    let new = new.filter(|_| transfer.is_none());
    let retired = Retired {
        device: device.id.clone(),
        replaced_by: existing.map(|by| &by.id).or(new).cloned(),
        cameras: view.device.cameras.iter().map(|row| row.camera.clone()).collect(),
        seats_held: held,
        held_until: (held > 0).then(|| rfc3339(held_until)),
        overlap,
        transfer: code.zip(transfer.as_ref()).map(|(code, transfer)| Moved {
            device: transfer.device.clone(),
            tenant: code.tenant.clone(),
            billed_from: rfc3339(transfer.billed_from),
        }),
    };
    let mut note = AuditNote {
        tenant: Some(view.device.tenant.id.clone()),
        at: now,
        actor: actor.clone(),
        action: match (&retired.replaced_by, &transfer) {
            (_, Some(_)) => "device.transfer",
            (Some(_), None) => "device.replace",
            (None, None) => "device.retire",
        },
        subject: device.id.to_string(),
        detail: serde_json::json!({
            "replaced_by": retired.replaced_by, "cameras": retired.cameras, "seats_held": held,
            "held_until": retired.held_until, "overlap": overlap, "reason": order.reason,
        }),
    };
    // The device at the other customer, and not who that is: this is read by whom the device was.
    if let (Some(moved), Some(detail)) = (&retired.transfer, note.detail.as_object_mut()) {
        detail.insert("became".into(), moved.device.as_str().into());
        detail.insert("billed_until".into(), moved.billed_from.as_str().into());
    }
    let successor = retired.replaced_by.clone();
    let retirement = Retirement { at: now, successor, code: code.cloned(), transfer, overlap, note };
    Ok((retired, retirement))
}

/// Whether this device can go, and to whom the order says.
fn check_parties(view: &RetirementView, order: &RetirementOrder) -> Result<(), RetirementError> {
    let device = &view.device.device;
    if device.status == DeviceStatus::Retired {
        let replaced_by = device.replaced_by.clone();
        return Err(RetirementError::Already { device: device.id.clone(), replaced_by });
    }
    if let Some(by) = view.successor.as_ref().map(|successor| &successor.device) {
        if by.tenant != device.tenant {
            return Err(RetirementError::OtherTenant { device: by.id.clone(), tenant: by.tenant.clone() });
        }
        if by.status == DeviceStatus::Retired {
            return Err(RetirementError::SuccessorRetired(by.id.clone()));
        }
    }
    if let Successor::Elsewhere { tenant, .. } = &order.successor
        && *tenant == device.tenant
    {
        return Err(RetirementError::SameTenant { device: device.id.clone(), tenant: tenant.clone() });
    }
    Ok(())
}

/// Where the day begins in one zone that comes after that of an instant in another: days are paid by their dates, so that none
/// is paid twice and none by nobody, however far apart the zones are.
fn day_after(at: UnixSeconds, here: Tz, there: Tz) -> UnixSeconds {
    let day = local_day(at, here);
    local_midnight(day.succ_opt().unwrap_or(day), there)
}

/// What a device may still run on, with any of its keys: that of now, and those of earlier epochs whose overlap nobody
/// has accepted yet.
struct Held {
    seats: u64,
    quota_ppm: u64,
    until: UnixSeconds,
}

impl Held {
    fn of(view: &DeviceView) -> Self {
        let past = view.past.iter().filter(|past| !past.overlap);
        past.fold(
            Self { seats: view.seats_held, quota_ppm: view.quota_ppm_held, until: view.held_until },
            |held, past| Self {
                seats: held.seats.saturating_add(past.seats),
                quota_ppm: held.quota_ppm.saturating_add(past.quota_ppm),
                until: held.until.max(past.until),
            },
        )
    }
}

/// However often devices are lost: what may run twice is never more than what is paid for once.
fn check_overlap(view: &RetirementView) -> Result<(), RetirementError> {
    let Held { seats: held, until, .. } = Held::of(&view.device);
    let subscribed =
        view.device.subscription.as_ref().map_or(0, |subscription| u64::from(subscription.terms.cameras));
    let overlapping = view.device.elsewhere.overlapping.saturating_add(held);
    if overlapping <= subscribed {
        return Ok(());
    }
    Err(RetirementError::OverlapBeyond {
        device: view.device.device.id.clone(),
        held,
        until: rfc3339(until),
        overlapping,
        subscribed,
    })
}
