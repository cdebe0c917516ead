use super::*;
use brink_license::exchange::{
    ClientReport, EXCHANGE_PATH, ExchangeRequest, ExchangeResponse, RequestBody, RequestKind, body_sha256,
};
use brink_license::keyset::{KeyRecord, KeyState, KeyUse, ManifestPayload, RootKeys, TrustAnchor};
use brink_license::token::RequestClaims;
use brink_license::{DeviceId, IssuerName, Typ, UnixSeconds};
use brink_signing::{DeviceKey, Signer, sign_document, sign_manifest};
use brink_store::Bundle;

const NOW: i64 = 1_800_000_000;

/// An issuer made of three keys, of which it hands out documents.
struct Issuer {
    root: DeviceKey,
    licence_key: DeviceKey,
    receipt_key: DeviceKey,
    name: IssuerName,
}

fn at(offset: i64) -> UnixSeconds {
    UnixSeconds::new(NOW + offset)
}

impl Issuer {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key = |name: &str| DeviceKey::create(dir.path().join(name)).unwrap();
        let name = IssuerName::parse("dev-acme").unwrap();
        Self { root: key("root"), licence_key: key("licence"), receipt_key: key("receipt"), name }
    }

    fn anchor(&self) -> TrustAnchor {
        TrustAnchor::new(self.name.clone(), 1, vec![self.root.kid()]).unwrap()
    }

    fn trusted(&self) -> Trusted {
        Trusted::new(self.anchor())
    }

    fn manifest(&self) -> Vec<u8> {
        let validity = (at(-1000), at(1_000_000));
        let record = |key: &DeviceKey, key_use| {
            KeyRecord::new(key.public_key().clone(), key_use, validity, KeyState::Active)
        };
        let keys =
            vec![record(&self.licence_key, KeyUse::License), record(&self.receipt_key, KeyUse::Receipt)];
        let root = RootKeys::new(1, vec![self.root.public_key().clone()]).unwrap();
        let payload =
            ManifestPayload::first(self.name.clone(), validity, root, keys).to_json_bytes().unwrap();
        sign_manifest(&payload, &[&self.root]).unwrap()
    }

    fn receipt(&self, ratchet: [u8; 32]) -> String {
        let ratchet_sha256 = b64_of(&body_sha256(&ratchet));
        let claims = json!({
            "ver": 1, "iss": "dev-acme", "aud": "brink-edge", "jti": "r1", "tenant": "t", "dev": "d", "epoch": 1,
            "nonce": b64_of(&[1; 32]), "ctr": 1, "seq": 1, "iat": NOW, "server_time": NOW,
            "ratchet_sha256": ratchet_sha256, "ks": 1, "lic": {"seq": 1, "jti": "l1", "state": "active"},
            "next_after": 300,
        });
        sign_document(&self.receipt_key, Typ::Receipt, claims.to_string().as_bytes()).unwrap()
    }
}

fn b64_of(bytes: &[u8]) -> String {
    brink_license::b64::encode(bytes)
}

fn code_of(inspection: &Inspection) -> Option<String> {
    inspection.document()["code"].as_str().map(str::to_owned)
}

#[test]
fn nothing_is_verified_without_roots() {
    let issuer = Issuer::new();
    for bytes in [issuer.receipt([7; 32]).into_bytes(), issuer.manifest()] {
        let inspection = Inspection::of(&bytes, None);
        assert!(!inspection.is_verified());
        assert!(inspection.text().starts_with("NOT VERIFIED"), "{}", inspection.text());
        let document = inspection.document();
        assert_eq!((&document["verified"], &document["code"]), (&json!(false), &Value::Null));
        assert_eq!(document["claims"]["iss"], "dev-acme", "and still it is shown");
    }
}

#[test]
fn a_token_verifies_when_manifests_lead_to_its_key() {
    let issuer = Issuer::new();
    let token = issuer.receipt([7; 32]).into_bytes();
    let mut trusted = issuer.trusted();
    let without = Inspection::of(&token, Some(&trusted));
    assert!(!without.is_verified() && without.text().contains("no keyset at hand"), "{}", without.text());
    trusted.add_source(&issuer.manifest());
    let inspection = Inspection::of(&token, Some(&trusted));
    assert!(inspection.is_verified(), "{}", inspection.text());
    let document = inspection.document();
    assert_eq!(document["kind"], "brink-receipt+jwt");
    assert_eq!(document["header"]["alg"], "EdDSA");
    assert_eq!(document["claims"]["seq"], 1);
}

#[test]
fn another_issuers_roots_lead_nowhere() {
    let (issuer, other) = (Issuer::new(), Issuer::new());
    let mut trusted = other.trusted();
    trusted.add_source(&issuer.manifest());
    let inspection = Inspection::of(issuer.receipt([7; 32]).as_bytes(), Some(&trusted));
    assert_eq!(code_of(&inspection).as_deref(), Some("MANIFEST_THRESHOLD"));
    trusted.add_source(&other.manifest());
    let inspection = Inspection::of(issuer.receipt([7; 32]).as_bytes(), Some(&trusted));
    assert_eq!(code_of(&inspection).as_deref(), Some("UNKNOWN_KID"));
}

#[test]
fn manifests_stand_alone_or_one_a_line() {
    let issuer = Issuer::new();
    let manifest = issuer.manifest();
    let spread = serde_json::to_vec_pretty(&serde_json::from_slice::<Value>(&manifest).unwrap()).unwrap();
    let lines = [&manifest[..], b"\n"].concat();
    for bytes in [manifest, spread, lines] {
        let inspection = Inspection::of(&bytes, Some(&issuer.trusted()));
        assert!(inspection.is_verified(), "{}", inspection.text());
        assert_eq!(inspection.document()["claims"]["version"], 1);
    }
    let damaged = Inspection::of(b"{\"payload\":\"\"", Some(&issuer.trusted()));
    assert!(!damaged.is_verified());
}

#[test]
fn damage_has_its_code() {
    let issuer = Issuer::new();
    let mut trusted = issuer.trusted();
    trusted.add_source(&issuer.manifest());
    let token = issuer.receipt([7; 32]);
    let (head, _) = token.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", b64_of(&[1; 64]));
    let other_typ =
        format!("{}.e30.{}", b64_of(br#"{"alg":"EdDSA","kid":"k","typ":"JWT"}"#), b64_of(&[1; 64]));
    for (bytes, code) in [
        (forged.into_bytes(), "BAD_SIGNATURE"),
        (format!("{token}\n").into_bytes(), "MALFORMED"),
        (b"".to_vec(), "MALFORMED"),
        (b"not a token".to_vec(), "MALFORMED"),
        (other_typ.into_bytes(), "WRONG_TYP"),
        (b"BRINKBND\x01cut".to_vec(), "BUNDLE_DAMAGED"),
        (b"BRINKREQ\x09".to_vec(), "UNSUPPORTED"),
        (b"BRINKRSP\x01\xff".to_vec(), "MALFORMED"),
    ] {
        let inspection = Inspection::of(&bytes, Some(&trusted));
        assert_eq!(code_of(&inspection).as_deref(), Some(code), "{}", inspection.text());
        assert!(!inspection.is_verified());
    }
    let newline = Inspection::of(format!("{token}\n").as_bytes(), Some(&trusted));
    assert!(newline.text().contains("white space around the token"), "{}", newline.text());
}

#[test]
fn a_response_brings_its_keyset_and_hides_its_ratchet() {
    let issuer = Issuer::new();
    let ratchet = [0xA7; 32];
    let mut response = ExchangeResponse {
        receipt: issuer.receipt(ratchet),
        next_ratchet: ratchet,
        manifests: vec![issuer.manifest()],
        licence: None,
        sections: Vec::new(),
    };
    let inspection = Inspection::of(&response.encode().unwrap(), Some(&issuer.trusted()));
    assert!(inspection.is_verified(), "{}", inspection.text());
    for shown in [inspection.text(), inspection.document().to_string()] {
        assert!(!shown.contains(&b64_of(&ratchet)) && !shown.contains("167"), "{shown}");
    }
    response.next_ratchet = [0; 32];
    let swapped = Inspection::of(&response.encode().unwrap(), Some(&issuer.trusted()));
    assert_eq!(code_of(&swapped).as_deref(), Some("WRONG_RATCHET"));
    let unchecked = Inspection::of(&response.encode().unwrap(), None);
    assert!(!unchecked.is_verified());
}

#[test]
fn a_request_is_verified_over_its_body_and_hides_its_code() {
    let issuer = Issuer::new();
    let dir = tempfile::tempdir().unwrap();
    let key = DeviceKey::create(dir.path().join("device.key")).unwrap();
    let request = |kind: RequestKind, htu: &str| {
        let body =
            RequestBody { kind, report: ClientReport::default(), last_receipt: None, sections: Vec::new() };
        let body = body.encode().unwrap();
        let claims = RequestClaims {
            ver: 1,
            iss: issuer.name.clone(),
            htm: "POST".to_owned(),
            htu: htu.to_owned(),
            bh: body_sha256(&body),
            dev: DeviceId::parse("d").unwrap(),
            epoch: 0,
            ctr: 1,
            nonce: [3; 32],
        };
        let proof = sign_document(&key, Typ::Request, &claims.to_json_bytes().unwrap()).unwrap();
        let device_key = *key.public_key().as_bytes();
        ExchangeRequest { proof, device_key, ratchet_mac: Some([9; 32]), body }.encode().unwrap()
    };
    let activation = request(RequestKind::Activate { code: "SECRET-CODE".to_owned() }, "/v1/activate");
    let inspection = Inspection::of(&activation, Some(&issuer.trusted()));
    assert!(inspection.is_verified(), "{}", inspection.text());
    assert!(!inspection.text().contains("SECRET-CODE"));
    assert!(!inspection.document().to_string().contains("SECRET-CODE"));
    let misdirected = request(RequestKind::Exchange, "/v1/activate");
    let inspection = Inspection::of(&misdirected, Some(&issuer.trusted()));
    assert_eq!(code_of(&inspection).as_deref(), Some("WRONG_PROOF"));
    let exchange = request(RequestKind::Exchange, EXCHANGE_PATH);
    assert!(Inspection::of(&exchange, Some(&issuer.trusted())).is_verified());
    assert!(!Inspection::of(&exchange, None).is_verified());
}

#[test]
fn a_bundle_is_believed_as_a_whole() {
    let issuer = Issuer::new();
    let bundle = Bundle {
        manifests: vec![issuer.manifest()],
        licence: issuer.receipt([7; 32]),
        receipt: None,
        presence: None,
        device_key: *issuer.root.public_key().as_bytes(),
        sections: Vec::new(),
    };
    let inspection = Inspection::of(&bundle.encode().unwrap(), Some(&issuer.trusted()));
    assert_eq!(code_of(&inspection).as_deref(), Some("WRONG_TYP"), "a receipt is no licence");
    let mut trusted = issuer.trusted();
    trusted.add_source(&bundle.encode().unwrap());
    assert!(Inspection::of(issuer.receipt([7; 32]).as_bytes(), Some(&trusted)).is_verified());
}
