//! What is kept and what is done when a device seems to run twice. Pure.
//!
//! The proof is kept whole: it is signed by the device's own key, so it shows to anybody that two copies exist. Beside it
//! stands the request that was answered last, which is the other copy's. Both once a day and reason, because the holder
//! of that key could go on for ever; what the tenant's policy does is done whenever it is not done already.

use crate::answer::Answering;
use crate::reaction::reaction;
use crate::refusal::Refusal;
use crate::request::Proven;
use crate::storage::{
    Actor, AnswerKind, Answered, AuditNote, ClonePolicy, Consequence, DeviceStatus, DeviceView, Posting,
    Seen, StandingChange,
};
use brink_license::b64;

/// Longest proof that is kept whole; an honest one has a third of that.
const PROOF_KEPT_BYTES_MAX: usize = 2048;
/// Longest boot id that is kept; the kernel's has 36 characters.
const BOOT_ID_CHARS_MAX: usize = 64;

/// The reason of an old request that arrives once more: one of its own, or whoever has such a file could keep the word of a
/// copy out of the evidence for a day.
const REPLAYED: &str = "REPLAYED";

/// What is kept of a request.
pub(crate) fn seen(answering: &Answering<'_>, proven: &Proven) -> Seen {
    let proof = &proven.sent.proof;
    Seen {
        at: answering.now,
        boot_id: proven.report.boot_id.chars().take(BOOT_ID_CHARS_MAX).collect(),
        proof: (proof.len() <= PROOF_KEPT_BYTES_MAX).then(|| proof.clone()),
    }
}

/// What to record beside a refusal. `replayed` is a request that was answered before and arrives once more: somebody
/// has kept it, and no copy has made it.
pub(crate) fn posting(
    answering: &Answering<'_>,
    view: &DeviceView,
    (proven, replayed): (&Proven, bool),
    refusal: &Refusal,
) -> Option<Posting> {
    let suspected = matches!(refusal, Refusal::CloneSuspected(_) | Refusal::StaleCounter { .. });
    if !suspected && !matches!(refusal, Refusal::KeyReplaced(_)) {
        return None;
    }
    let action = if suspected { "device.clone_suspected" } else { "device.old_key" };
    let code = refusal.code();
    tracing::warn!(device = %view.device.id, code, replayed, "two copies of one device, or a restored disk");
    // The key of an earlier epoch gets nothing as it is.
    let consequence = (suspected && !replayed).then(|| consequence(answering, view, code)).flatten();
    let reaction = reaction(view, if replayed { REPLAYED } else { code }, proven, answering.now);
    if reaction.is_none() && consequence.is_none() {
        return None;
    }
    let note = reaction.as_ref().map(|_| {
        let mut detail = both(answering, view, proven);
        detail["code"] = code.into();
        detail["replay"] = replayed.into();
        detail["policy"] = view.tenant.clones.as_str().into();
        answering.note(view, action, detail)
    });
    Some(Posting {
        notes: note.into_iter().collect(),
        reactions: reaction.into_iter().collect(),
        consequence,
        ..Posting::default()
    })
}

/// The request that was refused, and the one that was answered last.
fn both(answering: &Answering<'_>, view: &DeviceView, proven: &Proven) -> serde_json::Value {
    let Seen { boot_id, proof, .. } = seen(answering, proven);
    let exchange = |kind| view.answered.iter().find(move |answered| answered.mark.kind == kind);
    let accepted = exchange(AnswerKind::Exchange).or_else(|| exchange(AnswerKind::Activate));
    serde_json::json!({
        "ctr": proven.claims.ctr,
        "held_ctr": view.device.exchange.ctr,
        "epoch": proven.claims.epoch,
        "boot_id": boot_id,
        "licence_seq": proven.report.licence_seq,
        "receipt_seq": proven.report.receipt_seq,
        "body_sha256": b64::encode(&proven.mark.body_sha256),
        "proof": proof,
        "accepted": accepted.map(of_answered),
    })
}

fn of_answered(answered: &Answered) -> serde_json::Value {
    let seen = answered.seen.as_ref();
    serde_json::json!({
        "at": seen.map(|seen| seen.at),
        "ctr": answered.mark.ctr,
        "boot_id": seen.map(|seen| &seen.boot_id),
        "body_sha256": b64::encode(&answered.mark.body_sha256),
        "proof": seen.and_then(|seen| seen.proof.as_ref()),
    })
}

/// What the tenant's policy does about two histories of one device, if that is not done already.
pub(crate) fn consequence(
    answering: &Answering<'_>,
    view: &DeviceView,
    code: &'static str,
) -> Option<Consequence> {
    let (device, policy) = (&view.device, view.tenant.clones);
    let note = |action, detail| AuditNote {
        tenant: Some(view.tenant.id.clone()),
        at: answering.now,
        actor: Actor(format!("policy:clones={}", policy.as_str())),
        action,
        subject: device.id.to_string(),
        detail,
    };
    match policy {
        ClonePolicy::Alert => None,
        ClonePolicy::Suspend if device.status == DeviceStatus::Active => {
            let detail =
                serde_json::json!({ "was": device.status, "seq": device.licence_seq, "reason": code });
            let note = note("license.suspend", detail);
            Some(Consequence::Suspend(StandingChange { status: DeviceStatus::Suspended, note }))
        }
        ClonePolicy::Reactivate if device.reactivate_from.is_none() => {
            let detail = serde_json::json!({ "epoch": device.epoch, "reason": code });
            Some(Consequence::Reactivate(note("device.reactivation_due", detail)))
        }
        ClonePolicy::Suspend | ClonePolicy::Reactivate => None,
    }
}
