//! An answer that comes at once sets a clock that was wrong; one that was kept back or came by another boot does not.

use super::*;
use brink_license::clock::Guarded;

/// A device that was believed ten years ahead for more than a day; its wall clock has been set right at this hour.
fn poisoned() -> (Scene, Device, i64) {
    let (scene, mut device) = Scene::activated();
    for hour in 0..30 {
        device.guarded(&hours_later(hour, 3650));
    }
    (scene, device, 30)
}

/// An exchange that is asked at one reading and answered at another, at the issuer's `hour`.
fn exchanged(
    scene: &mut Scene,
    device: &mut Device,
    (asked, answered): (Reading, Reading),
    hour: i64,
) -> Result<Guarded, DeviceError> {
    scene.issuer.seq += 1;
    let request = device.begin_exchange(Vec::new(), &asked)?;
    let (_, answer) = scene.answer(&request, |parts| {
        (parts.receipt.iat, parts.receipt.server_time) = (at(hour * 3600), at(hour * 3600));
    });
    device.complete(&answer, &answered)?;
    Ok(device.guarded(&answered))
}

fn seconds_later(reading: Reading, seconds: i64) -> Reading {
    let Reading { wall, boot, boottime } = reading;
    Reading { wall: wall.saturating_add(seconds), boot, boottime: boottime + seconds }
}

#[test]
fn an_answer_at_once_sets_back_what_was_believed_and_ends_what_was_held_against_the_clock() {
    let (mut scene, mut device, hour) = poisoned();
    for hour in hour..hour + 30 {
        device.guarded(&hours_later(hour, 0));
    }
    let (hour, now) = (hour + 30, hours_later(hour + 30, 0));
    let locked = device.guarded(&now);
    assert!(locked.tampered && locked.now > at(3650 * DAY), "{locked:?}");
    let mut host = brink_store::BundleReader::new(&scene.layout().bundle(), scene.issuer.anchor());
    assert_eq!(host.tick(&now).standing().state, brink_license::clock::State::ClockTampered);

    let soon = seconds_later(now, 20);
    let guarded = exchanged(&mut scene, &mut device, (now, soon), hour).unwrap();
    assert_eq!((guarded.now, guarded.flags, guarded.tampered), (soon.wall, Flags::NONE, false));
    assert_eq!(guarded.ran, 0, "and a receipt starts run time again");
    let standing = *host.tick(&seconds_later(now, 60)).standing();
    assert_eq!(standing.now, seconds_later(now, 60).wall, "a host that runs hears of it");
    assert_eq!(standing.state, brink_license::clock::State::Active);
    drop(device);
    let mut device = Device::open(&scene.layout()).unwrap();
    assert_eq!(device.guarded(&hours_later(hour + 1, 0)).now, hours_later(hour + 1, 0).wall);
}

#[test]
fn an_answer_that_was_kept_back_or_asked_in_another_boot_is_a_floor_only() {
    let (mut scene, mut device, hour) = poisoned();
    let now = hours_later(hour, 0);
    let believed = device.guarded(&now).now;
    let late = seconds_later(now, 301);
    // With such a clock the keyset looks expired, and nothing but a fresh word says otherwise.
    let refused = exchanged(&mut scene, &mut device, (now, late), hour).unwrap_err();
    assert_eq!(refused.code(), "MANIFEST_EXPIRED");
    let booted = Reading { boot: BootId::parse(NEXT_BOOT).unwrap(), boottime: 50, ..late };
    let refused = exchanged(&mut scene, &mut device, (late, booted), hour).unwrap_err();
    assert_eq!(refused.code(), "MANIFEST_EXPIRED");
    assert!(device.guarded(&booted).now >= believed);
}

#[test]
fn a_clock_that_nobody_doubts_is_not_set_back_by_an_issuer_that_is_behind() {
    let (mut scene, mut device) = Scene::activated();
    let now = hours_later(5, 0);
    let guarded = exchanged(&mut scene, &mut device, (now, seconds_later(now, 1)), 1).unwrap();
    assert_eq!(guarded.now, seconds_later(now, 1).wall);
    assert_eq!(device.store().held().clock_reset, None);
}

#[test]
fn a_device_without_a_clock_that_was_believed_too_late_learns_the_time() {
    let (mut scene, mut device, hour) = poisoned();
    let unset = |hours| Reading { wall: UnixSeconds::new(0), ..hours_later(hours, 0) };
    let guarded = exchanged(&mut scene, &mut device, (unset(hour), unset(hour)), hour).unwrap();
    assert_eq!((guarded.now, guarded.flags), (at(hour * 3600), Flags::CLOCK_UNSET));
}
