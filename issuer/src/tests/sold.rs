//! What cameras had when and how long devices were there, as whoever makes invoices reads it.

use crate::retirement::{RetirementOrder, Successor};
use crate::storage::{CameraEvent, DeviceLife, StorageError, Tier};
use crate::testkit::{Bench, DAY, START, TENANT, names};
use brink_license::{DeviceId, TenantId, UnixSeconds};
use std::collections::BTreeMap;

fn tenant() -> TenantId {
    TENANT.parse().unwrap()
}

/// A line of the history: the camera, the days since the start, the device, the packs.
type Line = (String, i64, Option<DeviceId>, Vec<String>);

impl Bench {
    fn events(&self) -> Vec<CameraEvent> {
        self.admin.storage.camera_history(&tenant()).unwrap()
    }

    fn lines(&self) -> Vec<Line> {
        let line = |event: CameraEvent| {
            let days = (event.at.as_i64() - START) / DAY;
            let packs = event.packs.iter().map(ToString::to_string).collect();
            (event.camera.to_string(), days, event.device, packs)
        };
        self.events().into_iter().map(line).collect()
    }

    fn lives(&self) -> Vec<DeviceLife> {
        self.admin.storage.device_lives(&tenant()).unwrap()
    }

    fn leave(&self, device: &DeviceId, successor: Successor) -> Option<DeviceId> {
        let order =
            RetirementOrder { device: device.clone(), successor, accept_overlap: false, reason: None };
        self.admin.retire(&order).unwrap().0.replaced_by
    }
}

fn line(camera: usize, days: i64, device: Option<&DeviceId>, packs: &[&str]) -> Line {
    let packs = packs.iter().map(|pack| (*pack).to_owned()).collect();
    (names("cam", camera..camera + 1).remove(0), days, device.cloned(), packs)
}

#[test]
fn the_history_of_a_camera_says_what_it_had_from_when_on() {
    let bench = Bench::with(10, &["retail=49.00", "advanced_analytics"]);
    let (one, two) = (bench.activated().id(), bench.activated().id());
    bench.assign(&one, &names("cam", 0..2), &[]);
    bench.pass(DAY);
    bench.assign(&one, &names("cam", 1..3), &["retail", "Advanced Analytics"]);
    bench.pass(DAY);
    bench.assign(&one, &names("cam", 1..2), &["advanced_analytics"]);
    bench.try_assign(&one, &names("cam", 0..1), &[], true).unwrap();
    bench.pass(DAY);
    assert_eq!(bench.leave(&one, Successor::Existing(two.clone())), Some(two.clone()));
    bench.pass(DAY);
    let three = bench.leave(&two, Successor::New { expires_hours: 24 }).unwrap();
    bench.pass(DAY);
    bench.leave(&three, Successor::None);
    bench.pass(DAY);
    let four = bench.activated().id();
    bench.assign(&four, &names("cam", 1..2), &[]);
    let both = ["advanced_analytics", "retail"];
    let expected = [
        line(0, 0, Some(&one), &[]),
        line(1, 0, Some(&one), &[]),
        line(1, 1, Some(&one), &both),
        line(2, 1, Some(&one), &both),
        line(1, 2, Some(&one), &both[..1]),
        line(0, 2, None, &[]),
        line(1, 3, Some(&two), &both[..1]),
        line(2, 3, Some(&two), &both),
        line(1, 4, Some(&three), &both[..1]),
        line(2, 4, Some(&three), &both),
        line(1, 5, None, &[]),
        line(2, 5, None, &[]),
        line(1, 6, Some(&four), &[]),
    ];
    assert_eq!(bench.lines(), expected);
    assert!(bench.admin.storage.camera_history(&bench.another_tenant("other")).unwrap().is_empty());
    let unknown = bench.admin.storage.camera_history(&"nobody".parse().unwrap()).unwrap_err();
    assert!(matches!(unknown, StorageError::UnknownTenant(_)), "{unknown}");
}

#[test]
fn nothing_is_written_where_nothing_changed_or_was_refused() {
    let bench = Bench::with(3, &["retail=49.00"]);
    let (one, two) = (bench.activated().id(), bench.activated().id());
    bench.assign(&one, &names("cam", 0..2), &["retail"]);
    let before = bench.events();
    bench.pass(DAY);
    bench.assign(&one, &names("cam", 0..2), &["retail"]);
    assert_eq!(bench.events(), before, "they have these packs already");
    for (device, cameras, packs, remove) in [
        (&two, names("cam", 1..3), &[][..], false),
        (&one, names("cam", 1..5), &[], false),
        (&one, names("cam", 1..3), &[], true),
        (&one, names("cam", 0..1), &["mining"], false),
    ] {
        bench.try_assign(device, &cameras, packs, remove).unwrap_err();
    }
    bench.leave(&two, Successor::None);
    assert_eq!(bench.events(), before, "and a device without cameras takes none off");
    // Of three, one changes.
    bench.assign(&one, &names("cam", 0..3), &["retail"]);
    assert_eq!(bench.lines()[before.len()..], [line(2, 1, Some(&one), &["retail"])]);
}

#[test]
fn what_is_written_stays_and_a_clock_that_was_set_back_turns_nothing_round() {
    let bench = Bench::with(3, &["retail=49.00"]);
    let device = bench.activated().id();
    bench.pass(5 * DAY);
    bench.assign(&device, &names("cam", 0..1), &[]);
    bench.pass(-3 * DAY);
    bench.assign(&device, &names("cam", 0..2), &["retail"]);
    bench.try_assign(&device, &names("cam", 0..1), &[], true).unwrap();
    let expected = [
        line(1, 2, Some(&device), &["retail"]),
        line(0, 5, Some(&device), &[]),
        line(0, 5, Some(&device), &["retail"]),
        line(0, 5, None, &[]),
    ];
    assert_eq!(bench.lines(), expected);
    bench.assign(&device, &names("cam", 0..1), &[]);
    bench.leave(&device, Successor::None);
    let expected = [
        &expected[..1],
        &[line(1, 2, None, &[])],
        &expected[1..],
        &[line(0, 5, Some(&device), &[]), line(0, 5, None, &[])],
    ];
    assert_eq!(bench.lines(), expected.concat());
    for edit in ["UPDATE camera_history SET at = 0", "DELETE FROM camera_history"] {
        let refused = bench.try_sql(edit, &[]).unwrap_err();
        assert!(refused.contains("camera_history is insert-only"), "{refused}");
    }
    let without =
        "INSERT INTO camera_history (tenant, camera, at, device, packs) VALUES (?1, 'c', 0, NULL, '[\"a\"]')";
    bench.try_sql(without, &[&TENANT]).unwrap_err();
}

#[test]
fn whatever_happens_to_cameras_the_history_ends_with_what_is_there() {
    let bench = Bench::with(40, &["retail=49.00", "advanced_analytics"]);
    let mut devices: Vec<DeviceId> = (0..3).map(|_| bench.activated().id()).collect();
    let mut there: BTreeMap<String, (DeviceId, Vec<String>)> = BTreeMap::new();
    let mut lines = 0;
    // A fixed walk over devices, packs and cameras.
    for step in 0_usize..60 {
        bench.pass(3_600);
        let device = devices[step * 7 % 3].clone();
        let cameras = names("cam", step * 5 % 11..step * 5 % 11 + 1 + step % 4);
        let mut after = there.clone();
        if step % 13 == 12 {
            let successor = if step % 2 == 0 {
                Successor::New { expires_hours: 24 }
            } else {
                Successor::Existing(devices[(step * 7 + 1) % 3].clone())
            };
            let by = bench.leave(&device, successor).unwrap();
            after.values_mut().filter(|(on, _)| *on == device).for_each(|(on, _)| *on = by.clone());
            devices[step * 7 % 3] = if step % 2 == 0 { by } else { bench.activated().id() };
        } else if step % 3 == 2 {
            let on: Vec<String> = cameras
                .into_iter()
                .filter(|camera| there.get(camera).is_some_and(|(on, _)| *on == device))
                .collect();
            if !on.is_empty() {
                bench.try_assign(&device, &on, &[], true).unwrap();
                after.retain(|camera, _| !on.contains(camera));
            }
        } else {
            let packs = [&[][..], &["retail"], &["advanced_analytics", "retail"]][step / 3 % 3];
            if bench.try_assign(&device, &cameras, packs, false).is_ok() {
                let packs: Vec<String> = packs.iter().map(|pack| (*pack).to_owned()).collect();
                after.extend(cameras.into_iter().map(|camera| (camera, (device.clone(), packs.clone()))));
            }
        }
        let changed = after.iter().filter(|(camera, now)| there.get(*camera) != Some(now)).count()
            + there.keys().filter(|camera| !after.contains_key(*camera)).count();
        lines += changed;
        there = after;
        let events = bench.events();
        assert_eq!(events.len(), lines, "step {step}");
        let mut replayed = BTreeMap::new();
        for event in events {
            let (camera, packs) = (event.camera.to_string(), event.packs.iter().map(ToString::to_string));
            match event.device {
                Some(device) => drop(replayed.insert(camera, (device, packs.collect::<Vec<_>>()))),
                None => assert!(replayed.remove(&camera).is_some(), "what was not there was taken off"),
            }
        }
        assert_eq!(replayed, there, "step {step}");
    }
    assert!(lines > 50, "{lines} lines");
}

#[test]
fn a_device_is_there_from_its_first_activation_until_it_is_retired() {
    let bench = Bench::with(10, &[]);
    let pending = bench.code(1);
    bench.pass(DAY);
    let one = bench.activated().id();
    bench.pass(DAY);
    let made = bench.reactivation(&one, None).unwrap();
    bench.anew(&made);
    let two = bench.activated().id();
    bench.pass(DAY);
    let three = bench.leave(&one, Successor::New { expires_hours: 24 }).unwrap();
    let at = |days: i64| UnixSeconds::new(START + days * DAY);
    let life = |device: &DeviceId, from, until: Option<i64>| DeviceLife {
        device: device.clone(),
        tier: Tier::Basic,
        activated_at: at(from),
        billed_from: None,
        retired_at: until.map(at),
    };
    let expected = [life(&one, 1, Some(3)), life(&two, 2, None)];
    assert_eq!(bench.lives(), expected, "one that waits for its activation is not there");
    assert!(!pending.devices.is_empty() && bench.view(&three).device.key.is_none());
    assert!(bench.admin.storage.device_lives(&"nobody".parse().unwrap()).is_err());
}
