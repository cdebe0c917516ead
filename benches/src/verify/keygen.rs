//! keygen-rs's offline check of a license file that was made here, as its server makes them: an entitlement for each
//! camera with the features in its metadata, and for comparison one of three entitlements.
//!
//! No client and no TLS are set up: the check is `LicenseFile::verify_and_decode` alone.

use super::Peer;
use super::one_by_one::by_feature;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brink_license::token::LicenceClaims;
use brink_tests::forge::LICENSE;
use ed25519_dalek::Signer as _;
use keygen_rs::license::LicenseFileAlgorithm;
use keygen_rs::license_file::LicenseFile;
use serde_json::{Value, json};

/// Any moments: with a `ttl` of 0 the file does not expire.
const ISSUED: &str = "2026-01-01T00:00:00Z";
const EXPIRY: &str = "2126-01-01T00:00:00Z";

fn entitlement(code: &str, features: &[String]) -> Value {
    json!({
        "id": code,
        "type": "entitlements",
        "attributes": {
            "name": code, "code": code, "metadata": { "features": features },
            "created": ISSUED, "updated": ISSUED,
        },
        "relationships": {},
    })
}

fn file(entitlements: &[Value]) -> LicenseFile {
    let dataset = json!({
        "data": {
            "id": "lic-1", "type": "licenses",
            "attributes": { "key": "KEY-1", "name": "A site", "status": "ACTIVE", "metadata": {} },
            "relationships": {},
        },
        "included": entitlements,
        "meta": { "issued": ISSUED, "expiry": EXPIRY, "ttl": 0 },
    });
    let enc = STANDARD.encode(dataset.to_string());
    let signature = LICENSE.signing().sign(format!("license/{enc}").as_bytes());
    let certificate =
        json!({ "enc": enc, "sig": STANDARD.encode(signature.to_bytes()), "alg": "base64+ed25519" });
    let certificate = STANDARD.encode(certificate.to_string());
    let file = json!({
        "id": "file-1",
        "certificate": format!("-----BEGIN LICENSE FILE-----\n{certificate}\n-----END LICENSE FILE-----\n"),
        "issued": ISSUED, "expiry": EXPIRY, "ttl": 0,
    });
    serde_json::from_value(file).expect("a license file")
}

fn peer(name: &'static str, entitlements: Vec<Value>) -> Peer {
    let file = file(&entitlements);
    let key: String = LICENSE.public().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let check =
        move || file.verify_and_decode(&key, LicenseFileAlgorithm::Base64Ed25519).expect("a good file");
    let found = check().included.map_or(0, |included| included.entitlements.len());
    assert_eq!(found, entitlements.len(), "keygen-rs reads every entitlement, or its time means nothing");
    Peer::new(name, file_bytes(&entitlements), check)
}

fn file_bytes(entitlements: &[Value]) -> usize {
    file(entitlements).certificate.len()
}

pub(super) fn peers(claims: &LicenceClaims) -> Vec<Peer> {
    let cameras = by_feature(claims);
    let all = cameras.iter().map(|camera| entitlement(&camera.id, &camera.features)).collect();
    let three = ["base", "advanced_analytics", "retail"].map(|pack| entitlement(pack, &[]));
    vec![
        peer("keygen-rs 0.14 offline check, an entitlement for each camera", all),
        peer("keygen-rs 0.14 offline check, three entitlements", three.into()),
    ]
}
