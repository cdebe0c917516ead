//! Usage as it arrives: a batch is read, placed beside what is on record of its chain, and booked. Pure but for
//! signatures that are verified. A batch never decides whether a request is answered: what came of it stands in the
//! receipt, beside how far each chain is on record.

mod book;
mod judge;
mod links;
pub(crate) mod moment;
mod place;
mod reading;
mod recount;
mod replay;

use crate::answer::Answering;
use crate::reaction::reaction;
use crate::request::Proven;
use crate::storage::{DeviceView, Posting};
use crate::suspicion;
use serde_json::json;

pub(crate) use book::{Books, Part, parts};
use judge::Noted;
pub(crate) use judge::{Judged, judge};
pub(crate) use links::Link;
pub(crate) use moment::Timeline;
pub(crate) use reading::{Reading, read};
pub use recount::{Disagreement, recount};
pub(crate) use replay::rejudge;

/// The reason of a reaction to a batch that does not verify.
pub(crate) const REFUSED: &str = "USAGE_REFUSED";
/// The reason of what a policy does about a chain that contradicts itself.
pub(crate) const FORK: &str = "USAGE_FORK";

/// Adds to what an answer records: what came of the usage that its request brought.
pub(crate) fn settle(
    answering: &Answering<'_>,
    (view, proven): (&DeviceView, &Proven),
    judged: Judged,
    posting: &mut Posting,
) {
    let Judged { mut usage, notes, refused, forks, .. } = judged;
    let receipt = posting.answer.as_ref().map(|answer| answer.receipt.clone());
    if let Some(batch) = &mut usage.batch {
        batch.evidence.receipt = receipt.unwrap_or_default();
    }
    for Noted { action, detail, quiet } in notes {
        tracing::warn!(device = %view.device.id, action, "usage is not as it should be");
        let reaction = quiet.map(|reason| reaction(view, reason, proven, answering.now));
        if !matches!(reaction, Some(None)) {
            posting.notes.push(answering.note(view, action, detail));
            posting.reactions.extend(reaction.flatten());
        }
    }
    if let Some(why) = refused {
        tracing::warn!(device = %view.device.id, why, "a batch of usage is refused");
        if let Some(reaction) = reaction(view, REFUSED, proven, answering.now) {
            posting.notes.push(answering.note(view, "usage.refused", json!({ "problem": why })));
            posting.reactions.push(reaction);
        }
    }
    if forks {
        posting.consequence = suspicion::consequence(answering, view, FORK);
    }
    posting.usage = Some(usage);
}

#[cfg(test)]
mod tests;
