//! Probes: each takes any bytes at all and panics only if something that must never be, is. The fuzzers call them,
//! and so do plain tests, with the vectors as seeds.

mod transfer;

pub use transfer::old_camera;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use brink_license::clock::{BootId, Marks, Reading};
use brink_license::exchange::{
    EXCHANGE_PATH, ExchangeRequest, ExchangeResponse, NoticesHeld, RequestBody, Section,
};
use brink_license::keyset::{KeyUse, Keyset, TrustAnchor, encode_manifest, manifest_signing_input};
use brink_license::seating::{VerifiedSeats, allowance, unnamed};
use brink_license::token::{
    AuditHeadClaims, AuditHeadExpected, Authority, CheckpointClaims, CheckpointExpected, ClockResetClaims,
    ClockResetExpected, Document, ExtensionClaims, ExtensionExpected, LicenceClaims, LicenceExpected,
    NoticeKind, REVOKED_MAX, ReceiptClaims, ReceiptExpected, RequestClaims, RequestExpected,
    RevocationsClaims, RevocationsExpected, TypedExtension, UnverifiedToken, VerifiedLicence, verify,
};
use brink_license::usage::{Chain, Entry, Genesis, Record, USAGE_SECTION, UsageSection, batch_sha256};
use brink_license::{CameraAt, PublicKey, Table, Typ, UnixSeconds};
use brink_store::Bundle;
use brink_store::anchor::Slot;
use ed25519_dalek::Signer as _;
use sha2::{Digest as _, Sha256};

use crate::{Pinned, forge};

static PINNED: LazyLock<Pinned> = LazyLock::new(Pinned::of_vectors);
static KEYSET: LazyLock<Keyset> = LazyLock::new(forge::keyset);
static SEATED: LazyLock<VerifiedLicence> = LazyLock::new(|| {
    let token = forge::licence_token(&forge::licence_with_seats(4, 3, 2));
    let expected = LicenceExpected::of_issuer(forge::issuer());
    verify(token.as_bytes(), Authority::Issuer(&KEYSET, KeyUse::License), &expected).expect("a sound licence")
});

/// A probe by the name of its fuzz target.
pub type Probe = (&'static str, fn(&[u8]));

/// Every probe.
pub const ALL: [Probe; 18] = [
    ("token", token),
    ("licence_payload", licence_payload),
    ("strict_json", strict_json),
    ("manifest", manifest),
    ("manifest_payload", manifest_payload),
    ("bundle", bundle),
    ("anchor", anchor),
    ("exchange_request", exchange_request),
    ("exchange_response", exchange_response),
    ("notice_payload", notice_payload),
    ("trust", trust),
    ("marks", marks),
    ("vault_record", vault_record),
    ("seats", seats),
    ("typed_extension", typed_extension),
    ("usage_record", usage_record),
    ("usage_section", usage_section),
    ("old_camera", old_camera),
];

/// A token as it came in. What is accepted is kept byte for byte.
pub fn token(bytes: &[u8]) {
    for typ in Typ::ALL {
        let _ = UnverifiedToken::parse(bytes, typ).map(|token| token.kid());
    }
    let keyset = &PINNED.keysets["main"];
    keeps_its_bytes::<LicenceClaims>(bytes, Authority::Issuer(keyset, KeyUse::License), &PINNED.reader);
    let LicenceExpected { issuer, device, epoch, .. } = PINNED.reader.clone();
    let expected = ReceiptExpected { issuer, device, epoch, pending: None };
    keeps_its_bytes::<ReceiptClaims>(bytes, Authority::Issuer(keyset, KeyUse::Receipt), &expected);
    let (issuer, licence) = (expected.issuer.clone(), None);
    let extension = ExtensionExpected { issuer: issuer.clone(), licence };
    keeps_its_bytes::<ExtensionClaims>(bytes, Authority::Issuer(keyset, KeyUse::License), &extension);
    let reset = ClockResetExpected { issuer, challenged: None };
    keeps_its_bytes::<ClockResetClaims>(bytes, Authority::Issuer(keyset, KeyUse::Receipt), &reset);
}

fn keeps_its_bytes<D: Document>(bytes: &[u8], authority: Authority<'_>, expected: &D::Expected) {
    if let Ok(verified) = verify::<D>(bytes, authority, expected) {
        assert_eq!(verified.token().as_bytes(), bytes, "an accepted token is not what came in");
    }
}

/// A payload behind a sound signature: strict JSON and claims. What is accepted means the same when written again,
/// and a lenient reader understands it too.
pub fn licence_payload(bytes: &[u8]) {
    let read = |payload: &[u8]| {
        let token = forge::LICENSE.document(Typ::License, payload);
        let authority = Authority::Issuer(&KEYSET, KeyUse::License);
        verify::<LicenceClaims>(token.as_bytes(), authority, &PINNED.reader)
    };
    let Ok(licence) = read(bytes) else { return };
    let lenient: serde_json::Value = serde_json::from_slice(bytes).expect("strict JSON is JSON");
    assert_eq!(lenient["seq"].as_u64(), Some(licence.claims().seq), "two readers differ");
    let again = read(&licence.claims().to_json_bytes().expect("claims")).expect("claims read back");
    assert_eq!(again.claims(), licence.claims(), "claims change when they are written and read");
}

/// Any JSON behind sound signatures, as the small documents read it: what strict JSON takes a lenient reader takes too,
/// and claims come back as they were.
pub fn strict_json(bytes: &[u8]) {
    let receipt = forge::RECEIPT.document(Typ::Receipt, bytes);
    let expected = ReceiptExpected { issuer: forge::issuer(), device: None, epoch: None, pending: None };
    let read =
        verify::<ReceiptClaims>(receipt.as_bytes(), Authority::Issuer(&KEYSET, KeyUse::Receipt), &expected);
    if let Ok(receipt) = &read {
        let lenient: serde_json::Value = serde_json::from_slice(bytes).expect("strict JSON is JSON");
        assert_eq!(lenient["seq"].as_u64(), Some(receipt.claims().seq), "two readers differ");
    }
    let head = forge::AUDIT.document(Typ::Audit, bytes);
    let expected = AuditHeadExpected { issuer: forge::issuer() };
    let authority = Authority::Issuer(&KEYSET, KeyUse::Audit);
    if let Ok(head) = verify::<AuditHeadClaims>(head.as_bytes(), authority, &expected) {
        let lenient: serde_json::Value = serde_json::from_slice(bytes).expect("strict JSON is JSON");
        assert_eq!(lenient["seq"].as_u64(), Some(head.claims().seq), "two readers differ");
        let again = head.claims().to_json_bytes().expect("claims");
        let again = forge::AUDIT.document(Typ::Audit, &again);
        let again =
            verify::<AuditHeadClaims>(again.as_bytes(), authority, &expected).expect("claims read back");
        assert_eq!(again.claims(), head.claims(), "claims change when they are written and read");
    }
    let is_json = serde_json::from_slice::<serde_json::Value>(bytes).is_ok();
    assert!(is_json || read.is_err(), "what is no JSON was read");
    let request = forge::DEVICE.document(Typ::Request, bytes);
    let key = forge::DEVICE.public();
    let expected = RequestExpected { issuer: forge::issuer(), htu: EXCHANGE_PATH, bh: [0; 32] };
    let _ = verify::<RequestClaims>(request.as_bytes(), Authority::Device(&key), &expected);
    let checkpoint = forge::DEVICE.document(Typ::Checkpoint, bytes);
    let device = forge::licence(1).dev;
    let expected = CheckpointExpected { issuer: forge::issuer(), device, epoch: None };
    let read = verify::<CheckpointClaims>(checkpoint.as_bytes(), Authority::Device(&key), &expected);
    if let Ok(checkpoint) = read {
        let lenient: serde_json::Value = serde_json::from_slice(bytes).expect("strict JSON is JSON");
        assert_eq!(lenient["seq"].as_u64(), Some(checkpoint.claims().seq), "two readers differ");
    }
}

/// A manifest as it came in.
pub fn manifest(bytes: &[u8]) {
    let held = &PINNED.keysets["main"];
    if let Ok(next) = held.accept_next(bytes) {
        assert_eq!(next.version(), held.version() + 1, "a version was left out");
    }
    let _ = Keyset::bootstrap(&PINNED.anchor, &[bytes]);
}

/// A manifest's payload behind sound signatures.
pub fn manifest_payload(bytes: &[u8]) {
    let signature = forge::ROOT.signing().sign(&manifest_signing_input(bytes)).to_bytes();
    let signed = encode_manifest(bytes, &[(forge::ROOT.public().kid(), signature)]).expect("an envelope");
    if let Ok(next) = KEYSET.accept_next(&signed) {
        assert_eq!(next.version(), KEYSET.version() + 1, "a version was left out");
        assert_eq!(next.issuer(), KEYSET.issuer(), "another issuer's keys were accepted");
    }
    if let Ok(keyset) = Keyset::bootstrap(&forge::anchor(), &[signed]) {
        assert_eq!(keyset.issuer(), KEYSET.issuer(), "another issuer's keys were accepted");
    }
}

/// A bundle as a file holds it, and as content behind a sound checksum.
pub fn bundle(bytes: &[u8]) {
    read_bundle(bytes);
    let mut sealed = b"BRINKBND\x01".to_vec();
    sealed.extend_from_slice(bytes);
    let digest = Sha256::digest(&sealed);
    sealed.extend_from_slice(&digest);
    read_bundle(&sealed);
}

fn read_bundle(bytes: &[u8]) {
    let Ok(bundle) = Bundle::decode(bytes) else { return };
    let again = Bundle::decode(&bundle.encode().expect("a bundle")).expect("a bundle reads back");
    assert_eq!(again, bundle, "a bundle changes when it is written and read");
    if let Ok(verified) = bundle.verify(&forge::anchor()) {
        assert_eq!(verified.licence().token(), bundle.licence, "a verified licence is not the bundle's");
        let (notices, floor) = (verified.notices(), verified.floor());
        assert!(
            notices.floor().is_none_or(|issued| issued <= floor),
            "a notice is later than what it vouches for"
        );
        let mut kept = notices.clone().standing_under(verified.keyset());
        kept.remember(notices.clone());
        assert_eq!(&kept, notices, "notices that verify are kept as they are");
    }
}

/// A slot of the anchor as a file holds it, and as content behind a sound digest.
pub fn anchor(bytes: &[u8]) {
    read_slot(bytes);
    let mut sealed = b"BRINKANC\x01".to_vec();
    sealed.extend_from_slice(bytes);
    let digest = Sha256::new_with_prefix(b"brink/anchor/v1\0").chain_update(&sealed).finalize();
    sealed.extend_from_slice(&digest);
    sealed.extend_from_slice(&[0; 32]);
    read_slot(&sealed);
}

fn read_slot(bytes: &[u8]) {
    let Ok(slot) = Slot::decode(bytes) else { return };
    let key = [1; 32];
    let again = slot.anchor().seal(&key).expect("a slot fits where it was");
    assert_eq!(
        again[..again.len() - 32],
        bytes[..bytes.len() - 32],
        "a slot changes when it is written and read"
    );
    let again = Slot::decode(&again).expect("a slot reads back");
    assert_eq!(again.anchor(), slot.anchor(), "an anchor changes when it is written and read");
    assert!(again.is_sealed_with(&key), "a slot does not carry the MAC that it was given");
}

/// A payload behind the device's sound signature: what is believed keeps every camera on a seat of its own, says the
/// same when it is written again, and follows itself.
pub fn seats(bytes: &[u8]) {
    let licence = &*SEATED;
    let read = |payload: &[u8]| {
        let token = forge::DEVICE.document(Typ::Seats, payload);
        VerifiedSeats::verify(token.as_bytes(), &forge::DEVICE.public(), licence, 3)
    };
    let Ok(seats) = read(bytes) else { return };
    let claims = seats.claims();
    let again = read(&claims.to_json_bytes().expect("claims")).expect("claims read back");
    assert_eq!(again.claims(), claims, "claims change when they are written and read");
    assert_eq!(claims.follows(claims), Ok(()), "a document does not follow itself");
    let placed: BTreeSet<&str> = seats.placed().map(|(_, camera)| camera).collect();
    assert_eq!(placed.len(), claims.cameras().count(), "a camera sits twice");
    assert!(placed.len() as u64 <= unnamed(licence.claims()), "more sit than there are seats");
    assert!(claims.released.len() as u64 <= allowance(licence.claims()), "more was moved than may be");
    let table = Table::build(licence, Some(&seats));
    assert!(
        placed.iter().all(|camera| table.camera(camera) != CameraAt::NOWHERE),
        "a seat without its grant"
    );
}

/// A request as the issuer receives it, and a body alone.
pub fn exchange_request(bytes: &[u8]) {
    read_body(bytes);
    let Ok(request) = ExchangeRequest::decode(bytes) else { return };
    let again = ExchangeRequest::decode(&request.encode().expect("a request")).expect("a request reads back");
    assert_eq!(again, request, "a request changes when it is written and read");
    read_body(&request.body);
    assert!(!request.mac_is_of(&[0; 32]) || request.ratchet_mac.is_some(), "a MAC that nobody made");
    if let Ok(key) = PublicKey::from_bytes(&request.device_key) {
        let _ = request.verify_proof(&key, &forge::issuer(), EXCHANGE_PATH);
    }
}

fn read_body(bytes: &[u8]) {
    let Ok(body) = RequestBody::decode(bytes) else { return };
    let again = RequestBody::decode(&body.encode().expect("a body")).expect("a body reads back");
    assert_eq!(again, body, "a body changes when it is written and read");
    if let Ok(held) = NoticesHeld::read(&body.sections) {
        let _ = NoticeKind::ALL.map(|kind| held.number(kind));
    }
}

/// A response as the device receives it.
pub fn exchange_response(bytes: &[u8]) {
    let Ok(response) = ExchangeResponse::decode(bytes) else { return };
    let again =
        ExchangeResponse::decode(&response.encode().expect("a response")).expect("a response reads back");
    assert_eq!(again, response, "a response changes when it is written and read");
    let _ = response.ratchet_is(&[0; 32]);
    let _ = response.notices();
}

/// The payload of a notice behind a sound signature. What is accepted means the same when written again.
pub fn notice_payload(bytes: &[u8]) {
    let read = |payload: &[u8]| {
        let token = forge::LICENSE.document(Typ::Revocations, payload);
        let expected = RevocationsExpected { issuer: forge::issuer(), tenant: None };
        let authority = Authority::Issuer(&KEYSET, KeyUse::License);
        verify::<RevocationsClaims>(token.as_bytes(), authority, &expected)
    };
    let Ok(list) = read(bytes) else { return };
    let again = read(&list.claims().to_json_bytes().expect("claims")).expect("claims read back");
    assert_eq!(again.claims(), list.claims(), "claims change when they are written and read");
    assert!(list.claims().revoked.len() <= REVOKED_MAX, "a list without bound");
}

/// A trust file as somebody provisions it.
pub fn trust(bytes: &[u8]) {
    let Ok(anchor) = TrustAnchor::from_json(bytes) else { return };
    let again = TrustAnchor::from_json(anchor.to_json().expect("an anchor").as_bytes());
    assert_eq!(again.expect("an anchor reads back"), anchor, "trust changes when it is written and read");
    assert!((1..=anchor.roots().len()).contains(&(anchor.threshold() as usize)), "a threshold nobody meets");
}

/// Kept marks of the clock, and readings that move them: no input panics, and time does not fall.
pub fn marks(bytes: &[u8]) {
    let Some((readings, kept)) = bytes.split_at_checked(32) else { return };
    let Some(mut marks) = Marks::from_bytes(kept) else { return };
    // Those of an earlier version are written in the newest.
    assert_eq!(
        Marks::from_bytes(&marks.to_bytes()).as_ref(),
        Some(&marks),
        "marks change when they are written"
    );
    let boot = BootId::parse("00000000-0000-4000-8000-000000000001").expect("a boot id");
    let mut lower = marks.lower_bound();
    for half in readings.chunks_exact(16) {
        let number = |at: usize| half[at..at + 8].try_into().map_or(0, i64::from_le_bytes);
        let reading = Reading { wall: UnixSeconds::new(number(0)), boot, boottime: number(8) };
        let guarded = marks.advance(&reading);
        assert!(marks.lower_bound() >= lower, "time fell");
        assert!(guarded.now >= lower, "the guarded time lies before what is known");
        lower = marks.lower_bound();
    }
    assert!(Marks::from_bytes(&marks.to_bytes()).is_some(), "what was kept cannot be read");
}

/// A value of the vault. Bytes that a disk made up carry no MAC, and content is of one kind at most twice.
pub fn vault_record(bytes: &[u8]) {
    let [as_it_stands, behind_a_mac] = brink_store::probe_value(bytes);
    assert_eq!(as_it_stands, 0, "a value without its MAC was taken");
    assert!(behind_a_mac <= 4);
}

/// What somebody typed. Whatever is read is spelled in one way, and only what the issuer signed becomes an extension.
pub fn typed_extension(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(typed) = TypedExtension::parse(&text) else { return };
    assert_eq!(
        TypedExtension::parse(&typed.lines().join("\n")),
        Ok(typed),
        "lines change when they are spelled"
    );
    let licence = forge::licence(1);
    let Ok(token) = typed.token(&licence, &KEYSET) else { return };
    let authority = Authority::Issuer(&KEYSET, KeyUse::License);
    let expected = ExtensionExpected::of(&licence);
    if let Ok(extension) = verify::<ExtensionClaims>(token.as_bytes(), authority, &expected) {
        assert_eq!(TypedExtension::of(&extension), Some(typed), "an extension is not what was typed");
    }
}

/// The bytes of a record: what is read is written as the same bytes, and what a chain takes moves its head there.
pub fn usage_record(bytes: &[u8]) {
    let Ok(record) = Record::from_bytes(bytes) else { return };
    assert_eq!(record.to_bytes(), bytes, "a record changes when it is written and read");
    let genesis = Genesis { device: record.device.clone(), epoch: record.epoch, jkt: [1; 32] };
    let begun = Chain::begin(genesis);
    // As it came, and chained behind the genesis.
    let mut chain = begun.clone();
    assert_eq!(chain.admit(bytes).is_err(), chain == begun, "a refused record left a trace");
    let first = Record { seq: 1, prev: begun.head().hash, ..record };
    let mut chain = begun.clone();
    let taken = chain.admit(&first.to_bytes());
    let is_sound = match &first.entry {
        Entry::Usage(usage) => usage.total == usage.quantity,
        Entry::Recover(recovery) => recovery.good == begun.head(),
        Entry::Close => true,
        // Judged by its sums, whose own tests say how.
        Entry::Fold(_) => return,
    };
    assert_eq!(taken.is_ok(), is_sound, "a first record is judged by its total");
}

/// What a request says of usage: what is read is written as the same bytes, and its records are no trap.
pub fn usage_section(bytes: &[u8]) {
    let section = Section { kind: USAGE_SECTION, bytes: bytes.to_vec() };
    let Ok(Some(usage)) = UsageSection::read(std::slice::from_ref(&section)) else { return };
    assert_eq!(usage.section(), Ok(section), "what is said of usage changes when it is written and read");
    let Some(batch) = usage.batch else { return };
    let mut fewer = batch.records.clone();
    if fewer.pop().is_some() {
        assert_ne!(batch_sha256(&fewer), batch_sha256(&batch.records), "a record that no digest covers");
    }
    batch.records.iter().for_each(|record| usage_record(record));
}
