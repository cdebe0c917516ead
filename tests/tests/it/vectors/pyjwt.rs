//! An oracle in another language: PyJWT verifies what the issuer mints and what the vectors hold, and refuses either
//! when a byte of the signature changes.

use std::process::Command;

use brink_license::PublicKey;
use brink_tests::World;
use brink_tests::by_hand::{Activation, answer_by_file, licence_of};
use brink_tests::forge::Key;

use super::raw::{self, key, licence, licensed};

const PROGRAM: &str = r#"
import json, sys, base64, jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
token, x, kid, issuer = sys.argv[1:]
key = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "="))
options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
claims = jwt.decode(token, key, algorithms=["EdDSA"], audience="brink-edge", issuer=issuer, options=options)
head = jwt.get_unverified_header(token)
assert head == {"alg": "EdDSA", "kid": kid, "typ": "brink-license+jwt"}, head
body, _, signature = token.rpartition(".")
flipped = body + "." + ("B" if signature[0] == "A" else "A") + signature[1:]
try:
    jwt.decode(flipped, key, algorithms=["EdDSA"], audience="brink-edge", options=options)
    sys.exit("a broken signature was accepted")
except jwt.InvalidSignatureError:
    pass
print(json.dumps(claims))
"#;

/// The claims as PyJWT reads them.
fn read_by_pyjwt(token: &str, public: &PublicKey, issuer: &str) -> serde_json::Value {
    let output = Command::new(brink_tests::python())
        .args(["-c", PROGRAM, token, &public.to_x(), &public.kid().to_string(), issuer])
        .output()
        .expect("python runs");
    assert!(output.status.success(), "PyJWT: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the claims as JSON")
}

#[test]
#[ignore = "needs PyJWT: scripts/test installs it beside the build and runs this"]
fn pyjwt_agrees() {
    let claims = read_by_pyjwt(&licensed(&licence()), &key("license-1").public(), raw::ISSUER);
    assert_eq!(claims["tenant"], raw::TENANT);
    assert_eq!(claims["grants"][1]["any"], 3);
}

#[test]
#[ignore = "needs PyJWT: scripts/test installs it beside the build and runs this"]
fn pyjwt_verifies_what_the_issuer_mints() {
    let world = World::new();
    let issuer = world.issuer();
    issuer.subscribe("tenant-123", 7, &[]);
    let offer = issuer.offer("tenant-123");
    let request = Activation::new("dev-acme", Key(51), &offer.code).seal();
    let (ran, response) = answer_by_file(&issuer, world.dir(), &request);
    ran.ok();
    let (minted, keyset) = licence_of(&issuer, &response.expect("a response"));
    let public = keyset.key(&minted.kid()).expect("the key that signed").public_key();
    let claims = read_by_pyjwt(minted.token(), public, "dev-acme");
    assert_eq!(claims["dev"], offer.device);
    assert_eq!(claims["cnf"]["jkt"], Key(51).public().kid().to_string());
}
