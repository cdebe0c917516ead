//! The JWS compact envelope (RFC 7515 section 7.1): verification steps 1 to 4, and its assembly.

use crate::json::{Json, Limits, parse_object};
use crate::key::Kid;
use crate::{b64, token::TokenError};
use std::borrow::Cow;

/// Longest encoded header (step 2): three short members need about 130 characters.
pub const HEADER_CHARS_MAX: usize = 512;
/// An Ed25519 signature of 64 bytes is always this long in base64url.
pub const SIGNATURE_CHARS: usize = 86;
/// What the issuer writes: PyJWT, Authlib and fast-jwt still refuse RFC 9864's `Ed25519`.
pub const ALG_EMITTED: &str = "EdDSA";
/// What a reader takes (RFC 8037 section 3.1, RFC 9864 section 2.2).
const ALG_ACCEPTED: [&str; 2] = ["EdDSA", "Ed25519"];

/// A kind of signed document: the value of `typ`, so that none is ever taken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Typ {
    /// What a device may do, until when. Signed by a `license` key.
    License,
    /// The answer to one exchange. Signed by a `receipt` key.
    Receipt,
    /// Proof over one exchange. Signed by the device.
    Request,
    /// This bundle is at home on this machine. Signed by the device.
    Presence,
    /// The licences of a customer that are revoked. Signed by a `license` key.
    Revocations,
    /// The cameras on unnamed seats. Signed by the device.
    Seats,
    /// One licence lasts a little longer. Signed by a `license` key.
    Extension,
    /// A device may set its mark of time back. Signed by a `receipt` key.
    ClockReset,
    /// Where a chain of usage stands, and a batch of it. Signed by the device.
    Checkpoint,
    /// Where a chain of the issuer's audit stood. Signed by an `audit` key.
    Audit,
}

impl Typ {
    /// Every kind.
    pub const ALL: [Typ; 10] = [
        Typ::License,
        Typ::Receipt,
        Typ::Request,
        Typ::Presence,
        Typ::Revocations,
        Typ::Extension,
        Typ::ClockReset,
        Typ::Seats,
        Typ::Checkpoint,
        Typ::Audit,
    ];

    /// The text in the header.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Typ::License => "brink-license+jwt",
            Typ::Receipt => "brink-receipt+jwt",
            Typ::Request => "brink-request+jwt",
            Typ::Presence => "brink-presence+jwt",
            Typ::Revocations => "brink-revocations+jwt",
            Typ::Seats => "brink-seats+jwt",
            Typ::Extension => "brink-extension+jwt",
            Typ::ClockReset => "brink-clockreset+jwt",
            Typ::Checkpoint => "brink-checkpoint+jwt",
            Typ::Audit => "brink-audit+jwt",
        }
    }

    /// Most bytes of a document: a licence may list thousands of cameras, a device hundreds, the others are small.
    /// Together with the manifests they stay below what a bundle may have.
    #[must_use]
    pub const fn bytes_max(self) -> usize {
        match self {
            Typ::License => 512 * 1024,
            Typ::Seats => 128 * 1024,
            Typ::Receipt
            | Typ::Request
            | Typ::Presence
            | Typ::Revocations
            | Typ::Extension
            | Typ::ClockReset
            | Typ::Checkpoint
            | Typ::Audit => 64 * 1024,
        }
    }

    /// Most array items of a document.
    #[must_use]
    pub const fn items_max(self) -> usize {
        match self {
            Typ::License => 16_384,
            Typ::Receipt
            | Typ::Request
            | Typ::Presence
            | Typ::Revocations
            | Typ::Extension
            | Typ::ClockReset
            | Typ::Seats
            | Typ::Checkpoint
            | Typ::Audit => 4_096,
        }
    }
}

/// An envelope whose three parts are well formed and whose header names the expected document. Nothing in it is
/// trusted yet: only what is needed to find the key is exposed.
#[derive(Debug)]
pub(crate) struct Compact<'a> {
    pub(crate) text: &'a str,
    pub(crate) signing_input: &'a [u8],
    pub(crate) payload: &'a str,
    pub(crate) signature: [u8; 64],
    /// `None` when the text is not a thumbprint: it then names no key.
    pub(crate) kid: Option<Kid>,
}

impl<'a> Compact<'a> {
    /// Steps 1 to 4.
    pub(crate) fn parse(bytes: &'a [u8], expected: Typ) -> Result<Self, TokenError> {
        // Step 1: size, alphabet, exactly two dots, no empty part; nothing is trimmed.
        if bytes.len() > expected.bytes_max() {
            return Err(TokenError::TooLarge { bytes: bytes.len(), bytes_max: expected.bytes_max() });
        }
        let text = ascii_token(bytes)?;
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Malformed("a token has exactly three parts"));
        };
        if header.is_empty() || payload.is_empty() || signature.is_empty() {
            return Err(TokenError::Malformed("a part is empty"));
        }
        // Step 2: lengths and canonical base64url.
        if header.len() > HEADER_CHARS_MAX {
            return Err(TokenError::BadHeader("the header is longer than 512 characters".into()));
        }
        if signature.len() != SIGNATURE_CHARS {
            return Err(TokenError::BadBase64("signature"));
        }
        let signature = b64::decode_array(signature.as_bytes()).ok_or(TokenError::BadBase64("signature"))?;
        let header_bytes = b64::decode(header.as_bytes()).ok_or(TokenError::BadBase64("header"))?;
        // Steps 3 and 4.
        let kid = check_header(&header_bytes, expected)?;
        let signing_input = &bytes[..header.len() + 1 + payload.len()];
        Ok(Self { text, signing_input, payload, signature, kid })
    }
}

fn ascii_token(bytes: &[u8]) -> Result<&str, TokenError> {
    // Every byte is looked at, without branches, so that the compiler can take many at once.
    let allowed = |b: u8| b.is_ascii_alphanumeric() | (b == b'-') | (b == b'_') | (b == b'.');
    if !bytes.iter().fold(true, |all, b| all & allowed(*b)) {
        return Err(TokenError::Malformed("a character other than A-Z a-z 0-9 - _ ."));
    }
    std::str::from_utf8(bytes).map_err(|_| TokenError::Malformed("not text"))
}

/// Step 3: exactly `alg`, `kid` and `typ`, all texts. Step 4: the expected `typ`, an accepted `alg`.
fn check_header(bytes: &[u8], expected: Typ) -> Result<Option<Kid>, TokenError> {
    let bad = |problem: &'static str| TokenError::BadHeader(problem.into());
    let members =
        parse_object(bytes, Limits::document(0)).map_err(|e| TokenError::BadHeader(e.to_string().into()))?;
    if members.len() != 3 {
        return Err(bad("the header has other members than alg, kid and typ"));
    }
    let text = |name: &str| -> Result<&Cow<'_, str>, TokenError> {
        match members.iter().find(|(seen, _)| seen == name) {
            Some((_, Json::Text(text))) => Ok(text),
            Some(_) => Err(bad("a header member is not a text")),
            None => Err(bad("the header lacks alg, kid or typ")),
        }
    };
    let (alg, kid, typ) = (text("alg")?, text("kid")?, text("typ")?);
    if typ != expected.as_str() {
        return Err(TokenError::WrongTyp { expected });
    }
    if !ALG_ACCEPTED.contains(&alg.as_ref()) {
        return Err(TokenError::WrongAlg);
    }
    Ok(Kid::parse(kid))
}

/// The bytes to sign: `BASE64URL(header).BASE64URL(payload)`.
#[must_use]
pub fn signing_input(typ: Typ, kid: &Kid, payload_json: &[u8]) -> String {
    let header = format!(r#"{{"alg":"{ALG_EMITTED}","kid":"{kid}","typ":"{}"}}"#, typ.as_str());
    format!("{}.{}", b64::encode(header.as_bytes()), b64::encode(payload_json))
}

/// The whole token from what was signed and its signature.
#[must_use]
pub fn assemble(signing_input: &str, signature: &[u8; 64]) -> String {
    format!("{signing_input}.{}", b64::encode(signature))
}
