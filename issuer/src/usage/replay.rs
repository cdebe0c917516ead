//! A record that was set aside, judged once more: by the catalogue and the program of today.

use super::book::{Part, check_caps, check_late, parts};
use crate::catalog::Meters;
use crate::storage::{BookedRecord, Quarantine, QuarantineReason, QuarantineRow};
use brink_license::usage::{Entry, Record};

/// What it adds to the sums, or why it still does not pass. A total that does not continue the records before it never
/// will: those are on record. Nor does what came too late. A cap may have been raised, and a newer program may read it.
pub(crate) fn rejudge(row: &QuarantineRow, meters: &Meters) -> Result<Vec<Part>, Quarantine> {
    let stored = &row.record;
    if row.reason == QuarantineReason::Total.as_str() {
        return Err(Quarantine { reason: QuarantineReason::Total, detail: row.detail.clone() });
    }
    let record = Record::from_bytes(&stored.bytes)
        .map_err(|error| Quarantine { reason: QuarantineReason::Unreadable, detail: error.to_string() })?;
    check_name(stored, &record)?;
    check_caps(&record, meters)?;
    let bounds = (stored.floor_ms.unwrap_or(stored.event_ms), stored.received_ms);
    let parts = parts(&record, stored.event_ms, bounds, meters);
    check_late(&parts, stored.received_ms)?;
    Ok(parts)
}

/// What could not be read was given the number of its place, which it may not be.
fn check_name(stored: &BookedRecord, record: &Record) -> Result<(), Quarantine> {
    let from = match &record.entry {
        Entry::Fold(fold) => fold.from,
        Entry::Usage(_) | Entry::Recover(_) | Entry::Close => record.seq,
    };
    let is_named = (&record.device, record.epoch, record.seq, from)
        == (&stored.device, stored.epoch, stored.seq, stored.from_seq);
    if is_named {
        return Ok(());
    }
    let detail = format!("it calls itself record {} to {} of device {}", from, record.seq, record.device);
    Err(Quarantine { reason: QuarantineReason::Unreadable, detail })
}
