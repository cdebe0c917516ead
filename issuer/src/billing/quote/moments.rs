//! Dates and instants of a quote as people write them. Called where a quote is read.

use super::error::{QuoteCode, QuoteError};
use crate::billing::period::YEARS;
use crate::calendar::{NoInstant, local_day, local_instant, local_midnight};
use brink_license::UnixSeconds;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime};
use chrono_tz::Tz;

const DATE: &str = "%Y-%m-%d";
const LOCAL: &str = "%Y-%m-%dT%H:%M:%S";

fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

/// A date, written in full.
pub(super) fn date(path: &str, text: &str) -> Result<NaiveDate, QuoteError> {
    let read = NaiveDate::parse_from_str(text, DATE).ok();
    let is_date = |date: &NaiveDate| date.format(DATE).to_string() == text && YEARS.contains(&date.year());
    read.filter(is_date).ok_or_else(|| {
        let problem = format!("{:?} is no date from {} to {}", shown(text), YEARS.start(), YEARS.end());
        QuoteError::new(path, QuoteCode::Date, problem, "write a date that there is, like 2026-03-01")
    })
}

/// An instant with its offset, a local time that there is once, or a date, which is the beginning of that local day.
pub(super) fn instant(path: &str, text: &str, zone: Tz) -> Result<UnixSeconds, QuoteError> {
    let refused = |problem: String| {
        let mend = "write it like 2026-03-10T09:00:00Z, in whole seconds, or 2026-03-10 for the beginning of that day";
        QuoteError::new(path, QuoteCode::Instant, problem, mend)
    };
    if text.len() == DATE.len() + 2 {
        return Ok(local_midnight(date(path, text)?, zone));
    }
    let at = if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        if at.timestamp_subsec_nanos() != 0 {
            return Err(refused(format!("{:?} lies within a second", shown(text))));
        }
        UnixSeconds::new(at.timestamp())
    } else {
        let local = NaiveDateTime::parse_from_str(text, LOCAL);
        let local = local.map_err(|_| refused(format!("{:?} is no instant", shown(text))))?;
        local_instant(local, zone).map_err(|error| no_instant(path, error, (text, zone)))?
    };
    if !YEARS.contains(&local_day(at, zone).year()) {
        return Err(refused(format!("{:?} is out of {} to {}", shown(text), YEARS.start(), YEARS.end())));
    }
    Ok(at)
}

fn no_instant(path: &str, error: NoInstant, (text, zone): (&str, Tz)) -> QuoteError {
    let (code, what) = match error {
        NoInstant::Skipped => (QuoteCode::TimeSkipped, "the clocks were turned forward over it"),
        NoInstant::Twice => (QuoteCode::TimeTwice, "the clocks were turned back over it, so there are two"),
    };
    let problem = format!("{:?} is no instant of {zone}: {what}", shown(text));
    QuoteError::new(
        path,
        code,
        problem,
        "write the offset from UTC behind it, or an instant in UTC that ends with Z",
    )
}
