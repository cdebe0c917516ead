//! Steps 3 to 5: exactly three members, the expected kind, an accepted algorithm, a known key of the right use.

use brink_license::Code::{self, BadBase64, BadHeader, KeyUse, UnknownKid, WrongAlg, WrongTyp};
use brink_license::b64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Sha256, Sha512};

use super::Family;
use super::raw::{self, LICENSE, Members, RECEIPT, header, key, licence, quoted};

/// A licence under this header, signed by the license key in force.
fn under(head: &Members) -> String {
    under_text(&head.text())
}

fn under_text(head: &str) -> String {
    raw::token(head, &licence().text(), &key("license-1"))
}

fn good() -> Members {
    header(LICENSE, key("license-1").kid())
}

pub(crate) fn family() -> Family {
    let mut family = Family::new("header");
    let ed25519 = under(&good().with("alg", "\"Ed25519\""));
    family.accepts(&[], "alg-of-rfc-9864", ed25519);
    let reordered = good().without("alg").also("alg", "\"EdDSA\"");
    family.accepts(&[], "members-in-another-order", under(&reordered));
    algorithms(&mut family);
    confusion(&mut family);
    members(&mut family);
    kids(&mut family);
    kinds(&mut family);
    family
}

fn algorithms(family: &mut Family) {
    let wrong = [
        ("lower-none", "none", &[14][..]),
        ("capital-none", "None", &[14]),
        ("mixed-none", "nOnE", &[14]),
        ("empty", "", &[14]),
        ("rs256", "RS256", &[16]),
        ("es256", "ES256", &[16]),
        ("lower-eddsa", "eddsa", &[17]),
        ("lower-ed25519", "ed25519", &[17]),
        ("ed448", "Ed448", &[17]),
        ("space-after", "EdDSA ", &[17]),
    ];
    for (name, alg, cases) in wrong {
        family.refuses(cases, format!("alg-{name}"), under(&good().with("alg", quoted(alg))), WrongAlg);
    }
    let misshapen = [
        ("object", r#"{"EdDSA":null}"#),
        ("array", r#"["EdDSA"]"#),
        ("null", "null"),
        ("number", "1"),
        ("true", "true"),
    ];
    for (name, raw) in misshapen {
        family.refuses(&[18], format!("alg-as-{name}"), under(&good().with("alg", raw)), BadHeader);
    }
    family.refuses(&[18], "alg-missing", under(&good().without("alg")), BadHeader);
    family.refuses(&[19], "alg-twice", under(&good().also("alg", "\"EdDSA\"")), BadHeader);
    family.refuses(&[19], "alg-twice-escaped", under(&good().also("\\u0061lg", "\"EdDSA\"")), BadHeader);
    let first_bad = Members::new(&[("alg", "\"none\"")]);
    let first_bad = ["alg", "kid", "typ"]
        .iter()
        .zip(["\"EdDSA\"", &quoted(&key("license-1").kid().to_string()), &quoted(LICENSE)])
        .fold(first_bad, |head, (name, raw)| head.also(name, raw));
    family.refuses(&[19], "alg-twice-differing", under(&first_bad), BadHeader);
}

/// A MAC under the public key, which everybody has, in the place of a signature.
fn confusion(family: &mut Family) {
    let public = key("license-1").public();
    let confused = |alg: &str| raw::input(&good().with("alg", quoted(alg)).text(), &licence().text());
    let input = confused("HS512");
    let mut mac = Hmac::<Sha512>::new_from_slice(public.as_bytes()).expect("any length is a key");
    mac.update(input.as_bytes());
    let token = format!("{input}.{}", b64::encode(&mac.finalize().into_bytes()));
    family.refuses(&[15], "hs512-under-the-public-key", token, WrongAlg);
    let input = confused("HS256");
    let mut mac = Hmac::<Sha256>::new_from_slice(public.as_bytes()).expect("any length is a key");
    mac.update(input.as_bytes());
    let mac = mac.finalize().into_bytes();
    // The length is looked at before the algorithm; filled up to it, the algorithm decides.
    family.refuses(&[15], "hs256-under-the-public-key", format!("{input}.{}", b64::encode(&mac)), BadBase64);
    let filled = [&mac[..], &[0; 32]].concat();
    family.refuses(
        &[15],
        "hs256-under-the-public-key-filled-up",
        format!("{input}.{}", b64::encode(&filled)),
        WrongAlg,
    );
}

fn members(family: &mut Family) {
    let attacker = key("attacker");
    let jwk = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, attacker.public().to_x());
    let further = [
        ("crit-exp", "crit", r#"["exp"]"#, &[20][..]),
        ("crit-empty", "crit", "[]", &[20]),
        ("b64-false", "b64", "false", &[20]),
        ("zip", "zip", "\"DEF\"", &[20]),
        ("jku", "jku", "\"http://127.0.0.1:9/keys\"", &[22]),
        ("x5u", "x5u", "\"http://127.0.0.1:9/chain\"", &[22]),
        ("cty", "cty", "\"JWT\"", &[20]),
        ("unknown", "x-new", "1", &[20]),
    ];
    for (name, member, raw, cases) in further {
        family.refuses(cases, name, under(&good().also(member, raw)), BadHeader);
    }
    // Signed by the very key that it brings along, under its own thumbprint and under the issuer's.
    for (name, kid) in
        [("jwk-of-an-attacker", attacker.kid()), ("jwk-of-an-attacker-under-our-kid", key("license-1").kid())]
    {
        let head = header(LICENSE, kid).also("jwk", &jwk);
        family.refuses(&[21], name, raw::token(&head.text(), &licence().text(), &attacker), BadHeader);
    }
    let object = good().text();
    family.refuses(&[26], "array", under_text(&format!("[{object}]")), BadHeader);
    family.refuses(&[26], "text", under_text("\"EdDSA\""), BadHeader);
    family.refuses(&[26], "trailing-bytes", under_text(&format!("{object}{{}}")), BadHeader);
    family.refuses(&[26], "trailing-comma", under_text(&object.replace('}', ",}")), BadHeader);
    family.refuses(&[26], "byte-order-mark", under_text(&format!("\u{feff}{object}")), BadHeader);
    family.refuses(&[26], "not-json", under_text("alg=EdDSA"), BadHeader);
}

fn kids(family: &mut Family) {
    let named = |name: &str| under(&good().with("kid", quoted(name)));
    family.refuses(&[23], "kid-as-path", named("../../etc/passwd"), UnknownKid);
    family.refuses(&[23], "kid-as-sql", named("' OR 1=1--"), UnknownKid);
    family.refuses(&[23], "kid-empty", named(""), UnknownKid);
    family.refuses(&[23], "kid-of-ten-kilobytes", named(&"k".repeat(10_000)), BadHeader);
    family.refuses(&[23], "kid-missing", under(&good().without("kid")), BadHeader);
    family.refuses(&[23], "kid-as-number", under(&good().with("kid", "1")), BadHeader);
    family.refuses(&[23], "kid-of-nobody", named(&key("nobody").kid().to_string()), UnknownKid);
    let shouted = key("license-1").kid().to_string().to_uppercase();
    family.refuses(&[23], "kid-in-capitals", named(&shouted), UnknownKid);
    for (name, signer) in [("kid-of-a-receipt-key", "receipt-1"), ("kid-of-an-audit-key", "audit-1")] {
        family.refuses(&[24], name, raw::licensed_by(&licence(), signer), KeyUse);
    }
    family.refuses(&[24], "kid-of-a-root-key", raw::licensed_by(&licence(), "root-1"), UnknownKid);
}

fn kinds(family: &mut Family) {
    let kinds: [(&str, &str, Code); 5] = [
        ("typ-jwt", "JWT", WrongTyp),
        ("typ-receipt", RECEIPT, WrongTyp),
        ("typ-request", "brink-request+jwt", WrongTyp),
        ("typ-in-capitals", "BRINK-LICENSE+JWT", WrongTyp),
        ("typ-as-media-type", "application/brink-license+jwt", WrongTyp),
    ];
    for (name, typ, code) in kinds {
        family.refuses(&[25], name, under(&good().with("typ", quoted(typ))), code);
    }
    family.refuses(&[25], "typ-missing", under(&good().without("typ")), BadHeader);
    family.refuses(&[25], "typ-null", under(&good().with("typ", "null")), BadHeader);
}
