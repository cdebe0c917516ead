//! Documents that come by themselves: extensions and clock resets, with kills in between.

use super::*;
use crate::device_store::{NoticeError, ResetError};
use crate::state::Challenge;
use brink_license::Code;
use brink_license::keyset::KeyUse;
use brink_license::token::{
    Authority, CHALLENGE_SECONDS_MAX, ClockResetClaims, ExtensionClaims, ExtensionExpected, NoticeKind,
    TypedExtension, verify,
};

const NONCE: [u8; 32] = [42; 32];

fn extension(scene: &Scene, number: u64, hours: i64) -> String {
    let licence = scene.issuer.licence_claims(jkt());
    let claims = ExtensionClaims {
        ver: CLAIMS_VERSION,
        iss: licence.iss,
        aud: licence.aud,
        tenant: licence.tenant,
        dev: licence.dev,
        sub: licence.sub,
        epoch: licence.epoch,
        jkt: jkt(),
        number,
        iat: at(60),
        until: at(60 + hours * 3600),
    };
    scene.issuer.license.document(Typ::Extension, &claims.to_json_bytes().unwrap())
}

fn reset(scene: &Scene, change: impl FnOnce(&mut ClockResetClaims)) -> String {
    let licence = scene.issuer.licence_claims(jkt());
    let mut claims = ClockResetClaims {
        ver: CLAIMS_VERSION,
        iss: licence.iss,
        aud: licence.aud,
        tenant: licence.tenant,
        dev: licence.dev,
        epoch: licence.epoch,
        jkt: jkt(),
        nonce: NONCE,
        iat: at(120),
        server_time: at(120),
    };
    change(&mut claims);
    scene.issuer.receipt.document(Typ::ClockReset, &claims.to_json_bytes().unwrap())
}

impl Scene {
    fn answered_anew(&mut self, store: &mut DeviceStore) -> Acceptance {
        self.issuer.seq += 1;
        self.answered(store)
    }
}

fn later(seconds: i64) -> Reading {
    let Reading { wall, boottime, boot } = reading();
    Reading { wall: wall.saturating_add(seconds), boottime: boottime + seconds, boot }
}

#[test]
fn a_killed_extension_is_published_by_the_next_writer_and_its_moment_is_learned() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    scene.exchange(&mut store);
    let token = extension(&scene, 3, 24);
    let copies = killed_at_every_point(&scene, || {
        assert!(store.accept_notice(NoticeKind::Extension, &token).unwrap());
    });
    assert!(!copies.is_empty());
    for (point, copy) in &copies {
        let store = open(&layout(copy)).unwrap();
        let bundle = published(&layout(copy), store.anchor());
        let licence = bundle.licence().claims();
        assert_eq!(bundle.notices().extended_until(licence), Some(at(60 + 24 * 3600)), "{point:?}");
        assert_eq!(store.learned().floor, at(60), "{point:?}");
    }
    assert!(!store.accept_notice(NoticeKind::Extension, &token).unwrap(), "again is no error");
    for older in [extension(&scene, 2, 24), extension(&scene, 3, 25)] {
        let refused = store.accept_notice(NoticeKind::Extension, &older).unwrap_err();
        assert_eq!(refused.code(), Code::Rollback.as_str());
    }
}

#[test]
fn an_extension_that_is_typed_in_is_the_same_document_and_a_strangers_is_refused() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    let stranger = Scene { dir: tempfile::tempdir().unwrap(), issuer: TestIssuer::new(2) };
    assert_eq!(store.accept_typed(&typed(&stranger, 1)), Err(NoticeError::NoLicence));
    scene.exchange(&mut store);
    let refused = store.accept_typed(&typed(&stranger, 1)).unwrap_err();
    assert_eq!(refused.code(), Code::UnknownKid.as_str());
    assert_eq!(store.notices().extension(), None);
    assert!(store.accept_typed(&typed(&scene, 2)).unwrap());
    assert_eq!(store.notices().extension().unwrap().token(), extension(&scene, 2, 24));
    assert!(!store.accept_notice(NoticeKind::Extension, &extension(&scene, 2, 24)).unwrap());
}

/// What an issuer reads out.
fn typed(scene: &Scene, number: u64) -> TypedExtension {
    let expected = ExtensionExpected { issuer: scene.issuer.anchor().issuer().clone(), licence: None };
    let (token, keyset) = (extension(scene, number, 24), scene.issuer.keyset());
    let authority = Authority::Issuer(&keyset, KeyUse::License);
    let verified = verify::<ExtensionClaims>(token.as_bytes(), authority, &expected).unwrap();
    TypedExtension::parse(&TypedExtension::of(&verified).unwrap().lines().join("\n")).unwrap()
}

#[test]
fn a_clock_reset_answers_the_one_challenge_that_waits_once() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    assert_eq!(store.accept_reset("a.b.c", &later(0), 1).unwrap_err(), ResetError::NoDevice);
    scene.exchange(&mut store);
    let token = reset(&scene, |_| {});
    let refused = |store: &mut DeviceStore, token: &str, reading: &Reading| {
        let code = store.accept_reset(token, reading, 1).unwrap_err().code();
        assert_eq!(store.held().clock_reset, None);
        code
    };
    assert_eq!(refused(&mut store, &token, &later(1)), Code::WrongNonce.as_str(), "nothing was asked");
    store.store_challenge(Challenge { nonce: NONCE, created: later(0) }).unwrap();
    type Change = fn(&mut ClockResetClaims);
    let wrong: [(&str, Change); 5] = [
        (Code::WrongNonce.as_str(), |claims| claims.nonce = [1; 32]),
        (Code::WrongDevice.as_str(), |claims| claims.dev = "dev-2".parse().unwrap()),
        (Code::WrongDevice.as_str(), |claims| claims.epoch = 2),
        (Code::WrongDevice.as_str(), |claims| claims.jkt = Kid::from_digest([1; 32])),
        (Code::WrongIssuer.as_str(), |claims| claims.iss = "dev-other".parse().unwrap()),
    ];
    for (code, change) in wrong {
        assert_eq!(refused(&mut store, &reset(&scene, change), &later(1)), code);
    }
    let by_license = scene.issuer.license.document(Typ::ClockReset, b"{}");
    assert_eq!(refused(&mut store, &by_license, &later(1)), Code::KeyUse.as_str());
    let elsewhere = BootId::parse("0a1b2c3d-0000-4000-8000-00000000ff02").unwrap();
    let booted = Reading { boot: elsewhere, ..later(1) };
    assert_eq!(refused(&mut store, &token, &booted), Code::ChallengeOver.as_str());
    let late = later(CHALLENGE_SECONDS_MAX + 1);
    assert_eq!(refused(&mut store, &token, &late), Code::ChallengeOver.as_str());
    let made_up = store.accept_reset(&token, &later(1), u64::MAX).unwrap_err();
    assert_eq!(made_up.code(), Code::SeqJump.as_str());
    store.accept_reset(&token, &later(CHALLENGE_SECONDS_MAX), 5).unwrap();
    let held = store.held().clock_reset.unwrap();
    assert_eq!((held.number, held.server_time, store.held().challenge), (5, at(120), None));
    assert_eq!(store.learned().reset, Some(held));
    let again = store.accept_reset(&token, &later(2), 6).unwrap_err();
    assert_eq!(again.code(), Code::WrongNonce.as_str());
    store.store_challenge(Challenge { nonce: NONCE, created: later(3) }).unwrap();
    store.store_challenge(Challenge { nonce: [9; 32], created: later(4) }).unwrap();
    let earlier = store.accept_reset(&token, &later(5), 6).unwrap_err();
    assert_eq!(earlier.code(), Code::WrongNonce.as_str(), "one at a time");
    store.accept_reset(&reset(&scene, |claims| claims.nonce = [9; 32]), &later(5), 0).unwrap();
    assert_eq!(store.held().clock_reset.unwrap().number, 6, "above every one before");
}

#[test]
fn a_clock_reset_that_is_killed_is_accepted_whole_and_the_challenge_spent() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    let far = Acceptance { next_exchange_after: at(3650 * 86_400), ..scene.answered_anew(&mut store) };
    store.accept(far).unwrap();
    store.store_challenge(Challenge { nonce: NONCE, created: later(0) }).unwrap();
    let token = reset(&scene, |_| {});
    let copies = killed_at_every_point(&scene, || {
        store.accept_reset(&token, &later(1), 1).unwrap();
    });
    assert_eq!(copies.iter().map(|(point, _)| *point).collect::<Vec<_>>(), [Point::ResetStored]);
    let store = open(&layout(&copies[0].1)).unwrap();
    assert_eq!(store.learned().reset.map(|reset| reset.number), Some(1));
    assert_eq!(store.held().challenge, None);
    assert_eq!(store.held().next_exchange_after, None, "what a wrong clock planned");
}
