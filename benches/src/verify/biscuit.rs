//! Biscuit: the same grants by pack, as facts. Its authorizer answers a question, which the others leave to a table.

use super::Peer;
use crate::scene::{FEATURE, camera};
use biscuit_auth::builder::{Algorithm, fact, string};
use biscuit_auth::{AuthorizerBuilder, AuthorizerLimits, Biscuit, KeyPair, PrivateKey};
use brink_license::token::LicenceClaims;
use brink_tests::forge::LICENSE;
use std::time::Duration;

/// Above what this licence needs; the defaults are for smaller tokens.
const LIMITS: AuthorizerLimits =
    AuthorizerLimits { max_facts: 100_000, max_iterations: 100, max_time: Duration::from_secs(10) };

fn token(claims: &LicenceClaims, key: &KeyPair) -> Vec<u8> {
    let mut builder = Biscuit::builder();
    for (pack, features) in &claims.packs {
        for feature in features.iter() {
            let has = fact("has", &[string(pack.as_ref()), string(feature)]);
            builder = builder.fact(has).expect("a fact");
        }
    }
    for grant in &claims.grants {
        for (camera, pack) in
            grant.seats.cameras().flat_map(|camera| grant.packs.iter().map(move |pack| (camera, pack)))
        {
            let grant = fact("grant", &[string(camera), string(pack.as_ref())]);
            builder = builder.fact(grant).expect("a fact");
        }
    }
    builder.build(key).expect("a token").to_vec().expect("bytes")
}

pub(super) fn peers(claims: &LicenceClaims) -> Vec<Peer> {
    let secret = PrivateKey::from_bytes(&LICENSE.signing().to_bytes(), Algorithm::Ed25519).expect("a key");
    let pair = KeyPair::from(&secret);
    let (token, key) = (token(claims, &pair), pair.public());
    let (bytes, again) = (token.len(), token.clone());
    let question = format!(r#"asked("{}", "{FEATURE}")"#, camera(1));
    vec![
        Peer::new("biscuit-auth 6, the same grants by pack as facts", bytes, move || {
            Biscuit::from(&token, key).expect("a good token")
        }),
        Peer::new("biscuit-auth 6, with its authorizer for one question", bytes, move || {
            let token = Biscuit::from(&again, key).expect("a good token");
            let asked = AuthorizerBuilder::new().fact(question.as_str()).expect("a fact");
            let policy = "allow if asked($camera, $feature), grant($camera, $pack), has($pack, $feature)";
            let mut authorizer =
                asked.policy(policy).expect("a policy").build(&token).expect("an authorizer");
            authorizer.authorize_with_limits(LIMITS).expect("an allowed camera")
        }),
    ]
}
