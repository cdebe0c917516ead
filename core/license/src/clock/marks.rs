//! What is remembered of time, and how a reading moves it.

use super::{BootId, DAY, HOUR};
use crate::decision::Flags;
use crate::time::UnixSeconds;
use core::cmp::Ordering;
use serde::{Deserialize, Serialize};

/// A clock this far behind what is known is still called honest, beside the drift of its oscillator.
const BACK_SECONDS: i64 = 600;
/// An oscillator may lose 0.05 % over weeks of running.
const DRIFT_DIVISOR: i64 = 2000;
/// A clock held back for this much run time is tampering.
const BACK_HELD_MAX: i64 = 24 * HOUR;
/// Largest step forward that is believed once the boot has settled.
const JUMP_SETTLED_MAX: i64 = DAY;
/// Largest first catch-up of a boot: a device may have stood in a store room.
const JUMP_FIRST_MAX: i64 = 180 * DAY;
/// The first byte of kept marks.
const MARKS_VERSION: u8 = 2;
/// Marks of this version have no number of resets at their end.
const MARKS_VERSION_WITHOUT_RESETS: u8 = 1;
/// A jump that held for this long is believed.
const JUMP_HELD: i64 = DAY;

/// One look at the machine's clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The wall clock: anybody may set it.
    pub wall: UnixSeconds,
    /// Which boot this is.
    pub boot: BootId,
    /// Seconds since that boot, suspend included (CLOCK_BOOTTIME): nobody can set it.
    pub boottime: i64,
}

/// A moment that the issuer vouched for, tied to this boot's monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchored {
    /// The issuer's time.
    pub server_time: UnixSeconds,
    /// The boot it was received in.
    pub boot: BootId,
    /// That boot's seconds when it was received.
    pub boottime: i64,
}

/// A receipt's place in the order of receipts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptMark {
    /// The thumbprint of the device key: a device that starts over numbers its receipts anew.
    pub device: [u8; 32],
    /// The activation's epoch.
    pub epoch: u32,
    /// The number in it.
    pub seq: u64,
    /// The issuer's time.
    pub server_time: UnixSeconds,
}

impl ReceiptMark {
    /// Whether this receipt came after `other`.
    #[must_use]
    pub fn is_after(&self, other: &ReceiptMark) -> bool {
        if self.device == other.device {
            (self.epoch, self.seq) > (other.epoch, other.seq)
        } else {
            self.server_time > other.server_time
        }
    }
}

/// A reset that the issuer signed and the device has accepted: from then on the issuer's time counts, and no mark that
/// was known before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResetMark {
    /// Rises with every reset on this machine.
    pub number: u64,
    /// The issuer's time when it answered the challenge.
    pub server_time: UnixSeconds,
    /// The boot it was accepted in.
    pub boot: BootId,
    /// That boot's seconds when it was accepted.
    pub boottime: i64,
}

/// What is remembered between readings. It never falls while the device is offline, but by a reset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    floor: UnixSeconds,
    hwm: UnixSeconds,
    anchored: Option<Anchored>,
    last: Option<(BootId, i64)>,
    back_for: i64,
    settled: bool,
    jump_for: i64,
    ran: i64,
    /// The receipt that `ran` counts from.
    since: Option<ReceiptMark>,
    /// The number of the reset accepted last: `hwm` and what was held against the clock count from it.
    resets: u64,
}

/// The guarded time of one reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guarded {
    /// The time that everything else uses.
    pub now: UnixSeconds,
    /// Seconds run since the last receipt.
    pub ran: i64,
    /// `CLOCK_UNSET`, `CLOCK_BACK`, `CLOCK_JUMP` or nothing.
    pub flags: Flags,
    /// Whether the clock was held back for longer than is excused.
    pub tampered: bool,
}

impl Marks {
    /// Marks that know of nothing later than `floor`.
    #[must_use]
    pub fn new(floor: UnixSeconds) -> Self {
        let floor = floor.max(super::BUILD_TIME);
        Self {
            floor,
            hwm: floor,
            anchored: None,
            last: None,
            back_for: 0,
            settled: false,
            jump_for: 0,
            ran: 0,
            since: None,
            resets: 0,
        }
    }

    /// The bytes to keep: a version, then postcard.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_extend(self, vec![MARKS_VERSION]).unwrap_or_default()
    }

    /// Reads kept bytes; `None` for any that [`Marks::to_bytes`] did not write.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&version, rest) = bytes.split_first()?;
        // Before there were resets there was none.
        let content = match version {
            MARKS_VERSION => rest.to_vec(),
            MARKS_VERSION_WITHOUT_RESETS => [rest, &[0]].concat(),
            _ => return None,
        };
        let marks: Self = postcard::from_bytes(&content).ok()?;
        (marks.to_bytes().get(1..) == Some(&content[..])).then_some(marks)
    }

    /// Takes what `other` knows better: marks of one device that were kept in two places.
    ///
    /// A receipt that answered a request of its boot set the clock, perhaps back: of marks that have not seen it only
    /// the floor counts, for what else they say of time may be the very error that it put right.
    pub fn join(&mut self, other: &Marks) {
        let mut theirs = other.clone();
        self.catch_up_with(&mut theirs);
        // A reset leaves of the floor what documents vouch for; one from before it may be what somebody made up.
        self.floor = match self.resets.cmp(&theirs.resets) {
            Ordering::Less => theirs.floor,
            Ordering::Equal => self.floor.max(theirs.floor),
            Ordering::Greater => self.floor,
        };
        match self.order().cmp(&theirs.order()) {
            Ordering::Less => {
                (self.hwm, self.back_for, self.anchored) = (theirs.hwm, theirs.back_for, theirs.anchored);
                (self.settled, self.jump_for) = (theirs.settled, theirs.jump_for);
                self.resets = theirs.resets;
            }
            Ordering::Equal => {
                self.hwm = self.hwm.max(theirs.hwm);
                self.back_for = self.back_for.max(theirs.back_for);
            }
            Ordering::Greater => {}
        }
        match (self.since, theirs.since) {
            (mine, their) if mine == their => self.ran = self.ran.max(theirs.ran),
            (None, their) => (self.since, self.ran) = (their, theirs.ran),
            (Some(mine), Some(their)) if their.is_after(&mine) => {
                (self.since, self.ran) = (theirs.since, theirs.ran);
            }
            (Some(_), _) => {}
        }
    }

    /// Moves whichever of the two was read earlier in the same boot to the reading of the other, so that seconds that
    /// one has counted are not counted again on top of it.
    fn catch_up_with(&mut self, other: &mut Marks) {
        let (Some((boot, mine)), Some((other_boot, theirs))) = (self.last, other.last) else { return };
        if boot == other_boot {
            self.run_until(boot, mine.max(theirs));
            other.run_until(boot, mine.max(theirs));
        }
    }

    fn run_until(&mut self, boot: BootId, boottime: i64) {
        let elapsed = self.last.map_or(0, |(_, last)| boottime.saturating_sub(last).max(0));
        self.hwm = self.hwm.saturating_add(elapsed);
        self.ran = self.ran.saturating_add(elapsed);
        self.last = Some((boot, boottime));
    }

    /// By what the clock was set last: what was known before it does not count after it.
    fn order(&self) -> (u64, Option<UnixSeconds>) {
        (self.resets, self.anchored.map(|anchored| anchored.server_time))
    }

    /// Seconds run since the last receipt.
    #[must_use]
    pub const fn ran(&self) -> i64 {
        self.ran
    }

    /// Whether these marks know where this boot stands.
    #[must_use]
    pub fn is_of(&self, boot: BootId) -> bool {
        self.last.is_some_and(|(last, _)| last == boot)
    }

    /// Whether these marks are at least as late as `other`, of the same device.
    #[must_use]
    pub fn reaches(&self, other: &Marks) -> bool {
        let later_receipt = match (self.since, other.since) {
            (mine, theirs) if mine == theirs => self.ran >= other.ran,
            (Some(mine), Some(theirs)) => mine.is_after(&theirs),
            (mine, _) => mine.is_some(),
        };
        let as_late = match self.order().cmp(&other.order()) {
            Ordering::Less => false,
            Ordering::Equal => self.hwm >= other.hwm,
            // Set since, perhaps back.
            Ordering::Greater => true,
        };
        later_receipt && as_late && self.floor >= other.floor
    }

    /// The receipt that run time is counted from.
    #[must_use]
    pub const fn since(&self) -> Option<ReceiptMark> {
        self.since
    }

    /// An accepted document was issued at `moment`: it is at least that late.
    pub fn raise_floor(&mut self, moment: UnixSeconds) {
        self.floor = self.floor.max(moment);
    }

    /// A receipt was accepted, by whatever way it came: it is at least that late, and if none after it has been seen
    /// `ran` starts again.
    pub fn receipt(&mut self, mark: ReceiptMark) {
        self.raise_floor(mark.server_time);
        if self.since.is_none_or(|since| mark.is_after(&since)) {
            self.since = Some(mark);
            self.ran = 0;
        }
    }

    /// A receipt answered a request of this boot: besides, the wall clock is no longer needed in this boot.
    pub fn anchor(&mut self, mark: ReceiptMark, anchored: Anchored) {
        self.receipt(mark);
        self.hwm = anchored.server_time;
        self.anchored = Some(anchored);
        self.back_for = 0;
        self.jump_for = 0;
    }

    /// Leaves of what is kept where others may write only what the documents in force vouch for: no later floor, and no
    /// later receipt. What was run stays charged.
    pub fn vouched(&mut self, floor: UnixSeconds, receipt: Option<ReceiptMark>) {
        self.floor = floor.max(super::BUILD_TIME);
        if receipt.zip(self.since).is_some_and(|(receipt, since)| since.is_after(&receipt)) {
            self.since = receipt;
        }
    }

    /// These marks know of so much at least: of marks that others may write, what their reader counted itself.
    pub fn at_least(&mut self, hwm: UnixSeconds, ran: i64) {
        self.hwm = self.hwm.max(hwm);
        self.ran = self.ran.max(ran);
    }

    /// A reading of this boot that is still to come was made up, and would stop the count until then. The kept one may be
    /// later than this by as long as a process was stopped between its look at the clock and its turn.
    pub fn not_read_after(&mut self, reading: &Reading) {
        if let Some((boot, boottime)) = &mut self.last
            && *boot == reading.boot
            && boottime.saturating_sub(reading.boottime) > HOUR
        {
            *boottime = reading.boottime;
        }
    }

    /// The issuer answered a challenge of this device: its time counts from then on, once, however often this is heard.
    /// What has been run since the last receipt stays charged, and documents are not unsaid.
    pub fn reset(&mut self, mark: &ResetMark) {
        self.raise_floor(mark.server_time);
        if mark.number <= self.resets {
            return;
        }
        let since = match self.last {
            Some((boot, boottime)) if boot == mark.boot => boottime.saturating_sub(mark.boottime).max(0),
            Some(_) | None => 0,
        };
        self.hwm = self.floor.max(mark.server_time.saturating_add(since));
        (self.back_for, self.jump_for) = (0, 0);
        self.anchored = None;
        // Its token may have been on its way for days: the next catch-up is the first one again.
        self.settled = false;
        self.resets = mark.number;
    }

    /// The number of the reset accepted last; 0 for none.
    #[must_use]
    pub const fn resets(&self) -> u64 {
        self.resets
    }

    /// The best lower bound of now at the last reading.
    #[must_use]
    pub fn lower_bound(&self) -> UnixSeconds {
        self.floor.max(self.hwm)
    }

    /// Seconds that this reading adds, counted once: none for the very first reading, because marks without a last
    /// reading were made in this boot and know nothing of its past.
    fn elapsed(&self, reading: &Reading) -> i64 {
        match self.last {
            None => 0,
            Some((boot, boottime)) if boot == reading.boot => {
                reading.boottime.saturating_sub(boottime).max(0)
            }
            Some(_) => reading.boottime.max(0),
        }
    }

    /// The best lower bound of now.
    fn lower(&self, reading: &Reading, elapsed: i64) -> UnixSeconds {
        let lower = self.floor.max(self.hwm.saturating_add(elapsed));
        match self.anchored {
            Some(anchor) if anchor.boot == reading.boot => {
                let since = reading.boottime.saturating_sub(anchor.boottime).max(0);
                lower.max(anchor.server_time.saturating_add(since))
            }
            Some(_) | None => lower,
        }
    }

    /// Moves the marks by one reading and says what time it is. Saturating everywhere: no reading can panic.
    pub fn advance(&mut self, reading: &Reading) -> Guarded {
        let elapsed = self.elapsed(reading);
        let lower = self.lower(reading, elapsed);
        if self.last.is_none_or(|(boot, _)| boot != reading.boot) {
            self.settled = false;
            self.jump_for = 0;
        }
        let (now, flags) = self.judge(reading.wall, lower, elapsed);
        let fold = !flags.contains(Flags::CLOCK_JUMP) || self.jump_for > JUMP_HELD;
        let held = flags.contains(Flags::CLOCK_UNSET) || flags.contains(Flags::CLOCK_BACK);
        self.hwm = if held || !fold { lower } else { now };
        self.ran = self.ran.saturating_add(elapsed);
        // A smaller boottime within one boot is a glitch; remembering it would count the same seconds twice.
        self.last = match self.last {
            Some((boot, boottime)) if boot == reading.boot => Some((boot, boottime.max(reading.boottime))),
            Some(_) | None => Some((reading.boot, reading.boottime)),
        };
        Guarded { now, ran: self.ran, flags, tampered: self.back_for > BACK_HELD_MAX }
    }

    fn judge(&mut self, wall: UnixSeconds, lower: UnixSeconds, elapsed: i64) -> (UnixSeconds, Flags) {
        if wall < super::BUILD_TIME {
            return (lower, Flags::CLOCK_UNSET);
        }
        // The seconds just run drifted too: a device that wakes up after days is as honest as before.
        let ran = self.ran.saturating_add(elapsed);
        if lower.since(wall) > BACK_SECONDS.saturating_add(ran / DRIFT_DIVISOR) {
            self.back_for = self.back_for.saturating_add(elapsed);
            return (lower, Flags::CLOCK_BACK);
        }
        // Beyond 24 hours of run time the mark stays until a receipt or a reset clears it.
        if self.back_for <= BACK_HELD_MAX {
            self.back_for = 0;
        }
        let now = wall.max(lower);
        let limit = if self.settled { JUMP_SETTLED_MAX } else { JUMP_FIRST_MAX };
        if wall.since(lower) > limit {
            self.jump_for = self.jump_for.saturating_add(elapsed);
            return (now, Flags::CLOCK_JUMP);
        }
        self.jump_for = 0;
        self.settled = true;
        (now, Flags::NONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOOT: BootId = BootId::of(1);
    const START: i64 = 1_800_000_000;

    fn reading(wall: i64, boottime: i64) -> Reading {
        Reading { wall: UnixSeconds::new(wall), boot: BOOT, boottime }
    }

    fn receipt(seq: u64) -> ReceiptMark {
        ReceiptMark { device: [1; 32], epoch: 1, seq, server_time: UnixSeconds::new(START) }
    }

    fn marks() -> Marks {
        Marks::new(UnixSeconds::new(START))
    }

    #[test]
    fn a_clock_set_back_gains_nothing_and_is_flagged() {
        let mut marks = marks();
        marks.advance(&reading(START + 100, 100));
        for back in [3600, 86_400, 31_536_000] {
            let guarded = marks.advance(&reading(START - back, 200));
            assert_eq!(guarded.now, UnixSeconds::new(START + 200));
            assert_eq!(guarded.flags, Flags::CLOCK_BACK);
            assert!(!guarded.tampered);
        }
        let held = marks.advance(&reading(START - 3600, 200 + 25 * HOUR));
        assert!(held.tampered, "held back for more than a day of run time");
        assert!(marks.advance(&reading(START + 26 * HOUR, 200 + 25 * HOUR)).tampered, "and it is sticky");
    }

    #[test]
    fn a_jump_forward_and_back_does_not_poison_the_marks() {
        let mut marks = marks();
        marks.advance(&reading(START, 10));
        let jumped = marks.advance(&reading(START + 3650 * DAY, 20));
        assert_eq!(jumped.flags, Flags::CLOCK_JUMP);
        assert_eq!(jumped.now, UnixSeconds::new(START + 3650 * DAY), "fails closed");
        let corrected = marks.advance(&reading(START + 20, 30));
        assert_eq!((corrected.now, corrected.flags), (UnixSeconds::new(START + 20), Flags::NONE));
    }

    #[test]
    fn a_clock_that_was_never_set_is_no_tampering() {
        let mut marks = marks();
        marks.advance(&reading(0, 10));
        let guarded = marks.advance(&reading(50 * HOUR, 10 + 50 * HOUR));
        assert_eq!(guarded.flags, Flags::CLOCK_UNSET);
        assert_eq!(guarded.now, UnixSeconds::new(START + 50 * HOUR));
        assert!(!guarded.tampered);
    }

    #[test]
    fn boottime_going_backwards_counts_nothing_twice() {
        let mut marks = marks();
        marks.advance(&reading(START, 1000));
        marks.advance(&reading(START, 500));
        assert_eq!(marks.advance(&reading(START, 1000)).ran, 0);
    }

    #[test]
    fn a_receipt_starts_run_time_again_once_however_often_it_is_seen() {
        let mut marks = marks();
        marks.receipt(receipt(5));
        marks.advance(&reading(START, 10));
        assert_eq!(marks.advance(&reading(START + 90, 100)).ran, 90);
        for old in [5, 4] {
            marks.receipt(receipt(old));
            assert_eq!(marks.advance(&reading(START + 90, 100)).ran, 90);
        }
        marks.receipt(receipt(6));
        assert_eq!(marks.advance(&reading(START + 90, 100)).ran, 0);
        let again = ReceiptMark { epoch: 2, ..receipt(1) };
        marks.receipt(again);
        assert_eq!(marks.since(), Some(again));
        let older = ReceiptMark { device: [2; 32], ..receipt(900) };
        marks.receipt(older);
        assert_eq!(marks.since(), Some(again), "another key's receipt of the same moment");
        let over = ReceiptMark { server_time: UnixSeconds::new(START + 1), ..older };
        marks.receipt(over);
        assert_eq!(marks.since(), Some(over), "a device that started over");
    }

    #[test]
    fn kept_marks_come_back_and_nothing_else_does() {
        let mut marks = marks();
        marks.receipt(receipt(5));
        marks.advance(&reading(START - 7200, 10));
        let bytes = marks.to_bytes();
        assert_eq!(Marks::from_bytes(&bytes), Some(marks));
        assert_eq!(Marks::from_bytes(&[]), None);
        assert_eq!(Marks::from_bytes(&[&bytes[..], &[0]].concat()), None);
        assert!((0..bytes.len()).all(|cut| Marks::from_bytes(&bytes[..cut]).is_none()));
        assert_eq!(Marks::from_bytes(&[&[3], &bytes[1..]].concat()), None, "another version");
    }

    #[test]
    fn marks_of_the_first_version_are_read_as_without_a_reset() {
        let mut marks = marks();
        marks.receipt(receipt(5));
        marks.advance(&reading(START, 10));
        let bytes = marks.to_bytes();
        let (last, first) = bytes.split_last().unwrap();
        assert_eq!(*last, 0);
        let first = [&[1], &first[1..]].concat();
        assert_eq!(Marks::from_bytes(&first), Some(marks.clone()));
        assert_eq!(Marks::from_bytes(&[&first[..], &[0]].concat()), None);
        marks.reset(&reset(1, START));
        assert_ne!(Marks::from_bytes(&marks.to_bytes()), None);
    }

    fn reset(number: u64, server_time: i64) -> ResetMark {
        ResetMark { number, server_time: UnixSeconds::new(server_time), boot: BOOT, boottime: 100 }
    }

    /// A clock that was ten years ahead until it was believed, and is right again now.
    fn poisoned() -> Marks {
        let mut marks = marks();
        marks.receipt(receipt(5));
        for hour in 0..=26 {
            marks.advance(&reading(START + 3650 * DAY + hour * HOUR, 10 + hour * HOUR));
        }
        assert!(marks.lower_bound() > UnixSeconds::new(START + 3650 * DAY));
        marks
    }

    #[test]
    fn a_reset_recovers_a_clock_that_was_believed_and_one_that_was_held_back() {
        let mut marks = poisoned();
        let boottime = 10 + 27 * HOUR;
        let wrong = marks.advance(&reading(START + 27 * HOUR, boottime));
        assert_eq!(wrong.flags, Flags::CLOCK_BACK);
        let ran = marks.advance(&reading(START + 53 * HOUR, boottime + 26 * HOUR));
        assert!(ran.tampered);
        let at = ResetMark { boottime: boottime + 26 * HOUR, ..reset(1, START + 50 * HOUR) };
        marks.reset(&at);
        let right = marks.advance(&reading(START + 53 * HOUR, boottime + 26 * HOUR));
        assert_eq!((right.flags, right.tampered), (Flags::NONE, false));
        assert_eq!(right.now, UnixSeconds::new(START + 53 * HOUR));
        assert_eq!(right.ran, ran.ran, "run time stays charged");
        marks.advance(&reading(START + 60 * HOUR, boottime + 33 * HOUR));
        marks.reset(&at);
        assert_eq!(marks.lower_bound(), UnixSeconds::new(START + 60 * HOUR), "heard again it does nothing");
        assert_eq!(marks.resets(), 1);
    }

    #[test]
    fn a_reset_that_is_heard_late_has_gone_on_meanwhile_and_documents_are_not_unsaid() {
        let mut marks = poisoned();
        marks.raise_floor(UnixSeconds::new(START + 30 * HOUR));
        marks.reset(&reset(7, START));
        assert_eq!(marks.lower_bound(), UnixSeconds::new(START + 30 * HOUR));
        marks.reset(&reset(8, START + 26 * HOUR));
        assert_eq!(marks.lower_bound(), UnixSeconds::new(START + 52 * HOUR - 90));
    }

    #[test]
    fn no_older_marks_undo_a_reset_wherever_they_were_kept() {
        let before = poisoned();
        let mut after = before.clone();
        after.reset(&reset(1, START + 20 * HOUR));
        assert!(after.reaches(&before) && !before.reaches(&after));
        let mut joined = after.clone();
        joined.join(&before);
        assert_eq!(joined, after);
        let mut late = before.clone();
        late.advance(&reading(START + 3650 * DAY, 36 * HOUR));
        late.join(&after);
        assert_eq!((late.resets(), late.back_for), (1, 0));
        assert_eq!(late.lower_bound(), after.lower_bound().saturating_add(36 * HOUR - 10 - 26 * HOUR));
        let (old, mut newer) = (after.clone(), after);
        newer.advance(&reading(START + 48 * HOUR, 37 * HOUR));
        assert!(newer.reaches(&old) && !old.reaches(&newer), "as before, within one reset");
    }

    #[test]
    fn joined_marks_know_what_either_knew() {
        let (mut early, mut late) = (marks(), marks());
        late.receipt(receipt(2));
        late.advance(&reading(START + 60, 10));
        early.advance(&reading(START, 10));
        early.advance(&reading(START + 500, 510));
        early.join(&late);
        assert_eq!(early.since(), late.since());
        assert_eq!(early.ran, 500, "run time is counted from the newest receipt, up to the newest reading");
        assert_eq!(early.lower_bound(), UnixSeconds::new(START + 560));
        late.join(&early);
        assert_eq!(late.lower_bound(), early.lower_bound());
    }

    /// Something that happens to marks: a reading, a receipt that came by file, or one that set the clock.
    #[derive(Clone, Debug)]
    enum Step {
        Read { wall: i64, on: i64 },
        Receipt { at: i64 },
        Set { at: i64 },
    }

    fn step() -> impl Strategy<Value = Step> {
        let wall = prop_oneof![-100_000..400_000i64, Just(10 * 365 * DAY)];
        prop_oneof![
            4 => (wall, 0..90_000i64).prop_map(|(wall, on)| Step::Read { wall, on }),
            1 => (0..300_000i64).prop_map(|at| Step::Receipt { at }),
            1 => (0..300_000i64).prop_map(|at| Step::Set { at }),
        ]
    }

    /// Marks after these steps; receipts are numbered on from `seq`, in the order of time.
    fn lived(from: &Marks, boottime: &mut i64, seq: &mut u64, steps: &[Step]) -> Marks {
        let mut marks = from.clone();
        for step in steps {
            let mut mark = |at: i64| {
                *seq += 1;
                let earliest = marks.since.map_or(START, |since| since.server_time.as_i64() + 1);
                ReceiptMark { server_time: UnixSeconds::new(earliest.max(START + at)), ..receipt(*seq) }
            };
            match *step {
                Step::Read { wall, on } => {
                    *boottime += on;
                    marks.advance(&reading(START + wall, *boottime));
                }
                Step::Receipt { at } => {
                    let mark = mark(at);
                    marks.receipt(mark);
                }
                Step::Set { at } => {
                    let mark = mark(at);
                    let anchored =
                        Anchored { server_time: mark.server_time, boot: BOOT, boottime: *boottime };
                    marks.anchor(mark, anchored);
                }
            }
        }
        marks
    }

    #[test]
    fn marks_that_have_not_seen_the_clock_set_back_do_not_bring_the_error_again() {
        let mut poisoned = marks();
        poisoned.receipt(receipt(1));
        poisoned.advance(&reading(START, 10));
        // Ahead of the time, believed after a day, and then put right while the clock stood before it.
        poisoned.advance(&reading(START + 300 * DAY, 20));
        poisoned.advance(&reading(START + 301 * DAY, 20 + 25 * HOUR));
        poisoned.advance(&reading(START + 302 * DAY, 20 + 26 * HOUR));
        assert!(poisoned.lower_bound() > UnixSeconds::new(START + 300 * DAY));
        poisoned.advance(&reading(START + 2 * DAY, 20 + 52 * HOUR));
        let mut set = poisoned.clone();
        let said = UnixSeconds::new(START + 2 * DAY);
        let mark = ReceiptMark { server_time: said, ..receipt(2) };
        set.anchor(mark, Anchored { server_time: said, boot: BOOT, boottime: 20 + 52 * HOUR });
        let mut seen_only = poisoned.clone();
        seen_only.receipt(mark);
        for old in [&poisoned, &seen_only] {
            let mut joined = set.clone();
            joined.join(old);
            assert_eq!((joined.lower_bound(), joined.back_for), (said, 0));
            let mut joined = old.clone();
            joined.join(&set);
            assert_eq!((joined.lower_bound(), joined.back_for, joined.since), (said, 0, Some(mark)));
            assert!(set.reaches(old) && !old.reaches(&set));
        }
        poisoned.raise_floor(UnixSeconds::new(START + 3 * DAY));
        set.join(&poisoned);
        assert_eq!(set.lower_bound(), UnixSeconds::new(START + 3 * DAY), "documents are believed wherever");
    }

    #[test]
    fn seconds_of_one_boot_that_both_have_counted_are_counted_once() {
        let mut late = marks();
        late.advance(&reading(START, 10));
        let mut early = late.clone();
        late.advance(&reading(START + 3600, 3610));
        early.join(&late);
        let guarded = early.advance(&reading(0, 3610));
        assert_eq!((guarded.now, guarded.ran), (UnixSeconds::new(START + 3600), 3600));
    }

    proptest! {
        #[test]
        fn joining_an_older_memory_changes_nothing_but_perhaps_the_floor_and_the_order_does_not_matter(
            before in prop::collection::vec(step(), 0..8),
            after in prop::collection::vec(step(), 0..8),
            apart in prop::collection::vec(step(), 0..8),
        ) {
            let (mut boottime, mut seq) = (10, 0);
            let older = lived(&marks(), &mut boottime, &mut seq, &before);
            let newer = lived(&older, &mut boottime.clone(), &mut seq.clone(), &after);
            // What is older in every way teaches nothing: neither a late hwm nor a held clock comes back.
            let mut joined = newer.clone();
            joined.join(&older);
            prop_assert!(joined.floor >= newer.floor);
            if newer.order() > older.order() {
                prop_assert_eq!((joined.hwm, joined.back_for), (newer.hwm, newer.back_for));
            }
            prop_assert_eq!((joined.since, joined.ran), (newer.since, newer.ran));
            // Two that lived apart agree whichever takes up the other, and nothing falls.
            let other = lived(&older, &mut boottime, &mut seq, &apart);
            let (mut one, mut two) = (newer.clone(), other.clone());
            one.join(&other);
            two.join(&newer);
            prop_assert_eq!((one.floor, one.hwm, one.order()), (two.floor, two.hwm, two.order()));
            prop_assert!(one.floor >= newer.floor && one.floor >= other.floor);
            if newer.order() == other.order() {
                prop_assert!(one.hwm >= newer.hwm && one.hwm >= other.hwm);
            }
        }

        #[test]
        fn no_reading_panics_and_now_never_falls_below_what_was_known(
            steps in prop::collection::vec((any::<i64>(), 0u128..3, any::<i64>()), 1..200)
        ) {
            let mut marks = marks();
            for (wall, boot, boottime) in steps {
                let before = marks.hwm.max(marks.floor);
                let reading = Reading { wall: UnixSeconds::new(wall), boot: BootId::of(boot), boottime };
                let guarded = marks.advance(&reading);
                prop_assert!(guarded.now >= before);
                prop_assert!(marks.hwm >= before);
                prop_assert!(guarded.ran >= 0);
            }
        }
    }
}
