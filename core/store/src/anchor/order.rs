//! What is older than what.

use super::Anchor;
use crate::VerifiedBundle;
use crate::documents::sha256;
use crate::state::{AcceptedMarks, NumberMark};
use brink_license::token::{NoticeKind, SeqMark, TokenError};

/// Of two memories of one device, the later part by part: each was true once, and none of it goes back.
pub(crate) fn later(one: &AcceptedMarks, other: &AcceptedMarks) -> AcceptedMarks {
    let order = |mark: &Option<SeqMark>| mark.map(|mark| (mark.epoch, mark.seq));
    let epoch = |marks: &AcceptedMarks| marks.licence.map(|mark| mark.epoch);
    let number = |mark: &Option<NumberMark>| mark.map(|mark| mark.number);
    // Where they are equal the first stays.
    let licence = if order(&other.licence) > order(&one.licence) { other.licence } else { one.licence };
    let keyset = if number(&other.keyset) > number(&one.keyset) { other.keyset } else { one.keyset };
    // Receipts are numbered within an epoch.
    let receipt_is_later = (epoch(other), number(&other.receipt)) > (epoch(one), number(&one.receipt))
        && other.receipt.is_some();
    AcceptedMarks { licence, keyset, receipt: if receipt_is_later { other.receipt } else { one.receipt } }
}

impl Anchor {
    /// Whether the bundle of this device is at least what was accepted last.
    pub(crate) fn is_reached_by(&self, bundle: &VerifiedBundle) -> bool {
        let AcceptedMarks { licence, keyset, receipt } = &self.accepted;
        let found = bundle.keyset();
        let keyset_reached = is_reached(*keyset, found.version(), || *found.sha256());
        // A number that a revoked key pushed ahead does not count: the same rule as for every acceptance.
        let admitted = SeqMark::admit(licence.as_ref(), bundle.licence(), found);
        let licence_reached =
            !matches!(admitted, Err(TokenError::Rollback { .. } | TokenError::WrongDevice(_)));
        let later_epoch = licence.is_some_and(|mark| bundle.licence().claims().epoch > mark.epoch);
        let receipt_reached = match bundle.receipt() {
            Some(found) => is_reached(*receipt, found.claims().seq, || sha256(found.token())),
            None => receipt.is_none(),
        };
        let held = receipt.map(|mark| mark.number);
        let later_answer = later_epoch || bundle.receipt().map(|found| found.claims().seq) > held;
        let notices_reached = later_answer || self.notices.iter().all(|notice| has_notice(bundle, *notice));
        keyset_reached && licence_reached && (later_epoch || receipt_reached) && notices_reached
    }
}

/// An answer that came later may have left one out, because its key was revoked; nothing else does. Kinds that this program
/// does not know say nothing to it.
fn has_notice(bundle: &VerifiedBundle, (kind, number): (u16, u64)) -> bool {
    NoticeKind::from_number(kind).is_none_or(|kind| bundle.notices().number(kind) >= Some(number))
}

/// A higher number, or the very content that had this one.
fn is_reached(held: Option<NumberMark>, number: u64, digest: impl FnOnce() -> [u8; 32]) -> bool {
    let Some(held) = held else { return true };
    number > held.number || (number == held.number && digest() == held.sha256)
}
