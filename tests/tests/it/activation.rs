//! Activations made by hand against the real issuer: what an agent would never send, an adversary does.

use brink_tests::by_hand::{Activation, answer_by_file, licence_of};
use brink_tests::forge::Key;
use brink_tests::{Issuer, Offer, Ran, World};

const DEVICE: Key = Key(41);
/// The exit code of a refusal.
const NOT_ALLOWED: i32 = 3;

fn world() -> (World, Issuer, Offer) {
    let world = World::new();
    let issuer = world.issuer();
    issuer.subscribe("tenant-123", 10, &["--pack", "advanced_analytics"]);
    let offer = issuer.offer("tenant-123");
    (world, issuer, offer)
}

/// Sends an activation that has to be refused, and the sound one after it: nothing was spent.
fn refused(change: impl FnOnce(&mut Activation)) -> Ran {
    let (world, issuer, offer) = world();
    let mut activation = Activation::new("dev-acme", DEVICE, &offer.code);
    let sound = activation.seal();
    change(&mut activation);
    let (ran, response) = answer_by_file(&issuer, world.dir(), &activation.seal());
    assert!(response.is_none(), "a refused request was answered\n{ran}");
    assert!(!ran.stderr.contains("panicked"), "{ran}");
    let (after, response) = answer_by_file(&issuer, world.dir(), &sound);
    after.ok();
    assert!(
        response.is_some_and(|response| response.licence.is_some()),
        "the code was spent by a refused request"
    );
    ran.coded(NOT_ALLOWED)
}

#[test]
fn a_code_is_spent_by_file_and_the_licence_binds_the_key() {
    let (world, issuer, offer) = world();
    let activation = Activation::new("dev-acme", DEVICE, &offer.code).seal();
    let (ran, response) = answer_by_file(&issuer, world.dir(), &activation);
    ran.ok();
    let response = response.expect("a response");
    let (licence, _) = licence_of(&issuer, &response);
    assert_eq!(licence.claims().cnf.jkt, DEVICE.public().kid());
    assert_eq!(licence.claims().dev.as_str(), offer.device);
    assert_eq!(licence.claims().seats(), 10, "before any assignment every seat is unnamed");
}

#[test]
fn the_same_request_again_gets_the_same_answer_and_another_key_does_not() {
    let (world, issuer, offer) = world();
    let activation = Activation::new("dev-acme", DEVICE, &offer.code).seal();
    let (first, answered) = answer_by_file(&issuer, world.dir(), &activation);
    let (second, again) = answer_by_file(&issuer, world.dir(), &activation);
    first.ok();
    second.ok();
    assert!(answered.is_some() && answered == again, "an identical retry was answered differently");
    let thief = Activation::new("dev-acme", Key(42), &offer.code).seal();
    let (ran, response) = answer_by_file(&issuer, world.dir(), &thief);
    assert!(response.is_none(), "a spent code made a second device\n{ran}");
    ran.coded(NOT_ALLOWED);
}

/// Case 31: the key comes from the adversary.
#[test]
fn a_device_key_that_must_not_be_used_is_refused() {
    let mut small_order = [0xff; 32];
    (small_order[0], small_order[31]) = (0xec, 0x7f);
    let mut not_canonical = [0xff; 32];
    (not_canonical[0], not_canonical[31]) = (0xee, 0x7f);
    for bytes in [small_order, not_canonical, [0; 32], [0xff; 32]] {
        refused(|activation| activation.device_key = bytes).says("BAD_KEY");
    }
    let other = *Key(43).public().as_bytes();
    refused(|activation| activation.device_key = other).says("UNKNOWN_KID");
}

/// Case 99: a proof covers one body, one path and one issuer.
#[test]
fn a_proof_over_anything_else_is_refused() {
    refused(|activation| activation.claims.bh = [1; 32]).says("WRONG_PROOF");
    // An exchange is for devices that are known; nobody looks into the body of another.
    refused(|activation| activation.claims.htu = "/v1/exchange".into()).says("UNKNOWN_DEVICE");
    refused(|activation| activation.claims.htu = "/v1/elsewhere".into()).says("WRONG_PROOF");
    refused(|activation| activation.claims.htm = "GET".into()).says("WRONG_PROOF");
    refused(|activation| activation.claims.iss = "dev-other".parse().unwrap()).says("WRONG_ISSUER");
    refused(|activation| activation.signer = Key(44)).says("UNKNOWN_KID");
}

#[test]
fn a_code_that_was_never_given_is_refused() {
    refused(|activation| {
        let code = "not-a-code".to_owned();
        activation.body.kind = brink_license::exchange::RequestKind::Activate { code };
    });
}

#[test]
fn a_file_that_is_no_request_is_refused() {
    let (world, issuer, offer) = world();
    let sound = Activation::new("dev-acme", DEVICE, &offer.code).seal();
    for bytes in [&b""[..], b"BRINKREQ", &sound[..sound.len() - 1], &[&sound[..], &[0]].concat()] {
        let (ran, response) = answer_by_file(&issuer, world.dir(), bytes);
        assert!(response.is_none(), "{ran}");
        ran.coded(NOT_ALLOWED);
    }
}
