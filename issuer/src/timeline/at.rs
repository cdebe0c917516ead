//! Instants as people write them.

use crate::calendar::{day_begins, parse_date, rfc3339};
use brink_license::UnixSeconds;
use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, TimeZone};
use chrono_tz::Tz;
use std::str::FromStr;

/// Characters of a text that a refusal says back.
const SHOWN_CHARS_MAX: usize = 64;
/// How a local time is written.
const LOCAL: [&str; 2] = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"];

/// When something takes effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum At {
    /// At once; no text says so.
    #[default]
    Now,
    /// At a moment that was written.
    Then(Written),
}

/// A moment, as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// With its offset from UTC.
    Instant(UnixSeconds),
    /// The beginning of a day of the tenant.
    Day(NaiveDate),
    /// What the tenant's clocks show.
    Local(NaiveDateTime),
}

/// Why there is no such instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AtError {
    /// None of the forms.
    #[error(
        "{0:?} is neither a day nor an instant in whole seconds: write it like 2026-03-01 or 2026-03-01T00:15:00+01:00"
    )]
    Malformed(String),
    /// Between two times of a clock that is put forward.
    #[error("there is no {written} in {zone}: the clocks are put forward over it")]
    Gap {
        /// As it was written.
        written: String,
        /// Where.
        zone: Tz,
    },
    /// Before and after a clock is put back.
    #[error("{written} comes twice in {zone}, at {first} and at {second}: the clocks are put back over it")]
    Twice {
        /// As it was written.
        written: String,
        /// Where.
        zone: Tz,
        /// Once.
        first: String,
        /// And once more.
        second: String,
    },
}

impl AtError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "BAD_INSTANT",
            Self::Gap { .. } => "TIME_GAP",
            Self::Twice { .. } => "TIME_TWICE",
        }
    }

    /// What helps beside what it says itself.
    #[must_use]
    pub const fn mend(&self) -> &'static str {
        match self {
            Self::Malformed(_) => {
                "a day alone is its beginning, and a time without an offset is what the tenant's clocks show"
            }
            Self::Gap { .. } => "choose another time, or write one with its offset from UTC",
            Self::Twice { .. } => "write the one that is meant",
        }
    }
}

impl FromStr for Written {
    type Err = AtError;

    fn from_str(text: &str) -> Result<Self, AtError> {
        if let Some(day) = parse_date(text) {
            return Ok(Self::Day(day));
        }
        if let Some(local) = LOCAL.iter().find_map(|form| parse_local(text, form)) {
            return Ok(Self::Local(local));
        }
        match DateTime::parse_from_rfc3339(text) {
            Ok(at) if at.timestamp_subsec_nanos() == 0 => Ok(Self::Instant(UnixSeconds::new(at.timestamp()))),
            Ok(_) | Err(_) => Err(AtError::Malformed(text.chars().take(SHOWN_CHARS_MAX).collect())),
        }
    }
}

/// A local time of whole seconds that is written in full.
fn parse_local(text: &str, form: &str) -> Option<NaiveDateTime> {
    let local = NaiveDateTime::parse_from_str(text, form).ok()?;
    let is_whole = local.and_utc().timestamp_subsec_nanos() == 0;
    (is_whole && local.format(form).to_string() == text).then_some(local)
}

impl Written {
    /// The instant for a tenant whose clocks show the time of `zone`.
    pub fn instant(self, zone: Tz) -> Result<UnixSeconds, AtError> {
        match self {
            Self::Instant(at) => Ok(at),
            Self::Day(day) => {
                day_begins(day, zone).ok_or_else(|| AtError::Gap { written: day.to_string(), zone })
            }
            Self::Local(local) => {
                let written = local.format(LOCAL[0]).to_string();
                match zone.from_local_datetime(&local) {
                    LocalResult::Single(at) => Ok(UnixSeconds::new(at.timestamp())),
                    LocalResult::None => Err(AtError::Gap { written, zone }),
                    LocalResult::Ambiguous(first, second) => {
                        let shown = |at: DateTime<Tz>| rfc3339(UnixSeconds::new(at.timestamp()));
                        Err(AtError::Twice { written, zone, first: shown(first), second: shown(second) })
                    }
                }
            }
        }
    }
}

impl FromStr for At {
    type Err = AtError;

    fn from_str(text: &str) -> Result<Self, AtError> {
        text.parse().map(Self::Then)
    }
}

impl At {
    /// The instant for a tenant whose clocks show the time of `zone`.
    pub fn instant(self, now: UnixSeconds, zone: Tz) -> Result<UnixSeconds, AtError> {
        match self {
            Self::Now => Ok(now),
            Self::Then(written) => written.instant(zone),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str, zone: Tz) -> Result<String, AtError> {
        text.parse::<At>()?.instant(UnixSeconds::new(0), zone).map(rfc3339)
    }

    #[test]
    fn days_and_local_times_are_the_tenants() {
        let berlin = chrono_tz::Europe::Berlin;
        for (text, zone, at) in [
            ("2026-04-01", Tz::UTC, "2026-04-01T00:00:00Z"),
            ("2026-04-01", berlin, "2026-03-31T22:00:00Z"),
            ("2026-04-01T09:30", berlin, "2026-04-01T07:30:00Z"),
            ("2026-04-01T09:30:01", berlin, "2026-04-01T07:30:01Z"),
            ("2026-04-01T09:30:00Z", berlin, "2026-04-01T09:30:00Z"),
            ("2026-04-01T09:30:00-05:00", berlin, "2026-04-01T14:30:00Z"),
            // A day that begins in a gap begins where the clocks land.
            ("2025-03-30", chrono_tz::Asia::Beirut, "2025-03-29T22:00:00Z"),
        ] {
            assert_eq!(instant(text, zone).as_deref(), Ok(at), "{text}");
        }
    }

    #[test]
    fn what_no_clock_shows_or_shows_twice_is_refused() {
        let berlin = chrono_tz::Europe::Berlin;
        let gap = instant("2026-03-29T02:30", berlin).unwrap_err();
        assert_eq!((gap.code(), gap.to_string().contains("2026-03-29T02:30:00")), ("TIME_GAP", true));
        assert_eq!(instant("2026-03-29T02:30:00", Tz::UTC).unwrap(), "2026-03-29T02:30:00Z");
        assert_eq!(instant("2026-03-29T03:00", berlin).unwrap(), "2026-03-29T01:00:00Z");
        let twice = instant("2026-10-25T02:30", berlin).unwrap_err();
        assert_eq!(twice.code(), "TIME_TWICE");
        for at in ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"] {
            assert!(twice.to_string().contains(at), "{twice}");
        }
        let samoa = instant("2011-12-30", chrono_tz::Pacific::Apia).unwrap_err();
        assert_eq!(samoa.code(), "TIME_GAP");
    }

    #[test]
    fn what_is_no_instant_says_so() {
        for text in [
            "",
            "now",
            "2026-2-30",
            "2026-3-1",
            "2026-03-1",
            "2026-3-1T09:30",
            "2026-03-01T9:30:00",
            "2026-02-30",
            "2026-03-01T",
            "2026-03-01T00:00:00.5Z",
            "2026-03-01T24:00",
            "2026-03-01T00:00:60Z",
            "2026-03-01T00:00:00.5",
        ] {
            let error = text.parse::<At>().unwrap_err();
            assert!(matches!(error, AtError::Malformed(_)), "{text}");
            let (said, mend) = (error.to_string(), error.mend());
            assert!(said.contains("write it like 2026-03-01"), "where it is shown alone: {said}");
            assert!(!mend.contains("write it like") && !mend.is_empty(), "and not twice: {mend}");
        }
    }
}
