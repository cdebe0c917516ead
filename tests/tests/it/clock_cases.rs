//! Clocks as machines show them: store rooms, suspends, leap seconds, jumps set before a boot.

use brink_license::Flags;
use brink_license::UnixSeconds;
use brink_license::clock::{BootId, Guarded, Marks, Reading, ReceiptMark};

const START: i64 = 1_800_000_000;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

fn boot(number: u32) -> BootId {
    BootId::parse(&format!("00000000-0000-4000-8000-{number:012x}")).unwrap()
}

/// Marks of a device that knew this moment and has looked once.
fn marks() -> Marks {
    let mut marks = Marks::new(UnixSeconds::new(START));
    look(&mut marks, START, 1, 10);
    marks
}

fn look(marks: &mut Marks, wall: i64, boot_number: u32, boottime: i64) -> Guarded {
    marks.advance(&Reading { wall: UnixSeconds::new(wall), boot: boot(boot_number), boottime })
}

#[test]
fn a_first_catch_up_within_half_a_year_is_believed_and_beyond_it_fails_closed_without_poison() {
    let mut believed = marks();
    let guarded = look(&mut believed, START + 179 * DAY, 2, 5);
    assert_eq!((guarded.now, guarded.flags), (UnixSeconds::new(START + 179 * DAY), Flags::NONE));
    assert_eq!(believed.lower_bound(), guarded.now, "a device may have stood in a store room");

    let mut doubted = marks();
    for boottime in [5, 5 + 20 * HOUR] {
        let guarded = look(&mut doubted, START + 181 * DAY + boottime, 2, boottime);
        assert_eq!(guarded.flags, Flags::CLOCK_JUMP);
        assert!(guarded.now > UnixSeconds::new(START + 180 * DAY), "it fails closed");
    }
    let corrected = look(&mut doubted, START + 21 * HOUR, 2, 5 + 21 * HOUR);
    assert_eq!(corrected.flags, Flags::NONE);
    assert_eq!(
        corrected.now,
        UnixSeconds::new(START + 21 * HOUR + 5),
        "what was shown for a day left nothing"
    );
}

#[test]
fn a_jump_that_has_held_for_a_day_of_run_time_is_folded() {
    let mut marks = marks();
    look(&mut marks, START + 10, 1, 20);
    let wall = |boottime: i64| START + 30 * DAY + boottime;
    for boottime in [30, 30 + 12 * HOUR, 30 + 23 * HOUR] {
        assert_eq!(look(&mut marks, wall(boottime), 1, boottime).flags, Flags::CLOCK_JUMP);
        assert!(marks.lower_bound() < UnixSeconds::new(START + 2 * DAY));
    }
    look(&mut marks, wall(31 + 24 * HOUR), 1, 31 + 24 * HOUR);
    assert!(marks.lower_bound() >= UnixSeconds::new(START + 30 * DAY), "it is the time now");
}

#[test]
fn a_suspended_machines_time_is_counted_when_it_wakes() {
    let mut marks = marks();
    let guarded = look(&mut marks, START, 1, 10 + 3 * DAY);
    assert_eq!(guarded.ran, 3 * DAY, "CLOCK_BOOTTIME goes on through a suspend");
    assert_eq!(guarded.now, UnixSeconds::new(START + 3 * DAY), "though the wall clock stood still");
}

#[test]
fn leap_seconds_and_small_corrections_change_nothing() {
    let mut marks = marks();
    for (seconds, off) in [(60, 0), (120, -1), (180, 1), (240, -300), (300, 300), (360, 0)] {
        let guarded = look(&mut marks, START + seconds + off, 1, 10 + seconds);
        assert_eq!((guarded.flags, guarded.tampered), (Flags::NONE, false), "{seconds} {off}");
    }
}

#[test]
fn walls_beyond_all_years_are_flags_and_no_panic() {
    let mut marks = marks();
    for (wall, flag) in [
        (0, Flags::CLOCK_UNSET),
        (-5, Flags::CLOCK_UNSET),
        (i64::MIN, Flags::CLOCK_UNSET),
        (i64::MAX, Flags::CLOCK_JUMP),
    ] {
        assert_eq!(look(&mut marks, wall, 1, 20).flags, flag, "{wall}");
    }
    assert_eq!(look(&mut marks, START + 10, 1, 20).flags, Flags::NONE);
}

fn receipt(server_time: i64) -> ReceiptMark {
    ReceiptMark { device: [1; 32], epoch: 1, seq: 1, server_time: UnixSeconds::new(server_time) }
}

#[test]
fn a_receipt_that_was_delayed_is_a_floor_and_no_more() {
    // Signed at one hour, delivered at three.
    let mut honest = marks();
    look(&mut honest, START + 3 * HOUR, 1, 10 + 3 * HOUR);
    honest.receipt(receipt(START + HOUR));
    let guarded = look(&mut honest, START + 3 * HOUR, 1, 10 + 3 * HOUR);
    assert_eq!((guarded.now, guarded.ran), (UnixSeconds::new(START + 3 * HOUR), 0), "it takes nothing back");

    let mut unset = marks();
    unset.receipt(receipt(START + HOUR));
    let guarded = look(&mut unset, 0, 2, 0);
    assert_eq!(guarded.now, UnixSeconds::new(START + HOUR), "it is at least that late");

    let mut ahead = marks();
    for boottime in [20, 20 + 12 * HOUR, 20 + 25 * HOUR] {
        look(&mut ahead, START + 3650 * DAY, 1, boottime);
    }
    ahead.receipt(receipt(START + 25 * HOUR));
    let guarded = look(&mut ahead, START + 27 * HOUR, 1, 20 + 27 * HOUR);
    assert!(
        guarded.now > UnixSeconds::new(START + 3650 * DAY),
        "an error that was believed stays until a reset"
    );

    let mut back = marks();
    for boottime in [20, 20 + 12 * HOUR, 20 + 25 * HOUR] {
        look(&mut back, START - 30 * DAY, 1, boottime);
    }
    back.receipt(receipt(START + 25 * HOUR));
    assert!(
        look(&mut back, START + 27 * HOUR, 1, 20 + 27 * HOUR).tampered,
        "and so does what was held against it"
    );
}
