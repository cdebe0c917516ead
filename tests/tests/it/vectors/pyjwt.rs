//! An oracle in another language: PyJWT verifies a licence, and refuses it when a byte changes.

use std::process::Command;

use super::raw::{self, key, licence, licensed};

const PROGRAM: &str = r#"
import json, sys, base64, jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
token, x, kid = sys.argv[1:]
key = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "="))
options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
claims = jwt.decode(token, key, algorithms=["EdDSA"], audience="brink-edge", issuer="acme", options=options)
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

#[test]
#[ignore = "needs PyJWT: scripts/test installs it beside the build and runs this"]
fn pyjwt_agrees() {
    let signer = key("license-1");
    let output = Command::new(brink_tests::python())
        .args(["-c", PROGRAM, &licensed(&licence()), &signer.public().to_x(), &signer.kid().to_string()])
        .output()
        .expect("python runs");
    assert!(output.status.success(), "PyJWT: {}", String::from_utf8_lossy(&output.stderr));
    let claims: serde_json::Value = serde_json::from_slice(&output.stdout).expect("the claims as JSON");
    assert_eq!(claims["tenant"], raw::TENANT);
    assert_eq!(claims["grants"][1]["any"], 3);
}
