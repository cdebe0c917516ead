//! Bare tokens.

use super::trusted::Unreachable;
use super::{Inspection, Part, Standing, Trusted};
use brink_license::keyset::{KeyUse, Keyset};
use brink_license::token::{
    AuditHeadClaims, AuditHeadExpected, Authority, ClockResetClaims, ClockResetExpected, ExtensionClaims,
    ExtensionExpected, LicenceClaims, LicenceExpected, ReceiptClaims, ReceiptExpected, RevocationsClaims,
    RevocationsExpected, TokenError, UnverifiedToken, verify,
};
use brink_license::{Code, Typ, b64};
use serde_json::{Value, json};

/// What is shown of a document whose kind is not even known.
const UNKNOWN_KIND: &str = "unknown document";

pub(super) fn inspect(bytes: &[u8], trusted: Option<&Trusted>) -> Inspection {
    let (header, claims) = unverified(bytes);
    let typ = header.get("typ").and_then(Value::as_str);
    let Some(typ) = typ.and_then(|typ| Typ::ALL.into_iter().find(|known| known.as_str() == typ)) else {
        return unknown(bytes, header, claims);
    };
    let part = part_of(typ.as_str(), typ, bytes, |authority| check(typ, bytes, trusted, authority), trusted);
    Inspection { kind: typ.as_str(), parts: vec![part] }
}

/// The envelope's own fault if it has one, or else that nobody knows its kind.
fn unknown(bytes: &[u8], header: Value, claims: Value) -> Inspection {
    let standing = match UnverifiedToken::parse(bytes, Typ::License) {
        Err(error @ (TokenError::Malformed(_) | TokenError::TooLarge { .. })) => {
            refused_envelope(bytes, &error)
        }
        Err(error) => Standing::refused(error.code(), &error),
        Ok(_) => Standing::refused(Code::WrongTyp, &"none of our documents"),
    };
    let content = if header.is_null() { Value::Null } else { json!({ "header": header, "claims": claims }) };
    Inspection { kind: UNKNOWN_KIND, parts: vec![Part { what: UNKNOWN_KIND, standing, content }] }
}

/// What editors and `echo` add is the usual reason, and not to be seen on a screen.
fn refused_envelope(bytes: &[u8], error: &TokenError) -> Standing {
    if bytes.trim_ascii() == bytes {
        return Standing::refused(error.code(), error);
    }
    let detail = format!("{error}: the file has white space around the token; save it without (printf %s)");
    Standing::refused(error.code(), &detail)
}

/// One token in a document, verified by `check` against the keyset that is at hand.
pub(super) fn part_of(
    what: &'static str,
    typ: Typ,
    bytes: &[u8],
    check: impl FnOnce(&Keyset) -> Result<(), TokenError>,
    trusted: Option<&Trusted>,
) -> Part {
    let (header, claims) = unverified(bytes);
    let content = json!({ "header": header, "claims": claims });
    let standing = standing_of(typ, bytes, check, trusted);
    Part { what, standing, content }
}

fn standing_of(
    typ: Typ,
    bytes: &[u8],
    check: impl FnOnce(&Keyset) -> Result<(), TokenError>,
    trusted: Option<&Trusted>,
) -> Standing {
    if let Err(error) = UnverifiedToken::parse(bytes, typ) {
        return refused_envelope(bytes, &error);
    }
    let Some(trusted) = trusted else {
        return Standing::Unchecked("no roots to check it with: give --trust trust.json".to_owned());
    };
    if matches!(typ, Typ::Request | Typ::Presence | Typ::Seats | Typ::Checkpoint) {
        return by_device(typ, bytes, trusted);
    }
    let keyset = match trusted.keyset(&[]) {
        Ok(keyset) => keyset,
        Err(Unreachable(Some(error))) => return Standing::refused(error.code(), &error),
        Err(Unreachable(None)) => {
            return Standing::Unchecked(
                "no keyset at hand: give --keyset with the issuer's keyset.json, or --data with a device directory"
                    .to_owned(),
            );
        }
    };
    match check(&keyset) {
        Ok(()) => Standing::Verified(format!(
            "signed under keyset version {} of {}",
            keyset.version(),
            keyset.issuer()
        )),
        Err(error) => Standing::refused(error.code(), &error),
    }
}

/// A bare token of the issuer, for whomever it may be meant.
pub(super) fn check(
    typ: Typ,
    bytes: &[u8],
    trusted: Option<&Trusted>,
    keyset: &Keyset,
) -> Result<(), TokenError> {
    let issuer = trusted.map_or_else(|| keyset.issuer().clone(), |trusted| trusted.anchor().issuer().clone());
    match typ {
        Typ::License => {
            let expected = LicenceExpected::of_issuer(issuer);
            verify::<LicenceClaims>(bytes, Authority::Issuer(keyset, KeyUse::License), &expected).map(drop)
        }
        Typ::Receipt => {
            let expected = ReceiptExpected { issuer, device: None, epoch: None, pending: None };
            verify::<ReceiptClaims>(bytes, Authority::Issuer(keyset, KeyUse::Receipt), &expected).map(drop)
        }
        Typ::Revocations => {
            let expected = RevocationsExpected { issuer, tenant: None };
            verify::<RevocationsClaims>(bytes, Authority::Issuer(keyset, KeyUse::License), &expected)
                .map(drop)
        }
        Typ::Extension => {
            let expected = ExtensionExpected { issuer, licence: None };
            verify::<ExtensionClaims>(bytes, Authority::Issuer(keyset, KeyUse::License), &expected).map(drop)
        }
        Typ::ClockReset => {
            let expected = ClockResetExpected { issuer, challenged: None };
            verify::<ClockResetClaims>(bytes, Authority::Issuer(keyset, KeyUse::Receipt), &expected).map(drop)
        }
        Typ::Audit => {
            let expected = AuditHeadExpected { issuer };
            verify::<AuditHeadClaims>(bytes, Authority::Issuer(keyset, KeyUse::Audit), &expected).map(drop)
        }
        Typ::Request | Typ::Presence | Typ::Seats | Typ::Checkpoint => {
            Err(TokenError::WrongTyp { expected: Typ::License })
        }
    }
}

/// What a device signed says nothing without what it was signed over: the request's body, the licence beside it.
fn by_device(typ: Typ, bytes: &[u8], trusted: &Trusted) -> Standing {
    let kid = UnverifiedToken::parse(bytes, typ).ok().and_then(|token| token.kid());
    let known = kid.is_some_and(|kid| trusted.device_keys().iter().any(|key| key.kid() == kid));
    let whose = if known { "the key of the device at hand" } else { "a device key that is not at hand" };
    Standing::Unchecked(format!("it names {whose}; inspect the request or the bundle that it belongs to"))
}

/// Header and claims as they stand, unverified. Whatever cannot be read is null.
fn unverified(bytes: &[u8]) -> (Value, Value) {
    if bytes.len() > Typ::License.bytes_max() + 2 {
        return (Value::Null, Value::Null);
    }
    let mut parts = bytes.trim_ascii().split(|byte| *byte == b'.');
    let mut decode = || {
        let part = b64::decode(parts.next()?)?;
        serde_json::from_slice::<Value>(&part).ok()
    };
    (decode().unwrap_or_default(), decode().unwrap_or_default())
}
