use super::opening::create;
use super::*;
use crate::exchange::test_issuer::{Asked, DAY, Parts, TestIssuer, TestKey, at};
use brink_license::exchange::{ACTIVATE_PATH, EXCHANGE_PATH, ExchangeRequest, RequestBody};
use brink_license::keyset::KeyState;
use brink_license::{DeviceId, Flags, TenantId, TokenId};
use brink_store::{Bundle, DocumentsHealth, Layout, WriterLock};
use tempfile::TempDir;

const BOOT: &str = "0a1b2c3d-0000-4000-8000-00000000ff01";
const NEXT_BOOT: &str = "0a1b2c3d-0000-4000-8000-00000000ff02";

/// A device directory and the issuer that answers it.
struct Scene {
    dir: TempDir,
    issuer: TestIssuer,
}

fn reading() -> Reading {
    reading_in(BOOT)
}

fn reading_in(boot: &str) -> Reading {
    Reading { wall: at(60), boot: BootId::parse(boot).unwrap(), boottime: 100 }
}

impl Scene {
    fn new() -> Self {
        let scene = Self { dir: tempfile::tempdir().unwrap(), issuer: TestIssuer::new(1) };
        let trust = scene.issuer.anchor().to_json().unwrap();
        scene.layout().init(trust.as_bytes()).unwrap();
        scene
    }

    fn activated() -> (Self, Device) {
        let mut scene = Self::new();
        let mut device = Device::open_or_create(&scene.layout()).unwrap();
        let request = device.begin_activation("code-1", &reading()).unwrap();
        scene.issuer.seq = 1;
        let (_, answer) = scene.answer(&request, |_| {});
        device.complete(&answer, &reading()).unwrap();
        (scene, device)
    }

    fn layout(&self) -> Layout {
        Layout::new(self.dir.path().join("edge"))
    }

    /// The issuer's answer to a request, after `change` had its way with what is signed.
    fn answer(&mut self, request: &Outgoing, change: impl FnOnce(&mut Parts)) -> (RequestBody, Vec<u8>) {
        let (asked, body, key) = self.issuer.read(&request.bytes, request.path);
        let mut parts = self.issuer.parts(&asked, key.kid());
        change(&mut parts);
        (body, self.issuer.signed(&parts))
    }

    /// One whole exchange that brings a new licence.
    fn exchange(&mut self, device: &mut Device) -> Outcome {
        self.issuer.seq += 1;
        let request = device.begin_exchange(Vec::new(), &reading()).unwrap();
        let (_, answer) = self.answer(&request, |_| {});
        device.complete(&answer, &reading()).unwrap()
    }

    fn published_seq(&self) -> u64 {
        let bytes = std::fs::read(self.layout().bundle()).unwrap();
        let bundle = Bundle::decode(&bytes).unwrap().verify(&self.issuer.anchor()).unwrap();
        bundle.licence().claims().seq
    }
}

#[test]
fn a_device_is_activated_named_and_renewed() {
    let mut scene = Scene::new();
    let mut device = Device::open_or_create(&scene.layout()).unwrap();
    let request = device.begin_activation("code-1", &reading()).unwrap();
    assert_eq!((request.path, request.resent), (ACTIVATE_PATH, false));
    scene.issuer.seq = 1;
    let (body, answer) = scene.answer(&request, |_| {});
    assert_eq!(body.kind, activate("code-1"));
    assert_eq!((body.report.licence_seq, body.report.keyset_version), (0, 0));
    let outcome = device.complete(&answer, &reading()).unwrap();
    assert!(outcome.new_licence);
    assert_eq!(outcome.next_exchange_after, at(360));
    assert_eq!(device.held().identity.as_ref().unwrap().tenant.as_str(), "tenant-123");
    assert_eq!(scene.published_seq(), 1);

    let request = device.begin_exchange(vec!["clock_back".into()], &reading()).unwrap();
    assert_eq!(request.path, EXCHANGE_PATH);
    let sent = ExchangeRequest::decode(&request.bytes).unwrap();
    assert!(sent.mac_is_of(&device.held().ratchet.as_ref().unwrap().0));
    let (body, answer) = scene.answer(&request, |_| {});
    assert_eq!((body.report.licence_seq, body.report.keyset_version, body.report.receipt_seq), (1, 1, 1));
    assert_eq!((body.report.boot_id.as_str(), body.report.clock_flags.len()), (BOOT, 1));
    assert!(body.last_receipt.is_some());
    assert!(!device.complete(&answer, &reading()).unwrap().new_licence, "nothing was newer");
    assert_eq!(scene.exchange(&mut device).licence.unwrap().claims().seq, 2);
    assert_eq!(scene.published_seq(), 2);
}

#[test]
fn the_same_request_is_sent_until_it_is_answered_across_restarts() {
    let mut scene = Scene::new();
    let mut device = Device::open_or_create(&scene.layout()).unwrap();
    let first = device.begin_activation("code-1", &reading()).unwrap();
    drop(device);
    let mut device = Device::open(&scene.layout()).unwrap();
    let again = device.begin_activation("code-1", &reading_in(NEXT_BOOT)).unwrap();
    assert_eq!((again.resent, &again.bytes), (true, &first.bytes));
    let other = device.begin_activation("code-2", &reading()).unwrap();
    assert!(!other.resent && other.bytes != first.bytes);
    scene.issuer.seq = 1;
    let (_, late) = scene.answer(&first, |_| {});
    assert_eq!(device.complete(&late, &reading()).unwrap_err().code(), "WRONG_NONCE");
    let (_, answer) = scene.answer(&other, |_| {});
    device.complete(&answer, &reading()).unwrap();
    let request = device.begin_exchange(Vec::new(), &reading()).unwrap();
    drop(device);
    let mut device = Device::open(&scene.layout()).unwrap();
    let again = device.begin_exchange(vec!["clock_back".into()], &reading()).unwrap();
    assert_eq!((again.resent, &again.bytes), (true, &request.bytes));
    let (_, answer) = scene.answer(&again, |_| {});
    device.complete(&answer, &reading()).unwrap();
    assert_eq!(device.complete(&answer, &reading()).unwrap_err().code(), "WRONG_NONCE", "answered once");
    assert_eq!(device.begin_activation("code-1", &reading()).unwrap_err().code(), "ALREADY_ACTIVATED");
}

type Change = fn(&mut Parts);

/// What an answer is made to say, the code that refuses it, and whether it was the issuer's answer all the same.
type Defect = (&'static str, Change, &'static str, bool);

const DEFECTS: [Defect; 16] = [
    ("nonce of another request", |p| p.receipt.nonce[0] ^= 1, "WRONG_NONCE", false),
    ("counter of another request", |p| p.receipt.ctr += 1, "WRONG_NONCE", false),
    ("receipt of another device", |p| p.receipt.dev = DeviceId::parse("x").unwrap(), "WRONG_DEVICE", false),
    ("receipt of another epoch", |p| p.receipt.epoch += 1, "WRONG_DEVICE", false),
    (
        "receipt of another tenant",
        |p| p.receipt.tenant = TenantId::parse("x").unwrap(),
        "WRONG_DEVICE",
        false,
    ),
    ("receipt for somebody else", |p| p.receipt.aud = "x".into(), "WRONG_AUDIENCE", false),
    ("receipt older than the last", |p| p.receipt.seq = 1, "ROLLBACK", false),
    ("another ratchet", |p| p.response.next_ratchet[0] ^= 1, "WRONG_RATCHET", true),
    (
        "licence of another key",
        |p| licence(p).cnf.jkt = TestKey::new([8, 8]).public().kid(),
        "WRONG_DEVICE",
        true,
    ),
    (
        "licence of another tenant",
        |p| licence(p).tenant = TenantId::parse("x").unwrap(),
        "WRONG_DEVICE",
        true,
    ),
    ("licence of another device", |p| licence(p).dev = DeviceId::parse("x").unwrap(), "WRONG_DEVICE", true),
    ("licence older than the one held", |p| both(p, 1), "ROLLBACK", true),
    ("licence far ahead", |p| both(p, 3 + (1 << 20)), "SEQ_JUMP", true),
    ("licence for a newer keyset", |p| licence(p).ks = 9, "KEYSET_TOO_OLD", true),
    (
        "another licence than the receipt says",
        |p| p.receipt.lic.jti = TokenId::parse("x").unwrap(),
        "BAD_CLAIMS",
        true,
    ),
    (
        "receipt that forgets the licence held",
        |p| (p.licence, p.receipt.lic.seq) = (None, 1),
        "ROLLBACK",
        true,
    ),
];

fn licence(parts: &mut Parts) -> &mut LicenceClaims {
    parts.licence.as_mut().unwrap()
}

fn both(parts: &mut Parts, seq: u64) {
    licence(parts).seq = seq;
    parts.receipt.lic.seq = seq;
}

#[test]
fn a_refused_answer_leaves_everything_in_force_and_is_remembered() {
    let (mut scene, mut device) = Scene::activated();
    scene.exchange(&mut device);
    for (what, change, code, answered) in DEFECTS {
        let before =
            (device.store().documents().cloned(), device.held().marks, device.held().ratchet.clone());
        let mut issuer = scene.issuer.clone();
        issuer.seq += 1;
        let mut other = Scene { dir: tempfile::tempdir().unwrap(), issuer };
        let request = device.begin_exchange(Vec::new(), &reading()).unwrap();
        let (_, answer) = other.answer(&request, change);
        let refused = device.complete(&answer, &reading()).unwrap_err();
        assert!(refused.is_refusal());
        assert_eq!(refused.code(), code, "{what}: {refused}");
        let after = (device.store().documents().cloned(), device.held().marks, device.held().ratchet.clone());
        assert_eq!(after, before, "{what}");
        assert_eq!(device.held().pending.is_none(), answered, "{what}");
        assert_eq!(device.held().refusals[0].code, code);
        assert_eq!(device.log().last().unwrap().verdict, code);
        assert_eq!(scene.published_seq(), 2);
    }
    scene.exchange(&mut device);
    assert_eq!(scene.published_seq(), 3, "and the next honest answer is taken");
    assert!(device.held().refusals.is_empty(), "which ends what was wrong before");
    let log = device.log();
    for (what, _, code, _) in DEFECTS {
        assert!(log.iter().any(|entry| entry.verdict == code), "{what}: the log keeps it");
    }
}

#[test]
fn bytes_that_are_no_answer_and_signatures_of_the_wrong_key_are_refused() {
    let (mut scene, mut device) = Scene::activated();
    let request = device.begin_exchange(Vec::new(), &reading()).unwrap();
    let (_, good) = scene.answer(&request, |_| {});
    let mut swapped = scene.issuer.clone();
    std::mem::swap(&mut swapped.license, &mut swapped.receipt);
    let (asked, _, key) = scene.issuer.read(&request.bytes, request.path);
    let parts = swapped.parts(&asked, key.kid());
    let mut longer = good.clone();
    longer.push(0);
    let cases = [
        (Vec::new(), "MALFORMED"),
        (b"garbage".to_vec(), "MALFORMED"),
        (longer, "MALFORMED"),
        (good[..good.len() - 1].to_vec(), "MALFORMED"),
        (swapped.signed(&parts), "KEY_USE"),
        (TestIssuer::new(2).signed(&parts), "UNKNOWN_KID"),
    ];
    for (bytes, code) in cases {
        assert_eq!(device.complete(&bytes, &reading()).unwrap_err().code(), code);
        assert!(device.held().pending.is_some());
    }
    device.complete(&good, &reading()).unwrap();
}

#[test]
fn an_activation_without_a_licence_or_for_another_key_is_refused() {
    let mut scene = Scene::new();
    let mut device = Device::open_or_create(&scene.layout()).unwrap();
    scene.issuer.seq = 1;
    let defects: [(Change, &str); 3] = [
        (|p| p.licence = None, "BAD_CLAIMS"),
        (|p| licence(p).cnf.jkt = TestKey::new([8, 8]).public().kid(), "WRONG_DEVICE"),
        (|p| licence(p).epoch = 2, "WRONG_DEVICE"),
    ];
    for (change, code) in defects {
        let request = device.begin_activation("code-1", &reading()).unwrap();
        let (_, answer) = scene.answer(&request, change);
        assert_eq!(device.complete(&answer, &reading()).unwrap_err().code(), code);
        assert_eq!(device.held().identity, None);
        assert!(!scene.layout().bundle().exists());
    }
    assert_eq!(device.begin_exchange(Vec::new(), &reading()).unwrap_err().code(), "NOT_ACTIVATED");
    let request = device.begin_activation("code-1", &reading()).unwrap();
    let (_, answer) = scene.answer(&request, |_| {});
    device.complete(&answer, &reading()).unwrap();
}

#[test]
fn keysets_are_walked_and_an_expired_one_takes_nothing_new() {
    let (mut scene, mut device) = Scene::activated();
    for _ in 0..3 {
        scene.issuer.rotate(KeyState::Retired);
    }
    assert_eq!(scene.exchange(&mut device).keyset_version, 4);

    scene.issuer.renew(at(30));
    scene.issuer.seq += 1;
    let request = device.begin_exchange(Vec::new(), &reading()).unwrap();
    let (_, answer) = scene.answer(&request, |_| {});
    assert_eq!(device.complete(&answer, &reading()).unwrap_err().code(), "MANIFEST_EXPIRED");
    assert_eq!(device.store().keyset().unwrap().version(), 4);
    assert_eq!(scene.published_seq(), 2, "what was accepted stays in force");

    scene.issuer.renew(at(400 * DAY));
    let skipping = |parts: &mut Parts| drop(parts.response.manifests.remove(0));
    let request = device.begin_exchange(Vec::new(), &reading()).unwrap();
    assert!(!request.resent, "the refused answer was the issuer's own, so this is a new request");
    let (_, answer) = scene.answer(&request, skipping);
    assert_eq!(device.complete(&answer, &reading()).unwrap_err().code(), "MANIFEST_VERSION");
    assert_eq!(scene.exchange(&mut device).keyset_version, 6);
}

#[test]
fn a_keyset_that_has_expired_by_the_receipts_time_takes_nothing_new_on_a_device_whose_clock_is_behind() {
    let (mut scene, mut device) = Scene::activated();
    scene.issuer.renew(at(200));
    scene.issuer.seq += 1;
    for (server_time, code) in [(200, Some("MANIFEST_EXPIRED")), (199, None)] {
        let request = device.begin_exchange(Vec::new(), &reading()).unwrap();
        let (_, answer) = scene.answer(&request, |parts| parts.receipt.server_time = at(server_time));
        assert_eq!(
            device.complete(&answer, &reading()).err().map(|error| error.code()),
            code,
            "{server_time}"
        );
    }
    assert_eq!(scene.published_seq(), 2);
}

#[test]
fn after_a_key_compromise_a_lower_number_of_the_new_key_is_taken() {
    let (mut scene, mut device) = Scene::activated();
    scene.issuer.seq = 1_000_000;
    scene.exchange(&mut device);
    scene.issuer.seq = 1;
    scene.issuer.rotate(KeyState::Revoked);
    let request = device.begin_exchange(Vec::new(), &reading()).unwrap();
    let (_, answer) = scene.answer(&request, |_| {});
    let outcome = device.complete(&answer, &reading()).unwrap();
    assert!(outcome.licence.is_none(), "the issuer sent no licence, and the one held lost its key");
    let request = device.begin_exchange(Vec::new(), &reading()).unwrap();
    let (body, answer) = scene.answer(&request, |_| {});
    assert_eq!(body.report.licence_seq, 0);
    assert_eq!(device.complete(&answer, &reading()).unwrap().licence.unwrap().claims().seq, 1);
    assert_eq!(scene.published_seq(), 1);
}

#[test]
fn lost_documents_are_asked_for_again() {
    let (mut scene, mut device) = Scene::activated();
    scene.issuer.rotate(KeyState::Retired);
    scene.exchange(&mut device);
    let stale = device.begin_exchange(Vec::new(), &reading()).unwrap();
    drop(device);
    std::fs::remove_dir_all(scene.layout().vault()).unwrap();
    std::fs::remove_file(scene.layout().bundle()).unwrap();
    let mut device = Device::open(&scene.layout()).unwrap();
    assert_eq!(device.store().health().documents, DocumentsHealth::Lost);
    assert_eq!(device.held().marks.licence.unwrap().seq, 2);
    let (_, answer) = scene.answer(&stale, |_| {});
    assert_eq!(device.complete(&answer, &reading()).unwrap_err().code(), "KEYSET_TOO_OLD");
    let request = device.begin_exchange(Vec::new(), &reading()).unwrap();
    assert!(!request.resent, "the old request reported documents that are gone");
    let (body, answer) = scene.answer(&request, |_| {});
    assert_eq!((body.report.licence_seq, body.report.keyset_version), (0, 0));
    device.complete(&answer, &reading()).unwrap();
    assert_eq!(scene.published_seq(), 2);
    assert_eq!(device.store().health().documents, DocumentsHealth::Current);
}

#[test]
fn presence_is_stated_once_per_boot_and_licence() {
    let (mut scene, mut device) = Scene::activated();
    assert!(!device.refresh_presence(&reading()).unwrap(), "the acceptance stated it");
    assert!(device.refresh_presence(&reading_in(NEXT_BOOT)).unwrap());
    assert!(!device.refresh_presence(&reading_in(NEXT_BOOT)).unwrap());
    scene.exchange(&mut device);
    let presence = device.store().presence().unwrap();
    assert_eq!(presence.claims().jti.as_str(), "tok-2");
    let bytes = std::fs::read(scene.layout().bundle()).unwrap();
    let bundle = Bundle::decode(&bytes).unwrap().verify(&scene.issuer.anchor()).unwrap();
    assert_eq!(bundle.presence().unwrap().claims().boot_id, BOOT);
}

#[test]
fn the_issuers_no_is_remembered_and_ends_the_request() {
    let (_scene, mut device) = Scene::activated();
    let first = device.begin_exchange(Vec::new(), &reading()).unwrap();
    device.refused_by_issuer("DEVICE_UNKNOWN", "no such device", &reading()).unwrap();
    assert_eq!(device.held().refusals[0].code, "DEVICE_UNKNOWN");
    let second = device.begin_exchange(Vec::new(), &reading()).unwrap();
    assert!(!second.resent && second.bytes != first.bytes);
    assert_eq!(device.held().ctr, 3, "counters are never used twice");
}

#[test]
fn a_device_without_a_clock_is_activated_and_learns_the_time() {
    let mut scene = Scene::new();
    let mut device = Device::open_or_create(&scene.layout()).unwrap();
    let unset = Reading { wall: UnixSeconds::new(0), ..reading() };
    let request = device.begin_activation("code-1", &unset).unwrap();
    scene.issuer.seq = 1;
    let (_, answer) = scene.answer(&request, |_| {});
    device.complete(&answer, &unset).unwrap();
    assert!(device.guarded(&unset).now >= at(0));
}

#[test]
fn a_second_device_in_the_same_directory_is_refused_and_an_empty_one_is_named() {
    let (scene, device) = Scene::activated();
    assert_eq!(Device::open(&scene.layout()).unwrap_err().code(), "STORE_LOCKED");
    drop(device);
    Device::open(&scene.layout()).unwrap();
    let empty = Scene::new();
    assert_eq!(Device::open(&empty.layout()).unwrap_err().code(), "NOT_ACTIVATED");
    let absent = Layout::new(empty.dir.path().join("absent"));
    assert_eq!(Device::open(&absent).unwrap_err().code(), "NOT_ACTIVATED");
    let untrusted = tempfile::tempdir().unwrap();
    let refused = Device::open_or_create(&Layout::new(untrusted.path())).unwrap_err();
    assert_eq!(refused.code(), "TRUST_MISSING");
    assert!(!untrusted.path().join("device.key.new").exists(), "nothing is made without roots");
}

#[test]
fn a_first_activation_interrupted_anywhere_can_be_repeated() {
    // After the key: nobody knows of it yet.
    let scene = Scene::new();
    DeviceKey::create(scene.layout().device_key_new()).unwrap();
    drop(Device::open_or_create(&scene.layout()).unwrap());
    // After the state: the key only lacks its name.
    let scene = Scene::new();
    let lock = WriterLock::acquire(&scene.layout()).unwrap();
    create(&lock, &[]).unwrap();
    drop(lock);
    let device = Device::open_or_create(&scene.layout()).unwrap();
    assert_eq!(device.held().jkt, device.public_key().kid());
}

#[test]
fn half_a_device_is_named_and_a_person_may_start_over() {
    for lost in ["state.db", "device.key"] {
        let (mut scene, device) = Scene::activated();
        let old_key = device.public_key().kid();
        drop(device);
        std::fs::remove_file(scene.layout().dir().join(lost)).unwrap();
        let refused = Device::open_or_create(&scene.layout()).unwrap_err();
        assert!(["STATE_LOST", "KEY_LOST"].contains(&refused.code()), "{refused}");
        assert!(refused.to_string().contains("not") || refused.to_string().contains("no new install"));
        let mut device = Device::start_over(&scene.layout()).unwrap();
        assert_ne!(device.public_key().kid(), old_key, "a re-activation makes a new key");
        assert_eq!(scene.published_seq(), 1, "hosts go on until the new activation is answered");
        let request = device.begin_activation("code-2", &reading()).unwrap();
        scene.issuer.epoch = 2;
        scene.issuer.seq = 5;
        let (_, answer) = scene.answer(&request, |_| {});
        device.complete(&answer, &reading()).unwrap();
        assert_eq!(device.held().identity.as_ref().unwrap().epoch, 2);
        assert_eq!(scene.published_seq(), 5);
    }
}

#[test]
fn an_answer_that_nobody_asked_for_is_refused_as_such() {
    let (mut scene, mut device) = Scene::activated();
    let asked = Asked { nonce: [0; 32], ctr: 0, licence_seq: 0, keyset_version: 0 };
    let parts = scene.issuer.parts(&asked, device.public_key().kid());
    let unasked = scene.issuer.signed(&parts);
    for pending in [false, true] {
        if pending {
            device.begin_exchange(Vec::new(), &reading()).unwrap();
        }
        assert_eq!(device.complete(&unasked, &reading()).unwrap_err().code(), "WRONG_NONCE");
        assert_eq!(device.held().pending.is_some(), pending);
    }
    assert_eq!(device.held().refusals.len(), 2);
}

/// So many hours after [`reading`], with the wall clock ahead by so many days.
fn hours_later(hours: i64, ahead: i64) -> Reading {
    let Reading { wall, boot, boottime } = reading();
    Reading { wall: wall.saturating_add(hours * 3600 + ahead * DAY), boot, boottime: boottime + hours * 3600 }
}

/// The issuer's answer to a challenge, as it reads it.
fn clock_answer(scene: &Scene, challenge: &[u8], server_time: i64) -> String {
    let request = ExchangeRequest::decode(challenge).unwrap();
    let key = brink_license::PublicKey::from_bytes(&request.device_key).unwrap();
    let licence = scene.issuer.licence_claims(key.kid());
    let asked = request.verify_proof(&key, &licence.iss, brink_license::exchange::CLOCK_RESET_PATH).unwrap();
    let claims = brink_license::token::ClockResetClaims {
        ver: CLAIMS_VERSION,
        iss: licence.iss,
        aud: licence.aud,
        tenant: licence.tenant,
        dev: asked.claims().dev.clone(),
        epoch: asked.claims().epoch,
        jkt: key.kid(),
        nonce: asked.claims().nonce,
        iat: at(server_time),
        server_time: at(server_time),
    };
    scene.issuer.receipt.document(Typ::ClockReset, &claims.to_json_bytes().unwrap())
}

#[test]
fn a_clock_that_was_believed_ten_years_ahead_and_one_that_was_held_back_are_recovered_by_a_reset() {
    let (scene, mut device) = Scene::activated();
    for hour in 0..30 {
        device.guarded(&hours_later(hour, 3650));
    }
    for hour in 30..60 {
        device.guarded(&hours_later(hour, 0));
    }
    let locked = device.guarded(&hours_later(60, 0));
    assert!(locked.tampered && locked.now > at(3650 * DAY), "{locked:?}");
    let challenge = device.clock_challenge(&hours_later(60, 0)).unwrap();
    assert_eq!((challenge.wall, challenge.now), (hours_later(60, 0).wall, locked.now));
    let body = RequestBody::decode(&ExchangeRequest::decode(&challenge.bytes).unwrap().body).unwrap();
    assert_eq!(body.report.clock_flags, ["clock_back", "clock_tampered"]);
    assert_eq!(device.store().held().ctr, 1, "a challenge takes no number of an exchange");
    let answer = clock_answer(&scene, &challenge.bytes, 61 * 3600);
    let taken = device.accept_document(&answer, &hours_later(64, 0)).unwrap();
    let Taken::ClockReset { clock, .. } = taken else { panic!("{taken:?}") };
    assert_eq!((clock.now, clock.flags, clock.tampered), (hours_later(64, 0).wall, Flags::NONE, false));
    assert!(clock.ran >= 60 * 3600, "{clock:?}");
    let again = device.accept_document(&answer, &hours_later(65, 0)).unwrap_err();
    assert_eq!(again.code(), "WRONG_NONCE");
    assert_eq!(device.store().held().refusals[0].code, "WRONG_NONCE");
    drop(device);
    let mut device = Device::open(&scene.layout()).unwrap();
    assert_eq!(device.guarded(&hours_later(70, 0)).now, hours_later(70, 0).wall);
    for hour in 70..100 {
        device.guarded(&hours_later(hour, 3650));
    }
    let challenge = device.clock_challenge(&hours_later(100, 0)).unwrap();
    let answer = clock_answer(&scene, &challenge.bytes, 100 * 3600);
    device.accept_document(&answer, &hours_later(101, 0)).unwrap();
    assert_eq!(device.guarded(&hours_later(101, 0)).now, hours_later(101, 0).wall, "a second one, too");
    let replaced = device.clock_challenge(&hours_later(102, 0)).unwrap();
    device.clock_challenge(&hours_later(102, 0)).unwrap();
    let answer = clock_answer(&scene, &replaced.bytes, 102 * 3600);
    assert_eq!(device.accept_document(&answer, &hours_later(102, 0)).unwrap_err().code(), "WRONG_NONCE");
    let booted = Reading { boot: BootId::parse(NEXT_BOOT).unwrap(), ..hours_later(103, 0) };
    let challenge = device.clock_challenge(&hours_later(103, 0)).unwrap();
    let answer = clock_answer(&scene, &challenge.bytes, 103 * 3600);
    assert_eq!(device.accept_document(&answer, &booted).unwrap_err().code(), "CHALLENGE_OVER");
    let kept_back = hours_later(103 + 73, 0);
    assert_eq!(device.accept_document(&answer, &kept_back).unwrap_err().code(), "CHALLENGE_OVER");
}

#[test]
fn a_device_without_a_name_makes_no_challenge() {
    let scene = Scene::new();
    let mut device = Device::open_or_create(&scene.layout()).unwrap();
    assert_eq!(device.clock_challenge(&reading()).unwrap_err().code(), "NOT_ACTIVATED");
    assert_eq!(device.store().held().challenge, None);
}

mod corrected;
mod made_up;
mod notices;
mod seats;
mod usage;
