//! An issuer in a few lines, with keys that everybody knows: whole documents for tests that need no server.
//!
//! Every time is relative to [`ISSUED`], so that nothing here expires.

use brink_license::jws::{assemble, signing_input};
use brink_license::keyset::{
    KeyRecord, KeyState, KeyUse, Keyset, ManifestPayload, RootKeys, TrustAnchor, encode_manifest,
    manifest_signing_input,
};
use brink_license::seating::SEATS_SECTION;
use brink_license::token::{
    Confirmation, DeviceGrant, Enforce, ExtensionClaims, Grant, LicenceClaims, LicenceStanding, Mode,
    NoticeKind, PresenceClaims, ReceiptClaims, ReceiptLicence, RevocationsClaims, RevokedLicence, Seated,
    Seats, SeatsClaims, Swap, ZoneOffset,
};
use brink_license::{
    CameraId, DeviceId, Feature, IdList, IssuerName, PublicKey, Slug, TenantId, TokenId, Typ, UnixSeconds,
    clock::BootId,
};
use brink_store::Bundle;
use ed25519_dalek::{Signer as _, SigningKey};
use std::collections::BTreeMap;

/// When everything forged is issued: 15 January 2027, 08:00 UTC.
pub const ISSUED: i64 = 1_800_000_000;
/// A day in seconds.
pub const DAY: i64 = 86_400;

/// One of the forge's keys, by the seed byte that makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(pub u8);

/// The only root.
pub const ROOT: Key = Key(1);
/// Signs licences.
pub const LICENSE: Key = Key(2);
/// Signs licences after a rotation.
pub const LICENSE_NEXT: Key = Key(3);
/// Signs receipts.
pub const RECEIPT: Key = Key(4);
/// The device's.
pub const DEVICE: Key = Key(5);
/// The device's after it started over.
pub const DEVICE_NEXT: Key = Key(6);
/// Signs heads of the audit.
pub const AUDIT: Key = Key(7);

impl Key {
    /// The private half.
    pub fn signing(self) -> SigningKey {
        SigningKey::from_bytes(&[self.0; 32])
    }

    /// The public half.
    pub fn public(self) -> PublicKey {
        PublicKey::from_bytes(self.signing().verifying_key().as_bytes()).expect("an honest key")
    }

    /// A signed document.
    pub fn document(self, typ: Typ, payload: &[u8]) -> String {
        let input = signing_input(typ, &self.public().kid(), payload);
        let signature = self.signing().sign(input.as_bytes()).to_bytes();
        assemble(&input, &signature)
    }
}

/// A name of a meter or a pack.
pub fn slug(text: &str) -> Slug {
    Slug::parse(text).expect("a slug")
}

/// A moment relative to [`ISSUED`].
pub fn at(seconds: i64) -> UnixSeconds {
    UnixSeconds::new(ISSUED + seconds)
}

/// The issuer's name.
pub fn issuer() -> IssuerName {
    IssuerName::parse("dev-forge").expect("a slug")
}

/// What hosts pin.
pub fn anchor() -> TrustAnchor {
    TrustAnchor::new(issuer(), 1, vec![ROOT.public().kid()]).expect("a development anchor")
}

fn record(key: Key, key_use: KeyUse, state: KeyState) -> KeyRecord {
    KeyRecord::new(key.public(), key_use, (at(-400 * DAY), at(4000 * DAY)), state)
}

fn sign_manifest(payload: &ManifestPayload) -> Vec<u8> {
    let bytes = payload.to_json_bytes().expect("a payload");
    let signature = ROOT.signing().sign(&manifest_signing_input(&bytes)).to_bytes();
    encode_manifest(&bytes, &[(ROOT.public().kid(), signature)]).expect("an envelope")
}

/// Version 1 of the keyset.
pub fn manifest() -> Vec<u8> {
    let root = RootKeys::new(1, vec![ROOT.public()]).expect("a root set");
    let keys = vec![
        record(LICENSE, KeyUse::License, KeyState::Active),
        record(RECEIPT, KeyUse::Receipt, KeyState::Active),
        record(AUDIT, KeyUse::Audit, KeyState::Active),
    ];
    sign_manifest(&ManifestPayload::first(issuer(), (at(-DAY), at(400 * DAY)), root, keys))
}

/// Version 2: the first license key is in `state`, and there is a second one.
pub fn next_manifest(state: KeyState) -> Vec<u8> {
    second_manifest(state, KeyState::Active)
}

/// Version 2, in which the receipt key is revoked and the license key is not.
pub fn manifest_without_receipts() -> Vec<u8> {
    second_manifest(KeyState::Active, KeyState::Revoked)
}

fn second_manifest(license: KeyState, receipt: KeyState) -> Vec<u8> {
    let held = Keyset::bootstrap(&anchor(), &[manifest()]).expect("a sound keyset");
    let mut next = ManifestPayload::next(&held, at(0), at(400 * DAY));
    next.keys[0] = record(LICENSE, KeyUse::License, license);
    next.keys[1] = record(RECEIPT, KeyUse::Receipt, receipt);
    next.keys.push(record(LICENSE_NEXT, KeyUse::License, KeyState::Active));
    sign_manifest(&next)
}

/// The keyset of [`manifest`].
pub fn keyset() -> Keyset {
    Keyset::bootstrap(&anchor(), &[manifest()]).expect("a sound keyset")
}

fn features(names: &[&str]) -> IdList<Feature> {
    names.iter().map(|name| Feature::parse(name).expect("a feature")).collect()
}

/// A licence for `cameras` cameras named `cam-000` and up: every second one has `advanced_analytics` besides `base`.
/// Valid for 30 days with 7 days of grace.
pub fn licence(cameras: usize) -> LicenceClaims {
    let named = |wanted: usize| -> IdList<CameraId> {
        let of_kind = (0..cameras).filter(|i| i % 2 == wanted);
        of_kind.map(|i| CameraId::parse(&format!("cam-{i:03}")).expect("a name")).collect()
    };
    let base =
        ["cv_models/person", "cv_models/car", "analytics/counting", "analytics/heatmap", "outputs/webhook"];
    let advanced = ["analytics/near_miss", "analytics/queue_counter"];
    LicenceClaims {
        ver: 1,
        iss: issuer(),
        aud: "brink-edge".into(),
        sub: TokenId::parse("lic-1").expect("an id"),
        jti: TokenId::parse("tok-1").expect("an id"),
        tenant: TenantId::parse("tenant-123").expect("a name"),
        dev: DeviceId::parse("dev-1").expect("a name"),
        cnf: Confirmation { jkt: DEVICE.public().kid() },
        epoch: 1,
        seq: 1,
        iat: at(0),
        nbf: at(0),
        exp: at(30 * DAY),
        grace: 7 * DAY.unsigned_abs(),
        offline_max: 30 * DAY.unsigned_abs(),
        refresh: 300,
        unattested: 7 * DAY.unsigned_abs(),
        zone: vec![ZoneOffset { from: at(0), offset_seconds: 0 }],
        mode: Mode::Base,
        enforce: Enforce::Deny,
        packs: BTreeMap::from([
            (slug("base"), features(&base)),
            (slug("advanced_analytics"), features(&advanced)),
            (slug("integration"), features(&["outputs/sms"])),
        ]),
        grants: vec![
            Grant {
                seats: Seats::Cameras(named(0)),
                packs: vec![slug("base"), slug("advanced_analytics")],
                until: None,
            },
            Grant { seats: Seats::Cameras(named(1)), packs: vec![slug("base")], until: None },
        ],
        device: DeviceGrant { packs: vec![slug("integration")] },
        swap: None,
        quotas: Vec::new(),
        catalog: 1,
        ks: 1,
        must: Vec::new(),
    }
}

/// The token of these claims, signed by the license key.
pub fn licence_token(claims: &LicenceClaims) -> String {
    LICENSE.document(Typ::License, &claims.to_json_bytes().expect("claims"))
}

/// A receipt for this licence, `seconds` after [`ISSUED`].
pub fn receipt(licence: &LicenceClaims, seq: u64, seconds: i64, state: LicenceStanding) -> ReceiptClaims {
    ReceiptClaims {
        ver: 1,
        iss: licence.iss.clone(),
        aud: "brink-edge".into(),
        jti: TokenId::parse(&format!("rec-{seq}")).expect("an id"),
        tenant: licence.tenant.clone(),
        dev: licence.dev.clone(),
        epoch: licence.epoch,
        nonce: [7; 32],
        ctr: seq,
        seq,
        iat: at(seconds),
        server_time: at(seconds),
        ratchet_sha256: [0; 32],
        ks: 1,
        lic: ReceiptLicence { seq: licence.seq, jti: licence.jti.clone(), state },
        next_after: 300,
        usage: None,
    }
}

/// The token of a receipt, signed by the receipt key.
pub fn receipt_token(claims: &ReceiptClaims) -> String {
    RECEIPT.document(Typ::Receipt, &claims.to_json_bytes().expect("claims"))
}

/// The device's statement that it is at home in this boot.
pub fn presence_token(licence: &LicenceClaims, boot: BootId) -> String {
    let claims = PresenceClaims {
        ver: 1,
        dev: licence.dev.clone(),
        epoch: licence.epoch,
        jkt: licence.cnf.jkt,
        jti: licence.jti.clone(),
        boot_id: boot.to_string(),
    };
    device_of(licence).document(Typ::Presence, &claims.to_json_bytes().expect("claims"))
}

/// The device key that a licence is bound to.
fn device_of(licence: &LicenceClaims) -> Key {
    let bound = |key: &Key| key.public().kid() == licence.cnf.jkt;
    [DEVICE, DEVICE_NEXT].into_iter().find(bound).expect("a device of the forge")
}

/// A bundle of this licence, its receipt, and presence for `boot`.
pub fn bundle(licence: &LicenceClaims, receipt: &ReceiptClaims, boot: BootId) -> Bundle {
    Bundle {
        manifests: vec![manifest()],
        licence: licence_token(licence),
        receipt: Some(receipt_token(receipt)),
        presence: Some(presence_token(licence, boot)),
        device_key: *device_of(licence).public().as_bytes(),
        sections: Vec::new(),
    }
}

/// A list that revokes these licences up to their own numbers, signed by `key`.
pub fn revocations(key: Key, version: u64, licences: &[&LicenceClaims]) -> String {
    let revoked = licences.iter().map(|licence| RevokedLicence {
        sub: licence.sub.clone(),
        epoch: licence.epoch,
        seq: licence.seq,
    });
    let claims = RevocationsClaims {
        ver: 1,
        iss: issuer(),
        aud: "brink-edge".into(),
        tenant: TenantId::parse("tenant-123").expect("a name"),
        version,
        iat: at(60),
        until: at(40 * DAY),
        revoked: revoked.collect(),
    };
    key.document(Typ::Revocations, &claims.to_json_bytes().expect("claims"))
}

/// A device's statement of who sits on its unnamed seats: all on those with these packs.
pub fn seats(licence: &LicenceClaims, counter: u64, since: u64, seated: &[(&str, &[&str])]) -> SeatsClaims {
    let camera = |name: &&str| CameraId::parse(name).expect("a name");
    let group = |(packs, cameras): &(&str, &[&str])| Seated {
        packs: packs.split(',').map(slug).collect(),
        cameras: cameras.iter().map(camera).collect(),
    };
    let seated = seated.iter().map(group).collect();
    SeatsClaims { counter, since, seated, ..SeatsClaims::empty(licence, 0) }
}

/// The bundle with these seats, signed by the device of its licence.
pub fn with_seats(bundle: &Bundle, licence: &LicenceClaims, seats: &SeatsClaims) -> Bundle {
    with_seats_signed(
        bundle,
        &device_of(licence).document(Typ::Seats, &seats.to_json_bytes().expect("claims")),
    )
}

/// The bundle with whatever this is in the place of the seats.
pub fn with_seats_signed(bundle: &Bundle, token: &str) -> Bundle {
    let mut bundle = bundle.clone();
    bundle.sections.retain(|(number, _)| *number != SEATS_SECTION);
    bundle.sections.push((SEATS_SECTION, token.as_bytes().to_vec()));
    bundle
}

/// The licence with this many unnamed seats with `base`, and more with both packs; some may be moved.
pub fn licence_with_seats(cameras: usize, base: u32, advanced: u32) -> LicenceClaims {
    let mut licence = licence(cameras);
    let any = |seats, packs: &[&str]| Grant {
        seats: Seats::Any(seats),
        packs: packs.iter().map(|pack| slug(pack)).collect(),
        until: None,
    };
    licence.grants.push(any(base, &["base"]));
    licence.grants.push(any(advanced, &["base", "advanced_analytics"]));
    licence.swap = Some(Swap { percent: 10, min: 1, max: 10 });
    licence
}

/// An extension of this licence, from `issued` seconds after [`ISSUED`] for so many hours, signed by `key`.
pub fn extension(key: Key, licence: &LicenceClaims, number: u64, (issued, hours): (i64, i64)) -> String {
    let claims = ExtensionClaims {
        ver: 1,
        iss: issuer(),
        aud: "brink-edge".into(),
        tenant: licence.tenant.clone(),
        dev: licence.dev.clone(),
        sub: licence.sub.clone(),
        epoch: licence.epoch,
        jkt: licence.cnf.jkt,
        number,
        iat: at(issued),
        until: at(issued + hours * 3600),
    };
    key.document(Typ::Extension, &claims.to_json_bytes().expect("claims"))
}

/// The bundle with one notice more.
pub fn with_notice(bundle: &Bundle, kind: NoticeKind, token: &str) -> Bundle {
    let mut bundle = bundle.clone();
    bundle.sections.push((kind.number(), token.as_bytes().to_vec()));
    bundle
}
