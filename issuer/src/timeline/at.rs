//! Instants as people write them.

use crate::calendar::{local_midnight, rfc3339};
use brink_license::UnixSeconds;
use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, TimeZone};
use chrono_tz::Tz;
use std::str::FromStr;

/// Characters of a text that a refusal says back.
const SHOWN_CHARS_MAX: usize = 64;

/// When something takes effect, as it was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum At {
    /// At once.
    #[default]
    Now,
    /// At a moment.
    Instant(UnixSeconds),
    /// With the beginning of a day of the tenant.
    Day(NaiveDate),
    /// At what the tenant's clocks show.
    Local(NaiveDateTime),
}

/// Why there is no such instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AtError {
    /// None of the forms.
    #[error("{0:?} is neither a day nor an instant in whole seconds")]
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

    /// What helps.
    #[must_use]
    pub const fn mend(&self) -> &'static str {
        match self {
            Self::Malformed(_) => {
                "write it like 2026-03-01, which is the beginning of that day of the tenant, or 2026-03-01T00:15:00+01:00"
            }
            Self::Gap { .. } => "choose another time, or write one with its offset from UTC",
            Self::Twice { .. } => "write the one that is meant",
        }
    }
}

impl FromStr for At {
    type Err = AtError;

    fn from_str(text: &str) -> Result<Self, AtError> {
        if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            return Ok(Self::Day(day));
        }
        let local = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"];
        if let Some(local) = local.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
            && local.and_utc().timestamp_subsec_nanos() == 0
        {
            return Ok(Self::Local(local));
        }
        match DateTime::parse_from_rfc3339(text) {
            Ok(at) if at.timestamp_subsec_nanos() == 0 => Ok(Self::Instant(UnixSeconds::new(at.timestamp()))),
            Ok(_) | Err(_) => Err(AtError::Malformed(text.chars().take(SHOWN_CHARS_MAX).collect())),
        }
    }
}

impl At {
    /// The instant for a tenant whose clocks show the time of `zone`.
    pub fn instant(self, now: UnixSeconds, zone: Tz) -> Result<UnixSeconds, AtError> {
        match self {
            Self::Now => Ok(now),
            Self::Instant(at) => Ok(at),
            Self::Day(day) => {
                let begins = local_midnight(day, zone);
                let is_there = DateTime::from_timestamp(begins.as_i64(), 0)
                    .is_some_and(|begins| begins.with_timezone(&zone).date_naive() == day);
                // Samoa had no 2011-12-30.
                if is_there { Ok(begins) } else { Err(AtError::Gap { written: day.to_string(), zone }) }
            }
            Self::Local(local) => {
                let written = local.format("%Y-%m-%dT%H:%M:%S").to_string();
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
            "2026-02-30",
            "2026-03-01T",
            "2026-03-01T00:00:00.5Z",
            "2026-03-01T24:00",
            "2026-03-01T00:00:60Z",
            "2026-03-01T00:00:00.5",
        ] {
            assert!(matches!(text.parse::<At>(), Err(AtError::Malformed(_))), "{text}");
        }
    }
}
