//! Calendars and time zones: where a trial ends, which offsets a licence carries, how instants are written.

use brink_license::UnixSeconds;
use brink_license::token::ZoneOffset;
use chrono::{DateTime, Datelike, Months, NaiveDate, Offset, SecondsFormat, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// Steps in which a zone's offset is sampled: no zone has changed its offset and back within so short a time.
const SAMPLE_SECONDS: i64 = 6 * 3600;

/// A text that names no zone of the IANA database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time zone of the IANA database")]
pub struct ZoneError(String);

impl ZoneError {
    /// What helps.
    pub const MEND: &str = "write for example UTC, Europe/Berlin or Australia/Sydney";
}

/// Reads an IANA zone by its exact name.
pub fn parse_zone(text: &str) -> Result<Tz, ZoneError> {
    text.parse().map_err(|_| ZoneError(text.chars().take(64).collect()))
}

/// RFC 3339 in UTC, whole seconds.
#[must_use]
pub fn rfc3339(at: UnixSeconds) -> String {
    instant(at).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Instants beyond chrono's range become its end: nothing that we store comes near it.
fn instant(at: UnixSeconds) -> DateTime<Utc> {
    DateTime::from_timestamp(at.as_i64(), 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Local midnight `months` calendar months after the local date of `start`, clamped to the month's end, exclusive
/// (R11 of the rating rules).
#[must_use]
pub fn months_later(start: UnixSeconds, months: u32, zone: Tz) -> UnixSeconds {
    let end = local_day(start, zone).checked_add_months(Months::new(months)).unwrap_or(NaiveDate::MAX);
    local_midnight(end, zone)
}

/// The first instant of the local calendar month that an instant lies in.
#[must_use]
pub fn month_start(at: UnixSeconds, zone: Tz) -> UnixSeconds {
    let day = local_day(at, zone);
    local_midnight(day.with_day(1).unwrap_or(day), zone)
}

/// The local day that an instant lies in.
pub(crate) fn local_day(at: UnixSeconds, zone: Tz) -> NaiveDate {
    instant(at).with_timezone(&zone).date_naive()
}

/// A date that is written in full, as 2026-03-01 is and 2026-3-1 is not.
pub(crate) fn parse_date(text: &str) -> Option<NaiveDate> {
    const FORM: &str = "%Y-%m-%d";
    NaiveDate::parse_from_str(text, FORM).ok().filter(|date| date.format(FORM).to_string() == text)
}

/// The first instant of a local day; `None` for one that the zone left out, as Samoa did with 2011-12-30.
pub(crate) fn day_begins(day: NaiveDate, zone: Tz) -> Option<UnixSeconds> {
    let begins = local_midnight(day, zone);
    (local_day(begins, zone) == day).then_some(begins)
}

/// The first instant of a local day. Where the clocks skip midnight, the day begins when they land.
pub(crate) fn local_midnight(day: NaiveDate, zone: Tz) -> UnixSeconds {
    let mut local = day.and_time(chrono::NaiveTime::MIN);
    // The longest gap in the database is a whole day (Samoa skipped 2011-12-30).
    for _ in 0..=4 * 24 {
        if let Some(found) = zone.from_local_datetime(&local).earliest() {
            return UnixSeconds::new(found.timestamp());
        }
        local += TimeDelta::minutes(15);
    }
    UnixSeconds::new(day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp())
}

/// The zone's offsets over `[from, until)`: the one in force at `from`, then one entry per change, found to the second.
#[must_use]
pub fn offsets(zone: Tz, from: UnixSeconds, until: UnixSeconds) -> Vec<ZoneOffset> {
    let mut table = vec![ZoneOffset { from, offset_seconds: offset_at(zone, from) }];
    let (mut at, mut offset) = (from, offset_at(zone, from));
    while at < until {
        let next = at.saturating_add(SAMPLE_SECONDS).min(until);
        let offset_there = offset_at(zone, next);
        if offset_there != offset {
            let change = first_second_of(zone, (at, next), offset);
            if change < until {
                table.push(ZoneOffset { from: change, offset_seconds: offset_there });
            }
            offset = offset_there;
        }
        at = next;
    }
    table
}

fn offset_at(zone: Tz, at: UnixSeconds) -> i32 {
    zone.offset_from_utc_datetime(&instant(at).naive_utc()).fix().local_minus_utc()
}

/// The first second in `(before, after]` whose offset is not `old`.
fn first_second_of(zone: Tz, (before, after): (UnixSeconds, UnixSeconds), old: i32) -> UnixSeconds {
    let (mut low, mut high) = (before.as_i64(), after.as_i64());
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if offset_at(zone, UnixSeconds::new(middle)) == old { low = middle } else { high = middle }
    }
    UnixSeconds::new(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixSeconds {
        UnixSeconds::new(DateTime::parse_from_rfc3339(text).unwrap().timestamp())
    }

    fn zone(name: &str) -> Tz {
        parse_zone(name).unwrap()
    }

    #[test]
    fn a_trial_ends_at_local_midnight_and_clamps_to_the_months_end() {
        // G06: a trial from 2025-11-30 ends with 2026-02-28, exclusive.
        assert_eq!(months_later(at("2025-11-30T09:00:00Z"), 3, Tz::UTC), at("2026-02-28T00:00:00Z"));
        // 23:30 in Sydney is still the 14th there and the 14th begins at another instant than in London.
        let sydney = months_later(at("2026-01-14T12:30:00Z"), 3, zone("Australia/Sydney"));
        assert_eq!(sydney, at("2026-04-14T00:00:00+10:00"));
    }

    #[test]
    fn a_day_that_begins_in_a_gap_begins_where_the_clocks_land() {
        // In Beirut the clocks went from 00:00 to 01:00 on 2025-03-30.
        let end = months_later(at("2024-12-30T12:00:00Z"), 3, zone("Asia/Beirut"));
        assert_eq!(end, at("2025-03-30T01:00:00+03:00"));
    }

    #[test]
    fn offsets_change_at_the_exact_second() {
        let table = offsets(zone("America/New_York"), at("2026-03-01T00:00:00Z"), at("2026-12-01T00:00:00Z"));
        let expected = [
            (at("2026-03-01T00:00:00Z"), -5 * 3600),
            (at("2026-03-08T07:00:00Z"), -4 * 3600),
            (at("2026-11-01T06:00:00Z"), -5 * 3600),
        ];
        assert_eq!(
            table.iter().map(|entry| (entry.from, entry.offset_seconds)).collect::<Vec<_>>(),
            expected
        );
    }

    #[test]
    fn a_zone_without_changes_is_one_entry_and_the_end_is_exclusive() {
        assert_eq!(offsets(Tz::UTC, at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z")).len(), 1);
        let until = at("2026-03-08T07:00:00Z");
        assert_eq!(offsets(zone("America/New_York"), at("2026-03-08T06:00:00Z"), until).len(), 1);
        assert_eq!(
            offsets(zone("America/New_York"), at("2026-03-08T06:00:00Z"), until.saturating_add(1)).len(),
            2
        );
    }

    #[test]
    fn zones_are_named_exactly() {
        for bad in ["", "utc ", "Mars/Olympus", "+02:00", "europe/berlin"] {
            assert!(parse_zone(bad).is_err(), "{bad:?}");
        }
        assert_eq!(rfc3339(at("2026-03-08T06:00:00Z")), "2026-03-08T06:00:00Z");
    }
}
