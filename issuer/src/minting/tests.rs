use super::*;
use crate::desired::desired;
use crate::testkit::{Bench, names};
use brink_license::PublicKey;

/// A key in a vault that has gone away.
struct Away(PublicKey);

impl Signer for Away {
    fn public_key(&self) -> &PublicKey {
        &self.0
    }

    fn sign(&self, _: &[u8]) -> Result<[u8; 64], SignError> {
        Err(SignError::Unavailable { kid: self.kid(), reason: "the vault is away".into() })
    }
}

/// A provider set up with one key and naming another.
struct Mixed(PublicKey, Arc<dyn Signer>);

impl Signer for Mixed {
    fn public_key(&self) -> &PublicKey {
        &self.0
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        self.1.sign(message)
    }
}

fn draft(bench: &Bench) -> Draft {
    let edge = bench.activated();
    let prefix = edge.id().to_string();
    bench.assign(&edge.id(), &names(&prefix, 0..2), &[]);
    desired(&bench.issuer.answering().unwrap().mint_terms(), &bench.view(&edge.id())).unwrap().draft
}

fn mint(bench: &Bench, signer: &Arc<dyn Signer>) -> Result<LicenceRow, MintError> {
    let held = bench.issuer.in_force.held();
    let minter = Minter { keyset: &held.keyset, signer };
    minter.mint(&draft(bench), 7, bench.issuer.answering().unwrap().now)
}

#[test]
fn a_minted_token_is_what_the_plain_envelope_would_be() {
    let bench = Bench::with(10, &[]);
    let signer = &bench.issuer.in_force.held().keys.license;
    let row = mint(&bench, signer).unwrap();
    assert_eq!((row.seq, row.named_seats, row.any_seats, row.kid), (7, 2, 8, signer.kid()));
    let payload = row.token.split('.').nth(1).unwrap();
    let input = &row.token[..row.token.rfind('.').unwrap()];
    let signature = signer.sign(input.as_bytes()).unwrap();
    assert_eq!(row.token, brink_license::jws::assemble(input, &signature));
    assert!(
        brink_license::b64::decode(payload.as_bytes())
            .unwrap()
            .starts_with(b"{\"ver\":1,\"iss\":\"dev-test\"")
    );
}

#[test]
fn a_key_that_fails_or_is_not_the_one_named_mints_nothing() {
    let bench = Bench::with(10, &[]);
    let license = Arc::clone(&bench.issuer.in_force.held().keys.license);
    let away: Arc<dyn Signer> = Arc::new(Away(license.public_key().clone()));
    let error = mint(&bench, &away).unwrap_err();
    assert!(
        matches!(&error, MintError::Sign(_)) && error.to_string().contains("the vault is away"),
        "{error}"
    );
    let mixed: Arc<dyn Signer> =
        Arc::new(Mixed(license.public_key().clone(), Arc::clone(&bench.issuer.in_force.held().keys.receipt)));
    let error = mint(&bench, &mixed).unwrap_err();
    assert!(matches!(error, MintError::Unverifiable { problem: TokenError::BadSignature, .. }), "{error}");
    let receipt = mint(&bench, &bench.issuer.in_force.held().keys.receipt).unwrap_err();
    assert!(
        matches!(receipt, MintError::Unverifiable { problem: TokenError::KeyUse { .. }, .. }),
        "{receipt}"
    );
    mint(&bench, &license).unwrap();
}

#[test]
fn the_signer_is_lent_for_one_call_only() {
    let bench = Bench::with(10, &[]);
    mint(&bench, &bench.issuer.in_force.held().keys.license).unwrap();
    let key = EncodingKey::from_ed_der(bench.issuer.in_force.held().keys.license.kid().as_bytes());
    let header = Header::new(Algorithm::EdDSA);
    assert!(jsonwebtoken::encode(&header, &serde_json::json!({}), &key).is_err());
}
