//! The anchor at work: what it knows better is taken up when the store is opened, and it is written last.

use super::{AnchorHealth, BundleHealth, DeviceStore};
use crate::StoreError;
use crate::anchor::{Anchor, Slots, later};
use crate::journal::Journal;
use crate::state::AcceptedMarks;
use brink_license::clock::{BootId, Marks, Reading};
use brink_license::token::NoticeKind;
use brink_license::usage::Head;

/// The clock's marks are copied at most this often: a device that loses its journal forgets an hour at most, and a
/// slot is written over 4,400 times a year, far below what the cheapest flash bears.
const CLOCK_COPY_SECONDS: i64 = 3600;

/// What a store keeps in mind of its anchor.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// The clock's marks as they were written last.
    clock: Option<Marks>,
    copied_at: Option<(BootId, i64)>,
    /// Where the usage chain of an activation stood, at the latest that is known.
    pub(super) journal: Option<(u32, Head)>,
    /// An answer was accepted by this process: the issuer has sent what was missing, so what is in force is everything.
    pub(super) answered: bool,
}

impl DeviceStore {
    /// A state that is older than the anchor was put back: its marks are moved forward, so that whatever is older than
    /// they were finds no way back into force. Before anything else is looked at.
    pub(super) fn recall(&mut self) -> Result<(), StoreError> {
        let slots = self.slots();
        // A store that has accepted nothing has nothing to remember, and none has been written for it yet.
        let is_new = self.held.marks == AcceptedMarks::default() && !slots.any();
        self.health.anchor = match slots.problem() {
            Some(reason) if !is_new && slots.newest().is_some() => AnchorHealth::SlotRewritten { reason },
            Some(reason) if !is_new => AnchorHealth::MadeAnew { reason },
            Some(_) | None => AnchorHealth::Sound,
        };
        let Some(anchor) = slots.newest() else { return Ok(()) };
        self.memory.clock.clone_from(&anchor.clock);
        self.memory.journal = anchor.journal;
        let marks = later(&self.held.marks, &anchor.accepted);
        if marks != self.held.marks {
            tracing::warn!("the state is older than the anchor");
            self.state.set_marks(&marks)?;
            self.held = self.state.held()?;
            self.health.marks_moved_forward = true;
        }
        Ok(())
    }

    /// Once everything else is as it should be: an anchor that is behind it is moved forward.
    pub(super) fn settle_anchor(&mut self) {
        let slots = self.slots();
        let is_behind = slots.newest().is_some_and(|newest| newest.accepted != self.to_remember(&slots));
        self.remember();
        if is_behind && self.health.anchor == AnchorHealth::Sound {
            self.health.anchor = AnchorHealth::MovedForward;
        }
    }

    /// The last step of every acceptance.
    pub(super) fn remember(&mut self) {
        self.write_anchor(false);
    }

    /// Copies the clock's marks to the anchor if that was not done within the hour.
    pub fn remember_clock(&mut self, reading: &Reading) {
        let is_recent = |(boot, boottime): (BootId, i64)| {
            boot == reading.boot && reading.boottime.saturating_sub(boottime) < CLOCK_COPY_SECONDS
        };
        if !self.memory.copied_at.is_some_and(is_recent) {
            // Also when it fails: what cannot be written is not tried every second.
            self.memory.copied_at = Some((reading.boot, reading.boottime));
            self.write_anchor(true);
        }
    }

    /// Copies the clock's marks to the anchor: for a clean end.
    pub fn remember_at_the_end(&mut self) {
        self.write_anchor(true);
    }

    /// The clock's marks as the anchor remembers them.
    #[must_use]
    pub const fn remembered_clock(&self) -> Option<&Marks> {
        self.memory.clock.as_ref()
    }

    /// Never fails: a device works with an older anchor, or with none.
    fn write_anchor(&mut self, for_the_clock: bool) {
        // Hosts judge the bundle by it, so what they cannot see yet is not remembered either.
        if matches!(self.health.bundle, BundleHealth::Unwritable { .. }) {
            return;
        }
        let slots = self.slots();
        let next = self.next_anchor(&slots);
        let is_written = slots.newest().is_some_and(|newest| newest.says_the_same(&next));
        let problem = slots.problem();
        if is_written && problem.is_none() && !for_the_clock {
            return;
        }
        let write = |slots: &Slots| slots.write(self.layout().dir(), &next, &self.keys.anchor);
        // Where neither slot was any good both are written, one after the other.
        let written = write(&slots).and_then(|()| match slots.newest() {
            Some(_) => Ok(()),
            None => write(&self.slots()),
        });
        if let Err(error) = written {
            tracing::warn!(%error, "the anchor cannot be written");
            self.health.anchor = AnchorHealth::Unwritable { reason: error.to_string() };
            return;
        }
        self.memory.clock = next.clock;
        match (&self.health.anchor, problem) {
            (AnchorHealth::Unwritable { .. }, _) => self.health.anchor = AnchorHealth::Sound,
            (AnchorHealth::Sound | AnchorHealth::MovedForward, Some(reason)) if slots.newest().is_some() => {
                self.health.anchor = AnchorHealth::SlotRewritten { reason };
            }
            (_, _) => {}
        }
    }

    fn slots(&self) -> Slots {
        Slots::read(self.layout().dir()).believed_by(&self.keys.anchor, self.device_key.kid())
    }

    fn next_anchor(&self, slots: &Slots) -> Anchor {
        Anchor {
            generation: 0,
            device: self.device_key.kid(),
            accepted: self.to_remember(slots),
            notices: self.notices_to_remember(slots),
            clock: self.clock_to_remember(),
            journal: self.memory.journal,
        }
    }

    /// What is published. Where nothing is in force, the latest that was.
    fn to_remember(&self, slots: &Slots) -> AcceptedMarks {
        match (&self.in_force, slots.newest()) {
            // A receipt of a revoked key is not published, and whoever asked for it would wait for ever.
            (Some(in_force), _) => AcceptedMarks {
                receipt: in_force.marks.receipt.filter(|_| in_force.receipt.is_some()),
                ..in_force.marks
            },
            (None, Some(newest)) => later(&self.held.marks, &newest.accepted),
            (None, None) => self.held.marks,
        }
    }

    /// The notices in force, and those that were and are gone without a word of the issuer's: with state and bundle an
    /// older copy of both was put back. One that is held and does not count any more has lost its key.
    fn notices_to_remember(&self, slots: &Slots) -> Vec<(u16, u64)> {
        let in_force = self.notices();
        let counted = |kind: u16| NoticeKind::from_number(kind).and_then(|kind| in_force.number(kind));
        let is_held = |kind: u16| self.held.notices.iter().any(|notice| notice.kind.number() == kind);
        let mut notices: Vec<(u16, u64)> = NoticeKind::ALL
            .iter()
            .filter_map(|kind| Some((kind.number(), in_force.number(*kind)?)))
            .collect();
        // An answer that was accepted since the anchor was written has brought whatever counts.
        let written = slots.newest().and_then(|newest| newest.accepted.receipt).map(|mark| mark.number);
        let in_force = self.in_force.as_ref().and_then(|in_force| in_force.marks.receipt);
        if self.memory.answered || in_force.map(|mark| mark.number) > written {
            return notices;
        }
        for (kind, number) in slots.newest().map(|newest| newest.notices.as_slice()).unwrap_or_default() {
            match notices.iter_mut().find(|(seen, _)| seen == kind) {
                Some((_, seen)) => *seen = (*seen).max(*number),
                None if counted(*kind).is_none() && is_held(*kind) => {}
                None => notices.push((*kind, *number)),
            }
        }
        notices
    }

    /// Hosts may write the journal, and what they make up is not to outlive its removal in the anchor.
    fn believable(&self, mut kept: Marks) -> Option<Marks> {
        if self.claims_resets(kept.resets()) {
            return None;
        }
        let learned = self.learned();
        kept.vouched(learned.floor, learned.receipt);
        Some(kept)
    }

    fn clock_to_remember(&self) -> Option<Marks> {
        let kept = Journal::glimpse(&self.layout().journal()).and_then(|kept| self.believable(kept));
        match (kept, &self.memory.clock) {
            (Some(mut kept), Some(remembered)) => {
                kept.join(remembered);
                Some(kept)
            }
            (kept, remembered) => kept.or_else(|| remembered.clone()),
        }
    }
}
