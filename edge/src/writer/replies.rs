//! What verbs that are done say.

use crate::command::Reply;
use crate::exchange::{Challenge, Outcome, Outgoing, Taken};
use crate::words::rfc3339;
use brink_license::clock::Guarded;
use brink_license::token::{ClockResetClaims, NoticeKind};
use serde_json::json;

pub(super) fn exported(outgoing: Outgoing, kind: &str) -> Reply {
    let Outgoing { path, bytes, resent } = outgoing;
    let document =
        json!({ "request": { "kind": kind, "bytes": bytes.len(), "resent": resent, "for": path } });
    let again = if resent { ", the same as before" } else { "" };
    let text = format!("request for an {kind}, {} bytes{again}", bytes.len());
    Reply::done(document, text).with_file(bytes)
}

pub(super) fn noticed(kind: NoticeKind, new: bool) -> Reply {
    let document = json!({ "notice": kind.typ().as_str(), "new": new });
    let said = if new { "accepted and published" } else { "was accepted before" };
    Reply::done(document, format!("{}: {said}", kind.as_str()))
}

pub(super) fn accepted(outcome: &Outcome) -> Reply {
    let receipt = outcome.receipt.claims();
    let licence = outcome.licence.as_ref().map(|licence| licence.claims());
    let document = json!({
        "tenant": receipt.tenant,
        "device": receipt.dev,
        "epoch": receipt.epoch,
        "licence": licence.map(|licence| json!({
            "seq": licence.seq,
            "jti": licence.jti,
            "exp": rfc3339(licence.exp),
            "new": outcome.new_licence,
            "standing": receipt.lic.state,
        })),
        "receipt": { "seq": receipt.seq, "server_time": rfc3339(receipt.server_time) },
        "keyset_version": outcome.keyset_version,
        "next_exchange_after": rfc3339(outcome.next_exchange_after),
    });
    let said = match licence {
        Some(licence) => {
            let news = if outcome.new_licence { "a new licence" } else { "the licence as before" };
            let until = rfc3339(licence.exp).unwrap_or_else(|| "the end of time".to_owned());
            format!("{news}, seq {}, valid until {until}", licence.seq)
        }
        None => "no licence: the key that signed it was revoked".to_owned(),
    };
    Reply::done(document, format!("device {} of tenant {}: {said}", receipt.dev, receipt.tenant))
}

/// A document that came by itself.
pub(super) fn taken(taken: &Taken) -> Reply {
    match taken {
        Taken::Notice { kind, new } => noticed(*kind, *new),
        Taken::ClockReset { claims, clock } => clock_reset(claims, clock),
    }
}

fn clock_reset(claims: &ClockResetClaims, clock: &Guarded) -> Reply {
    let (server_time, now) = (rfc3339(claims.server_time), rfc3339(clock.now));
    let flags: Vec<_> = clock.flags.names().collect();
    let document = json!({ "clock_reset": { "server_time": server_time, "now": now, "flags": flags } });
    let shown = |moment: Option<String>| moment.unwrap_or_else(|| "beyond any calendar".to_owned());
    let mut text = format!(
        "clock reset: the issuer's time {} counts; it is {} now\nrunning hosts take it up within a minute",
        shown(server_time),
        shown(now)
    );
    if !flags.is_empty() {
        text.push_str(&format!(
            "\nwarning: the wall clock is still wrong ({}): set it right, make a new challenge and have it answered",
            flags.join(", ")
        ));
    }
    Reply::done(document, text)
}

/// A challenge to carry to the issuer.
pub(super) fn challenged(challenge: Challenge) -> Reply {
    let Challenge { bytes, wall, now } = challenge;
    let document = json!({ "challenge": {
        "bytes": bytes.len(), "wall": rfc3339(wall), "now": rfc3339(now),
    } });
    Reply::done(document, format!("clock challenge, {} bytes", bytes.len())).with_file(bytes)
}
