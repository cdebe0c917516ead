use super::*;
use crate::state::{AcceptedMarks, NumberMark};
use brink_license::Kid;
use brink_license::clock::{BootId, Marks, Reading, ReceiptMark};
use brink_license::token::SeqMark;
use brink_license::usage::Head;
use proptest::prelude::*;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const KEY: [u8; 32] = [7; 32];

fn device() -> Kid {
    Kid::from_digest([1; 32])
}

fn marks(number: u64) -> AcceptedMarks {
    let mark = NumberMark { number, sha256: [number as u8; 32] };
    let licence = SeqMark { epoch: 1, seq: number, sha256: [3; 32], kid: Kid::from_digest([4; 32]) };
    AcceptedMarks { licence: Some(licence), keyset: Some(mark), receipt: Some(mark) }
}

/// Marks of a clock with everything in them, as large as they get.
fn clock() -> Marks {
    let mut marks = Marks::new(brink_license::UnixSeconds::new(253_402_300_799));
    let server_time = brink_license::UnixSeconds::new(253_402_300_799);
    let boot = BootId::parse("ffffffff-ffff-ffff-ffff-ffffffffffff").unwrap();
    let mark = ReceiptMark { device: [255; 32], epoch: u32::MAX, seq: u64::MAX, server_time };
    marks.anchor(mark, brink_license::clock::Anchored { server_time, boot, boottime: i64::MAX });
    marks.advance(&Reading { wall: server_time, boot, boottime: i64::MAX });
    marks
}

fn anchor(number: u64) -> Anchor {
    Anchor {
        generation: 0,
        device: device(),
        accepted: marks(number),
        notices: vec![(1, number)],
        clock: None,
        journal: Some((1, Head { seq: number, hash: [5; 32] })),
    }
}

fn newest(directory: &Path) -> Option<u64> {
    let slots = Slots::read(directory).believed_by(&KEY, device());
    slots.newest().map(|newest| newest.accepted.licence.unwrap().seq)
}

fn write(directory: &Path, number: u64) {
    let slots = Slots::read(directory).believed_by(&KEY, device());
    slots.write(directory, &anchor(number), &KEY).unwrap();
}

#[test]
fn slots_are_written_alternately_and_the_newest_counts() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(newest(dir.path()), None);
    for number in 1..=5 {
        let before = FILES.map(|name| std::fs::read(dir.path().join(name)).ok());
        write(dir.path(), number);
        assert_eq!(newest(dir.path()), Some(number));
        let after = FILES.map(|name| std::fs::read(dir.path().join(name)).ok());
        let changed = before.iter().zip(&after).filter(|(before, after)| before != after).count();
        assert_eq!(changed, 1, "the other slot was left alone");
        for name in FILES.iter().filter(|name| dir.path().join(name).exists()) {
            assert_eq!(dir.path().join(name).metadata().unwrap().permissions().mode() & 0o7777, 0o644);
        }
    }
    assert_eq!(Slots::read(dir.path()).problem(), None);
}

#[test]
fn a_slot_that_is_spoiled_leaves_the_other_and_is_the_next_to_be_written() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 1);
    write(dir.path(), 2);
    for (spoiled, left) in [(FILES[1], 1), (FILES[0], 2)] {
        let path = dir.path().join(spoiled);
        let good = std::fs::read(&path).unwrap();
        let cuts = (0..good.len()).map(|length| good[..length].to_vec());
        let flips = (0..good.len()).map(|at| {
            let mut flipped = good.clone();
            flipped[at] ^= 1 << (at % 8);
            flipped
        });
        let longer = [&good[..], &good[..1]].concat();
        for bytes in cuts.chain(flips).chain([longer, vec![0; 1 << 20]]) {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(newest(dir.path()), Some(left));
            assert!(Slots::read(dir.path()).believed_by(&KEY, device()).problem().unwrap().contains(spoiled));
        }
        let other = FILES.into_iter().find(|name| *name != spoiled).unwrap();
        let untouched = std::fs::read(dir.path().join(other)).unwrap();
        write(dir.path(), 9);
        assert_eq!(newest(dir.path()), Some(9));
        assert_eq!(std::fs::read(dir.path().join(other)).unwrap(), untouched);
        std::fs::write(&path, good).unwrap();
    }
}

#[test]
fn what_is_no_file_in_a_slots_place_is_named_and_neither_followed_nor_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 1);
    write(dir.path(), 2);
    let (path, elsewhere) = (dir.path().join(FILES[0]), dir.path().join("elsewhere"));
    std::fs::write(&elsewhere, b"somebody's").unwrap();
    let put: [&dyn Fn(); 3] = [
        &|| std::fs::create_dir(&path).unwrap(),
        &|| std::os::unix::fs::symlink(&elsewhere, &path).unwrap(),
        &|| {
            let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::from_raw_mode(0o644));
            rustix::fs::mknodat(rustix::fs::CWD, &path, kind, mode, 0).unwrap();
        },
    ];
    for put in put {
        let _ = std::fs::remove_file(&path);
        put();
        let slots = Slots::read(dir.path()).believed_by(&KEY, device());
        assert!(slots.problem().unwrap().contains(FILES[0]), "{slots:?}");
        assert_eq!(newest(dir.path()), Some(2));
        let error = slots.write(dir.path(), &anchor(3), &KEY).unwrap_err();
        assert!(error.to_string().contains(FILES[0]), "{error}");
        assert_eq!(std::fs::read(&elsewhere).unwrap(), b"somebody's");
        let _ = std::fs::remove_dir(&path);
    }
}

#[test]
fn another_keys_slot_and_one_that_the_agent_did_not_write_are_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 1);
    let path = dir.path().join(FILES[0]);
    let forged = Anchor { generation: u64::MAX, ..anchor(99) };
    std::fs::write(dir.path().join(FILES[1]), forged.seal(&[8; 32]).unwrap()).unwrap();
    let slots = Slots::read(dir.path());
    assert_eq!((slots.problem(), slots.newest()), (None, Some(&forged)), "by the digest alone");
    let believed = slots.believed_by(&KEY, device());
    assert!(believed.problem().unwrap().contains("not written by this device"));
    assert_eq!(newest(dir.path()), Some(1));
    let other = Anchor { device: Kid::from_digest([2; 32]), ..anchor(99) };
    std::fs::write(&path, other.seal(&KEY).unwrap()).unwrap();
    let slots = Slots::read(dir.path()).believed_by(&KEY, device());
    assert!(slots.problem().unwrap().contains("another device key") && slots.newest().is_none());
    assert_eq!(Slots::read(dir.path()).of(device()), Some(&forged));
}

#[test]
fn the_largest_anchor_fits_and_a_larger_one_is_not_written() {
    let number = |number| NumberMark { number, sha256: [255; 32] };
    let licence =
        SeqMark { epoch: u32::MAX, seq: u64::MAX, sha256: [255; 32], kid: Kid::from_digest([255; 32]) };
    let largest = Anchor {
        generation: u64::MAX,
        device: device(),
        accepted: AcceptedMarks {
            licence: Some(licence),
            keyset: Some(number(u64::MAX)),
            receipt: Some(number(u64::MAX)),
        },
        notices: vec![(u16::MAX, u64::MAX); NOTICES_MAX],
        clock: Some(clock()),
        journal: Some((u32::MAX, Head { seq: u64::MAX, hash: [255; 32] })),
    };
    let bytes = largest.seal(&KEY).unwrap();
    println!("the largest anchor has {} bytes", bytes.len());
    assert_eq!(Slot::decode(&bytes).unwrap().anchor(), &largest);
    let more = Anchor { notices: vec![(u16::MAX, u64::MAX); NOTICES_MAX + 1], ..largest };
    assert_eq!(Slot::decode(&more.seal(&KEY).unwrap()), Err(SlotFault::Damaged));
}

#[test]
fn another_version_is_told_from_damage() {
    let mut bytes = anchor(1).seal(&KEY).unwrap();
    bytes[8] = 3;
    assert_eq!(Slot::decode(&bytes), Err(SlotFault::Damaged), "one flipped bit is no version");
}

prop_compose! {
    fn any_marks()(
        epoch in 1..3u32, seq in 1..6u64, keyset in 1..4u64, receipt in prop::option::of(1..6u64), some in any::<bool>(),
    ) -> AcceptedMarks {
        let licence = some.then(|| SeqMark { epoch, ..marks(seq).licence.unwrap() });
        AcceptedMarks {
            licence,
            keyset: licence.and(marks(keyset).keyset),
            receipt: licence.and(receipt).and_then(|receipt| marks(receipt).receipt),
        }
    }
}

proptest! {
    #[test]
    fn the_later_of_two_memories_is_no_older_than_either(one in any_marks(), other in any_marks()) {
        let order = |marks: &AcceptedMarks| {
            let licence = marks.licence.map(|mark| (mark.epoch, mark.seq));
            let epoch = marks.licence.map(|mark| mark.epoch);
            (licence, marks.keyset.map(|mark| mark.number), (epoch, marks.receipt.map(|mark| mark.number)))
        };
        let both = later(&one, &other);
        prop_assert_eq!(later(&one, &one), one);
        prop_assert_eq!(later(&both, &other), both);
        prop_assert_eq!(later(&both, &one), both);
        for single in [&one, &other] {
            let ((licence, keyset, receipt), (was, keyset_was, receipt_was)) = (order(&both), order(single));
            prop_assert!(licence >= was && keyset >= keyset_was);
            // A new epoch numbers its receipts anew; one without any keeps the old one's until it has its own.
            prop_assert!(receipt >= receipt_was || receipt_was.1.is_none());
        }
    }

    #[test]
    fn any_bytes_are_refused_or_are_what_would_be_written(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Slot::decode(&bytes).is_err());
    }
}
