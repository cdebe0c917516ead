//! Handles of an open gate: they say what names say, over every bundle, and end with their gate.

use crate::gate::NEAR_MISS;
use brink_license::clock::State;
use brink_license::token::{Enforce, Grant, LicenceClaims, LicenceStanding, Seats};
use brink_license::{CameraId, Code, Feature, Reason, Slug, UnixSeconds};
use brink_store::gate::{CameraHandle, FeatureHandle, GateId, GateLife, find};
use brink_store::{Gate, machine};
use brink_tests::forge::{self, DAY};
use brink_tests::until;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A licence that is in force whenever this runs: the forge's keys are valid for years on both sides.
pub(crate) fn in_force(cameras: usize, seq: u64) -> LicenceClaims {
    let iat = machine::read().unwrap().wall.max(forge::at(0));
    LicenceClaims { seq, iat, nbf: iat, exp: iat.saturating_add(30 * DAY), ..forge::licence(cameras) }
}

fn publish(path: &Path, licence: &LicenceClaims) {
    let since = licence.iat.since(forge::at(0));
    let receipt = forge::receipt(licence, licence.seq, since, LicenceStanding::Active);
    let boot = machine::boot_id().unwrap();
    let temp = path.with_extension("temp");
    std::fs::write(&temp, forge::bundle(licence, &receipt, boot).encode().unwrap()).unwrap();
    std::fs::rename(temp, path).unwrap();
}

pub(crate) fn open(licence: &LicenceClaims) -> (TempDir, PathBuf, Gate) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("licence.bundle");
    publish(&path, licence);
    let gate = Gate::open(&path, forge::anchor()).unwrap();
    (dir, path, gate)
}

fn seq_in_force(gate: &Gate) -> u64 {
    gate.status().unwrap().bundle().map_or(0, |bundle| bundle.licence().claims().seq)
}

#[test]
fn handles_say_what_names_say() {
    let (_dir, _path, gate) = open(&in_force(50, 1));
    let features = [NEAR_MISS, "analytics/counting", "outputs/sms", "cv_models/unknown"];
    for camera in (0..60).map(|i| format!("cam-{i:03}")) {
        for feature in features {
            let handles = (gate.camera(&camera).unwrap(), gate.feature(feature).unwrap());
            let (by_name, by_handle) =
                (gate.check(&camera, feature), gate.check_handles(handles.0, handles.1));
            assert_eq!(by_name, by_handle, "{camera} {feature}");
            assert_eq!(gate.camera(&camera), Ok(handles.0), "a name has one handle");
        }
    }
}

/// A licence whose features fill more than one word of bits, with a grant that is over.
fn wide(enforce: Enforce) -> LicenceClaims {
    let mut licence = LicenceClaims { enforce, ..in_force(6, 1) };
    let pack = |features: std::ops::Range<u32>| {
        features.map(|i| Feature::parse(&format!("wide/f{i}")).unwrap()).collect()
    };
    let slug = |name: &str| Slug::parse(name).unwrap();
    licence.packs.insert(slug("a"), pack(0..70));
    licence.packs.insert(slug("b"), pack(60..140));
    let names = |range: std::ops::Range<u32>| {
        Seats::Cameras(range.map(|i| CameraId::parse(&format!("wide-{i}")).unwrap()).collect())
    };
    let grant =
        |seats, packs: &[&str], until| Grant { seats, packs: packs.iter().map(|p| slug(p)).collect(), until };
    licence.grants.push(grant(names(0..2), &["a"], None));
    licence.grants.push(grant(names(2..4), &["b"], Some(licence.iat)));
    licence.grants.push(grant(names(4..6), &["b"], None));
    licence
}

#[test]
fn handles_say_what_names_say_for_every_profile_and_beyond_one_word_of_features() {
    for enforce in [Enforce::Observe, Enforce::Warn, Enforce::Degrade, Enforce::Deny] {
        let (_dir, _path, gate) = open(&wide(enforce));
        let mut reasons = std::collections::BTreeSet::new();
        for camera in (0..7).map(|i| format!("wide-{i}")) {
            for feature in (0..141).map(|i| format!("wide/f{i}")) {
                let handles = (gate.camera(&camera).unwrap(), gate.feature(&feature).unwrap());
                let by_name = gate.check(&camera, &feature);
                assert_eq!(gate.check_handles(handles.0, handles.1), by_name, "{camera} {feature}");
                reasons.insert(by_name.reason);
            }
        }
        assert_eq!(reasons.len(), 5, "every way to yes and no was asked for: {reasons:?}");
    }
}

#[test]
fn a_handle_follows_its_camera_in_and_out_of_the_licence() {
    let (_dir, path, gate) = open(&in_force(2, 1));
    let near_miss = gate.feature(NEAR_MISS).unwrap();
    let handles: Vec<_> = (0..300).map(|i| gate.camera(&format!("cam-{i:03}")).unwrap()).collect();
    assert!(gate.check_handles(handles[0], near_miss).allowed);
    assert_eq!(gate.check_handles(handles[298], near_miss).reason, Reason::CameraNotLicensed);
    publish(&path, &in_force(300, 2));
    until("the gate takes up 300 cameras", || seq_in_force(&gate) == 2);
    assert!(gate.check_handles(handles[298], near_miss).allowed);
    assert_eq!(gate.check_handles(handles[299], near_miss).reason, Reason::FeatureNotGranted);
    publish(&path, &in_force(4, 3));
    until("the gate takes up 4 cameras", || seq_in_force(&gate) == 3);
    assert_eq!(gate.check_handles(handles[298], near_miss).reason, Reason::CameraNotLicensed);
    assert!(gate.check_handles(handles[2], near_miss).allowed);
}

#[test]
fn a_handle_of_another_gate_or_of_none_is_refused_whatever_the_profile() {
    let licence = LicenceClaims { enforce: Enforce::Observe, ..in_force(2, 1) };
    let ((_dir, _path, gate), (_other_dir, _other_path, other)) = (open(&licence), open(&licence));
    let (camera, feature) = (gate.camera("cam-000").unwrap(), gate.feature(NEAR_MISS).unwrap());
    assert!(gate.check_handles(camera, feature).allowed);
    let foreign = (other.camera("cam-000").unwrap(), other.feature(NEAR_MISS).unwrap());
    let past = CameraHandle { index: camera.index + 1, ..camera };
    let far = FeatureHandle { index: u32::MAX, ..feature };
    for (camera, feature) in [(foreign.0, feature), (camera, foreign.1), (past, feature), (camera, far)] {
        let refused = gate.check_handles(camera, feature);
        assert_eq!((refused.allowed, refused.reason), (false, Reason::UnknownHandle));
    }
}

#[test]
fn a_closed_gate_answers_as_closed_and_its_slot_serves_the_next() {
    let (_dir, path, gate) = open(&in_force(2, 1));
    let (id, camera, feature) =
        (gate.id(), gate.camera("cam-000").unwrap(), gate.feature(NEAR_MISS).unwrap());
    let kept = find(id).unwrap();
    assert!(kept.check("cam-000", NEAR_MISS).allowed && kept.life() == GateLife::Open);
    drop(gate);
    assert!(find(GateId { tag: 0, ..id }).is_none(), "zeros are no gate's, and least of all a free slot's");
    let next = Gate::open(&path, forge::anchor()).unwrap();
    assert!(next.check("cam-000", NEAR_MISS).allowed);
    assert_eq!(kept.life(), GateLife::Closed);
    assert_eq!(kept.check("cam-000", NEAR_MISS).reason, Reason::NeedsReopen);
    assert_eq!(kept.check_handles(camera, feature).reason, Reason::NeedsReopen);
    assert_eq!(kept.camera("cam-000").unwrap_err().code(), Code::NeedsReopen);
    assert!(kept.status().is_none());
    let refused = next.check_handles(camera, feature);
    assert!(!refused.allowed && refused.reason == Reason::UnknownHandle, "handles end with their gate");
}

#[test]
fn the_status_is_of_the_moment_it_is_asked_for() {
    let licence = LicenceClaims { grace: 0, ..in_force(2, 1) };
    let (_dir, _path, gate) = open(&licence);
    let status = gate.status().unwrap();
    assert_eq!((status.standing().state, status.refused()), (State::Active, None));
    let ends: UnixSeconds = status.standing().next_transition_at.unwrap();
    assert_eq!(status.standing().moved_to(ends).state, State::Expired);
}

#[test]
fn grants_are_listed_by_name_with_packs_and_end_and_outlive_their_gate() {
    let mut licence = in_force(4, 1);
    let until = licence.iat.saturating_add(DAY);
    licence.grants[1].until = Some(until);
    // The device has `integration` already, and one that its cameras have of their own is listed once.
    let base = licence.grants[0].packs[0].clone();
    licence.device.packs.push(base);
    let (_dir, _path, gate) = open(&licence);
    let status = gate.status().unwrap();
    let grants = status.grants();
    drop(gate);
    for granted in (0..grants.len()).filter_map(|place| grants.camera(place)) {
        let looked_up = status.granted(granted.camera);
        assert_eq!(looked_up, Some((granted.until, granted.packs.to_vec())), "{}", granted.camera);
    }
    assert_eq!(status.granted("cam-004"), None);
    let listed: Vec<_> = (0..grants.len()).filter_map(|place| grants.camera(place)).collect();
    let names: Vec<_> = listed.iter().map(|granted| granted.camera).collect();
    assert_eq!(names, ["cam-000", "cam-001", "cam-002", "cam-003"], "the grants name every second one");
    let packs = |place: usize| listed[place].packs.iter().map(|pack| pack.as_str()).collect::<Vec<_>>();
    assert_eq!(packs(0), ["base", "advanced_analytics", "integration"]);
    assert_eq!((packs(1), listed[1].until), (vec!["base", "integration"], Some(until)));
    assert_eq!((listed[2].until, grants.camera(4)), (None, None));
}

#[test]
fn threads_ask_while_bundles_change_and_gates_close() {
    let (_dir, path, gate) = open(&in_force(2, 1));
    let (id, camera, feature) =
        (gate.id(), gate.camera("cam-000").unwrap(), gate.feature(NEAR_MISS).unwrap());
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let gate = find(id).unwrap();
                    let answers = [gate.check("cam-000", NEAR_MISS), gate.check_handles(camera, feature)];
                    for answer in answers {
                        assert!(answer.allowed || answer.reason == Reason::NeedsReopen, "{answer:?}");
                    }
                }
            });
        }
        for seq in 2..6 {
            publish(&path, &in_force(2 + seq as usize, seq));
            until("the next bundle", || seq_in_force(&gate) == seq);
            gate.camera(&format!("another {seq}")).unwrap();
        }
        drop(gate);
        drop(Gate::open(&path, forge::anchor()).unwrap());
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
