//! An issuer in one value, with keys that everybody knows. Every time is relative to [`ISSUED`].

use brink_license::exchange::{ExchangeRequest, ExchangeResponse, RequestBody};
use brink_license::jws::{assemble, signing_input};
use brink_license::keyset::{
    KeyRecord, KeyState, KeyUse, Keyset, ManifestPayload, RootKeys, TrustAnchor, encode_manifest,
    manifest_signing_input,
};
use brink_license::token::{
    Confirmation, DeviceGrant, Enforce, Grant, LicenceClaims, LicenceStanding, Mode, ReceiptClaims,
    ReceiptLicence, Seats, Swap,
};
use brink_license::{
    CameraId, DeviceId, Feature, IssuerName, Kid, PublicKey, Slug, TenantId, TokenId, Typ, UnixSeconds,
};
use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// When everything is issued: 15 January 2027, 08:00 UTC.
pub(crate) const ISSUED: i64 = 1_800_000_000;
pub(crate) const DAY: i64 = 86_400;

pub(crate) fn at(seconds: i64) -> UnixSeconds {
    UnixSeconds::new(ISSUED + seconds)
}

/// A key made from a fixed seed.
#[derive(Clone)]
pub(crate) struct TestKey(SigningKey);

impl TestKey {
    pub(crate) fn new(seed: [u8; 2]) -> Self {
        let mut bytes = [7; 32];
        bytes[..2].copy_from_slice(&seed);
        Self(SigningKey::from_bytes(&bytes))
    }

    pub(crate) fn public(&self) -> PublicKey {
        PublicKey::from_bytes(self.0.verifying_key().as_bytes()).unwrap()
    }

    pub(crate) fn document(&self, typ: Typ, payload: &[u8]) -> String {
        let input = signing_input(typ, &self.public().kid(), payload);
        assemble(&input, &self.0.sign(input.as_bytes()).to_bytes())
    }
}

/// The issuer: its keyset so far and the numbers it gave.
#[derive(Clone)]
pub(crate) struct TestIssuer {
    name: IssuerName,
    root: TestKey,
    pub(crate) license: TestKey,
    pub(crate) receipt: TestKey,
    pub(crate) manifests: Vec<Vec<u8>>,
    /// The newest licence.
    pub(crate) seq: u64,
    pub(crate) receipt_seq: u64,
    pub(crate) cameras: usize,
    /// Unnamed seats.
    pub(crate) any: u32,
    pub(crate) standing: LicenceStanding,
    pub(crate) epoch: u32,
}

/// What an answer depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) nonce: [u8; 32],
    pub(crate) ctr: u64,
    pub(crate) licence_seq: u64,
    pub(crate) keyset_version: u64,
}

/// The two parts that an answer is made of.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) receipt: ReceiptClaims,
    pub(crate) licence: Option<LicenceClaims>,
    pub(crate) response: ExchangeResponse,
}

impl TestIssuer {
    pub(crate) fn new(seed: u8) -> Self {
        let mut issuer = Self {
            name: IssuerName::parse("dev-test").unwrap(),
            root: TestKey::new([seed, 1]),
            license: TestKey::new([seed, 2]),
            receipt: TestKey::new([seed, 3]),
            manifests: Vec::new(),
            seq: 0,
            receipt_seq: 0,
            cameras: 3,
            any: 0,
            standing: LicenceStanding::Active,
            epoch: 1,
        };
        let root = RootKeys::new(1, vec![issuer.root.public()]).unwrap();
        let keys = vec![
            record(&issuer.license, KeyUse::License, KeyState::Active),
            record(&issuer.receipt, KeyUse::Receipt, KeyState::Active),
        ];
        let first = ManifestPayload::first(issuer.name.clone(), (at(-DAY), at(400 * DAY)), root, keys);
        issuer.sign(&first);
        issuer
    }

    fn sign(&mut self, payload: &ManifestPayload) {
        let bytes = payload.to_json_bytes().unwrap();
        let signature = self.root.0.sign(&manifest_signing_input(&bytes)).to_bytes();
        self.manifests.push(encode_manifest(&bytes, &[(self.root.public().kid(), signature)]).unwrap());
    }

    pub(crate) fn anchor(&self) -> TrustAnchor {
        TrustAnchor::new(self.name.clone(), 1, vec![self.root.public().kid()]).unwrap()
    }

    pub(crate) fn keyset(&self) -> Keyset {
        Keyset::bootstrap(&self.anchor(), &self.manifests).unwrap()
    }

    /// A next manifest in which the license key is in `state` and a new one signs from here on.
    pub(crate) fn rotate(&mut self, state: KeyState) {
        let next_version = self.keyset().version() as u8 + 1;
        let mut next = ManifestPayload::next(&self.keyset(), at(0), at(400 * DAY));
        let old = self.license.public().kid();
        let place = next.keys.iter().position(|record| record.kid() == old).unwrap();
        next.keys[place] = record(&self.license, KeyUse::License, state);
        self.license = TestKey::new([next_version, 4]);
        next.keys.push(record(&self.license, KeyUse::License, KeyState::Active));
        self.sign(&next);
    }

    /// The same for the receipt key.
    pub(crate) fn rotate_receipt(&mut self, state: KeyState) {
        let next_version = self.keyset().version() as u8 + 1;
        let mut next = ManifestPayload::next(&self.keyset(), at(0), at(400 * DAY));
        let old = self.receipt.public().kid();
        let place = next.keys.iter().position(|record| record.kid() == old).unwrap();
        next.keys[place] = record(&self.receipt, KeyUse::Receipt, state);
        self.receipt = TestKey::new([next_version, 5]);
        next.keys.push(record(&self.receipt, KeyUse::Receipt, KeyState::Active));
        self.sign(&next);
    }

    /// A next manifest that changes nothing but is valid until `expires_at`.
    pub(crate) fn renew(&mut self, expires_at: UnixSeconds) {
        let next = ManifestPayload::next(&self.keyset(), at(0), expires_at);
        self.sign(&next);
    }

    pub(crate) fn licence_claims(&self, jkt: Kid) -> LicenceClaims {
        let slug = |text| Slug::parse(text).unwrap();
        let camera = |i| CameraId::parse(&format!("cam-{i:04}")).unwrap();
        LicenceClaims {
            ver: 1,
            iss: self.name.clone(),
            aud: "brink-edge".into(),
            sub: TokenId::parse("lic-1").unwrap(),
            jti: TokenId::parse(&format!("tok-{}", self.seq)).unwrap(),
            tenant: TenantId::parse("tenant-123").unwrap(),
            dev: DeviceId::parse("dev-1").unwrap(),
            cnf: Confirmation { jkt },
            epoch: self.epoch,
            seq: self.seq,
            iat: at(0),
            nbf: at(0),
            exp: at(30 * DAY),
            grace: 7 * DAY.unsigned_abs(),
            offline_max: 30 * DAY.unsigned_abs(),
            refresh: 300,
            unattested: 7 * DAY.unsigned_abs(),
            zone: Vec::new(),
            mode: Mode::Base,
            enforce: Enforce::Deny,
            packs: BTreeMap::from([(
                slug("base"),
                std::iter::once(Feature::parse("analytics/counting").unwrap()).collect(),
            )]),
            grants: [Seats::Cameras((0..self.cameras).map(camera).collect()), Seats::Any(self.any)]
                .into_iter()
                .filter(|seats| seats.named() > 0 || seats.unnamed() > 0)
                .map(|seats| Grant { seats, packs: vec![slug("base")], until: None })
                .collect(),
            device: DeviceGrant::default(),
            swap: Some(Swap { percent: 10, min: 1, max: 10 }),
            quotas: Vec::new(),
            catalog: 1,
            ks: 1,
            must: Vec::new(),
        }
    }

    /// The request as an issuer would read it.
    pub(crate) fn read(&self, bytes: &[u8], htu: &'static str) -> (Asked, RequestBody, PublicKey) {
        let request = ExchangeRequest::decode(bytes).unwrap();
        let key = PublicKey::from_bytes(&request.device_key).unwrap();
        let proof = request.verify_proof(&key, &self.name, htu).unwrap();
        let body = RequestBody::decode(&request.body).unwrap();
        let asked = Asked {
            nonce: proof.claims().nonce,
            ctr: proof.claims().ctr,
            licence_seq: body.report.licence_seq,
            keyset_version: body.report.keyset_version,
        };
        (asked, body, key)
    }

    /// What an honest issuer would answer, before it is signed: everything newer than the request reports.
    pub(crate) fn parts(&mut self, asked: &Asked, jkt: Kid) -> Parts {
        self.receipt_seq += 1;
        let next_ratchet: [u8; 32] = Sha256::digest(self.receipt_seq.to_le_bytes()).into();
        let licence = self.licence_claims(jkt);
        let known = usize::try_from(asked.keyset_version).unwrap();
        let receipt = ReceiptClaims {
            ver: 1,
            iss: self.name.clone(),
            aud: "brink-edge".into(),
            jti: TokenId::parse(&format!("rcp-{}", self.receipt_seq)).unwrap(),
            tenant: licence.tenant.clone(),
            dev: licence.dev.clone(),
            epoch: licence.epoch,
            nonce: asked.nonce,
            ctr: asked.ctr,
            seq: self.receipt_seq,
            iat: at(0),
            server_time: at(0),
            ratchet_sha256: Sha256::digest(next_ratchet).into(),
            ks: self.keyset().version(),
            lic: ReceiptLicence { seq: self.seq, jti: licence.jti.clone(), state: self.standing },
            next_after: 300,
            usage: None,
        };
        let response = ExchangeResponse {
            receipt: String::new(),
            next_ratchet,
            manifests: self.manifests[known..].to_vec(),
            licence: None,
            sections: Vec::new(),
        };
        let licence = (asked.licence_seq < self.seq).then_some(licence);
        Parts { receipt, licence, response }
    }

    pub(crate) fn signed(&self, parts: &Parts) -> Vec<u8> {
        let sign = |key: &TestKey, typ, payload: Vec<u8>| key.document(typ, &payload);
        let licence = parts.licence.as_ref();
        let response = ExchangeResponse {
            receipt: sign(&self.receipt, Typ::Receipt, parts.receipt.to_json_bytes().unwrap()),
            licence: licence.map(|claims| sign(&self.license, Typ::License, claims.to_json_bytes().unwrap())),
            ..parts.response.clone()
        };
        response.encode().unwrap()
    }
}

fn record(key: &TestKey, key_use: KeyUse, state: KeyState) -> KeyRecord {
    KeyRecord::new(key.public(), key_use, (at(-400 * DAY), at(4000 * DAY)), state)
}
