//! The next step of a chain of the journal, from where a copy of it stands.
//!
//! Records come once, in their order. Three things are not as simple: sums may stand where some records were copied one by one,
//! a recovery passes over what is lost and may be followed by the same uses again, and an earlier copy of the journal may have been
//! put back. Rows that are not what the journal has any more go in the step that brings what it has.

use crate::database::usage::{Cursor, Gap, Removal, Step, UsageRow};
use crate::meters;
use brink_license::usage::{Entry, Fold, QUARTER_MS, Record, Recovery, Usage};
use brink_license::{ResourceId, Slug, UnixSeconds};
use brink_store::journal::{Copied, Traced};
use serde_json::json;
use std::collections::BTreeSet;

/// Rows after which a step takes no further record: one of sums has up to 512.
const ROWS_MAX: usize = 4000;
/// The last moment that a row is written with.
const MS_MAX: i64 = UnixSeconds::MAX_NUMERIC_DATE.as_i64() * 1000;

/// What the journal has of a chain behind a copy.
#[derive(Debug)]
pub(super) struct Behind<'b> {
    /// The lowest number that a record here stands for.
    pub(super) first: u64,
    /// Whether the record that was copied last is still here.
    pub(super) traced: Traced,
    /// The next records.
    pub(super) records: &'b [Copied],
    /// There are others behind these.
    pub(super) more: bool,
    /// Up to where the issuer has taken the chain; `None` where the agent did not say.
    pub(super) settled: Option<u64>,
    /// Whose usage it is, where that is known.
    pub(super) tenant: Option<&'b str>,
    /// The cameras of the licence.
    pub(super) cameras: &'b BTreeSet<String>,
}

/// What follows from where a copy stands; `None` for nothing.
pub(super) fn step(stands: &Cursor, behind: &Behind<'_>) -> Option<Step> {
    let tenant = behind.tenant.map_or_else(|| stands.tenant.clone(), str::to_owned);
    if behind.traced == Traced::Other {
        return Some(anew(behind.first, tenant));
    }
    let settled = behind.settled.map_or(stands.settled, signed);
    let mut walk = Walk {
        at: stands.seq,
        settled,
        marked: stands.settled,
        cameras: behind.cameras,
        step: Step::default(),
    };
    let mut link = stands.link.clone();
    let mut taken = 0;
    for copied in behind.records {
        if walk.step.rows.len() >= ROWS_MAX {
            break;
        }
        walk.take(&copied.record);
        link = Some(copied.link.to_vec());
        taken += 1;
    }
    if behind.records.is_empty() && signed(behind.first) > walk.at.saturating_add(1) {
        // Everything has left.
        let last = signed(behind.first).saturating_sub(1);
        walk.miss((walk.at.saturating_add(1), last), "left");
        (walk.at, link) = (last, None);
    }
    // Rows are marked as far as they have come.
    let is_complete = taken == behind.records.len() && !behind.more;
    let marked = if is_complete { settled } else { settled.min(walk.at) };
    let cursor = Cursor { seq: walk.at, link, settled: marked, tenant };
    (cursor != *stands).then_some(Step { cursor, settled, ..walk.step })
}

/// The chain is another than the one that was copied: what it still holds is copied again, and what the other one had lost of these
/// numbers is no loss of this one.
fn anew(first: u64, tenant: String) -> Step {
    let from = signed(first);
    let cursor = Cursor { seq: from.saturating_sub(1), link: None, settled: 0, tenant };
    let removals = vec![Removal { from, to: i64::MAX, unless: None }];
    Step { removals, ungap_from: Some(from), cursor, ..Step::default() }
}

struct Walk<'w> {
    at: i64,
    settled: i64,
    /// Up to where rows are marked as the issuer's.
    marked: i64,
    cameras: &'w BTreeSet<String>,
    step: Step,
}

impl Walk<'_> {
    fn take(&mut self, record: &Record) {
        let (first, seq) = (signed(record.first()), signed(record.seq));
        match &record.entry {
            Entry::Recover(recovery) => self.pass_over(*recovery, seq),
            Entry::Usage(usage) => {
                self.follow(first, seq);
                let row = self.used(usage, record, seq);
                self.step.rows.push(row);
            }
            Entry::Fold(fold) => {
                self.follow(first, seq);
                self.summed(fold, seq);
            }
            Entry::Close => self.follow(first, seq),
        }
        self.at = self.at.max(seq);
    }

    /// A record that begins behind what was copied leaves a gap; one that begins within takes the place of what it stands for.
    fn follow(&mut self, first: i64, seq: i64) {
        if first <= self.at {
            self.step.removals.push(Removal { from: first, to: seq, unless: None });
            self.step.rows.retain(|row| row.seq < first);
        }
        self.miss((self.at.saturating_add(1), first.saturating_sub(1)), "left");
    }

    /// Behind the last good record nothing is believed but what the issuer has: uses that it lacks and that could still be read
    /// were recorded again.
    fn pass_over(&mut self, Recovery { good, seen }: Recovery, seq: i64) {
        let (good, seen) = (signed(good.seq), signed(seen));
        self.miss((self.at.saturating_add(1), good), "left");
        let kept = if self.settled < seq { self.settled } else { self.marked };
        if good < self.at {
            let from = good.saturating_add(1);
            self.step.removals.push(Removal { from, to: seq.saturating_sub(1), unless: Some(kept) });
            self.step.rows.retain(|row| row.seq <= good || row.seq <= kept);
        }
        // Less what stays of it.
        self.miss((good.saturating_add(1), seen.max(self.at).min(seq.saturating_sub(1))), "damaged");
    }

    fn miss(&mut self, (from, to): (i64, i64), reason: &'static str) {
        if from <= to {
            self.step.gaps.push(Gap { from, to, reason });
        }
    }

    fn used(&self, usage: &Usage, record: &Record, seq: i64) -> UsageRow {
        let Usage { meter, resource, quantity, count, .. } = usage;
        let metadata = json!({ "kind": "usage", "uses": count, "licence": record.licence });
        UsageRow {
            quantity: quantity.to_string(),
            metadata: metadata.to_string(),
            at_ms: record.at.est_ms.clamp(0, MS_MAX),
            ..self.row(meter, resource.as_ref(), (seq, 0))
        }
    }

    fn summed(&mut self, fold: &Fold, seq: i64) {
        for (part, (meter, sum)) in (0..).zip(fold.named()) {
            let metadata = json!({
                "kind": "sum", "uses": sum.count, "records": sum.records, "from": fold.from, "to": seq,
            });
            let row = UsageRow {
                quantity: sum.quantity.to_string(),
                metadata: metadata.to_string(),
                at_ms: sum.quarter.saturating_mul(QUARTER_MS).clamp(0, MS_MAX),
                ..self.row(meter, sum.resource.as_ref(), (seq, part))
            };
            self.step.rows.push(row);
        }
    }

    fn row(&self, meter: &Slug, resource: Option<&ResourceId>, (seq, part): (i64, i32)) -> UsageRow {
        UsageRow {
            seq,
            part,
            event_type: meter.to_string(),
            resource_id: resource.map(ToString::to_string),
            resource_type: resource.and_then(|resource| self.kind_of(meter, resource)),
            quantity: String::new(),
            unit: meters::unit(meter).unwrap_or_default(),
            metadata: String::new(),
            at_ms: 0,
        }
    }

    /// A camera is one that the licence has; of others the meter tells.
    fn kind_of(&self, meter: &Slug, resource: &ResourceId) -> Option<&'static str> {
        if self.cameras.contains(resource.as_str()) {
            return Some("camera");
        }
        match meter.as_str() {
            "agent_execution" => Some("agent"),
            "api_call" => Some("api_endpoint"),
            _ => None,
        }
    }
}

/// Numbers of records stay below 2^51.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
