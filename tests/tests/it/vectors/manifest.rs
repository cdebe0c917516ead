//! The keyset manifest, and documents that are taken for others.

use brink_license::Code::{
    self, BadClaims, BadHeader, Malformed, ManifestEquivocation, ManifestExpired, ManifestKeys, ManifestLink,
    ManifestThreshold, ManifestVersion, TooLarge, WrongIssuer, WrongTyp,
};
use brink_license::keyset::ManifestPayload;
use brink_license::{IssuerName, UnixSeconds, b64};
use curve25519_dalek::constants::EIGHT_TORSION;

use super::raw::{
    self, DAY, ISSUED, LICENSE, MANIFEST_EXPIRES, RECEIPT, ROOTS, first_payload, header, key, licence,
    main_manifests, manifest, next_payload, root_keys, signed_manifest,
};
use super::{Family, Input, Outcome, Subject};

const TWO: [&str; 2] = [ROOTS[0], ROOTS[1]];

pub(crate) fn family() -> Family {
    let mut family = Family::new("manifest");
    sequence(&mut family);
    thresholds(&mut family);
    roots(&mut family);
    signing_keys(&mut family);
    envelopes(&mut family);
    walks(&mut family);
    let mut fresh = |name: &str, at: i64, outcome: Outcome| {
        family.add(&[59], name, Subject::Fresh { keyset: "main", at }, outcome);
    };
    fresh("fresh-in-its-last-second", MANIFEST_EXPIRES - 1, Outcome::Accept);
    fresh("expired", MANIFEST_EXPIRES, Outcome::Refuse(ManifestExpired));
    family
}

impl Family {
    fn next(
        &mut self,
        cases: &'static [u32],
        name: impl Into<String>,
        input: impl Into<Input>,
        outcome: Outcome,
    ) {
        self.add(cases, name, Subject::Next { keyset: "main", input: input.into() }, outcome);
    }

    fn next_refused(
        &mut self,
        cases: &'static [u32],
        name: impl Into<String>,
        input: impl Into<Input>,
        code: Code,
    ) {
        self.next(cases, name, input, Outcome::Refuse(code));
    }
}

/// Version 2 with one change, signed by two roots.
fn changed(change: impl FnOnce(&mut ManifestPayload)) -> String {
    let mut payload = next_payload();
    change(&mut payload);
    manifest(&payload, &TWO)
}

/// Version 2 as raw text with one text replaced.
fn replaced(from: &str, to: &str) -> String {
    let payload = String::from_utf8(next_payload().to_json_bytes().expect("a payload")).expect("UTF-8");
    assert!(payload.contains(from), "{from} is not in the payload");
    signed_manifest(payload.replacen(from, to, 1).as_bytes(), &TWO)
}

fn sequence(family: &mut Family) {
    family.next(&[53], "next", changed(|_| {}), Outcome::Accept);
    family.next_refused(&[53], "version-left-out", changed(|payload| payload.version = 3), ManifestVersion);
    family.next_refused(
        &[53],
        "version-2-to-the-53-less-1",
        changed(|payload| payload.version = (1 << 53) - 1),
        ManifestVersion,
    );
    let mut other = first_payload();
    other.expires_at = other.expires_at.saturating_add(DAY);
    family.next_refused(&[56], "same-version-other-content", manifest(&other, &TWO), ManifestEquivocation);
    family.next_refused(&[53], "same-version-same-content", main_manifests().remove(0), ManifestVersion);
    family.next_refused(
        &[57],
        "wrong-link",
        changed(|payload| payload.prev_sha256 = Some([7; 32])),
        ManifestLink,
    );
    family.next_refused(&[57], "no-link", changed(|payload| payload.prev_sha256 = None), ManifestLink);
    let earlier = UnixSeconds::new(ISSUED - 2 * DAY);
    family.next_refused(
        &[57],
        "issued-earlier",
        changed(|payload| payload.issued_at = earlier),
        ManifestLink,
    );
    let stranger = IssuerName::parse("umbrella").expect("a slug");
    family.next_refused(&[], "of-another-issuer", changed(|payload| payload.iss = stranger), WrongIssuer);
}

fn thresholds(family: &mut Family) {
    let payload = next_payload();
    let [first, second, third] = ROOTS;
    family.next(&[54], "signed-by-all", manifest(&payload, &ROOTS), Outcome::Accept);
    family.next(&[54], "signed-by-another-two", manifest(&payload, &[second, third]), Outcome::Accept);
    let with_stranger = manifest(&payload, &[first, "stranger", second]);
    family.next(&[54], "signed-by-a-stranger-too", with_stranger, Outcome::Accept);
    for (name, signers) in [
        ("signed-by-nobody", &[][..]),
        ("signed-by-one", &[first]),
        ("signed-by-one-and-a-stranger", &[first, "stranger"]),
        ("signed-by-a-license-key", &[first, "license-1"]),
    ] {
        family.next_refused(&[54], name, manifest(&payload, signers), ManifestThreshold);
    }
    family.next_refused(
        &[55],
        "signed-by-one-key-twice",
        manifest(&payload, &[first, first]),
        ManifestThreshold,
    );
    let message = payload.to_json_bytes().expect("a payload");
    let bare: Vec<_> = TWO.iter().map(|name| (key(name).kid(), key(name).sign(&message))).collect();
    let bare = brink_license::keyset::encode_manifest(&message, &bare).expect("an envelope");
    let bare = String::from_utf8(bare).expect("UTF-8");
    family.next_refused(&[61], "signed-without-its-context", bare, ManifestThreshold);
    // One sound signature, and the other under the wrong name.
    let swapped =
        manifest(&payload, &TWO).replacen(&key(second).kid().to_string(), &key(third).kid().to_string(), 1);
    family.next_refused(&[55], "signature-under-another-name", swapped, ManifestThreshold);
}

fn roots(family: &mut Family) {
    let new_roots = ["root-4", "root-5", "root-6"];
    let rotated = |signers: &[&str]| {
        let mut payload = next_payload();
        payload.root = root_keys(2, &new_roots);
        manifest(&payload, signers)
    };
    let [first, second, _] = ROOTS;
    family.next(
        &[54],
        "new-roots-signed-by-both",
        rotated(&[first, second, "root-4", "root-6"]),
        Outcome::Accept,
    );
    family.next_refused(&[54], "new-roots-signed-by-the-old", rotated(&[first, second]), ManifestThreshold);
    family.next_refused(
        &[54],
        "new-roots-signed-by-the-new",
        rotated(&["root-4", "root-5"]),
        ManifestThreshold,
    );
    family.next_refused(
        &[54],
        "new-roots-signed-by-one-of-each",
        rotated(&[first, "root-4"]),
        ManifestThreshold,
    );
    family.next_refused(&[57], "threshold-0", replaced(r#""threshold":2"#, r#""threshold":0"#), ManifestKeys);
    family.next_refused(
        &[57],
        "threshold-above-keys",
        replaced(r#""threshold":2"#, r#""threshold":4"#),
        ManifestKeys,
    );
    let twice = replaced(&key(ROOTS[2]).kid().to_string(), &key(ROOTS[1]).kid().to_string());
    family.next_refused(&[57], "root-kid-of-another-key", twice, ManifestKeys);
    let pair = |name: &str| format!(r#"{{"kid":"{}","x":"{}"}}"#, key(name).kid(), key(name).public().to_x());
    family.next_refused(&[55], "root-listed-twice", replaced(&pair(ROOTS[2]), &pair(ROOTS[1])), ManifestKeys);
    let many: Vec<_> = (0..17).map(|n| pair(&format!("extra-{n}"))).collect();
    family.next_refused(&[57], "roots-above-16", replaced(&pair(ROOTS[2]), &many.join(",")), ManifestKeys);
}

fn signing_keys(family: &mut Family) {
    let (kid, x) = (key("license-1").kid().to_string(), key("license-1").public().to_x());
    let weak = b64::encode(&EIGHT_TORSION[1].compress().to_bytes());
    family.next_refused(&[29, 57], "key-of-small-order", replaced(&x, &weak), ManifestKeys);
    let mut above_p = [0xff; 32];
    (above_p[0], above_p[31]) = (0xee, 0x7f);
    family.next_refused(&[29, 57], "key-not-canonical", replaced(&x, &b64::encode(&above_p)), ManifestKeys);
    family.next_refused(&[31, 57], "key-of-31-bytes", replaced(&x, &b64::encode(&[1; 31])), ManifestKeys);
    family.next_refused(
        &[57],
        "kid-of-another-key",
        replaced(&kid, &key("license-2").kid().to_string()),
        ManifestKeys,
    );
    family.next_refused(
        &[31],
        "curve-x25519",
        replaced(r#""crv":"Ed25519""#, r#""crv":"X25519""#),
        BadClaims,
    );
    family.next_refused(&[], "use-unknown", replaced(r#""use":"audit""#, r#""use":"root""#), BadClaims);
    family.next_refused(
        &[],
        "state-unknown",
        replaced(r#""state":"retired""#, r#""state":"resting""#),
        BadClaims,
    );
    let other = key("audit-1").public().to_x();
    let (kid_2, x_2) = (key("audit-1").kid().to_string(), other);
    let twice = next_payload().to_json_bytes().expect("a payload");
    let twice = String::from_utf8(twice).expect("UTF-8").replace(&kid_2, &kid).replace(&x_2, &x);
    family.next_refused(&[57], "key-listed-twice", signed_manifest(twice.as_bytes(), &TWO), ManifestKeys);
}

fn envelopes(family: &mut Family) {
    let good = changed(|_| {});
    family.next_refused(&[], "one-byte-too-long", Input::Repeat(" ", 64 * 1024 + 1), TooLarge);
    family.next_refused(&[], "empty", String::new(), Malformed);
    family.next_refused(&[], "in-an-array", format!("[{good}]"), Malformed);
    family.next_refused(&[], "trailing-bytes", format!("{good}{{}}"), Malformed);
    family.next_refused(&[], "further-member", good.replacen('{', r#"{"keys":[],"#, 1), Malformed);
    family.next_refused(&[], "payload-twice", good.replacen('{', r#"{"payload":"e30","#, 1), Malformed);
    family.next_refused(&[], "payload-padded", good.replacen("\",\"sigs", "=\",\"sigs", 1), Malformed);
    family.next_refused(&[], "member-twice", replaced("{", r#"{"version":2,"#), BadClaims);
    family.next_refused(&[], "version-fraction", replaced(r#""version":2"#, r#""version":2.0"#), BadClaims);
    family.next_refused(&[], "schema-2", replaced(r#""schema":1"#, r#""schema":2"#), Malformed);
}

fn walks(family: &mut Family) {
    let mut add = |cases: &'static [u32], name: &str, manifests: Vec<String>, outcome: Outcome| {
        family.add(cases, name, Subject::Walk { manifests }, outcome);
    };
    let first = || main_manifests().remove(0);
    let second = || changed(|_| {});
    add(&[], "walk-of-one", vec![first()], Outcome::Accept);
    add(&[], "walk-of-two", vec![first(), second()], Outcome::Accept);
    add(&[], "walk-backwards", vec![second(), first()], Outcome::Accept);
    add(&[], "walk-of-none", Vec::new(), Outcome::Refuse(ManifestThreshold));
    let foreign = {
        let mut payload = first_payload();
        payload.root = root_keys(2, &["root-4", "root-5", "root-6"]);
        manifest(&payload, &["root-4", "root-5"])
    };
    add(&[], "walk-from-roots-not-pinned", vec![foreign.clone()], Outcome::Refuse(ManifestThreshold));
    let taken_over = {
        let mut payload = next_payload();
        payload.root = root_keys(1, &["root-4"]);
        manifest(&payload, &["root-4"])
    };
    add(&[54], "walk-to-roots-nobody-signed", vec![first(), taken_over], Outcome::Refuse(ManifestThreshold));
    let unsigned = manifest(&first_payload(), &[]);
    add(&[54], "walk-from-a-manifest-nobody-signed", vec![unsigned], Outcome::Refuse(ManifestThreshold));
    let self_appointed = manifest(&first_payload(), &["license-1", "receipt-1"]);
    add(
        &[54],
        "walk-from-a-manifest-strangers-signed",
        vec![self_appointed],
        Outcome::Refuse(ManifestThreshold),
    );
}

/// Case 61: every document in the place of every other.
pub(crate) fn confusions() -> Family {
    let mut family = Family::new("confusion");
    let receipt = raw::token(
        &header(RECEIPT, key("receipt-1").kid()).text(),
        &raw::receipt().text(),
        &key("receipt-1"),
    );
    let licensed = raw::licensed(&licence());
    family.refuses(&[61], "receipt-as-licence", receipt.clone(), WrongTyp);
    let as_receipt = |input: String| Subject::Token {
        typ: RECEIPT,
        keyset: "main",
        held: Vec::new(),
        input: input.into(),
    };
    family.add(&[61], "licence-as-receipt", as_receipt(licensed.clone()), Outcome::Refuse(WrongTyp));
    let renamed = raw::token(
        &header(LICENSE, key("license-1").kid()).text(),
        &raw::receipt().text(),
        &key("license-1"),
    );
    family.refuses(&[61], "receipt-claims-in-a-licence", renamed, BadClaims);
    let manifest = main_manifests().remove(0);
    family.refuses(&[61], "manifest-as-licence", manifest.clone(), Malformed);
    let payload = String::from_utf8(first_payload().to_json_bytes().expect("a payload")).expect("UTF-8");
    let signed = raw::token(&header(LICENSE, key("license-1").kid()).text(), &payload, &key("license-1"));
    family.refuses(&[61], "manifest-payload-in-a-licence", signed, BadClaims);
    let headless = raw::token(&payload, &licence().text(), &key("license-1"));
    family.refuses(&[61], "manifest-payload-as-header", headless, BadHeader);
    family.next_refused(&[61], "licence-as-manifest", licensed, Malformed);
    family.next_refused(&[61], "receipt-as-manifest", receipt, Malformed);
    family
}
