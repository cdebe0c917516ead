//! Public keys: they come from the adversary, and dalek alone takes weak, mixed and misspelled ones.

use brink_license::Code::BadKey;
use brink_license::b64;
use curve25519_dalek::EdwardsPoint;
use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::CompressedEdwardsY;

use super::raw::key;
use super::{Family, Outcome, Subject};

pub(crate) fn family() -> Family {
    let mut family = Family::new("public-key");
    let honest = *key("device-1").public().as_bytes();
    family.add(&[], "honest", Subject::Key { x: b64::encode(&honest) }, Outcome::Accept);
    let point = CompressedEdwardsY(honest).decompress().expect("a point");
    for (index, torsion) in EIGHT_TORSION.iter().enumerate() {
        refuse(&mut family, format!("small-order-{index}"), &torsion.compress().to_bytes());
    }
    for (index, torsion) in EIGHT_TORSION.iter().enumerate().skip(1) {
        refuse(&mut family, format!("mixed-order-{index}"), &(point + torsion).compress().to_bytes());
    }
    for (name, bytes) in misspelled() {
        refuse(&mut family, name, &bytes);
    }
    refuse(&mut family, "not-on-the-curve", &off_the_curve());
    refuse(&mut family, "all-zero", &[0; 32]);
    refuse(&mut family, "all-ones", &[0xff; 32]);
    refuse(&mut family, "of-31-bytes", &honest[..31]);
    refuse(&mut family, "of-33-bytes", &[&honest[..], &[0]].concat());
    let mut bad_text =
        |name: &str, x: String| family.add(&[31], name, Subject::Key { x }, Outcome::Refuse(BadKey));
    bad_text("empty", String::new());
    bad_text("padded", format!("{}=", b64::encode(&honest)));
    bad_text("hexadecimal", honest.iter().map(|byte| format!("{byte:02x}")).collect());
    bad_text("with-trailing-bits", super::envelope::trailing_bit(&b64::encode(&honest)));
    family
}

fn refuse(family: &mut Family, name: impl Into<String>, bytes: &[u8]) {
    family.add(&[29, 31], name, Subject::Key { x: b64::encode(bytes) }, Outcome::Refuse(BadKey));
}

/// Every point whose `y` can also be spelled as `p + y`, with either sign bit, and the two `x = 0` with the sign set.
fn misspelled() -> Vec<(String, [u8; 32])> {
    let mut found = Vec::new();
    for above in 0..19u8 {
        for sign in [0, 0x80] {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (0xed + above, 0x7f | sign);
            if CompressedEdwardsY(bytes).decompress().is_some() {
                found.push((format!("not-canonical-p-plus-{above}-{sign:02x}"), bytes));
            }
        }
    }
    let mut signed_one = EdwardsPoint::default().compress().to_bytes();
    signed_one[31] |= 0x80;
    found.push(("not-canonical-signed-one".to_owned(), signed_one));
    let mut signed_minus_one = [0xff; 32];
    signed_minus_one[0] = 0xec;
    found.push(("not-canonical-signed-minus-one".to_owned(), signed_minus_one));
    assert!(found.len() > 10, "some of these have to be points");
    found
}

fn off_the_curve() -> [u8; 32] {
    let mut bytes = [0; 32];
    loop {
        bytes[0] += 1;
        if CompressedEdwardsY(bytes).decompress().is_none() {
            return bytes;
        }
    }
}
