//! Probes: each takes any bytes at all and panics only if something that must never be, is. The fuzzers call them,
//! and so do plain tests, with the vectors as seeds.

use std::sync::LazyLock;

use brink_license::exchange::{EXCHANGE_PATH, ExchangeRequest, ExchangeResponse, RequestBody};
use brink_license::keyset::{KeyUse, Keyset, encode_manifest, manifest_signing_input};
use brink_license::token::{
    Authority, ClockResetClaims, ClockResetExpected, Document, ExtensionClaims, ExtensionExpected,
    LicenceClaims, LicenceExpected, ReceiptClaims, ReceiptExpected, TypedExtension, UnverifiedToken, verify,
};
use brink_license::{PublicKey, Typ};
use brink_store::Bundle;
use ed25519_dalek::Signer as _;
use sha2::{Digest as _, Sha256};

use crate::{Pinned, forge};

static PINNED: LazyLock<Pinned> = LazyLock::new(Pinned::of_vectors);
static KEYSET: LazyLock<Keyset> = LazyLock::new(forge::keyset);

/// A probe by the name of its fuzz target.
pub type Probe = (&'static str, fn(&[u8]));

/// Every probe.
pub const ALL: [Probe; 8] = [
    ("token", token),
    ("licence_payload", licence_payload),
    ("manifest", manifest),
    ("manifest_payload", manifest_payload),
    ("bundle", bundle),
    ("exchange_request", exchange_request),
    ("exchange_response", exchange_response),
    ("typed_extension", typed_extension),
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
    }
}

/// A request as the issuer receives it, and a body alone.
pub fn exchange_request(bytes: &[u8]) {
    read_body(bytes);
    let Ok(request) = ExchangeRequest::decode(bytes) else { return };
    let again = ExchangeRequest::decode(&request.encode().expect("a request")).expect("a request reads back");
    assert_eq!(again, request, "a request changes when it is written and read");
    read_body(&request.body);
    if let Ok(key) = PublicKey::from_bytes(&request.device_key) {
        let _ = request.verify_proof(&key, &forge::issuer(), EXCHANGE_PATH);
    }
}

fn read_body(bytes: &[u8]) {
    let Ok(body) = RequestBody::decode(bytes) else { return };
    let again = RequestBody::decode(&body.encode().expect("a body")).expect("a body reads back");
    assert_eq!(again, body, "a body changes when it is written and read");
}

/// A response as the device receives it.
pub fn exchange_response(bytes: &[u8]) {
    let Ok(response) = ExchangeResponse::decode(bytes) else { return };
    let again =
        ExchangeResponse::decode(&response.encode().expect("a response")).expect("a response reads back");
    assert_eq!(again, response, "a response changes when it is written and read");
    let _ = response.ratchet_is(&[0; 32]);
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
