//! How many gates a process may have open: a test in a process of its own, because it takes them all.
#![allow(clippy::unwrap_used, reason = "a broken step is a failed test")]

use brink_license::keyset::TrustAnchor;
use brink_license::{Code, IssuerName, PublicKey};
use brink_store::Gate;
use brink_store::gate::GATES_MAX;
use ed25519_dalek::SigningKey;

#[test]
fn gates_are_bounded_and_closing_one_makes_room() {
    let root = PublicKey::from_bytes(SigningKey::from_bytes(&[1; 32]).verifying_key().as_bytes()).unwrap();
    let anchor = TrustAnchor::new(IssuerName::parse("dev-acme").unwrap(), 1, vec![root.kid()]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let open = || Gate::open(dir.path().join("licence.bundle"), anchor.clone());
    let mut gates: Vec<_> = (0..GATES_MAX).map(|_| open().unwrap()).collect();
    assert_eq!(open().unwrap_err().code(), Code::TooMany);
    gates.pop();
    assert!(open().is_ok());
}
