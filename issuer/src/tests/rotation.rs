//! Keysets with a long history: more versions than one answer may carry.

use crate::keys::KEYS_SECONDS;
use crate::testkit::{Bench, Edge};
use brink_license::exchange::{ExchangeResponse, RequestKind};
use brink_license::keyset::{Keyset, ManifestPayload, RootKeys, WALK_MAX};
use brink_signing::{KeyFile, KeyUse, Protection, Signer, sign_manifest};

/// Adds versions; the first of them brings another root key.
fn rotate(bench: &mut Bench, versions: usize) {
    let root = |number: usize| {
        KeyFile::at(bench.data.keys().join(KeyUse::Root.file_name(number.try_into().unwrap()))).unwrap()
    };
    let old = root(1).load(KeyUse::Root, Protection::PlaintextForDevelopment).unwrap();
    let new = root(2).generate(KeyUse::Root, Protection::PlaintextForDevelopment).unwrap();
    let manifests = bench.admin.storage.manifests().unwrap();
    let mut keyset = Keyset::bootstrap(&bench.anchor, &manifests).unwrap();
    for number in 0..versions {
        let now = keyset.issued_at();
        let mut payload = ManifestPayload::next(&keyset, now, now.saturating_add(KEYS_SECONDS));
        payload.root = RootKeys::new(1, vec![new.public_key().clone()]).unwrap();
        let signers: &[&dyn Signer] = if number == 0 { &[&old, &new] } else { &[&new] };
        let manifest = sign_manifest(&payload.to_json_bytes().unwrap(), signers).unwrap();
        keyset = keyset.accept_next(&manifest).unwrap();
        let version = i64::try_from(keyset.version()).unwrap();
        bench.sql("INSERT INTO manifests VALUES (?1, ?2, 0)", &[&version, &manifest]);
    }
    bench.restart();
}

#[test]
fn a_new_device_gets_the_manifests_that_changed_the_root_and_the_newest() {
    let mut bench = Bench::with(10, &[]);
    rotate(&mut bench, WALK_MAX + 6);
    let made = bench.code(1);
    let mut edge = bench.device();
    let request = edge.request(RequestKind::Activate { code: made.code.reveal().to_owned() });
    let answer = bench.issuer.answer(&request, None).unwrap();
    assert_eq!(ExchangeResponse::decode(&answer).unwrap().manifests.len(), 3);
    assert!(edge.accept(&answer));
    assert_eq!(edge.keyset.as_ref().unwrap().version(), WALK_MAX as u64 + 7);
    assert!(!edge.exchange(&bench.issuer).unwrap());
}

#[test]
fn a_device_that_was_away_for_long_walks_every_version_and_then_gets_its_licence() {
    let mut bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    rotate(&mut bench, WALK_MAX + 6);
    bench.subscribe(20, &[]);
    bench.extend(&edge.id(), 1).unwrap();
    let notices = |edge: &mut Edge| {
        let request = edge.request(RequestKind::Exchange);
        let answer = bench.issuer.answer(&request, None).unwrap();
        let count = ExchangeResponse::decode(&answer).unwrap().notices().unwrap().len();
        (edge.accept(&answer), count)
    };
    assert_eq!(
        notices(&mut edge),
        (false, 0),
        "its licence and its notices may need keys that come with the next answer"
    );
    assert!(edge.receipt.as_ref().unwrap().claims().next_after < 60, "it is asked to come again soon");
    assert_eq!(notices(&mut edge), (true, 1));
    assert_eq!(edge.keyset.as_ref().unwrap().version(), WALK_MAX as u64 + 7);
    assert_eq!(edge.seats(), (0, 20));
}
