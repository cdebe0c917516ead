//! The same licence as others would write it, as jsonwebtoken reads it: every camera with all its features, every camera
//! with the names of its packs, and grouped as the product's own licence is.

use super::Peer;
use brink_license::Typ;
use brink_license::token::LicenceClaims;
use brink_tests::forge::LICENSE;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A document of cameras, packs and grants: whichever of them its issuer writes.
#[derive(Serialize, Deserialize)]
struct Document {
    iss: String,
    aud: String,
    sub: String,
    tenant: String,
    dev: String,
    exp: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    cameras: Vec<Camera>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    packs: BTreeMap<String, Vec<String>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    grants: Vec<Grant>,
}

/// One camera with its features, or with its packs.
#[derive(Serialize, Deserialize)]
pub(super) struct Camera {
    pub(super) id: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) features: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    packs: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Grant {
    cameras: Vec<String>,
    packs: Vec<String>,
}

fn document(claims: &LicenceClaims) -> Document {
    Document {
        iss: claims.iss.to_string(),
        aud: claims.aud.clone(),
        sub: claims.sub.to_string(),
        tenant: claims.tenant.to_string(),
        dev: claims.dev.to_string(),
        exp: u64::try_from(claims.exp.as_i64()).expect("after 1970"),
        cameras: Vec::new(),
        packs: BTreeMap::new(),
        grants: Vec::new(),
    }
}

fn packs(claims: &LicenceClaims) -> BTreeMap<String, Vec<String>> {
    let pack = |(name, features): (&_, &brink_license::IdList<_>)| {
        (ToString::to_string(name), features.iter().map(str::to_owned).collect())
    };
    claims.packs.iter().map(pack).collect()
}

/// Every camera with all its features.
pub(super) fn by_feature(claims: &LicenceClaims) -> Vec<Camera> {
    let mut cameras = Vec::new();
    for grant in &claims.grants {
        let features = grant.packs.iter().flat_map(|pack| claims.packs[pack].iter());
        let features: Vec<String> = features.map(str::to_owned).collect();
        let camera = |id: &str| Camera { id: id.to_owned(), features: features.clone(), packs: Vec::new() };
        cameras.extend(grant.seats.cameras().map(camera));
    }
    cameras
}

/// Every camera with the names of its packs: a quarter of the bytes.
fn by_pack(claims: &LicenceClaims) -> Vec<Camera> {
    let mut cameras = Vec::new();
    for grant in &claims.grants {
        let packs: Vec<String> = grant.packs.iter().map(ToString::to_string).collect();
        let camera = |id: &str| Camera { id: id.to_owned(), features: Vec::new(), packs: packs.clone() };
        cameras.extend(grant.seats.cameras().map(camera));
    }
    cameras
}

fn grouped(claims: &LicenceClaims) -> Vec<Grant> {
    let grant = |grant: &brink_license::token::Grant| Grant {
        cameras: grant.seats.cameras().map(str::to_owned).collect(),
        packs: grant.packs.iter().map(ToString::to_string).collect(),
    };
    claims.grants.iter().map(grant).collect()
}

pub(super) fn peers(claims: &LicenceClaims) -> Vec<Peer> {
    let by_pack = Document { cameras: by_pack(claims), packs: packs(claims), ..document(claims) };
    let by_feature = Document { cameras: by_feature(claims), ..document(claims) };
    let grouped = Document { grants: grouped(claims), packs: packs(claims), ..document(claims) };
    vec![
        peer("jsonwebtoken 11.1, camera by camera with its packs", &by_pack),
        peer("jsonwebtoken 11.1, camera by camera with its features", &by_feature),
        peer("jsonwebtoken 11.1, grouped as the product groups", &grouped),
    ]
}

fn peer(name: &'static str, document: &Document) -> Peer {
    let pkcs8 = LICENSE.signing().to_pkcs8_der().expect("a key");
    let header = Header { typ: Some(Typ::License.as_str().into()), ..Header::new(Algorithm::EdDSA) };
    let key = EncodingKey::from_ed_der(pkcs8.as_bytes());
    let token = jsonwebtoken::encode(&header, document, &key).expect("a token");
    let key = DecodingKey::from_ed_der(LICENSE.signing().verifying_key().as_bytes());
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&["brink-edge"]);
    Peer::new(name, token.len(), move || {
        jsonwebtoken::decode::<Document>(token.as_bytes(), &key, &validation).expect("a good token")
    })
}
