//! What the `usage` verbs answer. They work on the journal as any host does, with or without an agent.

use crate::command::{EXIT_NOT_ALLOWED, Reply, Report};
use crate::words::{rfc3339, rfc3339_of_ms};
use brink_license::Slug;
use brink_license::clock::State;
use brink_license::token::Over;
use brink_license::usage::{MeterTotal, Overage, Quantity};
use brink_store::QuotaUse;
use brink_store::journal::{BookFault, ChainSummary, Recorded, Walked};
use serde_json::{Value, json};

/// Answers `usage record`.
#[must_use]
pub fn recorded(meter: &Slug, quantity: Quantity, recorded: &Recorded) -> Reply {
    let Recorded { seq, total, overage } = recorded;
    let document = json!({
        "meter": meter,
        "quantity": quantity.to_string(),
        "seq": seq,
        "total": total.to_string(),
        "quota": overage.as_str(),
    });
    let beyond = match overage {
        Overage::Within => "",
        Overage::Over | Overage::Flagged => ", beyond its quota",
    };
    Reply::done(document, format!("recorded {quantity} {meter} as number {seq}; {total} in all{beyond}"))
}

/// Answers `usage summary`.
#[must_use]
pub fn summary(chains: &[ChainSummary], quotas: &[QuotaUse]) -> Reply {
    let damaged = chains.iter().any(|chain| chain.recoveries > 0);
    let document = json!({
        "activations": chains.iter().map(activation).collect::<Vec<_>>(),
        "quotas": quotas.iter().map(quota).collect::<Vec<_>>(),
        "flags": if damaged { vec!["journal_damaged"] } else { Vec::new() },
    });
    let mut lines: Vec<String> = chains.iter().flat_map(lines).collect();
    lines.extend(quotas.iter().map(quota_line));
    if chains.is_empty() {
        lines.push("nothing can be recorded yet: not activated".to_owned());
    }
    if damaged {
        lines.push("flags: journal_damaged".to_owned());
    }
    Reply::done(document, lines.join("\n"))
}

fn activation(chain: &ChainSummary) -> Value {
    let ChainSummary { device, epoch, seq, licence, recoveries, meters } = chain;
    json!({
        "device": device,
        "epoch": epoch,
        "seq": seq,
        "licence": licence,
        "recoveries": recoveries,
        "meters": meters.iter().map(|(meter, total)| sums(meter, total)).collect::<Vec<_>>(),
    })
}

fn sums(meter: &Slug, total: &MeterTotal) -> Value {
    json!({
        "meter": meter,
        "total": total.total.to_string(),
        "records": total.records,
        "count": total.count,
        "first": rfc3339_of_ms(total.first_ms),
        "last": rfc3339_of_ms(total.last_ms),
    })
}

pub(crate) fn quota(quota: &QuotaUse) -> Value {
    let QuotaUse { meter, limit, used, aside, remaining, over, resets_at, span, in_doubt, closed } = quota;
    json!({
        "meter": meter,
        "span": span,
        "limit": limit.to_string(),
        "used": used.to_string(),
        "set_aside": aside.to_string(),
        "remaining": remaining.to_string(),
        "over": over,
        "resets_at": resets_at.and_then(rfc3339),
        "in_doubt": in_doubt,
        "closed": closed.map(State::as_str),
    })
}

pub(crate) fn quota_line(quota: &QuotaUse) -> String {
    let QuotaUse { meter, limit, used, aside, remaining, over, resets_at, span, in_doubt, closed } = quota;
    let mut line = format!("quota of {meter}, {span}: {used} of {limit} used, {remaining} left");
    if *aside > Quantity::ZERO {
        line.push_str(&format!(", {aside} set aside"));
    }
    line.push_str(match over {
        Over::Allow => "; more is overage",
        Over::Warn => "; more is overage, and flagged",
        Over::Deny => "; more is refused",
    });
    if let Some(resets) = resets_at.and_then(rfc3339) {
        line.push_str(&format!("; begins again at {resets}"));
    }
    if *in_doubt {
        line.push_str("; in doubt until the next exchange, because the journal was damaged");
    }
    if let Some(state) = closed {
        line.push_str(&format!("; closed, because the licence is {}", state.as_str()));
    }
    line
}

fn lines(chain: &ChainSummary) -> Vec<String> {
    let ChainSummary { device, epoch, seq, meters, .. } = chain;
    let mut lines = vec![format!("{device}, epoch {epoch}: up to number {seq}")];
    lines.extend(meters.iter().map(|(meter, total)| {
        let MeterTotal { total, records, first_ms, last_ms, .. } = total;
        let shown = |at: i64| rfc3339_of_ms(at).unwrap_or_else(|| at.to_string());
        format!("  {meter}: {total} in {records} records, {} to {}", shown(*first_ms), shown(*last_ms))
    }));
    lines
}

/// Answers `usage verify`: 3 with the first fault.
#[must_use]
pub fn verified(walked: Result<Walked, BookFault>) -> Reply {
    match walked {
        Ok(Walked { chains, records, recoveries }) => {
            let document = json!({
                "intact": true, "chains": chains, "records": records, "recoveries": recoveries, "fault": null,
            });
            let mut text = format!("intact: {records} records in {chains} chains");
            if recoveries > 0 {
                text.push_str(&format!(
                    "; {recoveries} times a damaged journal went on, and what was lost is named"
                ));
            }
            Reply::done(document, text)
        }
        Err(fault) => {
            let (kind, seq) = match &fault {
                BookFault::Chain { fault, .. } => (fault.kind(), Some(fault.seq())),
                BookFault::Beside(_) => ("journal", None),
            };
            let message = format!("usage is not intact: {fault}");
            let document = json!({
                "intact": false,
                "fault": { "code": fault.code(), "kind": kind, "seq": seq, "message": message },
            });
            let mend = "keep a copy of the journal directory, and ask the issuer's admin".to_owned();
            let report = Report { code: fault.code().to_owned(), message, mend: Some(mend) };
            Reply {
                exit_code: EXIT_NOT_ALLOWED,
                document,
                text: String::new(),
                error: Some(report),
                file: None,
            }
        }
    }
}
