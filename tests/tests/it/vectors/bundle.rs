//! The published bundle: a file that anybody may cut, patch or replace.

use brink_license::Code::{BadSignature, BundleDamaged, Malformed, TooLarge, Unsupported, WrongDevice};
use brink_store::Bundle;
use sha2::{Digest as _, Sha256};

use super::raw::{key, licence, licensed, main_manifests};
use super::{Family, Input, Outcome, Subject};

const HEAD: usize = b"BRINKBND\x01".len();
const DIGEST: usize = 32;

fn content() -> Bundle {
    Bundle {
        manifests: main_manifests().into_iter().map(String::into_bytes).collect(),
        licence: licensed(&licence()),
        receipt: None,
        presence: None,
        device_key: *key("device-1").public().as_bytes(),
        sections: Vec::new(),
    }
}

fn encoded(change: impl FnOnce(&mut Bundle)) -> Vec<u8> {
    let mut bundle = content();
    change(&mut bundle);
    bundle.encode().expect("a bundle")
}

/// The bytes with a sound checksum behind them.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let digest = Sha256::digest(&bytes);
    bytes.extend_from_slice(&digest);
    bytes
}

pub(crate) fn family() -> Family {
    let mut family = Family::new("bundle");
    let mut add = |name: &str, bytes: Vec<u8>, outcome: Outcome| {
        family.add(&[], name, Subject::Bundle { input: Input::Hex(bytes) }, outcome);
    };
    let good = encoded(|_| {});
    let body = good[..good.len() - DIGEST].to_vec();
    add("as-published", good.clone(), Outcome::Accept);
    add("empty", Vec::new(), Outcome::Refuse(Malformed));
    add("of-another-program", sealed(b"SQLite format 3\0".to_vec()), Outcome::Refuse(Malformed));
    add("magic-alone", good[..HEAD - 1].to_vec(), Outcome::Refuse(BundleDamaged));
    // Shorter than a checksum: the first version of the reader counted below zero here.
    add("cut-behind-the-version", good[..HEAD].to_vec(), Outcome::Refuse(BundleDamaged));
    add("cut-to-31-bytes", good[..31].to_vec(), Outcome::Refuse(BundleDamaged));
    add("cut-to-33-bytes", good[..33].to_vec(), Outcome::Refuse(BundleDamaged));
    add("nothing-but-a-checksum", sealed(good[..HEAD].to_vec()), Outcome::Refuse(BundleDamaged));
    add("cut-by-one-byte", good[..good.len() - 1].to_vec(), Outcome::Refuse(BundleDamaged));
    add("one-byte-more", [&good[..], &[0]].concat(), Outcome::Refuse(BundleDamaged));
    add(
        "one-byte-more-under-the-checksum",
        sealed([&body[..], &[0]].concat()),
        Outcome::Refuse(BundleDamaged),
    );
    let mut flipped = good.clone();
    flipped[HEAD + 40] ^= 1;
    add("flipped-bit", flipped, Outcome::Refuse(BundleDamaged));
    let mut later = body;
    later[HEAD - 1] = 2;
    add("version-2", sealed(later), Outcome::Refuse(Unsupported));
    let other = *key("device-2").public().as_bytes();
    add("of-another-device-key", encoded(|bundle| bundle.device_key = other), Outcome::Refuse(WrongDevice));
    // Sealed again after the licence was widened: the checksum is no signature.
    let widened = encoded(|bundle| {
        let wide = licensed(&licence().with("grace", "2592000"));
        let (input, _) = wide.rsplit_once('.').expect("a token");
        let (_, signature) = bundle.licence.rsplit_once('.').expect("a token");
        bundle.licence = format!("{input}.{signature}");
    });
    add("widened-and-sealed-again", widened, Outcome::Refuse(BadSignature));
    let long = Subject::Bundle { input: Input::Repeat("A", 2 * 1024 * 1024 + 1) };
    family.add(&[5], "one-byte-too-long", long, Outcome::Refuse(TooLarge));
    family
}
