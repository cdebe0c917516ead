//! Activation: a code is spent, a key becomes a device, and its first licence goes out.

use crate::admin::ran;
use crate::answer::{Admitted, Answering};
use crate::code;
use crate::issuer::Issuer;
use crate::metrics::Tally;
use crate::reactivation::begun_anew;
use crate::refusal::Refusal;
use crate::request::Proven;
use crate::secret::Redacted;
use crate::storage::{
    Activation, ActivationView, DeviceRow, DeviceStatus, DeviceView, EpochEnd, StorageError,
};

/// The epoch of a device's first activation.
const FIRST_EPOCH: u32 = 1;

/// Answers an activation. The same code shown by the same key gets the same device; the same bytes the same answer.
pub(crate) fn activate(issuer: &Issuer, typed: &Redacted, proven: &Proven) -> Result<Vec<u8>, Refusal> {
    for _ in 0..2 {
        if let Some(answer) = issuer.storage.answered(&proven.key.kid(), &proven.mark)? {
            issuer.metrics.exchanges.replayed("activate");
            return Ok(answer);
        }
        let outcome = match code::digest(typed.reveal()) {
            Some(digest) => spend(issuer, &digest, proven)?,
            None => Some(Err(Refusal::CodeUnknown)),
        };
        if let Some(outcome) = outcome {
            return outcome.map_err(|refusal| counted(issuer, refusal));
        }
    }
    Err(Refusal::Storage(StorageError::Damaged { what: "answers: a marked answer is absent".into() }))
}

/// `None` when the request turned out to be answered already.
fn spend(
    issuer: &Issuer,
    digest: &[u8; 32],
    proven: &Proven,
) -> Result<Option<Result<Vec<u8>, Refusal>>, Refusal> {
    let answering = issuer.answering()?;
    let (mut outcome, mut tally) = (None, Tally::default());
    issuer.storage.activate(digest, &proven.key.kid(), answering.now, &mut |view| {
        let planned = admit(&answering, view, proven).and_then(|admitted| match admitted {
            Some(device) => match view.code.as_ref().and_then(|code| code.anew).filter(|_| !view.redeemed) {
                None => first_answer(&answering, (device, None), proven).map(Some),
                Some(anew) => {
                    let (begun, end) = begun_anew(device, anew);
                    first_answer(&answering, (&begun, Some(end)), proven).map(Some)
                }
            },
            None => Ok(None),
        });
        let (result, activation) = match planned {
            Ok(Some(activation)) => {
                let bytes = activation.posting.answer.as_ref().map(|answer| answer.bytes.clone());
                (Some(Ok(bytes.unwrap_or_default())), Some(activation))
            }
            Ok(None) => (None, None),
            Err(refusal) => (Some(Err(refusal)), None),
        };
        outcome = Some(result);
        let posting = activation.as_ref().map(|activation| &activation.posting);
        tally = Tally::of(posting, (answering.now, None));
        activation
    })?;
    let outcome = ran(outcome)?;
    if matches!(outcome, Some(Ok(_))) {
        issuer.metrics.exchanges.activated(&tally);
    }
    Ok(outcome)
}

/// The device that this key gets from this code; `None` when this very request was answered meanwhile.
fn admit<'v>(
    answering: &Answering<'_>,
    view: &'v ActivationView,
    proven: &Proven,
) -> Result<Option<&'v DeviceView>, Refusal> {
    let code = view.code.as_ref().ok_or(Refusal::CodeUnknown)?;
    if view.key_taken {
        return Err(Refusal::KeyInUse);
    }
    if view.redeemed {
        let device = view.device.as_ref().ok_or(Refusal::CodeSpent)?;
        check_standing(&device.device)?;
        let row = &device.device;
        // A lost answer is given anew until the device has shown that it got one, or another key has taken its place.
        return match device {
            _ if row.key.as_ref() != Some(&proven.key) => Err(Refusal::KeyReplaced(row.id.clone())),
            _ if row.reactivate_from.is_some() => Err(Refusal::ReactivationRequired(row.id.clone())),
            device if device.answered.iter().any(|answered| answered.mark.is_of(&proven.mark)) => Ok(None),
            _ if row.exchange.exchanged_at.is_some() => Err(Refusal::CodeSpent),
            device => Ok(Some(device)),
        };
    }
    if code.expires_at <= answering.now {
        return Err(Refusal::CodeExpired);
    }
    if code.used >= code.uses {
        return Err(Refusal::CodeSpent);
    }
    let device = view.device.as_ref().ok_or(Refusal::CodeSpent)?;
    if let Some(anew) = code.anew {
        check_standing(&device.device)?;
        if anew.epoch != device.device.epoch {
            // Another code has ended that epoch meanwhile.
            return Err(Refusal::CodeSpent);
        }
    }
    Ok(Some(device))
}

/// No code lifts what an operator has decided.
fn check_standing(device: &DeviceRow) -> Result<(), Refusal> {
    match device.status {
        DeviceStatus::Pending | DeviceStatus::Active => Ok(()),
        DeviceStatus::Suspended => Err(Refusal::Suspended(device.id.clone())),
        DeviceStatus::Retired => Err(Refusal::retired(device)),
        DeviceStatus::Revoked => Err(Refusal::Revoked(device.id.clone())),
    }
}

fn first_answer(
    answering: &Answering<'_>,
    (before, ends): (&DeviceView, Option<EpochEnd>),
    proven: &Proven,
) -> Result<Activation, Refusal> {
    let mut view = before.clone();
    view.device.key = Some(proven.key.clone());
    view.device.epoch = view.device.epoch.max(FIRST_EPOCH);
    view.device.status = DeviceStatus::Active;
    // A first answer that did arrive after all stays good: its ratchet is the previous one.
    let ratchet_used = view.device.exchange.ratchet_current.clone();
    let mut posting = answering.compose(&view, proven, Admitted::by_ratchet(ratchet_used), None)?;
    // A code that is shown again changes nothing, however often.
    if before.device.status == DeviceStatus::Pending {
        let detail = serde_json::json!({ "jkt": proven.key.kid(), "epoch": view.device.epoch });
        posting.notes.push(answering.note(&view, "device.activate", detail));
    }
    if let Some(end) = ends {
        let past = before.past.last();
        let detail = serde_json::json!({
            "jkt": proven.key.kid(), "epoch": view.device.epoch, "boot_id": proven.report.boot_id,
            "old_jkt": past.map(|past| past.jkt), "seats_held": past.map(|past| past.seats),
            "held_until": past.filter(|past| past.seats > 0).map(|past| past.until), "overlap": end.overlap,
        });
        posting.notes.push(answering.note(&view, "device.activate_anew", detail));
    }
    Ok(Activation { key: proven.key.clone(), epoch: view.device.epoch, ends, posting })
}

/// Wrong codes are counted; too many are refused as such.
fn counted(issuer: &Issuer, refusal: Refusal) -> Refusal {
    if !matches!(refusal, Refusal::CodeUnknown) {
        return refusal;
    }
    tracing::warn!("an unknown activation code was shown");
    match issuer.failures.count(issuer.clock.now()) {
        Some(retry_after_seconds) => Refusal::TooManyAttempts { retry_after_seconds },
        None => refusal,
    }
}
