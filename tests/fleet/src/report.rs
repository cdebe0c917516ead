//! What a run says at its end, as a table for people and as one document for scripts.

use crate::run::{Outcome, Part};
use crate::tally::Kind;
use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

/// Names of the parts of a run.
const PARTS: [&str; 3] = ["activate", "run", "drain"];
/// Parts of a thousand that a latency is below: the half, nine tenths, and 99 of a hundred.
const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)];

/// One document.
#[must_use]
pub fn document(outcome: &Outcome) -> Value {
    let parts: Map<String, Value> =
        PARTS.iter().zip(&outcome.parts).map(|(name, part)| ((*name).to_owned(), of_part(part))).collect();
    let latencies: Map<String, Value> = outcome
        .seen
        .latencies
        .iter()
        .filter(|(_, of)| !of.is_empty())
        .map(|(kind, of)| (kind.as_str().to_owned(), of_latencies(of)))
        .collect();
    let errors: Vec<Value> = outcome
        .seen
        .errors
        .iter()
        .map(|((kind, code), count)| json!({ "kind": kind.as_str(), "code": code, "count": count }))
        .collect();
    let counts = &outcome.seen.counts;
    json!({
        "sound": outcome.is_sound(),
        "devices": outcome.ledger.devices,
        "records": outcome.ledger.records,
        "unsettled": outcome.ledger.unsettled,
        "parts": parts,
        "latencies_ms": latencies,
        "errors": errors,
        "retries": counts.retries,
        "lost_answers": counts.lost,
        "replays": outcome.seen.latencies.get(&Kind::Replay).map_or(0, Histogram::len),
        "forks_flagged": counts.forks,
        "wrong": outcome.seen.wrongs,
        "words": outcome.seen.words,
    })
}

fn of_part(part: &Part) -> Value {
    let counts = &part.counts;
    json!({
        "seconds": rounded(part.took.as_secs_f64()),
        "activated": counts.activated,
        "exchanges": counts.exchanges,
        "records": counts.records,
        "activated_per_second": rounded(rate(counts.activated, part)),
        "exchanges_per_second": rounded(rate(counts.exchanges, part)),
        "records_per_second": rounded(rate(counts.records, part)),
    })
}

fn of_latencies(of: &Histogram<u64>) -> Value {
    let mut told: Map<String, Value> = QUANTILES
        .iter()
        .map(|(name, part)| ((*name).to_owned(), millis(of.value_at_quantile(*part))))
        .collect();
    told.insert("max".to_owned(), millis(of.max()));
    told.insert("count".to_owned(), of.len().into());
    Value::Object(told)
}

fn millis(micros: u64) -> Value {
    rounded(micros as f64 / 1000.0).into()
}

fn rate(count: u64, part: &Part) -> f64 {
    let seconds = part.took.as_secs_f64();
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

/// Two places: no run is measured more exactly.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Two tables in Markdown, for a page of figures.
#[must_use]
pub fn markdown(outcome: &Outcome) -> String {
    let mut lines = vec![
        "| part | s | exchanges | records | exchanges/s | records/s |".to_owned(),
        "|---|---:|---:|---:|---:|---:|".to_owned(),
    ];
    for (name, part) in PARTS.iter().zip(&outcome.parts) {
        let counts = &part.counts;
        let done = counts.activated + counts.exchanges;
        lines.push(format!(
            "| {name} | {:.1} | {done} | {} | {:.0} | {:.0} |",
            part.took.as_secs_f64(),
            counts.records,
            rate(done, part),
            rate(counts.records, part)
        ));
    }
    lines.extend(
        ["", "| answered | count | p50 ms | p90 ms | p99 ms | max ms |", "|---|---:|---:|---:|---:|---:|"]
            .map(str::to_owned),
    );
    for (kind, of) in outcome.seen.latencies.iter().filter(|(_, of)| !of.is_empty()) {
        let at = |part| of.value_at_quantile(part) as f64 / 1000.0;
        let (p50, p90, p99, max) = (at(0.5), at(0.9), at(0.99), of.max() as f64 / 1000.0);
        let count = of.len();
        lines.push(format!("| {} | {count} | {p50:.1} | {p90:.1} | {p99:.1} | {max:.0} |", kind.as_str()));
    }
    let counts = &outcome.seen.counts;
    lines.push(String::new());
    if !outcome.seen.errors.is_empty() {
        let unanswered = outcome.seen.errors.iter();
        let unanswered = unanswered.map(|((kind, code), count)| format!("{count} {} {code}", kind.as_str()));
        lines.push(format!("Refused, or not answered: {}.", unanswered.collect::<Vec<_>>().join(", ")));
    }
    lines.push(format!(
        "{} attempts made again, {} answers lost, {} copies flagged, {} records unsettled{}.",
        counts.retries,
        counts.lost,
        counts.forks,
        outcome.ledger.unsettled,
        if outcome.is_sound() { "" } else { ", AND SOMETHING WAS WRONG" }
    ));
    lines.push(String::new());
    lines.join("\n")
}

/// Lines for people.
#[must_use]
pub fn table(outcome: &Outcome) -> String {
    let mut text = String::new();
    let mut line = |words: String| {
        text.push_str(&words);
        text.push('\n');
    };
    line(format!(
        "{:<10}{:>10}{:>12}{:>12}{:>14}{:>14}",
        "part", "seconds", "exchanges", "records", "exchanges/s", "records/s"
    ));
    for (name, part) in PARTS.iter().zip(&outcome.parts) {
        let counts = &part.counts;
        let done = counts.activated + counts.exchanges;
        line(format!(
            "{name:<10}{:>10.2}{done:>12}{:>12}{:>14.1}{:>14.1}",
            part.took.as_secs_f64(),
            counts.records,
            rate(done, part),
            rate(counts.records, part)
        ));
    }
    line(format!(
        "\n{:<10}{:>10}{:>12}{:>12}{:>14}{:>14}",
        "answered", "count", "p50 ms", "p90 ms", "p99 ms", "max ms"
    ));
    for (kind, of) in outcome.seen.latencies.iter().filter(|(_, of)| !of.is_empty()) {
        let at = |part| of.value_at_quantile(part) as f64 / 1000.0;
        line(format!(
            "{:<10}{:>10}{:>12.2}{:>12.2}{:>14.2}{:>14.2}",
            kind.as_str(),
            of.len(),
            at(0.5),
            at(0.9),
            at(0.99),
            of.max() as f64 / 1000.0
        ));
    }
    for ((kind, code), count) in &outcome.seen.errors {
        line(format!("{:<10}{count:>10}  {code}", kind.as_str()));
    }
    let counts = &outcome.seen.counts;
    line(format!(
        "\n{} devices, {} records, {} unsettled; {} attempts made again, {} answers lost, {} copies flagged",
        outcome.ledger.devices,
        outcome.ledger.records,
        outcome.ledger.unsettled,
        counts.retries,
        counts.lost,
        counts.forks
    ));
    for (code, count) in &outcome.seen.wrongs {
        line(format!("WRONG {code}: {count}"));
    }
    for words in &outcome.seen.words {
        line(format!("  {words}"));
    }
    text
}
