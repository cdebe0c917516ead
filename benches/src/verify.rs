//! From the bytes of a licence for 100 cameras to verified claims, beside the raw signature check of the same bytes and
//! beside jsonwebtoken decoding the same grants one by one.

use crate::harness::{Contender, Goal, Wanted, race};
use brink_license::keyset::KeyUse;
use brink_license::token::{Authority, DeviceGrant, Grant, LicenceClaims, LicenceExpected, Seats, verify};
use brink_license::{CameraId, Feature, Slug, Typ};
use brink_tests::forge::{self, LICENSE};
use ed25519_dalek::Signature;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

const CAMERAS: usize = 100;

/// The same licence as most issuers would write it: every camera with all its features.
#[derive(Serialize, Deserialize)]
struct OneByOne {
    iss: String,
    aud: String,
    sub: String,
    tenant: String,
    dev: String,
    exp: u64,
    cameras: Vec<Camera>,
}

#[derive(Serialize, Deserialize)]
struct Camera {
    id: String,
    features: Vec<String>,
}

fn one_by_one(claims: &LicenceClaims) -> OneByOne {
    let mut cameras = Vec::new();
    for grant in &claims.grants {
        let features = grant.packs.iter().flat_map(|pack| &claims.packs[pack]);
        let features: Vec<String> = features.map(ToString::to_string).collect();
        if let Seats::Cameras(named) = &grant.seats {
            cameras.extend(named.iter().map(|id| Camera { id: id.to_string(), features: features.clone() }));
        }
    }
    OneByOne {
        iss: claims.iss.to_string(),
        aud: claims.aud.clone(),
        sub: claims.sub.to_string(),
        tenant: claims.tenant.to_string(),
        dev: claims.dev.to_string(),
        exp: u64::try_from(claims.exp.as_i64()).expect("after 1970"),
        cameras,
    }
}

/// A licence as the product's own catalogue makes it: its packs with all their features, three grants, and cameras
/// named by 32 hexadecimal digits, as the field names them.
fn realistic() -> LicenceClaims {
    let slug = |text: &str| Slug::parse(text).expect("a slug");
    let camera = |i: usize| {
        CameraId::parse(&format!(
            "{:032x}",
            (i as u128 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
        ))
    };
    let named =
        |kind: usize| (0..CAMERAS).filter(|i| i % 3 == kind).map(|i| camera(i).expect("a name")).collect();
    let grant = |kind: usize, packs: &[&str]| Grant {
        seats: Seats::Cameras(named(kind)),
        packs: packs.iter().map(|pack| slug(pack)).collect(),
        until: None,
    };
    let packs = CATALOGUE.map(|(pack, features)| {
        let features = features.split_whitespace().map(|name| Feature::parse(name).expect("a feature"));
        (slug(pack), features.collect())
    });
    LicenceClaims {
        packs: packs.into(),
        grants: vec![
            grant(0, &["base"]),
            grant(1, &["base", "advanced_analytics"]),
            grant(2, &["base", "advanced_analytics", "retail"]),
        ],
        device: DeviceGrant { packs: vec![slug("integration")] },
        ..forge::licence(0)
    }
}

const CATALOGUE: [(&str, &str); 4] = [
    (
        "base",
        "cv_models/person cv_models/car cv_models/van cv_models/truck cv_models/bus cv_models/motorcycle \
         analytics/detection analytics/tracking analytics/counting analytics/dwell analytics/heatmap \
         analytics/direction analytics/speed analytics/privacy_mask analytics/line_zone analytics/polygon_zone \
         outputs/edge_io outputs/dashboard outputs/email outputs/webhook outputs/api outputs/file_sink \
         outputs/database_sink",
    ),
    (
        "advanced_analytics",
        "analytics/near_miss analytics/interaction_time analytics/queue_counter analytics/object_size",
    ),
    ("retail", "cv_models/trolley cv_models/staff cv_models/customer"),
    ("integration", "outputs/sms outputs/cloud_export outputs/vms_connectors"),
];

pub fn measure() -> Vec<Goal> {
    let claims = realistic();
    let token = forge::licence_token(&claims);
    let keyset = forge::keyset();
    let expected = LicenceExpected::of_issuer(forge::issuer());
    let authority = Authority::Issuer(&keyset, KeyUse::License);

    let (input, signature) = token.rsplit_once('.').expect("a token");
    let raw: [u8; 64] = brink_license::b64::decode_array(signature.as_bytes()).expect("a signature");
    let raw = Signature::from_bytes(&raw);
    let key = LICENSE.signing().verifying_key();

    let pkcs8 = ed25519_dalek::pkcs8::EncodePrivateKey::to_pkcs8_der(&LICENSE.signing()).expect("a key");
    let header = Header { typ: Some(Typ::License.as_str().into()), ..Header::new(Algorithm::EdDSA) };
    let peer =
        jsonwebtoken::encode(&header, &one_by_one(&claims), &EncodingKey::from_ed_der(pkcs8.as_bytes()));
    let peer = peer.expect("a token");
    let peer_key = DecodingKey::from_ed_der(key.as_bytes());
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&["brink-edge"]);

    println!("\nlicence of {CAMERAS} cameras: {} bytes; one by one: {} bytes", token.len(), peer.len());
    let medians = race(
        "verify a licence, bytes to claims",
        vec![
            Contender::new("raw verify_strict of the same bytes", || {
                key.verify_strict(input.as_bytes(), &raw)
            }),
            Contender::new("brink-license, bytes to VerifiedLicence", || {
                verify::<LicenceClaims>(token.as_bytes(), authority, &expected).expect("a good licence")
            }),
            Contender::new("jsonwebtoken, the same grants one by one", || {
                jsonwebtoken::decode::<OneByOne>(peer.as_bytes(), &peer_key, &validation)
                    .expect("a good token")
            }),
        ],
    );
    let [raw, ours, peer] = medians[..] else { unreachable!("three contenders") };
    vec![
        Goal {
            name: "licence of 100 cameras / raw verify_strict of the same bytes",
            wanted: Wanted::AtMost(1.3),
            measured: ours / raw,
        },
        Goal {
            name: "licence of 100 cameras / jsonwebtoken, grants one by one",
            wanted: Wanted::AtMost(0.5),
            measured: ours / peer,
        },
    ]
}
