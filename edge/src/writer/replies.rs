//! What verbs that are done say.

use crate::command::Reply;
use crate::exchange::{Challenge, Outcome, Outgoing, Settlement, Taken};
use crate::words::rfc3339;
use brink_license::UnixSeconds;
use brink_license::clock::Guarded;
use brink_license::token::{BatchVerdict, ClockResetClaims, NoticeKind};
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
        "usage": outcome.settlement.as_ref().map(settlement),
    });
    let said = match licence {
        Some(licence) => {
            let news = if outcome.new_licence { "a new licence" } else { "the licence as before" };
            let until = rfc3339(licence.exp).unwrap_or_else(|| "the end of time".to_owned());
            format!("{news}, seq {}, valid until {until}", licence.seq)
        }
        None => "no licence: the key that signed it was revoked".to_owned(),
    };
    let mut text = format!("device {} of tenant {}: {said}", receipt.dev, receipt.tenant);
    if let Some(settlement) = &outcome.settlement {
        text.push_str(&format!("\nusage: {}", settled(settlement)));
    }
    Reply::done(document, text)
}

fn settlement(settlement: &Settlement) -> serde_json::Value {
    let Settlement { said, backlog, more } = settlement;
    json!({
        "batch": said.batch,
        "quarantined": said.quarantined,
        "cursors": said.cursors,
        "backlog": backlog.records,
        "oldest_unsettled": backlog.oldest_ms.and_then(|at| rfc3339(UnixSeconds::new(at.div_euclid(1000)))),
        "more": more,
    })
}

fn settled(Settlement { said, backlog, .. }: &Settlement) -> String {
    let left = match (backlog.records, backlog.or_more) {
        (0, _) => "everything is settled".to_owned(),
        (records, false) => format!("{records} records are not settled yet"),
        (records, true) => format!("more than {records} records are not settled yet"),
    };
    let verdict = match said.batch {
        BatchVerdict::None | BatchVerdict::Taken => "",
        BatchVerdict::Gap => "; the issuer wants some of it again",
        BatchVerdict::Fork => {
            "; the issuer has other usage of this device: its admin activates the device anew (brink-issuer device reactivate)"
        }
        BatchVerdict::Bad => "; the issuer does not believe it: ask its admin",
    };
    let aside = match said.quarantined {
        0 => String::new(),
        aside => format!("; {aside} records wait for a person at the issuer"),
    };
    format!("{left}{verdict}{aside}")
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
