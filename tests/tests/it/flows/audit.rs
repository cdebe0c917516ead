//! The audit through the real programs: it is sealed by whoever serves, and a damaged copy is named.

use super::Scene;
use std::fs;

#[test]
fn what_a_server_signed_is_listed_sealed_by_it_and_a_changed_line_is_named_with_three() {
    let scene = Scene::activated(10);
    scene.device.exchange().ok();
    let issuer = &scene.issuer;
    // The server looks at its start, and once an hour: what it saw then may lack what came since.
    brink_tests::until("the server seals the audit", || {
        issuer.run(&["audit", "verify", "--json"]).ok().json()["seals"].as_u64() > Some(0)
    });
    let heads = issuer.data().with_extension("heads");
    let out = heads.to_str().unwrap();
    issuer.run(&["audit", "seal", "--out", out]).ok();
    let checked = issuer.run(&["audit", "verify", "--kept", out, "--json"]).ok().json();
    assert_eq!((&checked["sound"], checked["kept"].as_u64()), (&true.into(), Some(2)), "{checked}");
    let issued = issuer.run(&["audit", "issued", "--kind", "license", "--json"]).ok().json();
    let minted = issuer.run(&["audit", "list", "--action", "licence.mint", "--json"]).ok().json();
    let (issued, minted) = (issued["issued"].as_array().unwrap(), minted["audit"].as_array().unwrap());
    assert!(!issued.is_empty());
    let digests = |rows: &[serde_json::Value], at: &str| -> Vec<_> {
        rows.iter().map(|row| row.pointer(at).unwrap().clone()).collect()
    };
    assert_eq!(digests(issued, "/sha256"), digests(minted, "/detail/sha256"));
    let exported = issuer.data().with_extension("jsonl");
    issuer.run(&["audit", "export", "--out", exported.to_str().unwrap()]).ok();
    assert_eq!(
        fs::read_to_string(exported).unwrap().lines().count() as u64,
        checked["lines"].as_u64().unwrap()
    );

    let database = rusqlite::Connection::open(issuer.data().join("issuer.db")).unwrap();
    let theft = "DROP TRIGGER audit_kept_1; UPDATE audit SET actor = 'nobody' WHERE action = 'licence.mint'";
    database.execute_batch(theft).unwrap();
    let refused = issuer.run(&["audit", "verify", "--json"]).coded(3);
    assert_eq!(refused.json()["error"]["code"], "AUDIT_UNSOUND");
    assert!(refused.stderr.contains("LINE_CHANGED in the chain of tenant"), "{}", refused.stderr);
}
