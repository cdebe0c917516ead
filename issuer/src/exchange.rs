//! The exchange of a device that was activated: admitted, answered, recorded.

use crate::admin::ran;
use crate::answer::{Admitted, Answering};
use crate::issuer::Issuer;
use crate::metrics::Tally;
use crate::refusal::Refusal;
use crate::request::{Proven, Signed};
use crate::restored::Lost;
use crate::seat_reports::{self, Reported};
use crate::storage::{AnswerKind, AnswerMark, DeviceStatus, DeviceView, Posting, StorageError};
use crate::suspicion;
use crate::usage::{self, Reading};
use brink_license::PublicKey;
use brink_license::token::BatchVerdict;

/// What a request turns out to be.
enum Admission {
    /// New, and from the device itself.
    New(Admitted),
    /// The one that was answered last.
    Repeated,
    /// Not to be answered.
    Refused(Refusal),
}

/// Whether the key is one on record, now or once: what is cheap to tell before the body is inflated. The transaction asks
/// again, and refuses those of earlier epochs, which are evidence.
pub(crate) fn check_known(issuer: &Issuer, signed: &Signed) -> Result<(), Refusal> {
    let device = &signed.claims.dev;
    match issuer.storage.device_key(device).map_err(unknown_device)? {
        Some(key) if key == signed.key => Ok(()),
        Some(_) if issuer.storage.was_key(device, &signed.key.kid())? => Ok(()),
        Some(_) | None => Err(Refusal::OtherKey(device.clone())),
    }
}

fn unknown_device(error: StorageError) -> Refusal {
    if let StorageError::UnknownDevice(device) = error {
        return Refusal::UnknownDevice(device);
    }
    Refusal::Storage(error)
}

/// The bytes that a request was answered with before, if it was: it is not even looked into.
pub(crate) fn repeated(
    issuer: &Issuer,
    (key, mark): (&PublicKey, &AnswerMark),
) -> Result<Option<Vec<u8>>, Refusal> {
    let answer = issuer.storage.answered(&key.kid(), mark)?;
    if answer.is_some() {
        issuer.metrics.exchanges.replayed("exchange");
    }
    Ok(answer)
}

/// Answers an exchange that is not known to be answered.
pub(crate) fn exchange(issuer: &Issuer, proven: &Proven) -> Result<Vec<u8>, Refusal> {
    // Another thread may have answered the same request since somebody looked; and its answer may have gone since then.
    for _ in 0..2 {
        if let Some(outcome) = settle(issuer, proven)? {
            return outcome;
        }
        if let Some(answer) = repeated(issuer, (&proven.key, &proven.mark))? {
            return Ok(answer);
        }
    }
    Err(Refusal::Storage(StorageError::Damaged { what: "answers: a marked answer is absent".into() }))
}

/// `None` when the request turned out to be answered already.
fn settle(issuer: &Issuer, proven: &Proven) -> Result<Option<Result<Vec<u8>, Refusal>>, Refusal> {
    let answering = issuer.answering()?;
    let replayed = issuer.storage.was_answered(&proven.claims.dev, &proven.mark)?;
    let seats = seat_reports::read(&answering, proven).map_err(unknown_device)?;
    let usage = usage::read(&answering, proven);
    let mut asked = usage.as_ref().map(Reading::asked).unwrap_or_default();
    asked.epochs.push(proven.claims.epoch);
    let said = Said { seats: &seats, usage: usage.as_ref(), replayed };
    let (mut outcome, mut tally) = (None, Tally::default());
    let settled = issuer.storage.settle(&proven.claims.dev, answering.now, &asked, &mut |view| {
        let (result, posting, verdict) = plan(&answering, (view, proven), &said);
        outcome = Some(result);
        let last = view.device.exchange.exchanged_at;
        tally = Tally::of(posting.as_ref(), (answering.now, last)).with_verdict(verdict);
        posting
    });
    settled.map_err(unknown_device)?;
    let outcome = ran(outcome)?;
    if matches!(outcome, Some(Ok(_))) {
        issuer.metrics.exchanges.exchanged(&tally);
    }
    Ok(outcome)
}

/// What a request says that was read before the transaction.
struct Said<'a> {
    seats: &'a Reported,
    usage: Option<&'a Reading>,
    /// Whether it was answered before.
    replayed: bool,
}

/// What the request gets, what is recorded, and what came of its batch.
type Outcome = (Option<Result<Vec<u8>, Refusal>>, Option<Posting>, Option<BatchVerdict>);

fn plan(answering: &Answering<'_>, (view, proven): (&DeviceView, &Proven), said: &Said<'_>) -> Outcome {
    match admit(answering, view, proven) {
        Admission::Repeated => (None, None, None),
        Admission::Refused(refusal) => {
            let evidence = suspicion::posting(answering, view, (proven, said.replayed), &refusal);
            (Some(Err(refusal)), evidence, None)
        }
        Admission::New(admitted) => {
            let restored = admitted.is_restored() || view.device.exchange.restored_by.is_some();
            let judged = usage::judge(answering, (view, proven), (said.usage, restored));
            let verdict = judged.claim.as_ref().map(|claim| claim.batch);
            match answering.compose(view, proven, admitted, Some(&judged)) {
                Ok(mut posting) => {
                    seat_reports::settle(answering, (view, proven), said.seats, &mut posting);
                    usage::settle(answering, (view, proven), judged, &mut posting);
                    let bytes =
                        posting.answer.as_ref().map(|answer| answer.bytes.clone()).unwrap_or_default();
                    (Some(Ok(bytes)), Some(posting), verdict)
                }
                Err(refusal) => (Some(Err(refusal)), None, None),
            }
        }
    }
}

/// Whose request this is, whether it is new, and whether it comes from the copy that got the last answer.
fn admit(answering: &Answering<'_>, view: &DeviceView, proven: &Proven) -> Admission {
    let (device, claims) = (&view.device, &proven.claims);
    let is_old_key = || view.past.iter().any(|past| past.jkt == proven.key.kid());
    if device.key.as_ref() != Some(&proven.key) && !is_old_key() {
        return Admission::Refused(Refusal::OtherKey(device.id.clone()));
    }
    if device.status == DeviceStatus::Retired {
        return Admission::Refused(Refusal::retired(device));
    }
    if device.key.as_ref() != Some(&proven.key) {
        return Admission::Refused(Refusal::KeyReplaced(device.id.clone()));
    }
    if device.reactivate_from.is_some() {
        return Admission::Refused(Refusal::ReactivationRequired(device.id.clone()));
    }
    if claims.epoch != device.epoch {
        let (found, current) = (claims.epoch, device.epoch);
        return Admission::Refused(Refusal::OtherEpoch { device: device.id.clone(), found, current });
    }
    if view.answered.iter().any(|answered| answered.mark.is_of(&proven.mark)) {
        return Admission::Repeated;
    }
    let last = view.answered.iter().find(|answered| answered.mark.kind == AnswerKind::Exchange);
    if last.is_some_and(|answered| answered.mark.ctr == claims.ctr) {
        // Two different requests with one counter: only a copy counts the same way.
        return Admission::Refused(Refusal::CloneSuspected(device.id.clone()));
    }
    if claims.ctr <= device.exchange.ctr {
        let (found, held) = (claims.ctr, device.exchange.ctr);
        return Admission::Refused(Refusal::StaleCounter { device: device.id.clone(), found, held });
    }
    // The ratchet before the last is that of a device which never got the last answer.
    let ratchets = [&device.exchange.ratchet_current, &device.exchange.ratchet_previous];
    if let Some(ratchet) = ratchets.into_iter().flatten().find(|ratchet| proven.sent.mac_is_of(ratchet)) {
        return Admission::New(Admitted::by_ratchet(Some(ratchet.clone())));
    }
    match Lost::shown_by(answering, view, proven) {
        Some(lost) => Admission::New(Admitted::by_receipt(lost)),
        None => Admission::Refused(Refusal::CloneSuspected(device.id.clone())),
    }
}
