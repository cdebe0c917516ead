//! The clock keeper: guarded time for one process, from marks that all processes of the device share.

use super::{Journal, JournalFault};
use brink_license::clock::{BootId, Guarded, Marks, Reading, ReceiptMark, ResetMark};
use brink_license::token::ReceiptClaims;
use brink_license::{Kid, UnixSeconds};
use std::path::PathBuf;

/// Marks are kept at least this often. What a device runs between two of them and a power cut is not charged to it.
const KEEP_SECONDS: i64 = 30;

/// What signed documents vouch for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// It is at least this late.
    pub floor: UnixSeconds,
    /// The receipt accepted last.
    pub receipt: Option<ReceiptMark>,
    /// The clock reset accepted last, where the device itself looks: hosts hear of it from the kept marks.
    pub reset: Option<ResetMark>,
}

impl Learned {
    /// What a device with this key learns from its documents.
    #[must_use]
    pub fn of(device: Kid, floor: UnixSeconds, receipt: Option<&ReceiptClaims>) -> Self {
        let device = *device.as_bytes();
        let receipt = receipt.map(|claims| {
            let ReceiptClaims { epoch, seq, server_time, .. } = *claims;
            ReceiptMark { device, epoch, seq, server_time }
        });
        Self { floor, receipt, reset: None }
    }
}

/// How the marks were kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In the journal.
    Shared,
    /// There is no journal: in this process alone.
    Alone,
    /// The journal cannot be used: in this process, until it can.
    Unusable(String),
    /// What was kept was damaged: begun again from what signed documents and this process know.
    Damaged(String),
}

/// Moves the marks for one process.
#[derive(Debug)]
pub struct ClockKeeper {
    directory: PathBuf,
    pub(super) journal: Option<Journal>,
    /// As of the last reading; between two turns of keeping they run ahead of the kept ones.
    marks: Option<Marks>,
    /// As they were kept last; `None` while this process is by itself.
    shared: Option<Marks>,
    /// What the anchor remembers, until it has gone into the kept ones.
    anchored: Option<Marks>,
    /// What this process counted itself.
    own: Option<Own>,
    learned: Learned,
    kept_at: Option<(BootId, i64)>,
    kept: Kept,
    /// Looks at what is kept, once, and keeps nothing.
    observes: bool,
}

impl ClockKeeper {
    /// A keeper that leaves no trace: it begins with what is kept and moves it in this process alone.
    #[must_use]
    pub fn observer(directory: PathBuf) -> Self {
        Self { observes: true, ..Self::new(directory) }
    }

    /// A keeper for a device whose journal is in `directory`; nothing is opened yet.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            journal: None,
            marks: None,
            shared: None,
            anchored: None,
            own: None,
            learned: Learned::default(),
            kept_at: None,
            kept: Kept::Alone,
            observes: false,
        }
    }

    /// Takes what the anchor remembers as known from the next reading on, so that a journal that is deleted, or put
    /// back, makes nobody forget.
    pub fn remember(&mut self, anchored: Option<Marks>) {
        self.anchored = anchored;
    }

    /// How the marks were kept last.
    #[must_use]
    pub const fn kept(&self) -> &Kept {
        &self.kept
    }

    /// The number of the clock reset that the marks know of, as of the last reading.
    #[must_use]
    pub fn resets(&self) -> u64 {
        self.marks.as_ref().map_or(0, Marks::resets)
    }

    /// Moves time by one reading. What the documents in force vouch for is believed from this reading on: the time up
    /// to it belongs to the receipt before. News, and marks that have not been kept for a while, are kept.
    pub fn advance(&mut self, learned: &Learned, reading: &Reading) -> Guarded {
        let is_due = self.learned != *learned
            || self.kept_at.is_none_or(|(boot, boottime)| {
                boot != reading.boot || reading.boottime.saturating_sub(boottime) >= KEEP_SECONDS
            });
        if self.observes {
            if self.marks.is_none() {
                let kept = Journal::glimpse(&self.directory);
                self.marks = joined(kept, self.anchored.as_ref(), reading);
            }
        } else if is_due {
            self.learned = *learned;
            self.kept_at = Some((reading.boot, reading.boottime));
            match self.share(reading) {
                Ok(guarded) => {
                    self.count(learned, reading);
                    return guarded;
                }
                Err(fault) => self.go_on_alone(fault),
            }
        }
        let anchored = self.anchored.as_ref();
        let first = || anchored.cloned().unwrap_or_else(|| Marks::new(learned.floor));
        let marks = self.marks.get_or_insert_with(first);
        let guarded = step(marks, learned, reading);
        let guarded = insist(marks, self.own.as_ref(), (learned, reading), guarded);
        self.count(learned, reading);
        guarded
    }

    fn count(&mut self, learned: &Learned, reading: &Reading) {
        if let Some(marks) = &self.marks {
            self.own = Some(Own::after(self.own.as_ref(), marks, (learned, reading)));
        }
    }

    fn share(&mut self, reading: &Reading) -> Result<Guarded, JournalFault> {
        if self.journal.as_ref().is_none_or(|journal| !journal.is_current(&self.directory)) {
            self.journal = Some(Journal::open(&self.directory)?);
        }
        let Some(journal) = &mut self.journal else {
            return Err(JournalFault::Unusable("it is not open".into()));
        };
        let (mine, shared, learned) = (self.marks.as_ref(), self.shared.as_ref(), &self.learned);
        let (anchored, own) = (self.anchored.as_ref(), self.own.as_ref());
        let ((marks, guarded), fault) = journal.change_marks(|kept| {
            let kept = kept.map(|mut kept| {
                kept.not_read_after(reading);
                kept
            });
            let known = joined(base(kept, mine, shared), anchored, reading);
            let mut marks = known.unwrap_or_else(|| Marks::new(learned.floor));
            let guarded = step(&mut marks, learned, reading);
            let guarded = insist(&mut marks, own, (learned, reading), guarded);
            (marks.clone(), (marks, guarded))
        })?;
        self.kept = fault.map_or(Kept::Shared, |fault| Kept::Damaged(fault.to_string()));
        (self.shared, self.marks, self.anchored) = (Some(marks.clone()), Some(marks), None);
        Ok(guarded)
    }

    fn go_on_alone(&mut self, fault: JournalFault) {
        (self.journal, self.shared) = (None, None);
        self.kept = match fault {
            _ if !Journal::path(&self.directory).exists() => Kept::Alone,
            JournalFault::Unusable(problem) => Kept::Unusable(problem),
            not_yet @ JournalFault::NotYet { .. } => Kept::Unusable(not_yet.to_string()),
            JournalFault::Damaged(problem) => Kept::Damaged(problem),
        };
    }
}

/// The marks to move on from. The kept ones, unless they are gone, or older than those that this process kept there
/// before, or this process was by itself since: then its own, with what the kept ones know better.
fn base(kept: Option<Marks>, mine: Option<&Marks>, shared: Option<&Marks>) -> Option<Marks> {
    let Some(kept) = kept else { return mine.cloned() };
    let Some(mine) = mine else { return Some(kept) };
    if shared.is_some_and(|shared| kept.reaches(shared)) {
        return Some(kept);
    }
    let mut mine = mine.clone();
    mine.join(&kept);
    Some(mine)
}

/// What both know. The one that has seen this boot goes on: the other would count all of it again.
fn joined(kept: Option<Marks>, anchored: Option<&Marks>, reading: &Reading) -> Option<Marks> {
    let Some(anchored) = anchored else { return kept };
    let Some(mut kept) = kept else { return Some(anchored.clone()) };
    if anchored.is_of(reading.boot) && !kept.is_of(reading.boot) {
        let mut known = anchored.clone();
        known.join(&kept);
        return Some(known);
    }
    kept.join(anchored);
    Some(kept)
}

/// Processes count by clocks that were read up to a second apart, and a kept count may be that much ahead.
const RACE_SECONDS: i64 = 2;

/// What a process has counted by its own readings, whatever stands in the row: who may write there could take the row's
/// seconds back at every turn, or count them from a receipt that nobody gave.
#[derive(Clone, Copy, Debug)]
struct Own {
    receipt: Option<ReceiptMark>,
    resets: u64,
    hwm: UnixSeconds,
    ran: i64,
    boot: BootId,
    boottime: i64,
}

impl Own {
    /// The least that has been run by now since the receipt in force, and the least time by it; `None` where something
    /// signed has begun the count anew.
    fn least(
        &self,
        marks: &Marks,
        (learned, reading): (&Learned, &Reading),
    ) -> (Option<UnixSeconds>, Option<i64>) {
        let elapsed = reading.boottime.saturating_sub(self.boottime).max(0);
        let same_boot = self.boot == reading.boot;
        let hwm = self.hwm.saturating_add(elapsed);
        let ran = self.ran.saturating_add(elapsed);
        (
            (same_boot && self.resets == marks.resets()).then_some(hwm),
            (same_boot && self.receipt == learned.receipt).then_some(ran),
        )
    }

    fn after(own: Option<&Self>, marks: &Marks, (learned, reading): (&Learned, &Reading)) -> Self {
        let (hwm, ran) = own.map_or((None, None), |own| own.least(marks, (learned, reading)));
        let seen = marks.lower_bound().saturating_add(-RACE_SECONDS);
        let counted = marks.ran().saturating_sub(RACE_SECONDS);
        Self {
            receipt: learned.receipt,
            resets: marks.resets(),
            hwm: hwm.map_or(seen, |hwm| hwm.max(seen)),
            ran: ran.map_or(counted, |ran| ran.max(counted)),
            boot: reading.boot,
            // An earlier one is a glitch, and would count the same seconds twice.
            boottime: own
                .filter(|own| own.boot == reading.boot)
                .map_or(reading.boottime, |own| own.boottime.max(reading.boottime)),
        }
    }
}

/// Holds marks that others may write to what this process counted.
fn insist(
    marks: &mut Marks,
    own: Option<&Own>,
    (learned, reading): (&Learned, &Reading),
    guarded: Guarded,
) -> Guarded {
    let Some(own) = own else { return guarded };
    let (hwm, ran) = own.least(marks, (learned, reading));
    let (hwm, ran) = (hwm.unwrap_or_default(), ran.unwrap_or_default());
    // A row that counts from a later receipt may be right, and the bundle with it is still to be taken up.
    let same = marks.since() == learned.receipt;
    marks.at_least(hwm, if same { ran } else { 0 });
    Guarded { now: guarded.now.max(hwm), ran: guarded.ran.max(ran), ..guarded }
}

fn step(marks: &mut Marks, learned: &Learned, reading: &Reading) -> Guarded {
    marks.advance(reading);
    marks.raise_floor(learned.floor);
    if let Some(receipt) = learned.receipt {
        marks.receipt(receipt);
    }
    if let Some(reset) = &learned.reset {
        if marks.resets() < reset.number {
            marks.vouched(learned.floor, learned.receipt);
        }
        marks.reset(reset);
    }
    marks.advance(reading)
}
