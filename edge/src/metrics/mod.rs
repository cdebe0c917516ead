//! What the agent counts, as Prometheus text, for whoever watches this machine. Called by the agent; nothing decides by it.

mod server;

pub use server::{listen, page, start};

use crate::api::Tally;
use crate::look::Look;
use crate::mirror::{Standing, State as MirrorState};
use crate::writer::Writer;
use brink_license::UnixSeconds;
use brink_license::clock::State;
use brink_license::token::Over;
use brink_license::usage::Quantity;
use brink_store::journal::{Backlog, Shrunk};
use brink_store::{QuotaUse, Snapshot, UsageHealth};
use std::fmt::{Display, Write};

/// Media type of the text (Prometheus exposition format, version 0.0.4).
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What happened since the agent started.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Exchanges that were answered and accepted.
    pub exchanges_accepted: u64,
    /// Exchanges that were not.
    pub exchanges_failed: u64,
    /// Settled records that left the journal.
    pub pruned: u64,
    /// Records that became sums.
    pub folded: u64,
    /// The journal's size when room was made last.
    pub room: Option<Shrunk>,
}

impl Counters {
    /// Room was made.
    pub const fn shrunk(&mut self, shrunk: Shrunk) {
        self.pruned = self.pruned.saturating_add(shrunk.pruned);
        self.folded = self.folded.saturating_add(shrunk.folded);
        self.room = Some(shrunk);
    }
}

/// Everything that is measured.
pub struct Sources<'s> {
    /// The bundle as hosts see it.
    pub snapshot: &'s Snapshot,
    /// The looker.
    pub look: &'s Look,
    /// The device.
    pub writer: &'s Writer,
    /// What happened.
    pub counters: &'s Counters,
    /// Exchanges that failed since the last that did not.
    pub failures_in_a_row: u32,
    /// How the quotas stand.
    pub quotas: &'s [QuotaUse],
    /// What was asked of the API.
    pub api: &'s Tally,
    /// How the mirrors are.
    pub mirrors: &'s [Standing],
}

/// The text that a scrape gets. Every name is in docs/OPERATING.md.
#[must_use]
pub fn text(sources: &Sources<'_>) -> String {
    let mut page = Page::default();
    licence(&mut page, sources);
    exchange(&mut page, sources);
    usage(&mut page, sources);
    quotas(&mut page, sources.quotas);
    api(&mut page, sources.api);
    mirrors(&mut page, sources);
    page.0
}

fn licence(page: &mut Page, sources: &Sources<'_>) {
    let standing = sources.snapshot.standing();
    page.head("brink_build_info", "gauge", "The version of the agent.");
    page.labelled("brink_build_info", ("version", env!("CARGO_PKG_VERSION")), 1);
    page.head("brink_licence_state", "gauge", "1 for the state that the licence is in.");
    for state in State::ALL {
        page.labelled("brink_licence_state", ("state", state.as_str()), u8::from(standing.state == state));
    }
    page.head("brink_flag", "gauge", "1 for each flag that is up.");
    standing.flags.names().for_each(|flag| page.labelled("brink_flag", ("flag", flag), 1));
    if let Some(bundle) = sources.snapshot.bundle() {
        let claims = bundle.licence().claims();
        page.one(
            "brink_licence_expires_timestamp_seconds",
            "gauge",
            "When the licence ends, before grace.",
            claims.exp.as_i64(),
        );
        page.one("brink_licence_seats", "gauge", "Cameras that the licence has seats for.", claims.seats());
        page.one(
            "brink_keyset_version",
            "gauge",
            "The version of the keyset in force.",
            bundle.keyset().version(),
        );
    }
    page.one(
        "brink_guarded_timestamp_seconds",
        "gauge",
        "What time the device takes it for.",
        standing.now.as_i64(),
    );
    let refused = u8::from(sources.look.refused().is_some());
    page.one(
        "brink_bundle_refused",
        "gauge",
        "1 while the published bundle is not the one in force.",
        refused,
    );
}

fn exchange(page: &mut Page, sources: &Sources<'_>) {
    let Counters { exchanges_accepted, exchanges_failed, .. } = sources.counters;
    page.head("brink_exchanges_total", "counter", "Exchanges since the agent started.");
    page.labelled("brink_exchanges_total", ("result", "accepted"), exchanges_accepted);
    page.labelled("brink_exchanges_total", ("result", "failed"), exchanges_failed);
    page.one(
        "brink_exchange_failures_in_a_row",
        "gauge",
        "Failures since the last success.",
        sources.failures_in_a_row,
    );
    let receipt = sources.snapshot.bundle().and_then(|bundle| bundle.receipt());
    if let Some(receipt) = receipt.map(|receipt| receipt.claims()) {
        let at = receipt.server_time.as_i64();
        page.one("brink_last_receipt_timestamp_seconds", "gauge", "When the issuer answered last.", at);
        page.one("brink_last_receipt_seq", "gauge", "The number of that answer.", receipt.seq);
    }
}

fn usage(page: &mut Page, sources: &Sources<'_>) {
    let Some(device) = sources.writer.resident() else { return };
    let backlog = device.backlog(Backlog::COUNT_MAX);
    page.one(
        "brink_usage_backlog_records",
        "gauge",
        "Records that are not settled; counted up to a million.",
        backlog.records,
    );
    let now = sources.snapshot.standing().now;
    let age = backlog.oldest_ms.map_or(0, |at| now.since(UnixSeconds::new(at.div_euclid(1000))).max(0));
    page.one("brink_usage_oldest_unsettled_seconds", "gauge", "How long the oldest of them waits.", age);
    let Counters { pruned, folded, room, .. } = sources.counters;
    page.one("brink_journal_pruned_total", "counter", "Settled records that left the journal.", pruned);
    page.one("brink_journal_folded_total", "counter", "Records that became sums for want of room.", folded);
    if let Some(Shrunk { bytes, bytes_max, .. }) = room {
        page.one("brink_journal_bytes", "gauge", "Bytes of the journal in use.", bytes);
        page.one("brink_journal_bytes_max", "gauge", "The most that there may be.", bytes_max);
    }
    let health = device.store().health();
    let differs = u8::from(health.usage == UsageHealth::Differs);
    page.one("brink_journal_differs", "gauge", "1 while the issuer has other usage of this device.", differs);
    page.one(
        "brink_journal_unusable",
        "gauge",
        "1 while nothing can be recorded.",
        u8::from(health.journal.is_some()),
    );
}

fn quotas(page: &mut Page, quotas: &[QuotaUse]) {
    let mut each = |name: &str, help: &str, of: fn(&QuotaUse) -> String| {
        page.head(name, "gauge", help);
        quotas.iter().for_each(|quota| page.labelled(name, ("meter", quota.meter.as_str()), of(quota)));
    };
    each("brink_quota_used", "Recorded in the span that runs.", |quota| quota.used.to_string());
    each("brink_quota_limit", "What the licence allows in it.", |quota| quota.limit.to_string());
    each("brink_quota_closed", "1 while nothing more of it may be used.", |quota| {
        let is_spent = quota.over == Over::Deny && quota.remaining == Quantity::ZERO;
        u8::from(is_spent || quota.closed.is_some()).to_string()
    });
}

/// What is not known of a mirror has no line.
fn mirrors(page: &mut Page, sources: &Sources<'_>) {
    let now = sources.snapshot.standing().now;
    let mut each = |(name, kind): (&str, &str), help: &str, of: &dyn Fn(&Standing) -> Option<i64>| {
        page.head(name, kind, help);
        let all =
            sources.mirrors.iter().filter_map(|one| of(one).map(|number| (one.mirror.as_str(), number)));
        all.for_each(|(mirror, number)| page.labelled(name, ("mirror", mirror), number));
    };
    let signed = |number: u64| i64::try_from(number).ok();
    each(("brink_mirror_up", "gauge"), "1 while the last turn of the mirror came to its end.", &|one| {
        Some(i64::from(one.state == MirrorState::Up))
    });
    each(
        ("brink_mirror_refused", "gauge"),
        "1 while somebody has to do something before it can copy.",
        &|one| Some(i64::from(one.state == MirrorState::Refused)),
    );
    each(
        ("brink_mirror_lag_records", "gauge"),
        "Records that are not copied; counted up to a million.",
        &|one| one.lag_records.and_then(signed),
    );
    each(("brink_mirror_lag_seconds", "gauge"), "How long the oldest of them waits.", &|one| {
        one.lag_records.map(|_| one.lag_seconds(now))
    });
    each(("brink_mirror_copied_total", "counter"), "Rows or documents that were written.", &|one| {
        signed(one.copied)
    });
    each(("brink_mirror_failures_total", "counter"), "Turns that did not come to their end.", &|one| {
        signed(one.failures)
    });
    each(
        ("brink_mirror_gaps_total", "counter"),
        "Numbers that had left before they could be copied.",
        &|one| signed(one.gaps),
    );
}

/// In the order of the tally, where the lines of one name stand together.
fn api(page: &mut Page, tally: &Tally) {
    let mut last = "";
    for (name, labels, number) in tally.lines() {
        if name != last {
            let what = match name {
                "brink_api_checks_total" => {
                    "Cameras that were asked for over the API; source says whether there was a licence to answer from."
                }
                "brink_api_requests_total" => "Requests to the API.",
                "brink_api_usage_events_total" => "Uses that were brought over the API.",
                _ => "Questions that were passed on to the billing server.",
            };
            page.head(name, "counter", what);
            last = name;
        }
        let labels: Vec<_> =
            labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        // Writing to a text does not fail.
        let _ = writeln!(page.0, "{name}{{{}}} {number}", labels.join(","));
    }
}

/// The text as it grows.
#[derive(Default)]
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a text does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn labelled(&mut self, name: &str, (label, value): (&str, &str), number: impl Display) {
        let _ = writeln!(self.0, "{name}{{{label}=\"{}\"}} {number}", escaped(value));
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, number: impl Display) {
        self.head(name, kind, help);
        let _ = writeln!(self.0, "{name} {number}");
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_cannot_leave_its_quotes() {
        let mut page = Page::default();
        page.labelled("brink_flag", ("flag", "a\"b\\c\nd"), 1);
        assert_eq!(page.0, "brink_flag{flag=\"a\\\"b\\\\c\\nd\"} 1\n");
    }
}
