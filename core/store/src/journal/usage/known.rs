//! Who the device is, and what the agent knows of its usage beside the journal.

use crate::state::Settled;
use brink_license::usage::{Genesis, Head, SEQ_MAX};

/// Above every number that a row can have.
const SENT_ALL: u64 = i64::MAX.unsigned_abs();

/// What the journal is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// The activation of the device.
    pub(crate) genesis: Genesis,
    /// How far each chain is settled, and sent.
    pub(crate) settled: Vec<Settled>,
    /// Where its chain stood once, as the anchor remembers.
    pub(crate) head: Option<Head>,
}

impl Known {
    /// Of a chain of this device, if anything is known.
    pub(super) fn of(&self, genesis: &Genesis) -> Option<&Settled> {
        Settled::find(&self.settled, genesis).filter(|_| genesis.device == self.genesis.device)
    }

    /// Up to where a chain was ever sent. Of one that is not in use and of which nothing is known everything may have been.
    pub(super) fn sent(&self, genesis: &Genesis) -> u64 {
        match self.of(genesis) {
            Some(settled) => settled.reached(),
            None if *genesis == self.genesis => 0,
            None => SENT_ALL,
        }
    }

    /// The highest number that is known of the chain in use.
    pub(super) fn reached(&self) -> u64 {
        self.sent(&self.genesis).max(self.last().map_or(0, |last| last.seq))
    }

    /// Whether an issuer that gives this epoch now has forgotten that activation: its database was put back, so it has nothing
    /// of it, and never will. Of a later one the state knows, or it was the state that was put back.
    pub(super) fn is_superseded(&self, before: &Genesis) -> bool {
        let (epoch, now) = (before.epoch, self.genesis.epoch);
        let is_ours = before.device == self.genesis.device && *before != self.genesis;
        is_ours && (epoch == now || (epoch > now && self.of(before).is_some()))
    }

    /// The last record of the chain in use that is known to have been: acknowledged by the issuer, or remembered.
    pub(super) fn last(&self) -> Option<Head> {
        let settled = self.of(&self.genesis).map(|settled| settled.cursor);
        let known = [settled, self.head].into_iter().flatten();
        known.filter(|head| (1..=SEQ_MAX).contains(&head.seq)).max_by_key(|head| head.seq)
    }
}
