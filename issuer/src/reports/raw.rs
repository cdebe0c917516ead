//! Records as rows: one of each use, and one of each sum where a record holds the sums of many.

use crate::amount::Amount;
use crate::catalog::Meters;
use crate::storage::BookedRecord;
use crate::usage::parts;
use brink_license::usage::{Entry, Record, quarter_of};
use brink_license::{DeviceId, ResourceId, Slug, TenantId};

/// One row of the raw export, and what the check adds up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RawRow {
    pub(super) tenant: TenantId,
    pub(super) device: DeviceId,
    pub(super) epoch: u32,
    pub(super) seq: u64,
    pub(super) from_seq: u64,
    pub(super) kind: &'static str,
    /// What was used, if it says so.
    pub(super) used: Option<Used>,
    pub(super) event_ms: i64,
    pub(super) received_ms: i64,
    pub(super) quarter: i64,
    /// Why it is in no sum.
    pub(super) quarantined: Option<String>,
}

/// What was used, by the catalogue's name of its meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) meter: Slug,
    pub(super) resource: Option<ResourceId>,
    pub(super) quantity: Amount,
    pub(super) count: i64,
}

/// The rows of a record, dated as the books date it. One that cannot be read is a row as well: it was sent.
pub(super) fn rows(stored: BookedRecord, meters: &Meters) -> Vec<RawRow> {
    let record = Record::from_bytes(&stored.bytes).ok();
    let parts = record.as_ref().map(|record| parts(record, stored.event_ms, stored.bounds(), meters));
    let parts = parts.unwrap_or_default();
    let row = RawRow {
        kind: record.as_ref().map_or("unreadable", |record| kind(&record.entry)),
        tenant: stored.tenant,
        device: stored.device,
        epoch: stored.epoch,
        seq: stored.seq,
        from_seq: stored.from_seq,
        used: None,
        event_ms: stored.event_ms,
        received_ms: stored.received_ms,
        quarter: quarter_of(stored.event_ms),
        quarantined: stored.quarantined.then(|| stored.reason.unwrap_or_default()),
    };
    if parts.is_empty() {
        return vec![row];
    }
    let of_part = |(key, sum): crate::usage::Part| {
        let quantity = Amount::saturating_of(sum.quantity);
        let used = Used { meter: key.meter, resource: key.resource, quantity, count: sum.count };
        RawRow { used: Some(used), quarter: key.quarter, ..row.clone() }
    };
    parts.into_iter().map(of_part).collect()
}

const fn kind(entry: &Entry) -> &'static str {
    match entry {
        Entry::Usage(_) => "usage",
        Entry::Fold(_) => "fold",
        Entry::Recover(_) => "recover",
        Entry::Close => "close",
    }
}
