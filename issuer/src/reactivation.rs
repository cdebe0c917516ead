//! Activating a device anew: another key, the next epoch, and everything that belongs to the device stays with it. Pure.
//!
//! The key of before gets nothing any more, but what was minted for it may run until its lease has ended for good, on
//! whatever copy has it. So its seats count beside those of the new epoch, like those of a retired device, and only
//! somebody who says so, and why, lets them run twice.

use crate::calendar::rfc3339;
use crate::retirement::check_reason;
use crate::storage::{
    Actor, Anew, AuditNote, DeviceStatus, DeviceView, EpochEnd, ExchangeState, NewAnew, PastEpoch,
};
use brink_license::token::NoticeKind;
use brink_license::{DeviceId, UnixSeconds};
use serde::Serialize;

/// What a person asks for.
#[derive(Clone, Debug)]
pub struct ReactivationOrder {
    /// The device.
    pub device: DeviceId,
    /// How long the code lives.
    pub expires_hours: u32,
    /// Do not wait for the lease of the copy that has the old key.
    pub accept_overlap: bool,
    /// Who decided, for the audit.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// Why no code was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReactivationError {
    /// It has no key yet.
    #[error("device {device} is not activated; its activation code expires at {code_expires_at}")]
    NotActivated {
        /// The device.
        device: DeviceId,
        /// When its code stops to work.
        code_expires_at: String,
    },
    /// Out of service.
    #[error("device {0} is retired, which is for good; make a new one with `device code`")]
    Retired(DeviceId),
    /// An overlap without a reason.
    #[error("--accept-overlap lets licences run twice for a while; say why with --reason TEXT")]
    ReasonMissing,
    /// Not a line.
    #[error(
        "--reason and --by take 1 to {} characters without control characters",
        crate::retirement::REASON_CHARS_MAX
    )]
    Reason,
    /// More would run twice than is subscribed.
    #[error(
        "with the {held} seats that the old key of device {device} holds until {until}, {overlapping} would overlap, but \
         {subscribed} are subscribed; leave --accept-overlap out and wait, or add some with \
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

impl ReactivationError {
    /// Whether the order contradicts what is stored, rather than being wrong in itself.
    #[must_use]
    pub const fn is_of_state(&self) -> bool {
        match self {
            Self::NotActivated { .. } | Self::Retired(_) | Self::OverlapBeyond { .. } => true,
            Self::ReasonMissing | Self::Reason => false,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reactivation {
    /// The device.
    pub device: DeviceId,
    /// How it stands: a code lifts neither a suspension nor a revocation.
    pub status: DeviceStatus,
    /// The epoch that the code ends.
    pub epoch: u32,
    /// Seats that the old key may use until [`Reactivation::held_until`].
    pub seats_held: u64,
    /// Until then they are kept from the new key, or run twice; `None` when nothing is held.
    pub held_until: Option<String>,
    /// Whether they may run twice.
    pub overlap: bool,
}

/// What is wrong with an order before anything stored is looked at.
pub fn check_order(order: &ReactivationOrder) -> Result<(), ReactivationError> {
    if order.accept_overlap && order.reason.is_none() {
        return Err(ReactivationError::ReasonMissing);
    }
    let texts = [&order.reason, &order.by];
    let sound = texts.into_iter().flatten().all(|text| check_reason(text));
    if sound { Ok(()) } else { Err(ReactivationError::Reason) }
}

/// The code to record, or why not.
pub fn reactivate(
    view: &DeviceView,
    order: &ReactivationOrder,
    (code_sha256, expires_at): ([u8; 32], UnixSeconds),
    (now, actor): (UnixSeconds, &Actor),
) -> Result<(Reactivation, NewAnew), ReactivationError> {
    let device = &view.device;
    match device.status {
        DeviceStatus::Pending => {
            let code_expires_at = rfc3339(device.code_expires_at);
            return Err(ReactivationError::NotActivated { device: device.id.clone(), code_expires_at });
        }
        DeviceStatus::Retired => return Err(ReactivationError::Retired(device.id.clone())),
        DeviceStatus::Active | DeviceStatus::Suspended | DeviceStatus::Revoked => {}
    }
    let (held, overlapping, subscribed) = (view.seats_held, overlapping(view), subscribed(view));
    if order.accept_overlap && overlapping > subscribed {
        let (device, until) = (device.id.clone(), rfc3339(view.held_until));
        return Err(ReactivationError::OverlapBeyond { device, held, until, overlapping, subscribed });
    }
    let reactivation = Reactivation {
        device: device.id.clone(),
        status: device.status,
        epoch: device.epoch,
        seats_held: held,
        held_until: (held > 0).then(|| rfc3339(view.held_until)),
        overlap: order.accept_overlap,
    };
    let note = AuditNote {
        tenant: Some(view.tenant.id.clone()),
        at: now,
        actor: actor.clone(),
        action: "device.reactivate",
        subject: device.id.to_string(),
        detail: serde_json::json!({
            "epoch": device.epoch, "expires_at": expires_at, "seats_held": held,
            "held_until": reactivation.held_until, "overlap": order.accept_overlap, "by": order.by,
            "reason": order.reason,
        }),
    };
    let anew = Anew { epoch: device.epoch, overlap: order.accept_overlap };
    Ok((reactivation, NewAnew { code_sha256, anew, expires_at, note }))
}

/// What would run twice with what this epoch holds.
fn overlapping(view: &DeviceView) -> u64 {
    view.elsewhere.overlapping.saturating_add(view.seats_held)
}

fn subscribed(view: &DeviceView) -> u64 {
    view.subscription.as_ref().map_or(0, |subscription| u64::from(subscription.terms.cameras))
}

/// The device as it is when its epoch has ended. What was accepted with the code is looked at once more: since then
/// the device may hold more, and others may have gone.
pub(crate) fn begun_anew(view: &DeviceView, anew: Anew) -> (DeviceView, EpochEnd) {
    let end = EpochEnd { overlap: anew.overlap && overlapping(view) <= subscribed(view) };
    let mut next = view.clone();
    let device = &mut next.device;
    if let Some(key) = &device.key {
        next.past.push(PastEpoch {
            epoch: device.epoch,
            jkt: key.kid(),
            seats: view.seats_held,
            quota_ppm: view.quota_ppm_held,
            until: view.held_until,
            overlap: end.overlap,
        });
    }
    device.epoch = device.epoch.saturating_add(1);
    (device.licence_seq, device.reported_seq, device.reported_keyset) = (0, 0, 0);
    device.reactivate_from = None;
    // Receipts count on over epochs; nothing else of the exchange outlives its key.
    device.exchange = ExchangeState { receipt_seq: device.exchange.receipt_seq, ..ExchangeState::default() };
    if end.overlap {
        next.elsewhere.overlapping = overlapping(view);
    } else {
        next.elsewhere.reserved = next.elsewhere.reserved.saturating_add(view.seats_held);
        next.elsewhere.quota_ppm = next.elsewhere.quota_ppm.saturating_add(view.quota_ppm_month);
    }
    (next.seats_held, next.quota_ppm_held, next.quota_ppm_month) = (0, 0, 0);
    (next.latest, next.mints_began) = (None, None);
    (next.answered, next.reactions) = (Vec::new(), Vec::new());
    // A device refuses an answer with a notice for another key than its own.
    next.notices.retain(|notice| match notice.kind {
        NoticeKind::Revocations => true,
        NoticeKind::Extension => false,
    });
    (next, end)
}
