//! Unnamed seats at a gate: who sits there is licensed at once, and nothing that a device signs goes beyond the rule.

use crate::gate::{NEAR_MISS, Site, boot};
use brink_license::token::{LicenceClaims, LicenceStanding, SeatsClaims};
use brink_license::{Flags, Reason};
use brink_store::{Bundle, Gate};
use brink_tests::forge::{self, DEVICE_NEXT, RECEIPT, licence_with_seats, seats, with_seats};
use brink_tests::until;

const COUNTING: &str = "analytics/counting";

fn bundle(licence: &LicenceClaims, receipt: u64) -> Bundle {
    let receipt = forge::receipt(licence, receipt, 0, LicenceStanding::Active);
    forge::bundle(licence, &receipt, boot(1))
}

fn publish(site: &mut Site, licence: &LicenceClaims, receipt: u64, seats: &SeatsClaims) {
    site.publish(&with_seats(&bundle(licence, receipt), licence, seats).encode().unwrap());
}

fn released(seats: SeatsClaims, cameras: &[&str]) -> SeatsClaims {
    SeatsClaims { released: cameras.iter().map(|name| name.parse().unwrap()).collect(), ..seats }
}

/// Whether each camera may count, and whether the seats are refused.
fn seen(site: &mut Site, cameras: [&str; 3]) -> ([bool; 3], bool) {
    let allowed = cameras.map(|camera| site.check(camera, COUNTING).allowed);
    let flags = site.check("cam-000", NEAR_MISS).flags;
    (allowed, flags.contains(Flags::SEATS_REFUSED))
}

#[test]
fn a_camera_on_a_seat_has_the_packs_of_its_seat_and_those_of_the_device() {
    let licence = licence_with_seats(2, 2, 1);
    let mut site = Site::with(&licence);
    let before = site.check("new-1", COUNTING);
    assert_eq!(before.reason, Reason::CameraNotLicensed);
    assert!(before.reason.mend().contains("brink-edge seat assign"));
    let both = [("base", &["new-1"][..]), ("advanced_analytics,base", &["new-2"])];
    publish(&mut site, &licence, 1, &seats(&licence, 1, 1, &both));
    for (camera, feature, reason) in [
        ("new-1", COUNTING, Reason::Granted),
        ("new-1", NEAR_MISS, Reason::FeatureNotGranted),
        ("new-1", "outputs/sms", Reason::Granted),
        ("new-2", NEAR_MISS, Reason::Granted),
        ("new-3", COUNTING, Reason::CameraNotLicensed),
        ("cam-000", NEAR_MISS, Reason::Granted),
    ] {
        let decision = site.check(camera, feature);
        assert_eq!((decision.reason, decision.flags), (reason, Flags::NONE), "{camera} {feature}");
    }
}

#[test]
fn seats_that_break_a_rule_are_refused_and_named_cameras_go_on() {
    let licence = licence_with_seats(2, 2, 1);
    let base = |cameras| seats(&licence, 1, 1, &[("base", cameras)]);
    let signed = |key: forge::Key, claims: &SeatsClaims| {
        key.document(brink_license::Typ::Seats, &claims.to_json_bytes().unwrap())
    };
    let sound = base(&["new-1"]);
    let forged = |token: &str| forge::with_seats_signed(&bundle(&licence, 1), token);
    let of = |claims: &SeatsClaims| with_seats(&bundle(&licence, 1), &licence, claims);
    let mut twice = of(&sound);
    twice.sections.push(twice.sections[0].clone());
    let mut no_text = of(&sound);
    no_text.sections[0].1 = vec![0xff];
    for (what, bundle) in [
        ("too many", of(&base(&["new-1", "new-2", "new-3"]))),
        ("other packs", of(&seats(&licence, 1, 1, &[("integration", &["new-1"])]))),
        ("a named camera", of(&base(&["new-1", "cam-001"]))),
        ("twice", of(&base(&["new-1", "new-1"]))),
        ("released too many", of(&released(sound.clone(), &["a", "b"]))),
        ("from a receipt to come", of(&seats(&licence, 1, 2, &[("base", &["new-1"])]))),
        ("another licence", of(&SeatsClaims { jti: "tok-9".parse().unwrap(), ..sound.clone() })),
        ("another epoch", of(&SeatsClaims { epoch: 2, ..sound.clone() })),
        ("another device", of(&SeatsClaims { dev: "dev-2".parse().unwrap(), ..sound.clone() })),
        ("another key", forged(&signed(DEVICE_NEXT, &sound))),
        ("the issuer's key", forged(&signed(RECEIPT, &sound))),
        ("no document", forged("a.b.c")),
        ("two documents", twice),
        ("no text", no_text),
    ] {
        let mut site = Site::with(&licence);
        site.publish(&bundle.encode().unwrap());
        assert_eq!(seen(&mut site, ["new-1", "cam-001", "cam-000"]), ([false, true, true], true), "{what}");
        assert_eq!(site.refusal(), None, "{what}: the rest of the bundle is in force");
        publish(&mut site, &licence, 1, &sound);
        assert_eq!(seen(&mut site, ["new-1", "cam-001", "cam-000"]), ([true; 3], false), "{what}");
    }
}

#[test]
fn seats_that_a_running_gate_has_seen_moved_no_file_moves_back() {
    let licence = licence_with_seats(2, 2, 0);
    let mut site = Site::with(&licence);
    let of = |counter, since, cameras| seats(&licence, counter, since, &[("base", cameras)]);
    let now = |site: &mut Site| seen(site, ["one", "two", "three"]);
    let first = of(1, 1, &["one", "two"]);
    publish(&mut site, &licence, 1, &first);
    assert_eq!(now(&mut site), ([true, true, false], false));
    publish(&mut site, &licence, 1, &of(2, 1, &["two", "three"]));
    assert_eq!(now(&mut site), ([true, true, false], true), "what left was not counted");
    let moved = released(of(3, 1, &["two", "three"]), &["one"]);
    publish(&mut site, &licence, 1, &moved);
    assert_eq!(now(&mut site), ([false, true, true], false));
    publish(&mut site, &licence, 1, &first);
    assert_eq!(now(&mut site), ([false, true, true], true), "an older one");
    publish(&mut site, &licence, 1, &of(4, 1, &["one", "two"]));
    assert_eq!(now(&mut site), ([false, true, true], true), "what was counted is forgotten");
    site.publish(&bundle(&licence, 1).encode().unwrap());
    assert_eq!(now(&mut site), ([false, true, true], false), "left out");
    publish(&mut site, &licence, 2, &of(4, 2, &["one", "two"]));
    assert_eq!(now(&mut site), ([true, true, false], false), "an exchange renews the allowance");
}

#[test]
fn seats_speak_of_one_licence_and_another_has_none_until_they_are_signed_for_it() {
    let licence = licence_with_seats(2, 2, 0);
    let next = LicenceClaims { seq: 2, jti: "tok-2".parse().unwrap(), ..licence.clone() };
    let mut site = Site::with(&licence);
    let of = |licence, counter, since| seats(licence, counter, since, &[("base", &["one"])]);
    publish(&mut site, &licence, 1, &of(&licence, 1, 1));
    assert!(site.check("one", COUNTING).allowed);
    publish(&mut site, &next, 2, &of(&licence, 1, 1));
    assert_eq!(site.check("one", COUNTING).reason, Reason::CameraNotLicensed);
    publish(&mut site, &next, 2, &of(&next, 2, 2));
    assert!(site.check("one", COUNTING).allowed);
}

#[test]
fn a_handle_finds_its_camera_when_it_gets_a_seat_and_is_listed_with_it() {
    let iat = brink_store::machine::read().unwrap().wall.max(forge::at(0));
    let licence = LicenceClaims {
        iat,
        nbf: iat,
        exp: iat.saturating_add(30 * forge::DAY),
        ..licence_with_seats(2, 2, 1)
    };
    let receipt = forge::receipt(&licence, 1, iat.since(forge::at(0)), LicenceStanding::Active);
    let bare = forge::bundle(&licence, &receipt, brink_store::machine::boot_id().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("licence.bundle");
    let publish = |bundle: &Bundle| {
        std::fs::write(dir.path().join("temp"), bundle.encode().unwrap()).unwrap();
        std::fs::rename(dir.path().join("temp"), &path).unwrap();
    };
    publish(&bare);
    let gate = Gate::open(&path, forge::anchor()).unwrap();
    let (camera, feature) = (gate.camera("new-1").unwrap(), gate.feature(NEAR_MISS).unwrap());
    assert_eq!(gate.check_handles(camera, feature).reason, Reason::CameraNotLicensed);
    let sits = seats(&licence, 1, 1, &[("advanced_analytics,base", &["new-1"])]);
    publish(&with_seats(&bare, &licence, &sits));
    until("the seat", || gate.check_handles(camera, feature).allowed);
    assert_eq!(gate.check("new-1", NEAR_MISS), gate.check_handles(camera, feature));
    let status = gate.status().unwrap();
    let grants = status.grants();
    let listed: Vec<_> = (0..grants.len()).map(|place| grants.camera(place).unwrap()).collect();
    assert_eq!(
        listed.iter().map(|granted| granted.camera).collect::<Vec<_>>(),
        ["cam-000", "cam-001", "new-1"]
    );
    for granted in listed {
        assert_eq!(status.granted(granted.camera), Some((granted.until, granted.packs.to_vec())));
    }
}
