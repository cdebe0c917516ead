//! The gate: what a host is told, for every bundle that it may meet and every time it may be.

use brink_license::clock::{BootId, Reading, State};
use brink_license::keyset::{KeyState, TrustAnchor};
use brink_license::token::{Confirmation, Enforce, LicenceClaims, LicenceStanding};
use brink_license::{Code, Decision, Flags, Reason, Verdict};
use brink_store::{Bundle, BundleReader, Gate};
use brink_tests::forge::{self, DAY, DEVICE, LICENSE_NEXT, at};
use brink_tests::until;
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use tempfile::TempDir;

pub(crate) const NEAR_MISS: &str = "analytics/near_miss";

pub(crate) fn boot(number: u8) -> BootId {
    BootId::parse(&format!("00000000-0000-4000-8000-0000000000{number:02x}")).unwrap()
}

/// A device directory with a bundle in it, a reader on it, and a clock that the test moves.
pub(crate) struct Site {
    dir: TempDir,
    reader: BundleReader,
    pub(crate) boot: BootId,
    /// Seconds since [`forge::ISSUED`]; boottime follows, ten seconds after boot.
    clock: i64,
    published: u64,
}

impl Site {
    fn new() -> Site {
        let dir = tempfile::tempdir().unwrap();
        let reader = BundleReader::new(&dir.path().join("licence.bundle"), forge::anchor());
        Site { dir, reader, boot: boot(1), clock: 0, published: 0 }
    }

    pub(crate) fn with(licence: &LicenceClaims) -> Site {
        let mut site = Site::new();
        let receipt = forge::receipt(licence, 1, 0, LicenceStanding::Active);
        site.publish(&forge::bundle(licence, &receipt, site.boot).encode().unwrap());
        site
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("licence.bundle")
    }

    /// Replaces the file as the agent does.
    pub(crate) fn publish(&mut self, bytes: &[u8]) {
        self.published += 1;
        let temp = self.dir.path().join(format!("temp-{}", self.published));
        std::fs::write(&temp, bytes).unwrap();
        std::fs::rename(temp, self.path()).unwrap();
    }

    pub(crate) fn check(&mut self, camera: &str, feature: &str) -> Decision {
        let reading = Reading { wall: at(self.clock), boot: self.boot, boottime: 10 + self.clock.max(0) };
        let snapshot = self.reader.tick(&reading);
        snapshot.decide(camera, feature, snapshot.standing().now)
    }

    pub(crate) fn state_after(&mut self, seconds: i64) -> State {
        self.clock = seconds;
        self.check("cam-000", NEAR_MISS).state
    }

    /// The state with the wall clock at [`forge::ISSUED`] for ever, so many seconds after boot.
    pub(crate) fn state_with_frozen_clock(&mut self, boottime: i64) -> State {
        let reading = Reading { wall: at(0), boot: self.boot, boottime };
        self.reader.tick(&reading).standing().state
    }

    pub(crate) fn refusal(&self) -> Option<Code> {
        self.reader.refused().map(|error| error.code())
    }
}

#[test]
fn a_camera_gets_what_its_grant_names_and_the_refusal_says_what_is_missing() {
    let mut site = Site::with(&forge::licence(100));
    let cases = [
        ("cam-000", NEAR_MISS, Reason::Granted),
        ("cam-001", NEAR_MISS, Reason::FeatureNotGranted),
        ("cam-001", "analytics/counting", Reason::Granted),
        ("cam-098", "outputs/sms", Reason::Granted),
        ("cam-100", "analytics/counting", Reason::CameraNotLicensed),
        ("CAM-000", "analytics/counting", Reason::CameraNotLicensed),
        ("cam-000", "cv_models/boat_tanker", Reason::FeatureNotLicensed),
        ("cam-000", "", Reason::FeatureNotLicensed),
        ("", NEAR_MISS, Reason::CameraNotLicensed),
    ];
    for (camera, feature, reason) in cases {
        let decision = site.check(camera, feature);
        let verdict = if reason == Reason::Granted { Verdict::Allow } else { Verdict::Deny };
        assert_eq!((decision.reason, decision.verdict), (reason, verdict), "{camera} {feature}");
        assert_eq!(decision.allowed, verdict == Verdict::Allow);
        assert_eq!((decision.state, decision.flags), (State::Active, Flags::NONE));
        assert_eq!(decision.until, (verdict == Verdict::Allow).then(|| at(37 * DAY)));
    }
}

#[test]
fn before_any_bundle_nothing_is_licensed_and_the_first_is_taken_up() {
    let mut site = Site::new();
    let fresh = site.check("cam-000", NEAR_MISS);
    assert_eq!((fresh.reason, fresh.flags), (Reason::Unlicensed, Flags::NONE), "years after the build, too");
    assert_eq!(site.refusal(), Some(Code::BundleDamaged), "the status says that there is no file");
    let licence = forge::licence(2);
    let receipt = forge::receipt(&licence, 1, 0, LicenceStanding::Active);
    let bytes = forge::bundle(&licence, &receipt, site.boot).encode().unwrap();
    site.publish(&bytes);
    assert!(site.check("cam-000", NEAR_MISS).allowed);
    assert_eq!(site.refusal(), None);
}

#[test]
fn what_cannot_be_read_leaves_the_last_good_bundle_in_force_until_its_own_deadline() {
    let break_it: [fn(&mut Site); 5] = [
        |site| site.publish(b"garbage"),
        |site| site.publish(b""),
        |site| std::fs::remove_file(site.path()).unwrap(),
        |site| {
            std::fs::remove_file(site.path()).unwrap();
            std::fs::create_dir(site.path()).unwrap();
        },
        |site| {
            std::fs::remove_file(site.path()).unwrap();
            rustix::fs::mknodat(
                rustix::fs::CWD,
                site.path(),
                rustix::fs::FileType::Fifo,
                rustix::fs::Mode::from_raw_mode(0o644),
                0,
            )
            .unwrap();
        },
    ];
    for (number, break_it) in break_it.into_iter().enumerate() {
        let mut site = Site::with(&forge::licence(2));
        assert!(site.check("cam-000", NEAR_MISS).allowed);
        break_it(&mut site);
        let decision = site.check("cam-000", NEAR_MISS);
        assert!(decision.allowed && decision.flags.contains(Flags::BUNDLE_REFUSED), "case {number}");
        assert!(site.refusal().is_some(), "case {number}");
        assert_eq!(site.state_after(31 * DAY), State::Grace, "case {number}");
        assert_eq!(site.state_after(38 * DAY), State::Expired, "case {number}");
    }
}

#[test]
fn an_older_licence_never_replaces_a_newer_one_and_another_text_of_the_same_number_neither() {
    let newer = LicenceClaims { seq: 5, ..forge::licence(2) };
    let mut site = Site::with(&newer);
    assert!(site.check("cam-000", NEAR_MISS).allowed);
    for (seq, cameras) in [(4, 4), (5, 4)] {
        let other = LicenceClaims { seq, ..forge::licence(cameras) };
        let receipt = forge::receipt(&other, 2, 0, LicenceStanding::Active);
        let bytes = forge::bundle(&other, &receipt, site.boot).encode().unwrap();
        site.publish(&bytes);
        assert_eq!(site.check("cam-003", "analytics/counting").reason, Reason::CameraNotLicensed);
        assert_eq!(site.refusal(), Some(Code::Rollback));
    }
}

#[test]
fn a_device_that_started_over_is_taken_up_and_its_old_bundle_is_not_put_back() {
    let named = |dev: &str, cameras, iat: i64| LicenceClaims {
        dev: brink_license::DeviceId::parse(dev).unwrap(),
        iat: at(iat),
        ..forge::licence(cameras)
    };
    let old = LicenceClaims { seq: 5, ..named("dev-1", 2, 0) };
    let cnf = Confirmation { jkt: forge::DEVICE_NEXT.public().kid() };
    let new = LicenceClaims { cnf, ..named("dev-2", 4, 60) };
    let bytes = |licence: &LicenceClaims, number: u8| {
        let receipt = forge::receipt(licence, 1, 60, LicenceStanding::Active);
        forge::bundle(licence, &receipt, boot(number)).encode().unwrap()
    };
    let mut site = Site::with(&old);
    assert_eq!(site.check("cam-003", "analytics/counting").reason, Reason::CameraNotLicensed);
    site.publish(&bytes(&new, 2));
    assert_eq!(site.check("cam-003", "analytics/counting").reason, Reason::CameraNotLicensed);
    assert_eq!(site.refusal(), Some(Code::WrongDevice), "another device's bundle from another machine");
    let renamed = LicenceClaims { seq: 6, ..named("dev-2", 4, 60) };
    site.publish(&bytes(&renamed, 1));
    assert_eq!(site.check("cam-003", "analytics/counting").reason, Reason::CameraNotLicensed);
    assert_eq!(site.refusal(), Some(Code::WrongDevice), "a key has one name");
    site.publish(&bytes(&new, 1));
    assert!(site.check("cam-003", "analytics/counting").allowed, "its numbers begin again");
    site.publish(&bytes(&old, 1));
    assert!(site.check("cam-003", "analytics/counting").allowed);
    assert_eq!(site.refusal(), Some(Code::Rollback));
}

#[test]
fn a_receipt_can_suspend_and_revoke_and_only_a_later_licence_lifts_it() {
    for (standing, state) in
        [(LicenceStanding::Suspended, State::Suspended), (LicenceStanding::Revoked, State::Revoked)]
    {
        let licence = LicenceClaims { enforce: Enforce::Observe, ..forge::licence(2) };
        let mut site = Site::with(&licence);
        assert!(site.check("cam-000", NEAR_MISS).allowed);
        let receipt = forge::receipt(&licence, 2, 60, standing);
        let bytes = forge::bundle(&licence, &receipt, site.boot).encode().unwrap();
        site.publish(&bytes);
        let denied = site.check("cam-000", NEAR_MISS);
        assert_eq!((denied.state, denied.allowed), (state, false), "no profile softens it");
        let next = LicenceClaims { seq: 2, ..forge::licence(2) };
        let bytes = forge::bundle(&next, &receipt, site.boot).encode().unwrap();
        site.publish(&bytes);
        assert!(site.check("cam-000", NEAR_MISS).allowed, "a later licence is a new word");
    }
}

#[test]
fn a_revoked_key_takes_the_stored_licence_with_it_and_the_next_keys_licence_is_taken() {
    let licence = LicenceClaims { seq: 900, ..forge::licence(2) };
    let receipt = forge::receipt(&licence, 1, 0, LicenceStanding::Active);
    let mut site = Site::with(&licence);
    assert!(site.check("cam-000", NEAR_MISS).allowed);
    let manifests = vec![forge::manifest(), forge::next_manifest(KeyState::Revoked)];
    let bundle = Bundle { manifests: manifests.clone(), ..forge::bundle(&licence, &receipt, site.boot) };
    site.publish(&bundle.encode().unwrap());
    let decision = site.check("cam-000", NEAR_MISS);
    assert_eq!((decision.state, decision.reason), (State::Revoked, Reason::KeyCompromise));
    assert_eq!(site.refusal(), Some(Code::KeyRevoked));

    let next = LicenceClaims { seq: 2, ks: 2, ..forge::licence(2) };
    let token = LICENSE_NEXT.document(brink_license::Typ::License, &next.to_json_bytes().unwrap());
    let presence = forge::presence_token(&next, site.boot);
    let bundle = Bundle { manifests, licence: token, presence: Some(presence), ..bundle };
    site.publish(&bundle.encode().unwrap());
    assert!(site.check("cam-000", NEAR_MISS).allowed, "the number that the lost key set does not count");
}

#[test]
fn a_retired_key_still_verifies_what_it_signed() {
    let licence = forge::licence(2);
    let receipt = forge::receipt(&licence, 1, 0, LicenceStanding::Active);
    let mut site = Site::new();
    let manifests = vec![forge::manifest(), forge::next_manifest(KeyState::Retired)];
    let bundle = Bundle { manifests, ..forge::bundle(&licence, &receipt, site.boot) };
    site.publish(&bundle.encode().unwrap());
    assert!(site.check("cam-000", NEAR_MISS).allowed);
}

#[test]
fn another_machine_is_unattested_and_after_a_week_unlicensed() {
    let mut site = Site::with(&forge::licence(2));
    site.boot = boot(2);
    let decision = site.check("cam-000", NEAR_MISS);
    assert!(decision.allowed && decision.flags.contains(Flags::UNATTESTED));
    site.clock = 7 * DAY + 1;
    let decision = site.check("cam-000", NEAR_MISS);
    assert_eq!((decision.state, decision.reason), (State::Unlicensed, Reason::Unattested));
}

#[test]
fn a_presence_for_another_licence_or_by_another_key_is_refused() {
    let licence = forge::licence(2);
    let receipt = forge::receipt(&licence, 1, 0, LicenceStanding::Active);
    let good = forge::bundle(&licence, &receipt, boot(1));
    let other =
        LicenceClaims { seq: 2, jti: brink_license::TokenId::parse("tok-2").unwrap(), ..licence.clone() };
    let wrong_licence = Bundle { presence: Some(forge::presence_token(&other, boot(1))), ..good.clone() };
    let by_other = forge::LICENSE.document(brink_license::Typ::Presence, b"{}");
    let wrong_key = Bundle { presence: Some(by_other), ..good.clone() };
    let wrong_device = Bundle { device_key: *forge::ROOT.public().as_bytes(), ..good };
    for (bundle, code) in
        [(wrong_licence, Code::WrongDevice), (wrong_key, Code::UnknownKid), (wrong_device, Code::WrongDevice)]
    {
        assert_eq!(bundle.verify(&forge::anchor()).unwrap_err().code(), code);
    }
}

#[test]
fn deadlines_are_kept_without_a_new_bundle_and_without_a_tick() {
    let mut site = Site::with(&forge::licence(2));
    assert_eq!(
        site.state_after(-301),
        State::Active,
        "the floor of the documents counts, not the slow clock"
    );
    assert_eq!(site.state_after(29 * DAY), State::Active);
    assert_eq!(site.state_after(30 * DAY), State::Grace);
    assert_eq!(site.state_after(37 * DAY - 1), State::Grace);
    assert_eq!(site.state_after(37 * DAY), State::Expired);

    let mut site = Site::with(&forge::licence(2));
    let reading = Reading { wall: at(0), boot: site.boot, boottime: 10 };
    let snapshot = site.reader.tick(&reading);
    let later = snapshot.decide("cam-000", NEAR_MISS, at(37 * DAY));
    assert_eq!(
        (later.state, later.allowed),
        (State::Expired, false),
        "a snapshot cannot outlive its licence"
    );
    let grace = snapshot.decide("cam-000", NEAR_MISS, at(30 * DAY));
    assert!(grace.allowed && grace.flags.contains(Flags::GRACE));
}

#[test]
fn a_licence_that_has_not_begun_says_when_it_begins() {
    let mut site = Site::with(&LicenceClaims { nbf: at(DAY), ..forge::licence(2) });
    let decision = site.check("cam-000", NEAR_MISS);
    assert_eq!((decision.reason, decision.until), (Reason::NotYetValid, Some(at(DAY - 300))));
    assert_eq!(site.state_after(DAY), State::Active);
}

#[test]
fn the_profile_decides_what_a_host_does_with_no() {
    for (enforce, allowed, flag) in [
        (Enforce::Observe, true, Flags::NONE),
        (Enforce::Warn, true, Flags::WARNED),
        (Enforce::Degrade, false, Flags::KEEP_RUNNING),
        (Enforce::Deny, false, Flags::NONE),
    ] {
        let mut site = Site::with(&LicenceClaims { enforce, ..forge::licence(2) });
        let decision = site.check("cam-001", NEAR_MISS);
        assert_eq!((decision.verdict, decision.allowed, decision.flags), (Verdict::Deny, allowed, flag));
        assert_eq!(site.state_after(40 * DAY), State::Expired);
        assert_eq!(site.check("cam-000", NEAR_MISS).allowed, allowed, "expiry follows the profile too");
    }
}

#[test]
fn a_grant_may_end_before_its_licence() {
    let mut licence = forge::licence(2);
    licence.grants[0].until = Some(at(DAY));
    let mut site = Site::with(&licence);
    assert_eq!(site.check("cam-000", NEAR_MISS).until, Some(at(DAY)));
    site.clock = DAY;
    assert_eq!(site.check("cam-000", NEAR_MISS).reason, Reason::GrantEnded);
    assert!(site.check("cam-001", "analytics/counting").allowed);
}

#[test]
fn an_expired_manifest_never_stops_a_stored_licence() {
    let licence = LicenceClaims { exp: at(399 * DAY), offline_max: 180 * 86_400, ..forge::licence(2) };
    let mut site = Site::with(&licence);
    assert!(site.check("cam-000", NEAR_MISS).allowed);
    let late = forge::receipt(&licence, 2, 398 * DAY, LicenceStanding::Active);
    let bundle = forge::bundle(&licence, &late, site.boot);
    site.publish(&bundle.encode().unwrap());
    site.state_after(398 * DAY);
    site.clock = 400 * DAY + 1;
    let decision = site.check("cam-000", NEAR_MISS);
    assert!(decision.allowed && decision.flags.contains(Flags::KEYSET_EXPIRED));
}

#[test]
fn hosts_that_pin_other_roots_or_another_issuer_believe_nothing() {
    let licence = forge::licence(2);
    let receipt = forge::receipt(&licence, 1, 0, LicenceStanding::Active);
    let bundle = forge::bundle(&licence, &receipt, boot(1));
    let pin = |issuer: &str, root: forge::Key| {
        TrustAnchor::new(brink_license::IssuerName::parse(issuer).unwrap(), 1, vec![root.public().kid()])
            .unwrap()
    };
    let code = |anchor: &TrustAnchor| bundle.verify(anchor).unwrap_err().code();
    assert_eq!(code(&pin("dev-forge", DEVICE)), Code::ManifestThreshold);
    assert_eq!(code(&pin("dev-other", forge::ROOT)), Code::WrongIssuer);
}

#[test]
fn every_flipped_bit_is_refused_or_changes_nothing_that_is_signed() {
    let licence = forge::licence(2);
    let receipt = forge::receipt(&licence, 1, 0, LicenceStanding::Active);
    let good = forge::bundle(&licence, &receipt, boot(1)).encode().unwrap();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        assert!(Bundle::decode(&bytes).is_err(), "the checksum sees byte {at}");
        // A forger mends the checksum; the signatures still hold.
        let content = bytes.len() - 32;
        let digest = Sha256::digest(&bytes[..content]);
        bytes[content..].copy_from_slice(&digest);
        if let Ok(verified) = Bundle::decode(&bytes).and_then(|bundle| bundle.verify(&forge::anchor())) {
            assert_eq!(verified.licence().claims(), &licence, "byte {at}");
            assert!(verified.receipt().is_none_or(|found| *found.claims() == receipt), "byte {at}");
        }
    }
}

#[test]
fn a_gate_in_a_process_takes_up_the_first_bundle_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("licence.bundle");
    let gate = Gate::open(&path, forge::anchor()).unwrap();
    assert_eq!(gate.check("cam-000", NEAR_MISS).reason, Reason::Unlicensed);
    let licence = forge::licence(2);
    let receipt = forge::receipt(&licence, 1, 0, LicenceStanding::Active);
    let bytes = forge::bundle(&licence, &receipt, brink_store::machine::boot_id().unwrap()).encode().unwrap();
    let temp = dir.path().join("temp");
    std::fs::write(&temp, bytes).unwrap();
    std::fs::rename(temp, &path).unwrap();
    // What it then says depends on the day that this runs; that a licence is in force does not.
    until("the gate takes up its first bundle", || gate.status().unwrap().bundle().is_some());
    assert_ne!(gate.check("cam-000", NEAR_MISS).state, State::Unlicensed);
}
