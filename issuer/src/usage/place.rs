//! Where a batch stands beside what is on record of its chain.

use super::links::Link;
use crate::storage::{LossReason, NewLoss, StoredRecord};
use brink_license::usage::{ChainReport, Entry, Head, Record};

/// What is on record of a chain, as far as its next batch is judged by it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing<'a> {
    /// The last record.
    pub(crate) head: Head,
    /// Whether nothing follows it.
    pub(crate) closed: bool,
    /// Whether it contradicted itself before.
    pub(crate) forked: bool,
    /// Up to where a receipt of ours had it that is not on record any more.
    pub(crate) acknowledged: Option<Head>,
    /// Whether the database lost something lately, by a receipt of ours.
    pub(crate) restored: bool,
    /// The record with the highest number that the batch reaches.
    pub(crate) reached: Option<&'a StoredRecord>,
    /// Whether that record was on record, and was dropped long after its time.
    pub(crate) dropped: bool,
}

/// What a batch is beside that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It goes on with its record at this place; what stands before that is on record.
    Next {
        /// Of the first that is new; behind the last where none is.
        new: usize,
        /// Numbers between what is on record and it, that never come.
        loss: Option<NewLoss>,
    },
    /// Something is absent between what is on record and it.
    Gap,
    /// It contradicts what is on record, from this number on.
    Fork(u64, &'static str),
}

/// Judges a batch whose records follow each other.
pub(crate) fn place(standing: &Standing<'_>, report: &ChainReport, links: &[Link]) -> Place {
    let head = standing.head;
    let new = links.iter().take_while(|link| link.seq <= head.seq).count();
    let (known, rest) = links.split_at(new);
    let next = rest.first();
    if standing.forked {
        return Place::Fork(head.seq, "the chain contradicted itself before");
    }
    // A recovery goes on from what its journal still had; anything else goes on from what is on record.
    let is_recovery = next.is_some_and(|next| next.recovery().is_some());
    if let Some(last) = known.last().filter(|_| !is_recovery) {
        match standing.reached {
            Some(stored) if stored.seq == last.seq && is_same(stored, last) => {}
            Some(stored) if stored.seq > last.seq && next.is_some() => return Place::Gap,
            // Nothing is left to compare it with. What goes on from it still has to follow the cursor.
            None if standing.dropped => {}
            Some(_) | None => return Place::Fork(last.seq, "it was sent before, and otherwise"),
        }
    }
    match next {
        Some(next) => beside(standing, report, next, new),
        None => Place::Next { new, loss: None },
    }
}

/// Of the first record that is new.
fn beside(standing: &Standing<'_>, report: &ChainReport, next: &Link, new: usize) -> Place {
    let (head, expected) = (standing.head, standing.head.seq.saturating_add(1));
    let loss = |reason| {
        let to = next.from.saturating_sub(1);
        (expected <= to).then_some(NewLoss { from: expected, to, reason })
    };
    if let Some(recovery) = next.recovery() {
        let left_out = recovery.good.seq > head.seq && recovery.good.seq >= report.kept_from;
        return match left_out {
            true => Place::Gap,
            false => Place::Next { new, loss: loss(LossReason::Recovered) },
        };
    }
    let differs = |hash| next.prev.is_some_and(|prev| prev != hash);
    if next.from == expected {
        return match (standing.closed, differs(head.hash)) {
            (false, false) => Place::Next { new, loss: None },
            (true, _) => Place::Fork(next.from, "nothing follows the end"),
            (false, true) => Place::Fork(next.from, "it follows another record"),
        };
    }
    // Sums of records on both sides cannot be divided, and a device makes none of what waits.
    if next.from < expected || next.from != report.kept_from {
        return Place::Gap;
    }
    match standing.acknowledged.filter(|gone| gone.seq >= next.from - 1) {
        Some(gone) if gone.seq == next.from - 1 && differs(gone.hash) => {
            Place::Fork(next.from, "it follows another record than a receipt says")
        }
        Some(_) => Place::Next { new, loss: loss(LossReason::Restored) },
        // The receipt that said so may be one that a later one has replaced at the device.
        None if standing.restored => Place::Next { new, loss: loss(LossReason::Restored) },
        None => Place::Gap,
    }
}

/// Whether a record that is sent again is the one that is kept. One of both may be sums, which end where their last
/// record did.
fn is_same(stored: &StoredRecord, again: &Link) -> bool {
    if stored.bytes == again.bytes {
        return true;
    }
    let Ok(kept) = Record::from_bytes(&stored.bytes) else { return false };
    let are_sums = |record: &Record| matches!(record.entry, Entry::Fold(_));
    let both = are_sums(&kept) && again.record.as_ref().is_ok_and(are_sums);
    !both && kept.link(&stored.bytes) == again.hash
}
