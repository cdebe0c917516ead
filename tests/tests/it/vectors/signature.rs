//! Step 6, and what a key's state makes of a sound signature.

use brink_license::Code::{BadSignature, KeyExpired, KeyRevoked};
use brink_license::b64;
use curve25519_dalek::EdwardsPoint;
use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::traits::Identity as _;

use super::Family;
use super::raw::{self, DAY, ISSUED, LICENSE, header, key, licence, licensed, licensed_by};

/// The group order, little endian (RFC 8032 section 5.1).
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// The sum of two little-endian numbers, modulo 2^256.
fn sum(a: &[u8], b: &[u8; 32]) -> [u8; 32] {
    let mut carry = 0;
    std::array::from_fn(|i| {
        let digit = u16::from(a[i]) + u16::from(b[i]) + carry;
        carry = digit >> 8;
        digit.to_le_bytes()[0]
    })
}

fn input() -> String {
    raw::input(&header(LICENSE, key("license-1").kid()).text(), &licence().text())
}

fn with_signature(signature: &[u8; 64]) -> String {
    format!("{}.{}", input(), b64::encode(signature))
}

pub(crate) fn family() -> Family {
    let mut family = Family::new("signature");
    let signer = key("license-1");
    let honest = signer.sign(input().as_bytes());
    family.accepts(&[], "honest", with_signature(&honest));
    // The arithmetic in raw.rs makes sound signatures, so what is refused below is refused for its defect.
    let own = signer.sign_with_r(input().as_bytes(), 4711, EdwardsPoint::identity(), None);
    family.accepts(&[], "honest-with-another-nonce", with_signature(&own));
    malleated(&mut family, &honest);
    odd_points(&mut family);
    family.refuses(&[], "all-zero", with_signature(&[0; 64]), BadSignature);
    family.refuses(
        &[],
        "of-another-key",
        with_signature(&key("attacker").sign(input().as_bytes())),
        BadSignature,
    );
    mixed_parts(&mut family);
    key_states(&mut family);
    family
}

fn malleated(family: &mut Family, honest: &[u8; 64]) {
    let mut plus_l = *honest;
    plus_l[32..].copy_from_slice(&sum(&honest[32..], &L));
    family.refuses(&[28], "s-plus-group-order", with_signature(&plus_l), BadSignature);
    for bit in [0x20, 0x40, 0x80] {
        let mut high = *honest;
        high[63] |= bit;
        family.refuses(&[28], format!("s-with-high-bit-{bit:02x}"), with_signature(&high), BadSignature);
    }
}

/// Signatures that verifiers without the strict checks take: made by the honest key, with `R` of small or mixed order.
fn odd_points(family: &mut Family) {
    let signer = key("license-1");
    let message = input();
    for (index, point) in EIGHT_TORSION.iter().enumerate() {
        let small = signer.sign_with_r(message.as_bytes(), 0, *point, None);
        family.refuses(&[29], format!("r-of-small-order-{index}"), with_signature(&small), BadSignature);
    }
    for (index, point) in EIGHT_TORSION.iter().enumerate().skip(1) {
        let mixed = signer.sign_with_r(message.as_bytes(), 4711, *point, None);
        family.refuses(&[29], format!("r-of-mixed-order-{index}"), with_signature(&mixed), BadSignature);
    }
    // The neutral element spelled as p + 1, and as itself with the sign bit.
    let mut above_p = [0xff; 32];
    (above_p[0], above_p[31]) = (0xee, 0x7f);
    let mut signed_one = [0; 32];
    (signed_one[0], signed_one[31]) = (1, 0x80);
    for (name, spelled) in [("r-not-canonical-above-p", above_p), ("r-not-canonical-sign", signed_one)] {
        let odd = signer.sign_with_r(message.as_bytes(), 0, EdwardsPoint::identity(), Some(spelled));
        family.refuses(&[29], name, with_signature(&odd), BadSignature);
    }
}

fn mixed_parts(family: &mut Family) {
    let one = licensed(&licence());
    let other = licensed(&licence().with("seq", "42"));
    let (one_input, _) = one.rsplit_once('.').expect("a token");
    let (other_input, other_signature) = other.rsplit_once('.').expect("a token");
    family.refuses(&[34], "parts-of-two-tokens", format!("{one_input}.{other_signature}"), BadSignature);
    let receipt = raw::token(
        &header(raw::RECEIPT, key("license-1").kid()).text(),
        &licence().text(),
        &key("license-1"),
    );
    let (_, receipt_signature) = receipt.rsplit_once('.').expect("a token");
    let swapped = format!("{other_input}.{receipt_signature}");
    family.refuses(&[34], "signature-over-another-header", swapped, BadSignature);
}

fn key_states(family: &mut Family) {
    let before = licence().with("iat", (ISSUED - 2 * DAY).to_string());
    family.accepts(&[32], "retired-key-within-its-time", licensed_by(&before, "license-old"));
    family.refuses(&[32], "retired-key-after-its-time", licensed_by(&licence(), "license-old"), KeyExpired);
    let at_end = licence().with("iat", (ISSUED - DAY).to_string());
    family.refuses(&[32], "retired-key-at-its-end", licensed_by(&at_end, "license-old"), KeyExpired);
    let early = licence().with("iat", (ISSUED - 91 * DAY).to_string());
    family.refuses(&[32], "key-before-its-time", licensed(&early), KeyExpired);
    family.refuses(&[33], "revoked-key", licensed_by(&licence(), "license-lost"), KeyRevoked);
}
