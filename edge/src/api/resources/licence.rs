//! The licence as a whole: shown as the old product shows its key, and replaced as far as a signed licence can be.

use super::OfTenant;
use crate::api::desk::Desk;
use crate::api::input::{Json, NoQuery};
use crate::api::refusal::Refusal;
use crate::api::route::{Call, Handled};
use crate::command::{self, Command, Payload};
use crate::error::EdgeError;
use crate::local::{Peer, VERB_TIMEOUT};
use crate::view::{View, mode_word};
use axum::http::StatusCode;
use brink_license::b64;
use brink_license::exchange::RESPONSE_BYTES_MAX;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Largest body: a response in base64, and its document around it.
pub(in crate::api) const BODY_BYTES_MAX: usize = RESPONSE_BYTES_MAX / 3 * 4 + 64 * 1024;
/// Characters of the licence's id that are shown.
const SHOWN_CHARS: usize = 4;
/// Tiers of the old product by what they need, the highest first.
const TIERS: [(&str, u8, &[&str]); 3] = [
    (
        "professional",
        3,
        &["analytics/tracking", "analytics/line_zone", "analytics/polygon_zone", "outputs/database_sink"],
    ),
    ("standard", 2, &["analytics/detection"]),
    ("basic", 1, &[]),
];

/// The licence.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct License {
    /// Whether it lets anything go on.
    valid: bool,
    /// There are no licence keys: the licence's id, masked but for its last four characters.
    key: String,
    /// `professional`, `standard`, `basic` or `none`, by the features that it has.
    tier: &'static str,
    /// 3 to 0.
    tier_id: u8,
    /// The tenant.
    owner: String,
    /// Always empty: a licence names none.
    email: String,
    /// When it ends, before grace, in milliseconds since 1970; 0 without one.
    expiration: i64,
    /// Whether there is none.
    unlicensed: bool,
    /// `trial`, `base` or `unlicensed`; what is not in force is unlicensed.
    license_mode: &'static str,
    /// The state in Brink's own words, such as `grace` or `revoked`.
    state: &'static str,
    /// Why.
    reason: &'static str,
    /// What helps.
    mend: Option<&'static str>,
    /// The device.
    device_id: Option<String>,
    /// From when on it is not valid any more, grace included, RFC 3339.
    valid_until: Option<String>,
    /// `licence`: verified in this process; `none`: there is nothing to answer from.
    source: &'static str,
}

pub(in crate::api) fn show(_: &Desk, view: &View, call: Call<OfTenant, ()>) -> Handled<License> {
    call.query.check(view)?;
    Ok(License::of(view).into())
}

impl License {
    fn of(view: &View) -> Self {
        let claims = view.claims();
        let (tier, tier_id) = tier(view);
        Self {
            valid: view.is_valid(),
            key: claims.map(|claims| masked(claims.sub.as_str())).unwrap_or_default(),
            tier,
            tier_id,
            owner: claims.map(|claims| claims.tenant.to_string()).unwrap_or_default(),
            email: String::new(),
            expiration: claims.map_or(0, |claims| claims.exp.as_i64().saturating_mul(1000)),
            unlicensed: claims.is_none(),
            license_mode: mode_word(view.mode()),
            state: view.state().as_str(),
            reason: view.standing().reason.as_str(),
            mend: view.mend(),
            device_id: claims.map(|claims| claims.dev.to_string()),
            valid_until: view.valid_until(),
            source: view.source(),
        }
    }
}

/// A tier by the features that any camera of the device may have.
fn tier(view: &View) -> (&'static str, u8) {
    let Some(claims) = view.claims().filter(|_| view.is_valid()) else { return ("none", 0) };
    let has = |wanted: &&str| claims.packs.values().any(|pack| pack.iter().any(|feature| feature == *wanted));
    let found = TIERS.iter().find(|(_, _, wanted)| wanted.iter().all(has));
    found.map_or(("none", 0), |(name, id, _)| (name, *id))
}

fn masked(id: &str) -> String {
    let chars: Vec<char> = id.chars().collect();
    let shown = if chars.len() >= 3 * SHOWN_CHARS { SHOWN_CHARS } else { 0 };
    let (hidden, tail) = chars.split_at(chars.len() - shown);
    "*".repeat(hidden.len()) + &tail.iter().collect::<String>()
}

/// A licence to be taken up. Only `licence_file` does anything; the others are those of the old product, and are explained.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct NewLicense {
    /// The issuer's answer to a request that was exported (`brink-edge activate --export`, `exchange --export`), in base64.
    licence_file: Option<String>,
    /// There are no licence keys any more.
    license_key: Option<String>,
    /// The same by its older name.
    key: Option<String>,
    /// Whose a licence is stands in it.
    owner: Option<String>,
    /// A licence names none.
    email: Option<String>,
}

/// A licence that was taken up.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Imported {
    /// As it stands now.
    #[serde(flatten)]
    license: License,
    /// What was done, in words.
    message: String,
    /// What the issuer answered: licence, receipt and when to ask next.
    exchange: Value,
}

pub(in crate::api) fn import(desk: &Desk, call: Call<OfTenant, Json<NewLicense>>) -> Handled<Imported> {
    call.query.check(&desk.view()?)?;
    let NewLicense { licence_file, license_key, key, owner, email } = call.body.0;
    if let Some(key) = license_key.or(key) {
        return Err(no_keys(&key));
    }
    let Some(file) = licence_file else {
        return Err(nothing_to_do(owner.is_some() || email.is_some()));
    };
    let response = Payload(decoded(&file)?);
    let mut reply = take_up(desk, call.peer, Command::ActivateImport { response: response.clone() })?;
    if reply.error.as_ref().is_some_and(|report| report.code == "OTHER_PENDING") {
        reply = take_up(desk, call.peer, Command::ExchangeImport { response })?;
    }
    match reply.error {
        Some(report) => Err(Refusal::reported(report, StatusCode::UNPROCESSABLE_ENTITY)),
        None => {
            let license = License::of(&desk.sight.look()?);
            Ok(Imported { license, message: reply.text, exchange: reply.document }.into())
        }
    }
}

fn take_up(desk: &Desk, peer: Peer, command: Command) -> Result<command::Reply, Refusal> {
    let busy = || Refusal::of(&EdgeError::AgentBusy, StatusCode::SERVICE_UNAVAILABLE);
    desk.ask(command, peer, VERB_TIMEOUT)?.ok_or_else(busy)
}

/// A text of the old product. What it says is looked at no further, and not repeated.
fn no_keys(key: &str) -> Refusal {
    if matches!(key, "" | "none" | "null") {
        return cannot_be_deleted();
    }
    let error = "there are no licence keys any more: a licence is a signed document for one device";
    let mend = "activate the device with a code of the issuer's (brink-edge activate), or send its answer as licence_file";
    Refusal::new(StatusCode::GONE, "LICENSE_KEYS_GONE", error, mend)
}

fn nothing_to_do(names_owner: bool) -> Refusal {
    if names_owner {
        let error = "a licence says itself whose it is, and is signed";
        let mend = "ask the issuer's admin to change the tenant, then exchange";
        return Refusal::new(StatusCode::CONFLICT, "LICENSE_NOT_EDITABLE", error, mend);
    }
    let mend = "send the answer of the issuer as licence_file, in base64";
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "NO_LICENCE_FILE", "there is no licence_file", mend)
}

/// Base64 of either alphabet, in lines or not, padded or not.
fn decoded(text: &str) -> Result<Vec<u8>, Refusal> {
    let plain = text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=');
    let plain: Vec<u8> = plain
        .map(|byte| match byte {
            b'+' => b'-',
            b'/' => b'_',
            byte => byte,
        })
        .collect();
    b64::decode(&plain).filter(|bytes| !bytes.is_empty()).ok_or_else(|| {
        let mend = "send the bytes of the file that the issuer made, in base64";
        let error = "licence_file is no base64";
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "BAD_BASE64", error, mend)
    })
}

/// Removing the licence.
pub(in crate::api) fn delete(_: &Desk, _: &View, _: Call<NoQuery, ()>) -> Handled<License> {
    Err(cannot_be_deleted())
}

fn cannot_be_deleted() -> Refusal {
    let error = "a licence is not deleted on the device: it ends by itself, or by its issuer's word";
    let mend = "brink-issuer device retire takes the device out of service; brink-edge activate --again makes it another one";
    Refusal::new(StatusCode::CONFLICT, "LICENSE_NOT_DELETABLE", error, mend)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_shows_its_end_and_a_short_one_nothing() {
        assert_eq!(masked("lic-0123456789"), "**********6789");
        assert_eq!(masked("lic-1"), "*****");
        assert_eq!(masked(""), "");
    }

    #[test]
    fn base64_comes_in_any_dress() {
        for text in ["-_-_AA", "+/+/AA==", " +/+/\r\nAA==\n"] {
            assert_eq!(decoded(text).unwrap(), [0xfb, 0xff, 0xbf, 0], "{text}");
        }
        for text in ["", "=", "a", "BRINKRSP\u{1}", "ä"] {
            assert_eq!(decoded(text).unwrap_err().said.code, "BAD_BASE64", "{text}");
        }
    }

    #[test]
    fn keys_are_explained_and_not_repeated() {
        for (key, code, status) in [
            ("demo-license-key", "LICENSE_KEYS_GONE", 410),
            ("", "LICENSE_NOT_DELETABLE", 409),
            ("none", "LICENSE_NOT_DELETABLE", 409),
            ("null", "LICENSE_NOT_DELETABLE", 409),
        ] {
            let refusal = no_keys(key);
            assert_eq!((refusal.said.code.as_str(), refusal.status.as_u16()), (code, status));
            assert!(!format!("{refusal:?}").contains("demo"), "{refusal:?}");
        }
        assert_eq!(nothing_to_do(true).said.code, "LICENSE_NOT_EDITABLE");
        assert_eq!(nothing_to_do(false).status, 422);
    }
}
