//! A device that is ahead of the database: its last receipt is ours, and newer than anything on record.
//!
//! That happens when the database was put back from a backup. The ratchet that the device answers with is lost, so the
//! request's MAC cannot be checked. What is left as evidence is the proof by the key on record, and our own signature
//! on a receipt for this device and epoch that nobody else can make.

use crate::answer::Answering;
use crate::request::Proven;
use crate::secret::sha256;
use crate::storage::{AnswerKind, AuditNote, DeviceView};
use brink_license::keyset::KeyUse;
use brink_license::token::{
    Authority, Cursor, ReceiptClaims, ReceiptExpected, SEQ_JUMP_MAX, Verified, verify,
};

/// Most lost answers that are believed: a device that counts further ahead would skip numbers beyond what it can take.
const LOST_ANSWERS_MAX: u64 = SEQ_JUMP_MAX / 2;

/// What a receipt of ours shows that is not on record any more.
#[derive(Clone, Debug)]
pub(crate) struct Lost {
    receipt: Box<ReceiptClaims>,
    /// Not the first request that is admitted by this receipt: the device never got the answer to the one before.
    repeated: bool,
    /// Answers after the receipt that the device never got: each used up a receipt number, and perhaps a licence number.
    answers: u64,
}

/// The receipt in a request, if it is one of ours for that device and epoch.
fn receipt(answering: &Answering<'_>, view: &DeviceView, proven: &Proven) -> Option<Verified<ReceiptClaims>> {
    let expected = ReceiptExpected {
        issuer: answering.issuer.name.clone(),
        device: Some(view.device.id.clone()),
        epoch: Some(view.device.epoch),
        pending: None,
    };
    let token = proven.last_receipt.as_ref()?;
    let authority = Authority::Issuer(&answering.in_force.keyset, KeyUse::Receipt);
    verify::<ReceiptClaims>(token.as_bytes(), authority, &expected).ok()
}

/// How far the receipt in a request had each chain of usage on record.
pub(crate) fn acknowledged(answering: &Answering<'_>, view: &DeviceView, proven: &Proven) -> Vec<Cursor> {
    let receipt = receipt(answering, view, proven);
    let ours = receipt.as_ref().map(Verified::claims).filter(|receipt| receipt.tenant == view.tenant.id);
    ours.and_then(|receipt| receipt.usage.as_ref()).map(|usage| usage.cursors.clone()).unwrap_or_default()
}

/// Another answer of ours to the very request that was answered last: that request came once before the database was put
/// back and once after, and the device took up the answer of before.
fn is_twin(view: &DeviceView, receipt: &ReceiptClaims) -> bool {
    let exchange = &view.device.exchange;
    let last = view.answered.iter().find(|answered| answered.mark.kind == AnswerKind::Exchange);
    let same_request = last.is_some_and(|answered| {
        answered.mark.ctr == receipt.ctr && answered.mark.nonce == Some(receipt.nonce)
    });
    let held = exchange.ratchet_current.as_ref().map(|ratchet| sha256(&**ratchet));
    same_request && held.is_some_and(|held| held != receipt.ratchet_sha256)
}

impl Lost {
    /// The evidence in this request, if there is any.
    pub(crate) fn shown_by(answering: &Answering<'_>, view: &DeviceView, proven: &Proven) -> Option<Self> {
        let receipt = receipt(answering, view, proven)?;
        let receipt = receipt.claims();
        let exchange = &view.device.exchange;
        let repeated = exchange.restored_by == Some(receipt.seq);
        // The receipt answered an earlier request of the same device, which counts up.
        let later = proven.claims.ctr.checked_sub(receipt.ctr)?.checked_sub(1)?;
        // A history that was lost is newer than what is on record. Once a copy has been admitted, the receipts of the
        // others are older than that, whatever their numbers.
        let newer = exchange.exchanged_at.is_none_or(|last| receipt.iat >= last);
        let ahead = receipt.seq > exchange.receipt_seq && newer;
        let ours = receipt.tenant == view.tenant.id && (ahead || repeated || is_twin(view, receipt));
        ours.then(|| Self {
            receipt: Box::new(receipt.clone()),
            repeated,
            answers: later.min(LOST_ANSWERS_MAX),
        })
    }

    /// The number of the receipt that is the evidence.
    pub(crate) const fn receipt_seq(&self) -> u64 {
        self.receipt.seq
    }

    /// The receipt number given last in the history that was lost, or on record if that is newer.
    pub(crate) fn last_receipt_seq(&self, view: &DeviceView) -> u64 {
        let held = view.device.exchange.receipt_seq;
        if self.repeated { held } else { held.max(self.receipt.seq.saturating_add(self.answers)) }
    }

    /// A licence number above every one of that history; `None` when it was set aside before.
    pub(crate) const fn licence_floor(&self) -> Option<u64> {
        if self.repeated {
            return None;
        }
        // One more than can have been given: while nothing new can be minted, it stands for what the device holds.
        Some(self.receipt.lic.seq.saturating_add(self.answers).saturating_add(1))
    }

    /// What the audit says, once: which answers are no longer on record.
    pub(crate) fn note(
        &self,
        view: &DeviceView,
        note: impl FnOnce(serde_json::Value) -> AuditNote,
    ) -> Option<AuditNote> {
        if self.repeated {
            return None;
        }
        let (device, receipt) = (&view.device, &self.receipt);
        tracing::warn!(
            device = %device.id, receipt = receipt.seq, on_record = device.exchange.receipt_seq,
            "the device holds a receipt of ours that is not on record: the database was restored from a backup"
        );
        Some(note(serde_json::json!({
            "receipt_seq": receipt.seq,
            "receipt_jti": receipt.jti,
            "receipt_iat": receipt.iat,
            "receipt_seq_on_record": device.exchange.receipt_seq,
            "licence_seq": receipt.lic.seq,
            "licence_jti": receipt.lic.jti,
            "licence_seq_on_record": device.licence_seq,
            "answers_unknown": self.answers,
        })))
    }
}
