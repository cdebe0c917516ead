//! Holding back, withdrawing and giving back a device's licence: what may follow what. The next receipt says it.

use crate::calendar::rfc3339;
use crate::storage::{Actor, AuditNote, DeviceRow, DeviceStatus, StandingChange};
use brink_license::{DeviceId, UnixSeconds};

/// Longest reason: a sentence for the audit.
pub const REASON_CHARS_MAX: usize = 500;

/// What an operator does with a device's licence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Holds it back until it is resumed.
    Suspend,
    /// Withdraws it: only a licence that is minted afterwards counts again.
    Revoke,
    /// Gives it back.
    Resume,
}

impl Turn {
    const fn action(self) -> &'static str {
        match self {
            Turn::Suspend => "license.suspend",
            Turn::Revoke => "license.revoke",
            Turn::Resume => "license.resume",
        }
    }

    const fn leads_to(self) -> DeviceStatus {
        match self {
            Turn::Suspend => DeviceStatus::Suspended,
            Turn::Revoke => DeviceStatus::Revoked,
            Turn::Resume => DeviceStatus::Active,
        }
    }
}

/// A turn, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingOrder {
    /// What is done.
    pub turn: Turn,
    /// In the operator's words, for the audit.
    pub reason: Option<String>,
}

/// Why nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StandingError {
    /// Not a sentence.
    #[error("--reason takes 1 to {REASON_CHARS_MAX} characters without control characters")]
    Reason,
    /// There is no licence yet.
    #[error(
        "device {device} is not activated, so it has no licence; its activation code expires at {code_expires_at}"
    )]
    NotActivated {
        /// The device.
        device: DeviceId,
        /// When its code stops to work.
        code_expires_at: String,
    },
    /// It stands so already.
    #[error("the licence of device {device} is {} already; nothing was changed", .status.as_str())]
    Already {
        /// The device.
        device: DeviceId,
        /// How it stands.
        status: DeviceStatus,
    },
    /// A revocation is more than a suspension.
    #[error(
        "the licence of device {0} is revoked, which is more than suspended; `license resume --device {0}` gives it a \
             new one"
    )]
    Revoked(DeviceId),
    /// It is not the licence that holds it back.
    #[error(
        "the licence of device {0} is active, but every copy of it is refused until it was activated anew; `device \
             reactivate --device {0}` makes the code for that"
    )]
    ReactivationDue(DeviceId),
    /// No word reaches it any more.
    #[error(
        "device {0} is retired, so no receipt reaches it; `device list` shows until when it may still run"
    )]
    Retired(DeviceId),
}

impl StandingError {
    /// Whether the order contradicts what is stored, rather than being wrong in itself.
    #[must_use]
    pub const fn is_of_state(&self) -> bool {
        match self {
            Self::Reason => false,
            Self::NotActivated { .. }
            | Self::Already { .. }
            | Self::Revoked(_)
            | Self::ReactivationDue(_)
            | Self::Retired(_) => true,
        }
    }
}

/// Whether a reason is a sentence for the audit.
pub(crate) fn is_reason(reason: &str) -> bool {
    let chars = reason.chars().count();
    (1..=REASON_CHARS_MAX).contains(&chars) && !reason.chars().any(char::is_control)
}

/// The change that an order brings to a device.
pub(crate) fn change(
    device: &DeviceRow,
    order: &StandingOrder,
    (at, actor): (UnixSeconds, &Actor),
) -> Result<StandingChange, StandingError> {
    if !order.reason.as_deref().is_none_or(is_reason) {
        return Err(StandingError::Reason);
    }
    let (id, status, to) = (device.id.clone(), device.status, order.turn.leads_to());
    match (status, to) {
        (DeviceStatus::Pending, _) => {
            let code_expires_at = rfc3339(device.code_expires_at);
            return Err(StandingError::NotActivated { device: id, code_expires_at });
        }
        (DeviceStatus::Retired, _) => return Err(StandingError::Retired(id)),
        (DeviceStatus::Revoked, DeviceStatus::Suspended) => return Err(StandingError::Revoked(id)),
        (DeviceStatus::Active, DeviceStatus::Active) if device.reactivate_from.is_some() => {
            return Err(StandingError::ReactivationDue(id));
        }
        (status, to) if status == to => return Err(StandingError::Already { device: id, status }),
        (DeviceStatus::Active | DeviceStatus::Suspended | DeviceStatus::Revoked, _) => {}
    }
    let note = AuditNote {
        tenant: Some(device.tenant.clone()),
        at,
        actor: actor.clone(),
        action: order.turn.action(),
        subject: id.to_string(),
        detail: serde_json::json!({ "was": status, "seq": device.licence_seq, "reason": order.reason }),
    };
    Ok(StandingChange { status: to, note })
}
