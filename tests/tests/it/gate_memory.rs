//! What a running gate has seen no file takes back: key revocations, suspensions, and the order of keysets.

use crate::gate::{NEAR_MISS, Site};
use brink_license::clock::State;
use brink_license::keyset::KeyState;
use brink_license::token::{LicenceClaims, LicenceStanding, NoticeKind};
use brink_license::{Code, Flags, Reason};
use brink_store::Bundle;
use brink_tests::forge::{self, DAY, at};

#[test]
fn a_key_revocation_is_not_forgotten_when_the_older_bundle_is_put_back() {
    let licence = forge::licence(2);
    let receipt = forge::receipt(&licence, 1, 0, LicenceStanding::Active);
    let mut site = Site::with(&licence);
    assert!(site.check("cam-000", NEAR_MISS).allowed);
    let older = forge::bundle(&licence, &receipt, site.boot);
    let manifests = vec![forge::manifest(), forge::next_manifest(KeyState::Revoked)];
    site.publish(&Bundle { manifests, ..older.clone() }.encode().unwrap());
    assert_eq!(site.check("cam-000", NEAR_MISS).reason, Reason::KeyCompromise);
    site.publish(&older.encode().unwrap());
    let decision = site.check("cam-000", NEAR_MISS);
    assert_eq!((decision.allowed, decision.reason), (false, Reason::KeyCompromise));
    assert_eq!(site.refusal(), Some(Code::ManifestVersion));
}

#[test]
fn a_suspension_is_not_forgotten_when_the_older_bundle_is_put_back() {
    let licence = forge::licence(2);
    let bundle = |seq, state, boot| {
        let receipt = forge::receipt(&licence, seq, 60, state);
        forge::bundle(&licence, &receipt, boot)
    };
    let mut site = Site::with(&licence);
    let older = bundle(1, LicenceStanding::Active, site.boot);
    site.publish(&bundle(2, LicenceStanding::Suspended, site.boot).encode().unwrap());
    assert_eq!(site.check("cam-000", NEAR_MISS).state, State::Suspended);
    let without = Bundle { receipt: None, ..older.clone() };
    for older in [older, without] {
        site.publish(&older.encode().unwrap());
        assert_eq!(site.check("cam-000", NEAR_MISS).state, State::Suspended);
        assert_eq!(site.refusal(), Some(Code::Rollback));
    }
    site.publish(&bundle(3, LicenceStanding::Active, site.boot).encode().unwrap());
    assert!(site.check("cam-000", NEAR_MISS).allowed, "a later receipt is a new word");
}

#[test]
fn a_receipt_of_a_revoked_key_no_longer_stretches_the_time_offline() {
    let licence = LicenceClaims { exp: forge::at(90 * DAY), offline_max: 86_400, ..forge::licence(2) };
    let receipt = forge::receipt(&licence, 2, 20 * DAY, LicenceStanding::Active);
    let mut site = Site::with(&licence);
    site.publish(&forge::bundle(&licence, &receipt, site.boot).encode().unwrap());
    assert_eq!(site.state_after(20 * DAY), State::Active);
    let manifests = vec![forge::manifest(), forge::manifest_without_receipts()];
    let bundle = Bundle { manifests, ..forge::bundle(&licence, &receipt, site.boot) };
    site.publish(&bundle.encode().unwrap());
    assert_eq!(
        site.state_after(20 * DAY),
        State::Expired,
        "the last contact that counts is the licence's own"
    );
    assert_eq!(site.refusal(), Some(Code::KeyRevoked));
}

#[test]
fn another_keyset_of_the_same_version_is_refused() {
    let licence = LicenceClaims { exp: forge::at(90 * DAY), ..forge::licence(2) };
    let receipt = forge::receipt(&licence, 1, 0, LicenceStanding::Active);
    let mut site = Site::with(&licence);
    let bundle = |state| {
        let manifests = vec![forge::manifest(), forge::next_manifest(state)];
        Bundle { manifests, ..forge::bundle(&licence, &receipt, crate::gate::boot(1)) }.encode().unwrap()
    };
    site.publish(&bundle(KeyState::Active));
    assert!(site.check("cam-000", NEAR_MISS).allowed);
    assert_eq!(site.refusal(), None);
    site.publish(&bundle(KeyState::Retired));
    assert!(site.check("cam-000", NEAR_MISS).allowed);
    assert_eq!(site.refusal(), Some(Code::ManifestEquivocation));
}

#[test]
fn a_list_of_revoked_licences_is_not_forgotten_when_the_older_bundle_is_put_back() {
    let licence = forge::licence(2);
    let receipt = forge::receipt(&licence, 1, 0, LicenceStanding::Active);
    let mut site = Site::with(&licence);
    let bare = forge::bundle(&licence, &receipt, site.boot);
    let listed = |key, version, licences: &[&LicenceClaims]| {
        let list = forge::revocations(key, version, licences);
        forge::with_notice(&bare, NoticeKind::Revocations, &list).encode().unwrap()
    };
    let other = LicenceClaims { sub: "lic-2".parse().unwrap(), ..licence.clone() };
    site.publish(&listed(forge::LICENSE, 1, &[&other]));
    assert!(site.check("cam-000", NEAR_MISS).allowed, "it names another licence");
    site.publish(&listed(forge::LICENSE, 3, &[&other, &licence]));
    let revoked = (false, State::Revoked, Reason::Revoked);
    let seen = |site: &mut Site| {
        let decision = site.check("cam-000", NEAR_MISS);
        (decision.allowed, decision.state, decision.reason)
    };
    assert_eq!(seen(&mut site), revoked);
    for older in [bare.encode().unwrap(), listed(forge::LICENSE, 2, &[])] {
        site.publish(&older);
        assert_eq!(seen(&mut site), revoked);
    }
    site.publish(&listed(forge::LICENSE, 4, &[&other]));
    assert!(site.check("cam-000", NEAR_MISS).allowed, "a later list is a new word");
}

#[test]
fn a_licence_minted_after_a_list_is_not_revoked_by_it() {
    let licence = forge::licence(2);
    let next = LicenceClaims { seq: 2, jti: "tok-2".parse().unwrap(), ..licence.clone() };
    let receipt = forge::receipt(&licence, 1, 0, LicenceStanding::Active);
    let list = forge::revocations(forge::LICENSE, 1, &[&licence]);
    let mut site = Site::with(&licence);
    for (licence, allowed) in [(&licence, false), (&next, true)] {
        let bundle = forge::bundle(licence, &receipt, site.boot);
        site.publish(&forge::with_notice(&bundle, NoticeKind::Revocations, &list).encode().unwrap());
        assert_eq!(site.check("cam-000", NEAR_MISS).allowed, allowed);
    }
}

#[test]
fn what_a_revoked_key_listed_is_a_thiefs_word() {
    let licence = forge::licence(2);
    let next = LicenceClaims { seq: 2, jti: "tok-2".parse().unwrap(), ks: 2, ..licence.clone() };
    let receipt = forge::receipt(&licence, 1, 0, LicenceStanding::Active);
    let mut site = Site::with(&licence);
    let list = forge::revocations(forge::LICENSE, 9, &[&next]);
    let bundle = forge::bundle(&licence, &receipt, site.boot);
    site.publish(&forge::with_notice(&bundle, NoticeKind::Revocations, &list).encode().unwrap());
    assert!(!site.check("cam-000", NEAR_MISS).allowed);
    let manifests = vec![forge::manifest(), forge::next_manifest(KeyState::Revoked)];
    let next = forge::LICENSE_NEXT.document(brink_license::Typ::License, &next.to_json_bytes().unwrap());
    let bundle = Bundle { manifests, licence: next, presence: None, ..bundle };
    site.publish(&bundle.encode().unwrap());
    assert!(site.check("cam-000", NEAR_MISS).allowed, "{:?}", site.refusal());
}

#[test]
fn a_list_that_a_stolen_key_numbered_far_ahead_keeps_no_later_list_away() {
    let licence = forge::licence(2);
    let next = LicenceClaims { seq: 2, jti: "tok-2".parse().unwrap(), ks: 2, ..licence.clone() };
    let receipt = forge::receipt(&licence, 1, 0, LicenceStanding::Active);
    let mut site = Site::with(&licence);
    let stolen = forge::revocations(forge::LICENSE, 1 << 40, &[]);
    let bundle = forge::bundle(&licence, &receipt, site.boot);
    site.publish(&forge::with_notice(&bundle, NoticeKind::Revocations, &stolen).encode().unwrap());
    assert!(site.check("cam-000", NEAR_MISS).allowed);
    let manifests = vec![forge::manifest(), forge::next_manifest(KeyState::Revoked)];
    let token = forge::LICENSE_NEXT.document(brink_license::Typ::License, &next.to_json_bytes().unwrap());
    let bundle = Bundle { manifests, licence: token, presence: None, ..bundle };
    let list = forge::revocations(forge::LICENSE_NEXT, 2, &[&next]);
    site.publish(&forge::with_notice(&bundle, NoticeKind::Revocations, &list).encode().unwrap());
    assert_eq!(site.check("cam-000", NEAR_MISS).state, State::Revoked, "{:?}", site.refusal());
}

#[test]
fn a_bundle_with_a_notice_that_does_not_verify_is_refused_whole() {
    let licence = forge::licence(2);
    let receipt = forge::receipt(&licence, 1, 0, LicenceStanding::Active);
    let mut site = Site::with(&licence);
    let bundle = forge::bundle(&licence, &receipt, site.boot);
    assert!(site.check("cam-000", NEAR_MISS).allowed);
    let list = |key| forge::revocations(key, 1, &[&licence]);
    let with = |bundle: &Bundle, token: &str| forge::with_notice(bundle, NoticeKind::Revocations, token);
    let sound = with(&bundle, &list(forge::LICENSE));
    for (bundle, code) in [
        (with(&bundle, &list(forge::RECEIPT)), Code::KeyUse),
        (with(&bundle, &list(forge::DEVICE)), Code::UnknownKid),
        (with(&bundle, "a.b.c"), Code::BadBase64),
        (with(&sound, &list(forge::LICENSE)), Code::BundleDamaged),
    ] {
        site.publish(&bundle.encode().unwrap());
        let decision = site.check("cam-000", NEAR_MISS);
        assert!(decision.allowed, "the last good one stays in force: {code} {decision:?}");
        assert_eq!(site.refusal(), Some(code));
    }
}

/// State after so many seconds, and whether an extension is what keeps it going.
fn stands(site: &mut Site, seconds: i64) -> (State, bool) {
    site.state_after(seconds);
    let decision = site.check("cam-000", NEAR_MISS);
    (decision.state, decision.flags.contains(Flags::EXTENDED))
}

const KIND: NoticeKind = NoticeKind::Extension;

#[test]
fn an_extension_keeps_a_licence_going_that_ends_by_exp_and_one_that_ends_by_silence() {
    // 30 days and 7 of grace; or 5 days without a word.
    let by_exp = forge::licence(2);
    let by_silence = LicenceClaims { offline_max: 5 * DAY.unsigned_abs(), ..forge::licence(2) };
    for (licence, ends) in [(&by_exp, 37 * DAY), (&by_silence, 12 * DAY + 1)] {
        let mut site = Site::with(licence);
        assert_eq!(stands(&mut site, ends - 1), (State::Grace, false));
        assert_eq!(stands(&mut site, ends), (State::Expired, false));
        let receipt = forge::receipt(licence, 1, 0, LicenceStanding::Active);
        let bundle = forge::bundle(licence, &receipt, site.boot);
        let token = forge::extension(forge::LICENSE, licence, 1, (ends, 14 * 24));
        site.publish(&forge::with_notice(&bundle, KIND, &token).encode().unwrap());
        assert_eq!(stands(&mut site, ends + 1), (State::Active, true));
        assert_eq!(stands(&mut site, ends + 14 * DAY - 1), (State::Active, true));
        assert_eq!(stands(&mut site, ends + 14 * DAY), (State::Expired, false), "no grace behind it");
    }
}

#[test]
fn with_a_frozen_clock_an_extension_runs_as_long_as_it_says_and_no_longer() {
    let licence = LicenceClaims { exp: at(3600), grace: 0, ..forge::licence(2) };
    let receipt = forge::receipt(&licence, 1, 0, LicenceStanding::Active);
    let mut site = Site::with(&licence);
    assert_eq!(site.state_with_frozen_clock(10), State::Active);
    assert_eq!(site.state_with_frozen_clock(10 + 3600), State::Expired);
    // Issued long after what this machine takes for now, and put in an hour later.
    let token = forge::extension(forge::LICENSE, &licence, 1, (20 * DAY, 20));
    let bundle = forge::bundle(&licence, &receipt, site.boot);
    site.publish(&forge::with_notice(&bundle, KIND, &token).encode().unwrap());
    let put_in = 10 + 7200;
    for (hours, expected) in [(0, State::Active), (19, State::Active), (20, State::Expired)] {
        assert_eq!(site.state_with_frozen_clock(put_in + hours * 3600), expected, "{hours} h later");
    }
}

#[test]
fn an_extension_that_a_gate_has_seen_is_not_taken_back_by_the_older_bundle() {
    let licence = forge::licence(2);
    let receipt = forge::receipt(&licence, 1, 0, LicenceStanding::Active);
    let mut site = Site::with(&licence);
    let bundle = forge::bundle(&licence, &receipt, site.boot);
    let with = |number, hours| {
        let token = forge::extension(forge::LICENSE, &licence, number, (38 * DAY, hours));
        forge::with_notice(&bundle, KIND, &token).encode().unwrap()
    };
    site.publish(&with(2, 48));
    assert_eq!(stands(&mut site, 39 * DAY), (State::Active, true));
    for older in [bundle.encode().unwrap(), with(1, 300)] {
        site.publish(&older);
        assert_eq!(stands(&mut site, 39 * DAY), (State::Active, true));
        assert_eq!(
            stands(&mut site, 40 * DAY - 1),
            (State::Active, true),
            "the newest counts, not the longest"
        );
    }
    assert_eq!(stands(&mut site, 40 * DAY), (State::Expired, false));
}

#[test]
fn a_later_licence_is_a_new_word_and_another_one_is_not_extended() {
    let licence = forge::licence(2);
    let token = forge::extension(forge::LICENSE, &licence, 1, (2 * DAY, 14 * 24));
    let later = LicenceClaims { seq: 2, iat: at(3 * DAY), exp: at(4 * DAY), grace: 0, ..licence.clone() };
    let receipt = forge::receipt(&later, 1, 0, LicenceStanding::Active);
    let mut site = Site::with(&licence);
    let bundle = forge::bundle(&later, &receipt, site.boot);
    site.publish(&forge::with_notice(&bundle, KIND, &token).encode().unwrap());
    assert_eq!(stands(&mut site, 4 * DAY), (State::Expired, false), "{:?}", site.refusal());
    let other = LicenceClaims { sub: "lic-2".parse().unwrap(), ..later.clone() };
    let token = forge::extension(forge::LICENSE, &other, 2, (3 * DAY, 14 * 24));
    site.publish(&forge::with_notice(&bundle, KIND, &token).encode().unwrap());
    assert_eq!(stands(&mut site, 4 * DAY), (State::Expired, false));
    assert_eq!(site.refusal(), Some(Code::WrongDevice));
}

#[test]
fn no_extension_outruns_a_revocation_that_has_arrived() {
    let licence = forge::licence(2);
    let token = forge::extension(forge::LICENSE, &licence, 1, (38 * DAY, 14 * 24));
    let list = forge::revocations(forge::LICENSE, 1, &[&licence]);
    for (standing, listed, expected) in [
        (LicenceStanding::Active, false, (State::Active, true)),
        (LicenceStanding::Active, true, (State::Revoked, true)),
        (LicenceStanding::Revoked, false, (State::Revoked, true)),
        (LicenceStanding::Suspended, false, (State::Suspended, true)),
    ] {
        let mut site = Site::with(&licence);
        let receipt = forge::receipt(&licence, 2, 0, standing);
        let mut bundle = forge::with_notice(&forge::bundle(&licence, &receipt, site.boot), KIND, &token);
        if listed {
            bundle = forge::with_notice(&bundle, NoticeKind::Revocations, &list);
        }
        site.publish(&bundle.encode().unwrap());
        assert_eq!(stands(&mut site, 39 * DAY), expected, "{standing:?} {listed}");
        assert_eq!(site.check("cam-000", NEAR_MISS).allowed, expected.0 == State::Active);
    }
}

#[test]
fn what_a_revoked_key_extended_does_not_go_on() {
    let licence = forge::licence(2);
    let next = LicenceClaims { seq: 2, jti: "tok-2".parse().unwrap(), ks: 2, ..licence.clone() };
    let receipt = forge::receipt(&licence, 1, 0, LicenceStanding::Active);
    let mut site = Site::with(&licence);
    let token = forge::extension(forge::LICENSE, &licence, 1, (38 * DAY, 14 * 24));
    let bundle = forge::bundle(&licence, &receipt, site.boot);
    site.publish(&forge::with_notice(&bundle, KIND, &token).encode().unwrap());
    assert_eq!(stands(&mut site, 39 * DAY), (State::Active, true));
    let manifests = vec![forge::manifest(), forge::next_manifest(KeyState::Revoked)];
    let next = forge::LICENSE_NEXT.document(brink_license::Typ::License, &next.to_json_bytes().unwrap());
    let bundle = Bundle { manifests, licence: next, presence: None, ..bundle };
    site.publish(&bundle.encode().unwrap());
    assert!(!site.check("cam-000", NEAR_MISS).allowed, "{:?}", site.refusal());
    assert!(!stands(&mut site, 39 * DAY).1);
}
