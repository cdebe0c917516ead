//! Dates and instants of a quote as people write them. Called where a quote is read.

use super::error::{QuoteCode, QuoteError};
use crate::billing::period::YEARS;
use crate::calendar::{day_begins, local_day, parse_date};
use crate::timeline::{AtError, Written};
use brink_license::UnixSeconds;
use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;

/// Characters of a text that a refusal says back.
const SHOWN_CHARS_MAX: usize = 64;

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}

/// A date, written in full.
pub(super) fn date(path: &str, text: &str) -> Result<NaiveDate, QuoteError> {
    parse_date(text).filter(|date| YEARS.contains(&date.year())).ok_or_else(|| {
        let problem = format!("{:?} is no date from {} to {}", shown(text), YEARS.start(), YEARS.end());
        QuoteError::new(path, QuoteCode::Date, problem, "write a date that there is, like 2026-03-01")
    })
}

/// The same, of a day that the zone has.
pub(super) fn day(path: &str, text: &str, zone: Tz) -> Result<NaiveDate, QuoteError> {
    let day = date(path, text)?;
    let gap = || no_instant(path, &AtError::Gap { written: day.to_string(), zone });
    day_begins(day, zone).map(|_| day).ok_or_else(gap)
}

/// An instant with its offset, a local time that there is once, or a date, which is the beginning of that local day.
pub(super) fn instant(path: &str, text: &str, zone: Tz) -> Result<UnixSeconds, QuoteError> {
    let written = text.parse::<Written>().and_then(|written| written.instant(zone));
    let at = written.map_err(|error| no_instant(path, &error))?;
    if !YEARS.contains(&local_day(at, zone).year()) {
        let problem = format!("{:?} is out of {} to {}", shown(text), YEARS.start(), YEARS.end());
        return Err(QuoteError::new(path, QuoteCode::Instant, problem, "write an instant of these years"));
    }
    Ok(at)
}

fn no_instant(path: &str, error: &AtError) -> QuoteError {
    let code = match error {
        AtError::Malformed(_) => QuoteCode::Instant,
        AtError::Gap { .. } => QuoteCode::TimeGap,
        AtError::Twice { .. } => QuoteCode::TimeTwice,
    };
    QuoteError::new(path, code, error, error.mend())
}
