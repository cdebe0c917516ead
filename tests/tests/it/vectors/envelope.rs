//! Steps 1 and 2: three parts of canonical base64url, within bounds.

use brink_license::Code::{BadBase64, Malformed, TooLarge, WrongAlg};
use brink_license::b64;

use super::raw::{self, LICENSE, RECEIPT, header, key, licence, licensed, quoted};
use super::{Family, Input, Outcome, Subject};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The same text with the unused low bits of its last character set.
pub(crate) fn trailing_bit(text: &str) -> String {
    let last = text.bytes().last().expect("not empty");
    let index = ALPHABET.iter().position(|byte| *byte == last).expect("base64url");
    format!("{}{}", &text[..text.len() - 1], char::from(ALPHABET[index | 1]))
}

pub(crate) fn family() -> Family {
    let mut family = Family::new("envelope");
    let good = licensed(&licence());
    family.accepts(&[], "licence-as-minted", good.clone());
    let receipt = receipt_subject(raw::token(
        &header(RECEIPT, key("receipt-1").kid()).text(),
        &raw::receipt().text(),
        &key("receipt-1"),
    ));
    family.add(&[], "receipt-as-minted", receipt, Outcome::Accept);
    shapes(&mut family, &good);
    sizes(&mut family);
    base64(&mut family, &good);
    algorithms(&mut family);
    family
}

fn receipt_subject(input: impl Into<Input>) -> Subject {
    Subject::Token { typ: RECEIPT, keyset: "main", held: Vec::new(), input: input.into() }
}

fn shapes(family: &mut Family, good: &str) {
    let parts: Vec<_> = good.split('.').collect();
    let [head, payload, signature] = parts[..] else { panic!("three parts") };
    family.refuses(&[1], "empty", String::new(), Malformed);
    family.refuses(&[2], "one-dot", format!("{head}.{payload}"), Malformed);
    family.refuses(&[2], "three-dots", format!("{good}.AA"), Malformed);
    family.refuses(&[2], "no-dots", good.replace('.', ""), Malformed);
    family.refuses(&[3], "header-empty", format!(".{payload}.{signature}"), Malformed);
    family.refuses(&[3], "payload-empty", format!("{head}..{signature}"), Malformed);
    family.refuses(&[3], "signature-empty", format!("{head}.{payload}."), Malformed);
    family.refuses(&[4], "space-before", format!(" {good}"), Malformed);
    family.refuses(&[4], "space-after", format!("{good} "), Malformed);
    family.refuses(&[4], "newline-after", format!("{good}\n"), Malformed);
    family.refuses(&[4], "carriage-return-after", format!("{good}\r\n"), Malformed);
    family.refuses(&[4], "newline-inside", format!("{head}.\n{payload}.{signature}"), Malformed);
    family.refuses(&[4], "byte-order-mark", format!("\u{feff}{good}"), Malformed);
    let general = format!(
        r#"{{"payload":"{payload}","signatures":[{{"protected":"{head}","signature":"{signature}"}}]}}"#
    );
    family.refuses(&[10], "json-serialised", general, Malformed);
    let flattened = format!(r#"{{"payload":"{payload}","protected":"{head}","signature":"{signature}"}}"#);
    family.refuses(&[10], "json-serialised-flattened", flattened, Malformed);
    family.refuses(
        &[11],
        "encrypted-in-five-parts",
        format!("{head}.AA.AA.{payload}.{signature}"),
        Malformed,
    );
    let with_byte = |byte: u8| {
        let mut bytes = good.as_bytes().to_vec();
        bytes[head.len() + 5] = byte;
        Input::Hex(bytes)
    };
    family.refuses(&[12], "byte-nul", with_byte(0), Malformed);
    family.refuses(&[12], "byte-not-ascii", with_byte(0xe9), Malformed);
    family.refuses(&[12], "byte-not-utf-8", with_byte(0xff), Malformed);
    family.refuses(&[12], "letter-of-another-script", good.replacen('.', "\u{ff0e}", 1), Malformed);
}

fn sizes(family: &mut Family) {
    family.refuses(&[5], "licence-one-byte-too-long", Input::Repeat("A", 512 * 1024 + 1), TooLarge);
    family.refuses(&[5], "hundred-megabytes", Input::Repeat("A.", 50_000_000), TooLarge);
    let receipt = receipt_subject(Input::Repeat("A", 64 * 1024 + 1));
    family.add(&[5], "receipt-one-byte-too-long", receipt, Outcome::Refuse(TooLarge));
    family.refuses(&[5], "licence-of-the-greatest-length", Input::Repeat("A", 512 * 1024), Malformed);
}

fn base64(family: &mut Family, good: &str) {
    let parts: Vec<_> = good.split('.').collect();
    let [head, payload, signature] = parts[..] else { panic!("three parts") };
    family.refuses(&[6], "padding-on-signature", format!("{good}=="), Malformed);
    family.refuses(&[6], "padding-on-header", format!("{head}=.{payload}.{signature}"), Malformed);
    let plain = signature.replace('-', "+").replace('_', "/");
    assert_ne!(plain, signature, "the sample has to use the characters that differ");
    family.refuses(&[7], "alphabet-of-plain-base64", format!("{head}.{payload}.{plain}"), Malformed);
    let trailing = format!("{head}.{payload}.{}", trailing_bit(signature));
    family.refuses(&[8], "signature-with-trailing-bits", trailing, BadBase64);
    // A header of 127 bytes leaves unused bits; so does this payload, which is signed as it is spelled.
    let signer = key("license-1");
    let input = format!(
        "{}.{}",
        loose(&header(LICENSE, signer.kid()).text()),
        b64::encode(licence().text().as_bytes())
    );
    family.refuses(&[8], "header-with-trailing-bits", sealed(&input), BadBase64);
    let input = format!("{head}.{}", loose(&licence().text()));
    family.refuses(&[8], "payload-with-trailing-bits", sealed(&input), BadBase64);
    let mut full = licence().text();
    while !full.len().is_multiple_of(3) {
        full.push(' ');
    }
    let one_left = format!("{head}.{}A", b64::encode(full.as_bytes()));
    family.refuses(&[8], "payload-of-impossible-length", sealed(&one_left), BadBase64);
    let bytes = b64::decode(signature.as_bytes()).expect("base64url");
    let short = format!("{head}.{payload}.{}", b64::encode(&bytes[..63]));
    family.refuses(&[9], "signature-of-63-bytes", short, BadBase64);
    let long = format!("{head}.{payload}.{}", b64::encode(&[&bytes[..], &[0]].concat()));
    family.refuses(&[9], "signature-of-65-bytes", long, BadBase64);
}

/// Base64url with an unused bit set, of a JSON text that is padded with spaces until there is one.
fn loose(json: &str) -> String {
    let mut json = json.to_owned();
    while json.len().is_multiple_of(3) {
        json.push(' ');
    }
    trailing_bit(&b64::encode(json.as_bytes()))
}

fn sealed(input: &str) -> String {
    format!("{input}.{}", b64::encode(&key("license-1").sign(input.as_bytes())))
}

/// Every other algorithm of RFC 7518 and RFC 8812, in a token that is well formed and even well signed.
fn algorithms(family: &mut Family) {
    for alg in [
        "none", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
        "ES384", "ES512", "ES256K",
    ] {
        let signer = key("license-1");
        let head = header(LICENSE, signer.kid()).with("alg", quoted(alg));
        let token = raw::token(&head.text(), &licence().text(), &signer);
        family.refuses(&[13], format!("algorithm-{}", alg.to_lowercase()), token, WrongAlg);
    }
}
