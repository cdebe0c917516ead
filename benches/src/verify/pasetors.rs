//! PASETO v4.public: every camera with all its features.

use super::Peer;
use super::one_by_one::by_feature;
use brink_license::token::LicenceClaims;
use brink_tests::forge::LICENSE;
use pasetors::claims::{Claims, ClaimsValidationRules};
use pasetors::keys::{AsymmetricPublicKey, AsymmetricSecretKey};
use pasetors::token::UntrustedToken;
use pasetors::version4::V4;
use pasetors::{Public, public};
use std::time::Duration;

/// Longer than any run.
const VALID: Duration = Duration::from_secs(86_400);

pub(super) fn peer(claims: &LicenceClaims) -> Peer {
    let signing = LICENSE.signing();
    let secret = AsymmetricSecretKey::<V4>::from(&signing.to_keypair_bytes()).expect("a key");
    let key = AsymmetricPublicKey::<V4>::from(signing.verifying_key().as_bytes()).expect("a key");
    let mut payload = Claims::new_expires_in(&VALID).expect("claims");
    payload.audience(&claims.aud).expect("a claim");
    let cameras = serde_json::to_value(by_feature(claims)).expect("JSON");
    payload.add_additional("cameras", cameras).expect("a claim");
    let token = public::sign(&secret, &payload, None, None).expect("a token");
    let mut rules = ClaimsValidationRules::new();
    rules.validate_audience_with("brink-edge");
    Peer::new("pasetors 0.8, v4.public, camera by camera with its features", token.len(), move || {
        let untrusted = UntrustedToken::<Public, V4>::try_from(&token).expect("a token");
        public::verify(&key, &untrusted, &rules, None, None).expect("a good token")
    })
}
