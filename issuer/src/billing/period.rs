//! What is billed at once: a range of local days, to the day and as two instants (R4, R7). Called by rating and by
//! whoever asks which period a day lies in.

use crate::calendar::local_midnight;
use brink_license::UnixSeconds;
use chrono::{Datelike, Months, NaiveDate};
use chrono_tz::Tz;
use std::num::NonZeroU64;

/// Years that can be billed: the database of zones knows those before it, and nobody plans beyond.
pub const YEARS: std::ops::RangeInclusive<i32> = 1970..=2199;

/// How a tenant's periods follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cycle {
    /// Calendar months.
    Calendar,
    /// From this day of a month to the same of the next, clamped to its end, always from the day itself and never from
    /// one that was clamped.
    Anniversary(NaiveDate),
}

impl Cycle {
    /// The first day of a period and that of the next; `None` before the anchor or out of all calendars.
    #[must_use]
    pub fn around(self, day: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
        let anchor = match self {
            Self::Calendar => day.with_day(1)?,
            Self::Anniversary(anchor) => anchor,
        };
        let months =
            (day.year() - anchor.year()) * 12 + day.month0().cast_signed() - anchor.month0().cast_signed();
        let boundary = |k: i32| anchor.checked_add_months(Months::new(u32::try_from(k).ok()?));
        let k = if boundary(months)? <= day { months } else { months - 1 };
        Some((boundary(k)?, boundary(k + 1)?))
    }
}

/// One local day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// Its date.
    pub date: NaiveDate,
    /// Its first instant.
    pub starts: UnixSeconds,
    /// The first instant after it.
    pub ends: UnixSeconds,
}

/// Whole days of one zone, of which all or a part are billed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first day.
    pub from: NaiveDate,
    /// The first day after it.
    pub to: NaiveDate,
    /// The zone of the days.
    pub zone: Tz,
    days: Vec<Day>,
    billed: std::ops::Range<NaiveDate>,
}

impl Period {
    /// From one day to another, exclusive; `None` where nothing lies between. A day that a zone has left out, as Samoa
    /// did with 2011-12-30, is not one of its days.
    #[must_use]
    pub fn new(from: NaiveDate, to: NaiveDate, zone: Tz) -> Option<Self> {
        let dates = from.iter_days().take_while(|date| *date < to);
        let day = |date: NaiveDate| {
            let next = date.succ_opt()?;
            Some(Day { date, starts: local_midnight(date, zone), ends: local_midnight(next, zone) })
        };
        let days: Vec<_> = dates.filter_map(day).filter(|day| day.starts < day.ends).collect();
        (!days.is_empty()).then_some(Self { from, to, zone, days, billed: from..to })
    }

    /// The period of a cycle that a day lies in.
    #[must_use]
    pub fn around(cycle: Cycle, day: NaiveDate, zone: Tz) -> Option<Self> {
        let (from, to) = cycle.around(day)?;
        Self::new(from, to, zone)
    }

    /// The same period, of which only these days are billed: it is still divided by all of its days (R5).
    #[must_use]
    pub fn only(&self, billed: std::ops::Range<NaiveDate>) -> Self {
        let billed = billed.start.max(self.from)..billed.end.min(self.to);
        Self { billed, ..self.clone() }
    }

    /// Its days, billed or not.
    #[must_use]
    pub fn days(&self) -> &[Day] {
        &self.days
    }

    /// Whether a day of it is billed.
    #[must_use]
    pub fn bills(&self, date: NaiveDate) -> bool {
        self.billed.contains(&date)
    }

    /// The first and the first unbilled day.
    #[must_use]
    pub const fn billed(&self) -> &std::ops::Range<NaiveDate> {
        &self.billed
    }

    /// How many days it has.
    #[must_use]
    pub fn length(&self) -> NonZeroU64 {
        NonZeroU64::new(self.days.len() as u64).unwrap_or(NonZeroU64::MIN)
    }

    /// How many of them are billed.
    #[must_use]
    pub fn billed_days(&self) -> u64 {
        self.days.iter().filter(|day| self.bills(day.date)).count() as u64
    }

    /// Its first instant.
    #[must_use]
    pub fn starts(&self) -> UnixSeconds {
        local_midnight(self.from, self.zone)
    }

    /// The first instant after it.
    #[must_use]
    pub fn ends(&self) -> UnixSeconds {
        local_midnight(self.to, self.zone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::rfc3339;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn g19_boundaries_come_from_the_anchor_and_never_from_a_clamped_one() {
        let cycle = Cycle::Anniversary(day("2026-01-31"));
        let mut at = day("2026-01-31");
        let mut lengths = Vec::new();
        for boundary in ["2026-02-28", "2026-03-31", "2026-04-30"] {
            let period = Period::around(cycle, at, Tz::UTC).unwrap();
            assert_eq!((period.from, period.to), (at, day(boundary)));
            lengths.push(period.length().get());
            at = period.to;
        }
        assert_eq!(lengths, [28, 31, 30]);
        // Any day in between leads to the same.
        assert_eq!(cycle.around(day("2026-03-30")), Some((day("2026-02-28"), day("2026-03-31"))));
        assert_eq!(cycle.around(day("2026-03-31")), Some((day("2026-03-31"), day("2026-04-30"))));
        assert_eq!(cycle.around(day("2026-01-30")), None, "before the anchor there is no period");
        let leap = Cycle::Anniversary(day("2024-02-29"));
        assert_eq!(leap.around(day("2025-02-28")), Some((day("2025-02-28"), day("2025-03-29"))));
    }

    #[test]
    fn every_day_lies_in_the_period_that_is_said_to_be_around_it() {
        for anchor in ["2024-01-28", "2024-01-29", "2024-01-30", "2024-01-31", "2023-12-15"] {
            let cycle = Cycle::Anniversary(day(anchor));
            for date in day("2024-02-01").iter_days().take(900) {
                let (from, to) = cycle.around(date).unwrap();
                assert!(from <= date && date < to, "{anchor} {date}: {from} {to}");
                assert_eq!(cycle.around(to).unwrap().0, to, "{anchor}: periods touch");
            }
        }
    }

    #[test]
    fn days_are_local_and_a_day_that_was_left_out_is_none() {
        let zone: Tz = "America/New_York".parse().unwrap();
        let march = Period::around(Cycle::Calendar, day("2026-03-16"), zone).unwrap();
        assert_eq!(march.length().get(), 31);
        assert_eq!(rfc3339(march.starts()), "2026-03-01T05:00:00Z");
        assert_eq!(rfc3339(march.ends()), "2026-04-01T04:00:00Z");
        assert_eq!(march.days()[7].ends.since(march.days()[7].starts), 23 * 3600);
        let apia: Tz = "Pacific/Apia".parse().unwrap();
        let december = Period::around(Cycle::Calendar, day("2011-12-05"), apia).unwrap();
        assert_eq!(december.length().get(), 30);
        assert_eq!(Period::new(day("2026-03-01"), day("2026-03-01"), zone), None);
        let part = march.only(day("2026-03-16")..day("2027-01-01"));
        assert_eq!((part.billed_days(), part.length().get()), (16, 31));
    }
}
