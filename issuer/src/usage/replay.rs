//! A record that was set aside, judged once more: by the catalogue and the program of today.

use super::book::{Part, adds_up, check_caps, check_late, parts};
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
    if row.reason == QuarantineReason::Unreadable.as_str() {
        check_name(stored, &record)?;
        check_sums(&record)?;
    }
    check_caps(&record, meters)?;
    let parts = parts(&record, stored.event_ms, stored.bounds(), meters);
    check_late(&parts, stored.received_ms)?;
    Ok(parts)
}

/// What could not be read was given the number of its place, which it may not be.
fn check_name(stored: &BookedRecord, record: &Record) -> Result<(), Quarantine> {
    if stored.is_named_by(record) {
        return Ok(());
    }
    let (from, to) = (record.first(), record.seq);
    let detail = format!("it calls itself record {from} to {to} of device {}", record.device);
    Err(Quarantine { reason: QuarantineReason::Unreadable, detail })
}

/// What meters had come to before it nobody knows any more: it has to make sense by itself.
fn check_sums(record: &Record) -> Result<(), Quarantine> {
    let is_sound = match &record.entry {
        Entry::Usage(usage) => usage.total >= usage.quantity,
        Entry::Fold(fold) => fold.is_spelled() && adds_up(fold, record.seq, |_| None),
        Entry::Recover(_) | Entry::Close => true,
    };
    let detail = || format!("record {} does not add up by itself", record.seq);
    if is_sound { Ok(()) } else { Err(Quarantine { reason: QuarantineReason::Total, detail: detail() }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use brink_license::clock::BootId;
    use brink_license::usage::{Moment, Quantity, Usage};

    const NOW: i64 = 1_800_000_000_000;

    fn row(reason: &str, event_ms: i64, (quantity, total): (u64, u64)) -> QuarantineRow {
        let boot = BootId::parse("00000000-0000-4000-8000-000000000001").unwrap();
        let (quantity, total) = (Quantity::whole(quantity), Quantity::whole(total));
        let usage = Usage { meter: "sms_sent".parse().unwrap(), resource: None, quantity, count: 1, total };
        let device: brink_license::DeviceId = "dev-1".parse().unwrap();
        let record = Record {
            device: device.clone(),
            epoch: 1,
            seq: 7,
            at: Moment { boot, boottime_ms: 0, wall_ms: NOW, est_ms: NOW },
            licence: None,
            entry: Entry::Usage(usage),
            prev: [0; 32],
        };
        let record = BookedRecord {
            device,
            epoch: 1,
            seq: 7,
            from_seq: 7,
            tenant: "tenant-1".parse().unwrap(),
            received_ms: NOW,
            event_ms,
            floor_ms: None,
            quarantined: true,
            reason: Some(reason.to_owned()),
            bytes: record.to_bytes(),
        };
        let at = brink_license::UnixSeconds::new(NOW / 1000);
        let (reason, detail) = (reason.to_owned(), "as it was".to_owned());
        QuarantineRow { id: 1, record, reason, detail, at, replayed_at: None }
    }

    #[test]
    fn what_a_newer_program_reads_passes_if_it_makes_sense_by_itself_and_calls_itself_what_it_was_called() {
        let meters = Catalog::embedded().unwrap().meters;
        let good = row("UNREADABLE", NOW, (5, 9));
        let parts = rejudge(&good, &meters).unwrap();
        assert_eq!((parts.len(), parts[0].0.meter.as_str()), (1, "sms"), "by the catalogue's name");
        let reason = |row: &QuarantineRow| rejudge(row, &meters).unwrap_err().reason;
        assert_eq!(reason(&row("UNREADABLE", NOW, (5, 4))), QuarantineReason::Total);
        let mut other = row("UNREADABLE", NOW, (5, 9));
        other.record.seq = 8;
        assert_eq!(reason(&other), QuarantineReason::Unreadable);
        let mut still = row("UNREADABLE", NOW, (5, 9));
        still.record.bytes[0] = 99;
        assert_eq!(reason(&still), QuarantineReason::Unreadable);
        assert_eq!(reason(&row("TOTAL", NOW, (5, 9))), QuarantineReason::Total);
        assert_eq!(reason(&row("LATE", NOW - 401 * 86_400_000, (5, 9))), QuarantineReason::Late);
    }
}
