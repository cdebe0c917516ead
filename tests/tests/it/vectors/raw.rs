//! Signs anything at all, with keys that everybody knows: what an issuer would never sign is what has to be refused.

use brink_license::keyset::{
    KeyRecord, KeyState, KeyUse, Keyset, ManifestPayload, RootKeys, TrustAnchor, encode_manifest,
    manifest_signing_input,
};
use brink_license::{IssuerName, Kid, PublicKey, UnixSeconds, b64};
use curve25519_dalek::{EdwardsPoint, Scalar};
use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest as _, Sha256, Sha512};

pub(crate) const ISSUER: &str = "acme";
pub(crate) const TENANT: &str = "tenant-123";
pub(crate) const DEVICE: &str = "dev-7f3a";
pub(crate) const EPOCH: u32 = 2;
/// When everything here was issued: 15 January 2027, 08:00 UTC.
pub(crate) const ISSUED: i64 = 1_800_000_000;
pub(crate) const DAY: i64 = 86_400;
/// When the keyset `main` expires: within the licence's life, so that what outlives it can be shown.
pub(crate) const MANIFEST_EXPIRES: i64 = ISSUED + 20 * DAY;

pub(crate) const LICENSE: &str = "brink-license+jwt";
pub(crate) const RECEIPT: &str = "brink-receipt+jwt";

/// A key pair derived from its name.
pub(crate) struct Key(SigningKey);

pub(crate) fn key(name: &str) -> Key {
    Key(SigningKey::from_bytes(&Sha256::digest(format!("brink vectors, key {name}")).into()))
}

impl Key {
    pub(crate) fn public(&self) -> PublicKey {
        PublicKey::from_bytes(self.0.verifying_key().as_bytes()).expect("an honest key")
    }

    pub(crate) fn kid(&self) -> Kid {
        self.public().kid()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// A signature whose `R` is the encoding given, and whose `S` is what verifiers without the strict checks
    /// would take if `point` is of small order (Chalkias and others, "Taming the many EdDSAs").
    pub(crate) fn sign_with_r(
        &self,
        message: &[u8],
        nonce: u64,
        point: EdwardsPoint,
        spelled: Option<[u8; 32]>,
    ) -> [u8; 64] {
        let nonce = Scalar::from(nonce);
        let r = spelled.unwrap_or_else(|| (EdwardsPoint::mul_base(&nonce) + point).compress().to_bytes());
        let hash = Sha512::new().chain_update(r).chain_update(self.public().as_bytes()).chain_update(message);
        let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        let s = nonce + k * self.0.to_scalar();
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&r);
        signature[32..].copy_from_slice(s.as_bytes());
        signature
    }
}

/// A JSON object as raw text per member, so that it can hold what no serializer would write.
#[derive(Clone)]
pub(crate) struct Members(Vec<(String, String)>);

impl Members {
    pub(crate) fn new(members: &[(&str, &str)]) -> Members {
        Members(members.iter().map(|(name, raw)| ((*name).to_owned(), (*raw).to_owned())).collect())
    }

    /// Sets a member to raw JSON text.
    pub(crate) fn with(mut self, name: &str, raw: impl Into<String>) -> Members {
        let raw = raw.into();
        match self.0.iter_mut().find(|(seen, _)| seen == name) {
            Some(member) => member.1 = raw,
            None => self.0.push((name.to_owned(), raw)),
        }
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Members {
        self.0.retain(|(seen, _)| seen != name);
        self
    }

    /// Adds a member even if there is one of that name; `name` is written between the quotes as it is.
    pub(crate) fn also(mut self, name: &str, raw: &str) -> Members {
        self.0.push((name.to_owned(), raw.to_owned()));
        self
    }

    pub(crate) fn text(&self) -> String {
        let members: Vec<_> = self.0.iter().map(|(name, raw)| format!("\"{name}\":{raw}")).collect();
        format!("{{{}}}", members.join(","))
    }
}

pub(crate) fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// The header that the issuer would write.
pub(crate) fn header(typ: &str, kid: impl std::fmt::Display) -> Members {
    Members::new(&[("alg", "\"EdDSA\""), ("kid", &quoted(&kid.to_string())), ("typ", &quoted(typ))])
}

/// A licence for two cameras and three unnamed seats, as the issuer would write it.
pub(crate) fn licence() -> Members {
    let exp = ISSUED + 30 * DAY;
    let jkt = key("device-1").kid();
    Members::new(&[
        ("ver", "1"),
        ("iss", &quoted(ISSUER)),
        ("aud", "\"brink-edge\""),
        ("sub", "\"0197a3c2-6a10-7b53-8f6e-0c5d1e2f3a4b\""),
        ("jti", "\"0197a3c2-6a10-7b53-8f6e-0c5d1e2f3a4c\""),
        ("tenant", &quoted(TENANT)),
        ("dev", &quoted(DEVICE)),
        ("cnf", &format!("{{\"jkt\":\"{jkt}\"}}")),
        ("epoch", &EPOCH.to_string()),
        ("seq", "41"),
        ("iat", &ISSUED.to_string()),
        ("nbf", &ISSUED.to_string()),
        ("exp", &exp.to_string()),
        ("grace", &(7 * DAY).to_string()),
        ("offline_max", &(60 * DAY).to_string()),
        ("refresh", "3600"),
        ("unattested", &(7 * DAY).to_string()),
        ("zone", &format!("[[{ISSUED},-18000]]")),
        ("mode", "\"base\""),
        ("enforce", "\"deny\""),
        (
            "packs",
            r#"{"advanced_analytics":["analytics/near_miss","analytics/heatmap"],"base":["video/live"]}"#,
        ),
        (
            "grants",
            r#"[{"cameras":["cam-001","Cam 7"],"packs":["base","advanced_analytics"]},{"any":3,"packs":["base"]}]"#,
        ),
        ("device", r#"{"packs":[]}"#),
        ("swap", r#"{"percent":10,"min":1,"max":5}"#),
        ("quotas", r#"[{"meter":"events","limit":100000,"period":"month","over":"warn"}]"#),
        ("catalog", "1"),
        ("ks", "1"),
    ])
}

/// A receipt, as the issuer would write it.
pub(crate) fn receipt() -> Members {
    let zeros = b64::encode(&[0; 32]);
    Members::new(&[
        ("ver", "1"),
        ("iss", &quoted(ISSUER)),
        ("aud", "\"brink-edge\""),
        ("jti", "\"0197a3c2-6a10-7b53-8f6e-0c5d1e2f3a4d\""),
        ("tenant", &quoted(TENANT)),
        ("dev", &quoted(DEVICE)),
        ("epoch", &EPOCH.to_string()),
        ("nonce", &quoted(&zeros)),
        ("ctr", "7"),
        ("seq", "7"),
        ("iat", &ISSUED.to_string()),
        ("server_time", &ISSUED.to_string()),
        ("ratchet_sha256", &quoted(&zeros)),
        ("ks", "1"),
        ("lic", r#"{"seq":41,"jti":"0197a3c2-6a10-7b53-8f6e-0c5d1e2f3a4c","state":"active"}"#),
        ("next_after", "60"),
    ])
}

/// `header.payload` from raw texts.
pub(crate) fn input(header: &str, payload: &str) -> String {
    format!("{}.{}", b64::encode(header.as_bytes()), b64::encode(payload.as_bytes()))
}

/// A whole token from raw texts, signed by `signer` whatever it says.
pub(crate) fn token(header: &str, payload: &str, signer: &Key) -> String {
    let input = input(header, payload);
    format!("{input}.{}", b64::encode(&signer.sign(input.as_bytes())))
}

/// A licence with these claims, signed by the license key in force.
pub(crate) fn licensed(claims: &Members) -> String {
    licensed_by(claims, "license-1")
}

pub(crate) fn licensed_by(claims: &Members, name: &str) -> String {
    let signer = key(name);
    token(&header(LICENSE, signer.kid()).text(), &claims.text(), &signer)
}

pub(crate) const ROOTS: [&str; 3] = ["root-1", "root-2", "root-3"];

pub(crate) fn anchor() -> TrustAnchor {
    let roots = ROOTS.iter().map(|name| key(name).kid()).collect();
    TrustAnchor::new(IssuerName::parse(ISSUER).expect("a slug"), 2, roots).expect("a sound anchor")
}

pub(crate) fn root_keys(threshold: u32, names: &[&str]) -> RootKeys {
    RootKeys::new(threshold, names.iter().map(|name| key(name).public()).collect()).expect("a sound root set")
}

fn record(name: &str, key_use: KeyUse, until: i64, state: KeyState) -> KeyRecord {
    let validity = (UnixSeconds::new(ISSUED - 90 * DAY), UnixSeconds::new(until));
    KeyRecord::new(key(name).public(), key_use, validity, state)
}

/// Version 1: every state and use that a vector needs.
pub(crate) fn first_payload() -> ManifestPayload {
    let year = ISSUED + 365 * DAY;
    let keys = vec![
        record("license-1", KeyUse::License, year, KeyState::Active),
        record("receipt-1", KeyUse::Receipt, year, KeyState::Active),
        record("audit-1", KeyUse::Audit, year, KeyState::Active),
        record("license-old", KeyUse::License, ISSUED - DAY, KeyState::Retired),
        record("license-lost", KeyUse::License, year, KeyState::Revoked),
    ];
    let validity = (UnixSeconds::new(ISSUED - DAY), UnixSeconds::new(MANIFEST_EXPIRES));
    ManifestPayload::first(IssuerName::parse(ISSUER).expect("a slug"), validity, root_keys(2, &ROOTS), keys)
}

/// A manifest from a payload, signed by these keys, the same one as often as it is named.
pub(crate) fn signed_manifest(payload: &[u8], signers: &[&str]) -> String {
    let message = manifest_signing_input(payload);
    let signatures: Vec<_> = signers.iter().map(|name| (key(name).kid(), key(name).sign(&message))).collect();
    String::from_utf8(encode_manifest(payload, &signatures).expect("an envelope")).expect("JSON is UTF-8")
}

pub(crate) fn manifest(payload: &ManifestPayload, signers: &[&str]) -> String {
    signed_manifest(&payload.to_json_bytes().expect("a payload"), signers)
}

/// The keyset named `main`: version 1 alone.
pub(crate) fn main_manifests() -> Vec<String> {
    vec![manifest(&first_payload(), &ROOTS[..2])]
}

/// The keyset named `later`: in version 2 the license key was revoked and another is in force.
pub(crate) fn later_manifests() -> Vec<String> {
    let mut manifests = main_manifests();
    let mut payload = next_payload();
    payload.keys[0] = record("license-1", KeyUse::License, ISSUED + 365 * DAY, KeyState::Revoked);
    payload.keys.push(record("license-2", KeyUse::License, ISSUED + 365 * DAY, KeyState::Active));
    manifests.push(manifest(&payload, &ROOTS[1..]));
    manifests
}

/// Version 2, with nothing changed but what has to.
pub(crate) fn next_payload() -> ManifestPayload {
    let held = Keyset::bootstrap(&anchor(), &main_manifests()).expect("a sound keyset");
    ManifestPayload::next(&held, UnixSeconds::new(ISSUED), UnixSeconds::new(ISSUED + 365 * DAY))
}
