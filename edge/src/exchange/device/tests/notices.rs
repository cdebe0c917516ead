//! Notices over exchanges: what a stolen key has signed keeps no later word of the issuer's away.

use super::*;
use crate::exchange::test_issuer::TestKey;
use brink_license::Typ;
use brink_license::exchange::{NoticesHeld, Section};
use brink_license::token::{NoticeKind, RevocationsClaims, RevokedLicence};

/// A list under this number that names what the device holds, or nobody.
fn list(scene: &Scene, key: &TestKey, version: u64, names: bool) -> String {
    let licence = scene.issuer.licence_claims(key.public().kid());
    let named = RevokedLicence { sub: licence.sub.clone(), epoch: licence.epoch, seq: licence.seq };
    let claims = RevocationsClaims {
        ver: 1,
        iss: licence.iss.clone(),
        aud: "brink-edge".into(),
        tenant: licence.tenant,
        version,
        iat: at(0),
        until: at(400 * DAY),
        revoked: if names { vec![named] } else { Vec::new() },
    };
    key.document(Typ::Revocations, &claims.to_json_bytes().unwrap())
}

fn reported(body: &RequestBody) -> Option<u64> {
    NoticesHeld::read(&body.sections).unwrap().number(NoticeKind::Revocations)
}

fn in_force(device: &Device) -> Option<u64> {
    device.store().notices().number(NoticeKind::Revocations)
}

#[test]
fn a_number_that_a_stolen_key_gave_a_list_keeps_no_later_list_away() {
    let (mut scene, mut device) = Scene::activated();
    let stolen = list(&scene, &scene.issuer.license, 1 << 40, false);
    device.accept_document(&stolen, &reading()).unwrap();
    scene.issuer.rotate(KeyState::Revoked);
    let honest = list(&scene, &scene.issuer.license, 2, true);
    scene.issuer.seq += 1;
    let section = || Section { kind: NoticeKind::Revocations.number(), bytes: honest.clone().into_bytes() };

    // The device cannot know better before this answer; an issuer that sends its list all the same is heard.
    let request = device.begin_exchange(Vec::new(), &reading()).unwrap();
    let (body, answer) = scene.answer(&request, |parts| parts.response.sections.push(section()));
    assert_eq!(reported(&body), Some(1 << 40));
    device.complete(&answer, &reading()).unwrap();
    assert_eq!(in_force(&device), Some(2));

    let request = device.begin_exchange(Vec::new(), &reading()).unwrap();
    let (body, _) = scene.answer(&request, |_| {});
    assert_eq!(reported(&body), Some(2));
}

#[test]
fn what_lost_its_key_is_not_reported_as_held() {
    let (mut scene, mut device) = Scene::activated();
    let stolen = list(&scene, &scene.issuer.license, 1 << 40, false);
    device.accept_document(&stolen, &reading()).unwrap();
    scene.issuer.rotate(KeyState::Revoked);
    scene.exchange(&mut device);
    let request = device.begin_exchange(Vec::new(), &reading()).unwrap();
    let (body, _) = scene.answer(&request, |_| {});
    assert_eq!(reported(&body), None, "so that the issuer sends what it has");
}
