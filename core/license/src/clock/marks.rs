//! What is remembered of time, and how a reading moves it.

use super::{DAY, HOUR};
use crate::decision::Flags;
use crate::time::UnixSeconds;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

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

/// The kernel's boot id: the same value means the same boot of the same machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BootId(u128);

impl BootId {
    /// Reads the 36 characters of `/proc/sys/kernel/random/boot_id`, with or without the final newline.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_end_matches('\n');
        let dashes = text.bytes().enumerate().filter(|(_, b)| *b == b'-').map(|(at, _)| at);
        if text.len() != 36 || !dashes.eq([8, 13, 18, 23]) {
            return None;
        }
        let digits: String = text.chars().filter(|c| *c != '-').collect();
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        u128::from_str_radix(&digits, 16).ok().map(Self)
    }
}

impl std::fmt::Display for BootId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hex = format!("{:032x}", self.0);
        write!(f, "{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

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
    pub fn join(&mut self, other: &Marks) {
        self.floor = self.floor.max(other.floor);
        match self.resets.cmp(&other.resets) {
            Ordering::Less => self.take_reset_of(other),
            Ordering::Equal => {
                self.hwm = self.hwm.max(other.hwm);
                self.back_for = self.back_for.max(other.back_for);
            }
            Ordering::Greater => {}
        }
        match (self.since, other.since) {
            (mine, theirs) if mine == theirs => self.ran = self.ran.max(other.ran),
            (None, theirs) => (self.since, self.ran) = (theirs, other.ran),
            (Some(mine), Some(theirs)) if theirs.is_after(&mine) => {
                (self.since, self.ran) = (other.since, other.ran);
            }
            (Some(_), _) => {}
        }
    }

    /// What was known before a reset does not count after it.
    fn take_reset_of(&mut self, other: &Marks) {
        let run = match (self.last, other.last) {
            (Some((mine, now)), Some((theirs, then))) if mine == theirs => now.saturating_sub(then).max(0),
            (_, _) => 0,
        };
        self.hwm = other.hwm.saturating_add(run);
        (self.back_for, self.jump_for) = (other.back_for, other.jump_for);
        (self.settled, self.resets) = (false, other.resets);
    }

    /// Whether these marks are at least as late as `other`, of the same device.
    #[must_use]
    pub fn reaches(&self, other: &Marks) -> bool {
        let later_receipt = match (self.since, other.since) {
            (mine, theirs) if mine == theirs => self.ran >= other.ran,
            (Some(mine), Some(theirs)) => mine.is_after(&theirs),
            (mine, _) => mine.is_some(),
        };
        let later_time = match self.resets.cmp(&other.resets) {
            Ordering::Less => false,
            Ordering::Equal => self.hwm >= other.hwm,
            Ordering::Greater => true,
        };
        later_receipt && later_time && self.floor >= other.floor
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

    const BOOT: BootId = BootId(1);
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
    fn boot_ids_are_read_as_the_kernel_writes_them() {
        let text = "0a1b2c3d-0000-4000-8000-00000000ff01";
        assert_eq!(BootId::parse(&format!("{text}\n")).map(|id| id.to_string()), Some(text.to_owned()));
        for bad in
            ["", "0a1b2c3d", "0a1b2c3d-0000-4000-8000-00000000ff0g", "0a1b2c3d00000-4000-8000-00000000ff01"]
        {
            assert_eq!(BootId::parse(bad), None, "{bad}");
        }
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
        assert_eq!(early.ran, late.ran, "run time is counted from the newest receipt");
        assert_eq!(early.lower_bound(), UnixSeconds::new(START + 500));
        late.join(&early);
        assert_eq!(late.lower_bound(), early.lower_bound());
    }

    proptest! {
        #[test]
        fn no_reading_panics_and_now_never_falls_below_what_was_known(
            steps in prop::collection::vec((any::<i64>(), 0u128..3, any::<i64>()), 1..200)
        ) {
            let mut marks = marks();
            for (wall, boot, boottime) in steps {
                let before = marks.hwm.max(marks.floor);
                let reading = Reading { wall: UnixSeconds::new(wall), boot: BootId(boot), boottime };
                let guarded = marks.advance(&reading);
                prop_assert!(guarded.now >= before);
                prop_assert!(marks.hwm >= before);
                prop_assert!(guarded.ran >= 0);
            }
        }
    }
}
