//! Requests, responses and bundles: files that hold several documents.

use super::token::part_of;
use super::{Inspection, Part, REDACTED, Standing, Trusted, manifest};
use brink_license::exchange::{
    ACTIVATE_PATH, CLOCK_RESET_PATH, EXCHANGE_PATH, ExchangeRequest, ExchangeResponse, RequestBody,
    RequestKind, Section,
};
use brink_license::keyset::{KeyUse, Keyset};
use brink_license::seating::SEATS_SECTION;
use brink_license::token::{
    Authority, LicenceClaims, LicenceExpected, NoticeKind, ReceiptClaims, ReceiptExpected, TokenError,
    VerifiedReceipt, verify,
};
use brink_license::{PublicKey, Typ};
use brink_store::{Bundle, BundleError, VerifiedBundle};
use serde_json::{Value, json};

/// A part that has no signature of its own and is covered by another's.
fn covered(what: &'static str, by: &Standing, content: Value) -> Part {
    Part { what, standing: by.clone(), content }
}

pub(super) fn request(bytes: &[u8], trusted: Option<&Trusted>) -> Inspection {
    const KIND: &str = "exchange request";
    let request = match ExchangeRequest::decode(bytes) {
        Ok(request) => request,
        Err(error) => return Inspection::damaged(KIND, error.code(), &error),
    };
    let body = RequestBody::decode(&request.body);
    let standing = match &body {
        Ok(body) => proof_standing(&request, path_of(body), trusted),
        Err(error) => Standing::refused(error.code(), error),
    };
    let mut proof = part_of("proof", Typ::Request, request.proof.as_bytes(), |_| Ok(()), None);
    proof.standing = standing;
    proof.content["ratchet_mac"] = json!(request.ratchet_mac.map(|_| REDACTED));
    proof.content["device_key"] = json!(PublicKey::from_bytes(&request.device_key).ok().map(|key| key.kid()));
    let seats = body
        .as_ref()
        .ok()
        .and_then(|body| seats_of(body.sections.iter().map(|part| (part.kind, part.bytes.as_slice()))));
    let seats = seats.map(|token| {
        let part = part_of(Typ::Seats.as_str(), Typ::Seats, token, |_| Ok(()), None);
        Part { standing: proof.standing.clone(), ..part }
    });
    let body = body.map_or(Value::Null, |body| body_content(&body));
    let body = covered("body", &proof.standing, body);
    Inspection { kind: KIND, parts: [proof, body].into_iter().chain(seats).collect() }
}

const fn path_of(body: &RequestBody) -> &'static str {
    match body.kind {
        RequestKind::Activate { .. } => ACTIVATE_PATH,
        RequestKind::Exchange => EXCHANGE_PATH,
        RequestKind::ClockReset { .. } => CLOCK_RESET_PATH,
    }
}

fn proof_standing(request: &ExchangeRequest, path: &'static str, trusted: Option<&Trusted>) -> Standing {
    let Some(trusted) = trusted else {
        return Standing::Unchecked("no issuer to check it for: give --trust trust.json".to_owned());
    };
    let key = match PublicKey::from_bytes(&request.device_key) {
        Ok(key) => key,
        Err(error) => return Standing::refused(error.code(), &error),
    };
    match request.verify_proof(&key, trusted.anchor().issuer(), path) {
        Ok(_) if trusted.device_keys().contains(&key) => {
            Standing::Verified("signed by the key of the device at hand, over this body".to_owned())
        }
        Ok(_) => Standing::Verified(
            "signed by the key that it carries, over this body; whether that device is known, the issuer says"
                .to_owned(),
        ),
        Err(error) => Standing::refused(error.code(), &error),
    }
}

fn body_content(body: &RequestBody) -> Value {
    let kind = match &body.kind {
        RequestKind::Activate { .. } => json!({ "activate": { "code": REDACTED } }),
        RequestKind::Exchange => json!("exchange"),
        RequestKind::ClockReset { wall, now } => json!({ "clock_reset": { "wall": wall, "now": now } }),
    };
    json!({
        "kind": kind,
        "report": body.report,
        "last_receipt": body.last_receipt.as_ref().map(|token| format!("{} bytes", token.len())),
        "sections": sections_content(body.sections.iter().map(|Section { kind, bytes }| (*kind, bytes.len()))),
    })
}

/// The document of unnamed seats among them.
fn seats_of<'s>(mut sections: impl Iterator<Item = (u16, &'s [u8])>) -> Option<&'s [u8]> {
    sections.find(|(kind, _)| *kind == SEATS_SECTION).map(|(_, bytes)| bytes)
}

fn sections_content(sections: impl Iterator<Item = (u16, usize)>) -> Value {
    sections.map(|(kind, bytes)| json!({ "kind": kind, "bytes": bytes })).collect()
}

pub(super) fn response(bytes: &[u8], trusted: Option<&Trusted>) -> Inspection {
    const KIND: &str = "exchange response";
    let response = match ExchangeResponse::decode(bytes) {
        Ok(response) => response,
        Err(error) => return Inspection::damaged(KIND, error.code(), &error),
    };
    // What it brings along counts for the tokens beside it.
    let mut with_brought = trusted.cloned();
    if let Some(trusted) = &mut with_brought {
        trusted.bring(&response.manifests);
    }
    let with_brought = with_brought.as_ref();
    let mut parts = manifest::parts_of(&response.manifests, trusted);
    let token = response.receipt.as_bytes();
    let mut ratchet = Standing::Unchecked("the receipt that covers it is not verified".to_owned());
    let receipt = part_of(
        "receipt",
        Typ::Receipt,
        token,
        |keyset| {
            let verified = verify_receipt(token, keyset)?;
            ratchet = ratchet_standing(&response, &verified);
            Ok(())
        },
        with_brought,
    );
    parts.push(receipt);
    parts.push(Part { what: "next ratchet", standing: ratchet, content: json!({ "ratchet": REDACTED }) });
    if let Some(licence) = &response.licence {
        let token = licence.as_bytes();
        parts.push(part_of(
            "licence",
            Typ::License,
            token,
            |keyset| verify_licence(token, keyset),
            with_brought,
        ));
    }
    let sections = response.sections.iter().map(|section| (section.kind, section.bytes.as_slice()));
    parts.extend(sections.map(|section| {
        section_part(section, |typ, token| {
            part_of(
                typ.as_str(),
                typ,
                token,
                |keyset| super::token::check(typ, token, with_brought, keyset),
                with_brought,
            )
        })
    }));
    Inspection { kind: KIND, parts }
}

/// A notice as `shown`, or what nobody here knows.
fn section_part((number, bytes): (u16, &[u8]), shown: impl FnOnce(Typ, &[u8]) -> Part) -> Part {
    match NoticeKind::from_number(number) {
        Some(kind) => shown(kind.typ(), bytes),
        None => Part {
            what: "section",
            standing: Standing::Unchecked("content of a kind that this program does not know".to_owned()),
            content: json!({ "kind": number, "bytes": bytes.len() }),
        },
    }
}

fn verify_receipt(token: &[u8], keyset: &Keyset) -> Result<VerifiedReceipt, TokenError> {
    let expected =
        ReceiptExpected { issuer: keyset.issuer().clone(), device: None, epoch: None, pending: None };
    verify::<ReceiptClaims>(token, Authority::Issuer(keyset, KeyUse::Receipt), &expected)
}

fn verify_licence(token: &[u8], keyset: &Keyset) -> Result<(), TokenError> {
    let expected = LicenceExpected::of_issuer(keyset.issuer().clone());
    verify::<LicenceClaims>(token, Authority::Issuer(keyset, KeyUse::License), &expected).map(drop)
}

fn ratchet_standing(response: &ExchangeResponse, receipt: &VerifiedReceipt) -> Standing {
    if response.ratchet_is(&receipt.claims().ratchet_sha256) {
        return Standing::Verified("the one that the receipt names".to_owned());
    }
    Standing::refused(brink_license::Code::WrongRatchet, &"not the one that the receipt names")
}

pub(super) fn bundle(bytes: &[u8], trusted: Option<&Trusted>) -> Inspection {
    const KIND: &str = "bundle";
    let bundle = match Bundle::decode(bytes) {
        Ok(bundle) => bundle,
        Err(error) => return Inspection::damaged(KIND, error.code(), &error),
    };
    let verified = trusted.map(|trusted| bundle.verify(trusted.anchor()));
    let mut parts = manifest::parts_of(&bundle.manifests, trusted);
    let tokens = [
        ("licence", Typ::License, Some(&bundle.licence)),
        ("receipt", Typ::Receipt, bundle.receipt.as_ref()),
        ("presence", Typ::Presence, bundle.presence.as_ref()),
    ];
    for (what, typ, token) in tokens {
        let Some(token) = token else { continue };
        let mut part = part_of(what, typ, token.as_bytes(), |_| Ok(()), None);
        part.standing = bundle_standing(what, verified.as_ref());
        parts.push(part);
    }
    let sections = bundle.sections.iter().map(|(kind, bytes)| (*kind, bytes.as_slice()));
    if let Some(token) = seats_of(sections.clone()) {
        let part = part_of(Typ::Seats.as_str(), Typ::Seats, token, |_| Ok(()), None);
        parts.push(Part { standing: seats_standing(verified.as_ref()), ..part });
    }
    let sections = sections.filter(|(kind, _)| *kind != SEATS_SECTION);
    parts.extend(sections.map(|section| {
        section_part(section, |typ, token| {
            let mut part = part_of(typ.as_str(), typ, token, |_| Ok(()), None);
            part.standing = bundle_standing(typ.as_str(), verified.as_ref());
            part
        })
    }));
    Inspection { kind: KIND, parts }
}

/// Seats are the one part that may be refused while the rest is in force.
fn seats_standing(verified: Option<&Result<VerifiedBundle, BundleError>>) -> Standing {
    match verified.map(|verified| verified.as_ref().map(VerifiedBundle::seats)) {
        Some(Ok(Some(Err(error)))) => Standing::refused(error.code(), error),
        Some(Ok(Some(Ok(_)) | None)) | Some(Err(_)) | None => bundle_standing(Typ::Seats.as_str(), verified),
    }
}

/// A bundle is verified as a whole, because its parts have to belong together.
fn bundle_standing(what: &str, verified: Option<&Result<VerifiedBundle, BundleError>>) -> Standing {
    match verified {
        None => Standing::Unchecked("no roots to check it with: give --trust trust.json".to_owned()),
        Some(Ok(_)) => Standing::Verified("the whole bundle verifies from the pinned roots".to_owned()),
        Some(Err(error)) => {
            let own = match what {
                "receipt" => matches!(error, BundleError::Receipt(_)),
                "presence" => matches!(error, BundleError::Presence(_)),
                "licence" => !matches!(
                    error,
                    BundleError::Receipt(_) | BundleError::Presence(_) | BundleError::Notice { .. }
                ),
                notice => {
                    matches!(error, BundleError::Notice { kind, .. } if kind.typ().as_str() == notice)
                }
            };
            if own {
                return Standing::refused(error.code(), error);
            }
            Standing::Unchecked(format!("the bundle that it is part of was refused ({})", error.code()))
        }
    }
}
