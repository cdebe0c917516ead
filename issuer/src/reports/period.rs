//! Periods as people write them, and as the books count them: from inclusive, to exclusive, in quarters of an hour.

use crate::calendar::{day_begins, parse_date, rfc3339};
use brink_license::UnixSeconds;
use brink_license::usage::QUARTER_MS;
use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;
use std::ops::Range;

/// What usage is added up by.
pub(crate) const QUARTER_SECONDS: i64 = QUARTER_MS / 1000;

/// A bound as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The beginning of a day of the tenant.
    Day(NaiveDate),
    /// A moment.
    Instant(UnixSeconds),
}

/// Why there is no such period.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// Neither a day nor an instant.
    #[error("{0:?} is neither a day nor an instant; write it like 2026-03-01 or 2026-03-01T00:15:00+01:00")]
    Malformed(String),
    /// Within a quarter of an hour.
    #[error("{0} lies within a quarter of an hour; usage is added up by these, so give a multiple")]
    Within(String),
    /// A day that the zone left out.
    #[error("there is no {0} in {1}: the clocks are put forward over it; give the day before or behind it")]
    Skipped(NaiveDate, Tz),
    /// Nothing lies in it.
    #[error("a period ends after it begins; give --to a later day, which is not part of it any more")]
    Empty,
}

impl PeriodError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "PERIOD_MALFORMED",
            Self::Within(_) => "PERIOD_WITHIN_QUARTER",
            Self::Skipped(..) => "TIME_GAP",
            Self::Empty => "PERIOD_EMPTY",
        }
    }
}

impl std::str::FromStr for Bound {
    type Err = PeriodError;
    fn from_str(text: &str) -> Result<Self, PeriodError> {
        if let Some(day) = parse_date(text) {
            return Ok(Self::Day(day));
        }
        let shown = || text.chars().take(64).collect();
        let at = DateTime::parse_from_rfc3339(text).map_err(|_| PeriodError::Malformed(shown()))?;
        if at.timestamp_subsec_nanos() != 0 {
            return Err(PeriodError::Within(shown()));
        }
        Ok(Self::Instant(UnixSeconds::new(at.timestamp())))
    }
}

impl Bound {
    /// The quarter of an hour that begins there.
    pub fn quarter(self, zone: Tz) -> Result<i64, PeriodError> {
        let at = match self {
            Self::Day(day) => day_begins(day, zone).ok_or(PeriodError::Skipped(day, zone))?,
            Self::Instant(at) => at,
        };
        if at.as_i64().rem_euclid(QUARTER_SECONDS) != 0 {
            return Err(PeriodError::Within(rfc3339(at)));
        }
        Ok(at.as_i64().div_euclid(QUARTER_SECONDS))
    }
}

/// The quarters from one bound to another.
pub fn quarters(from: Bound, to: Bound, zone: Tz) -> Result<Range<i64>, PeriodError> {
    let (from, to) = (from.quarter(zone)?, to.quarter(zone)?);
    if from < to { Ok(from..to) } else { Err(PeriodError::Empty) }
}

/// When a quarter begins.
#[must_use]
pub const fn begins(quarter: i64) -> UnixSeconds {
    UnixSeconds::new(quarter.saturating_mul(QUARTER_SECONDS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(text: &str) -> Bound {
        text.parse().unwrap()
    }

    #[test]
    fn days_are_the_tenants_and_instants_lie_on_quarters() {
        let berlin = chrono_tz::Europe::Berlin;
        let day = quarters(bound("2026-03-29"), bound("2026-03-30"), berlin).unwrap();
        assert_eq!((rfc3339(begins(day.start)).as_str(), day.count()), ("2026-03-28T23:00:00Z", 23 * 4));
        let same = bound("2026-03-29T00:00:00+01:00").quarter(berlin);
        assert_eq!(same, bound("2026-03-29").quarter(berlin));
        let adelaide = chrono_tz::Australia::Adelaide;
        let day = quarters(bound("2026-04-05"), bound("2026-04-06"), adelaide).unwrap();
        assert_eq!((rfc3339(begins(day.start)).as_str(), day.count()), ("2026-04-04T13:30:00Z", 25 * 4));
    }

    #[test]
    fn what_is_no_period_says_so() {
        for text in ["", "2026-3-x", "2026-3-1", "2026-02-30", "yesterday", "2026-03-01T00:00:00"] {
            assert!(matches!(text.parse::<Bound>(), Err(PeriodError::Malformed(_))), "{text}");
        }
        let within = |text: &str| text.parse::<Bound>().and_then(|bound| bound.quarter(Tz::UTC));
        for text in ["2026-03-01T00:01:00Z", "2026-03-01T00:15:00.5Z", "2026-03-01T00:15:01Z"] {
            assert!(matches!(within(text), Err(PeriodError::Within(_))), "{text}");
        }
        let day = bound("2026-03-01");
        assert_eq!(quarters(day, day, Tz::UTC), Err(PeriodError::Empty));
        let samoa = bound("2011-12-30").quarter(chrono_tz::Pacific::Apia).unwrap_err();
        assert_eq!(samoa.code(), "TIME_GAP");
    }
}
