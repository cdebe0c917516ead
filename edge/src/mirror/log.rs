//! The next step of the validation log: entries have numbers, and the vault keeps the newest alone.

use crate::database::licence::{LogRow, LogStep};
use crate::database::usage::{Cursor, Gap};
use brink_store::LogEntry;
use serde_json::json;
use sha2::{Digest, Sha256};

/// What the vault says of a document that it took.
const ACCEPTED: &str = "accepted";

/// What follows from where a copy stands; `None` for nothing. A vault that was built anew counts from 1 again, which its entry
/// under the last number tells, or that there is none.
pub(super) fn step(stands: &Cursor, log: &[(u64, LogEntry)], tenant: &str) -> Option<LogStep> {
    let (newest, _) = log.last()?;
    let at_cursor = log.iter().find(|(number, _)| signed(*number) == stands.seq);
    let is_other = signed(*newest) < stands.seq
        || at_cursor
            .is_some_and(|(_, entry)| stands.link.as_deref().is_some_and(|link| link != link_of(entry)));
    let from = if is_other { 0 } else { stands.seq };
    let new: Vec<_> = log.iter().filter(|(number, _)| signed(*number) > from).collect();
    let ((first, _), (last, entry)) = (new.first()?, new.last()?);
    let gap = Gap { from: from.saturating_add(1), to: signed(*first).saturating_sub(1), reason: "left" };
    Some(LogStep {
        gaps: Some(gap).filter(|gap| gap.from <= gap.to).into_iter().collect(),
        rows: new.iter().map(|(number, entry)| row(*number, entry)).collect(),
        cursor: Cursor {
            seq: signed(*last),
            link: Some(link_of(entry)),
            settled: stands.settled,
            tenant: tenant.to_owned(),
        },
    })
}

fn row(number: u64, entry: &LogEntry) -> LogRow {
    let LogEntry { at, verdict, document } = entry;
    let is_accepted = verdict == ACCEPTED;
    LogRow {
        log_number: signed(number),
        at: at.as_i64().clamp(0, brink_license::UnixSeconds::MAX_NUMERIC_DATE.as_i64()),
        validation_result: if is_accepted { "valid" } else { "invalid" },
        error_message: (!is_accepted).then(|| format!("{verdict}: {document}")),
        metadata: json!({ "verdict": verdict, "document": document }),
    }
}

fn link_of(entry: &LogEntry) -> Vec<u8> {
    let said = json!([entry.at.as_i64(), entry.verdict, entry.document]).to_string();
    Sha256::digest(said).to_vec()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use brink_license::UnixSeconds;

    fn log(numbers: std::ops::RangeInclusive<u64>, of: &str) -> Vec<(u64, LogEntry)> {
        let entry = |number: u64| {
            let at = UnixSeconds::new(1_800_000_000 + i64::try_from(number).unwrap());
            let verdict = if number.is_multiple_of(2) { "accepted" } else { "BAD_NONCE" }.to_owned();
            (number, LogEntry { at, verdict, document: format!("{of} {number}") })
        };
        numbers.map(entry).collect()
    }

    #[test]
    fn each_entry_comes_once_and_what_has_left_is_a_gap() {
        let first = step(&Cursor::default(), &log(1..=3, "a"), "acme").unwrap();
        assert_eq!((first.rows.len(), first.gaps.len(), first.cursor.seq), (3, 0, 3));
        assert_eq!((first.rows[1].validation_result, first.rows[0].validation_result), ("valid", "invalid"));
        assert_eq!(step(&first.cursor, &log(1..=3, "a"), "acme"), None);
        let second = step(&first.cursor, &log(3..=4, "a"), "acme").unwrap();
        assert_eq!((second.rows.len(), second.rows[0].log_number, second.gaps.len()), (1, 4, 0));
        let late = step(&first.cursor, &log(10..=12, "a"), "acme").unwrap();
        assert_eq!((late.rows.len(), late.gaps.clone()), (3, vec![Gap { from: 4, to: 9, reason: "left" }]));
    }

    #[test]
    fn a_vault_that_was_built_anew_is_copied_from_its_beginning() {
        let first = step(&Cursor::default(), &log(1..=5, "a"), "acme").unwrap();
        for anew in [log(1..=2, "b"), log(1..=5, "b"), log(1..=7, "b")] {
            let again = step(&first.cursor, &anew, "acme").unwrap();
            assert_eq!((again.rows.len(), again.gaps.len()), (anew.len(), 0));
        }
    }
}
