//! Keys that rotate and are revoked while devices are away, with a clock that tests turn.

use crate::keyring::{Keyring, KeyringError, unsigned};
use crate::keys::KeysError;
use crate::rotation::{RETIRING_SECONDS, RotationError};
use crate::storage::Actor;
use crate::testkit::{Bench, DAY, Edge};
use brink_license::Kid;
use brink_license::keyset::{KEYS_MAX, KeyState, KeyUse};
use brink_license::token::LicenceStanding;
use std::path::Path;
use std::sync::Arc;

fn keyring(bench: &Bench) -> Keyring {
    let storage = Arc::clone(&bench.admin.storage);
    Keyring::open(&bench.data, storage, &*bench.clock, Actor("test".into())).unwrap()
}

fn publish(bench: &Bench, next: impl FnOnce(&Keyring) -> brink_license::keyset::ManifestPayload) {
    let keyring = keyring(bench);
    let signed = keyring.sign_here(&next(&keyring), None).unwrap();
    keyring.publish(&signed, Path::new("next")).unwrap();
}

pub(super) fn rotate(bench: &Bench, uses: &[KeyUse]) {
    publish(bench, |keyring| keyring.rotated(uses, None).unwrap());
}

fn revoke(bench: &Bench, kid: Kid) {
    publish(bench, |keyring| keyring.revoked(&[kid], None).unwrap());
}

fn signer(edge: &Edge) -> Kid {
    edge.licence.as_ref().unwrap().kid()
}

#[test]
fn a_device_that_was_away_through_many_rotations_comes_back_to_the_newest_keys() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    let old = signer(&edge);
    for _ in 0..4 {
        bench.pass(5 * DAY);
        rotate(&bench, &[KeyUse::License, KeyUse::Receipt]);
    }
    let serving = Arc::clone(&bench.issuer);
    assert!(edge.exchange(&serving).unwrap(), "by the process that ran all the while");
    let held = edge.keyset.as_ref().unwrap();
    assert_eq!(held.version(), 5);
    assert_eq!(held.key(&old).unwrap().state(), KeyState::Retired);
    assert_eq!(Some(signer(&edge)), keyring(&bench).signing_key(KeyUse::License));
    assert_eq!(Some(edge.receipt.as_ref().unwrap().kid()), keyring(&bench).signing_key(KeyUse::Receipt));
}

#[test]
fn what_a_revoked_key_signed_is_replaced_at_the_next_exchange_and_never_sent_again() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    let stolen = signer(&edge);
    let mut behind = edge.clone();
    behind.licence_seq = 0;
    revoke(&bench, stolen);
    bench.sql("INSERT INTO subscription_packs SELECT tenant, version, 'gone', NULL FROM subscriptions", &[]);
    assert!(
        !behind.exchange(&bench.issuer).unwrap(),
        "nothing can be minted, and the old one is worth nothing"
    );
    bench.subscribe(10, &[]);
    (edge.ctr, edge.ratchet, edge.receipt, edge.keyset) =
        (behind.ctr, behind.ratchet, behind.receipt, behind.keyset);
    assert!(edge.exchange(&bench.issuer).unwrap());
    assert_ne!(signer(&edge), stolen);
    assert_eq!(edge.receipt.as_ref().unwrap().claims().lic.state, LicenceStanding::Active);
}

#[test]
fn a_revocation_is_not_held_up_by_the_bound_on_licences() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    for cameras in 0..crate::minting::MINTS_MAX {
        bench.subscribe(20 + cameras, &[]);
        edge.exchange(&bench.issuer).unwrap();
    }
    bench.subscribe(5, &[]);
    assert!(!edge.exchange(&bench.issuer).unwrap(), "it has had its hundred");
    let stolen = signer(&edge);
    revoke(&bench, stolen);
    assert!(edge.exchange(&bench.issuer).unwrap());
    assert_ne!(signer(&edge), stolen);
}

#[test]
fn a_server_that_cannot_take_up_a_manifest_answers_nobody_until_it_can() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    rotate(&bench, &[KeyUse::License]);
    let (key, aside) = (bench.data.keys().join("license-2.key"), bench.data.keys().join("aside"));
    std::fs::rename(&key, &aside).unwrap();
    let refusal = edge.exchange(&bench.issuer).unwrap_err();
    assert!(refusal.is_failure() && refusal.to_string().contains("no license key"), "{refusal}");
    std::fs::rename(&aside, &key).unwrap();
    assert!(edge.exchange(&bench.issuer).unwrap());
    // The number of a key that was removed is no gap for those after it.
    std::fs::remove_file(bench.data.keys().join("license-1.key")).unwrap();
    std::fs::remove_file(bench.data.keys().join("license-1.pub")).unwrap();
    rotate(&bench, &[KeyUse::License]);
    assert!(bench.data.keys().join("license-3.key").exists());
    assert!(edge.exchange(&bench.issuer).unwrap());
}

#[test]
fn a_ceremony_has_a_month_and_the_old_key_signs_meanwhile() {
    let bench = Bench::with(10, &[]);
    let prepared = keyring(&bench).rotated(&[KeyUse::License], None).unwrap();
    bench.pass(RETIRING_SECONDS - DAY);
    let mut edge = bench.activated();
    let signed = keyring(&bench).sign_here(&prepared, None).unwrap();
    let keyring_then = keyring(&bench);
    bench.pass(DAY);
    let late = keyring(&bench).publish(&signed, Path::new("next"));
    assert!(matches!(late, Err(KeyringError::TooLate { .. })), "{:?}", late.err());
    keyring_then.publish(&signed, Path::new("next")).unwrap();
    assert!(
        edge.exchange(&bench.issuer).unwrap(),
        "what was signed in the meantime is good for what follows"
    );
}

#[test]
fn of_two_manifests_that_were_prepared_side_by_side_one_is_published() {
    let bench = Bench::with(10, &[]);
    let (one, other) = (keyring(&bench), keyring(&bench));
    let payloads = [&one, &other].map(|keyring| keyring.rotated(&[KeyUse::License], None).unwrap());
    let [first, second] = [(&one, &payloads[0]), (&other, &payloads[1])]
        .map(|(keyring, payload)| keyring.sign_here(payload, None).unwrap());
    one.publish(&first, Path::new("first")).unwrap();
    for keyring in [other, keyring(&bench)] {
        let error = keyring.publish(&second, Path::new("second")).unwrap_err();
        assert!(matches!(error, KeyringError::NotNext(..)), "{error}");
        assert!(error.to_string().contains("prepare the manifest anew"), "{error}");
    }
    assert_eq!(bench.admin.storage.newest_manifest().unwrap(), 2);
    let bare = unsigned(&keyring(&bench).renewed(None).unwrap()).unwrap();
    let error = keyring(&bench).publish(&bare, Path::new("bare")).unwrap_err();
    assert!(matches!(error, KeyringError::TooFew { signed: 0, threshold: 1, .. }), "{error}");
}

#[test]
fn orders_that_make_no_sense_are_refused_by_name() {
    let bench = Bench::with(10, &[]);
    let keyring = keyring(&bench);
    let refused = |kid| match keyring.revoked(&[kid], None) {
        Err(KeyringError::Rotation(error)) => error,
        other => panic!("{other:?}"),
    };
    let root = keyring.keyset().root().keys()[0].kid();
    assert_eq!(refused(root), RotationError::RootKey(root));
    let stranger = bench.device().key.clone();
    let stranger = brink_signing::Signer::kid(&*stranger);
    assert_eq!(refused(stranger), RotationError::UnknownKey(stranger));
    let license = keyring.signing_key(KeyUse::License).unwrap();
    revoke(&bench, license);
    let again = self::keyring(&bench).revoked(&[license], None);
    assert!(
        matches!(again, Err(KeyringError::Rotation(RotationError::AlreadyRevoked(kid))) if kid == license),
        "{again:?}"
    );
    let twice = keyring.rotated(&[KeyUse::Audit, KeyUse::Audit], None);
    assert!(matches!(twice, Err(KeyringError::Rotation(RotationError::UseTwice(KeyUse::Audit)))));
}

#[test]
fn retired_keys_are_forgotten_when_nothing_of_theirs_is_left_and_revoked_ones_never() {
    let bench = Bench::with(10, &[]);
    let first = keyring(&bench).signing_key(KeyUse::License).unwrap();
    revoke(&bench, first);
    let second = keyring(&bench).signing_key(KeyUse::License).unwrap();
    rotate(&bench, &[KeyUse::License]);
    bench.pass(RETIRING_SECONDS + 429 * DAY);
    rotate(&bench, &[KeyUse::Audit]);
    assert!(
        keyring(&bench).keyset().key(&second).is_some(),
        "a licence of its last day may still be in force"
    );
    bench.pass(DAY);
    rotate(&bench, &[KeyUse::License]);
    assert!(keyring(&bench).keyset().key(&second).is_none());
    assert!(keyring(&bench).keyset().key(&first).unwrap().is_revoked());
    let full = (0..KEYS_MAX).find_map(|_| {
        let keyring = keyring(&bench);
        let payload = match keyring.rotated(&[KeyUse::Audit], None) {
            Ok(payload) => payload,
            Err(error) => return Some(error),
        };
        let signed = keyring.sign_here(&payload, None).unwrap();
        keyring.publish(&signed, Path::new("next")).unwrap();
        None
    });
    assert!(matches!(full, Some(KeyringError::Rotation(RotationError::TooManyKeys(65)))), "{full:?}");
}

#[test]
fn a_manifest_under_which_nobody_could_sign_is_not_published() {
    let bench = Bench::with(10, &[]);
    let keyring = keyring(&bench);
    let payload = keyring.rotated(&[KeyUse::Receipt], None).unwrap();
    let signed = keyring.sign_here(&payload, None).unwrap();
    std::fs::remove_file(bench.data.keys().join("receipt-2.key")).unwrap();
    let error = keyring.publish(&signed, Path::new("next")).unwrap_err();
    assert!(matches!(error, KeyringError::Keys(KeysError::NoActiveKey { .. })), "{error}");
    assert_eq!(bench.admin.storage.newest_manifest().unwrap(), 1);
}
