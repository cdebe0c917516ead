//! Which span a moment belongs to: a local day, a local month, or the life of a licence.

use crate::token::{Period, ZoneOffset};
use crate::{TokenId, UnixSeconds};
use std::fmt;

const DAY_SECONDS: i64 = 86_400;

/// Names a span: `day 2026-11-26`, `month 2026-11`, `lease lic-1`. Days and months are the tenant's own, so that a zone
/// that is corrected counts on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanKey(Box<str>);

impl SpanKey {
    /// The text that is kept.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The word before the space. Of two keys with one word that are dates, the later sorts behind the earlier.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.0.split_once(' ').map_or(&*self.0, |(kind, _)| kind)
    }
}

impl fmt::Display for SpanKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A span of a quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its name.
    pub key: SpanKey,
    /// Its first second; `None` for a licence's life, which began before anything that was recorded under it.
    pub starts_at: Option<UnixSeconds>,
    /// The first second of the next; `None` where only another licence begins one.
    pub resets_at: Option<UnixSeconds>,
}

impl Span {
    /// The span that a moment belongs to.
    #[must_use]
    pub fn of(period: Period, licence: &TokenId, zone: &[ZoneOffset], now: UnixSeconds) -> Self {
        match period {
            Period::Lease => {
                let key = SpanKey(format!("lease {licence}").into());
                Self { key, starts_at: None, resets_at: None }
            }
            Period::Day => {
                let day = day_at(zone, now);
                let (year, month, of_month) = date_of(day);
                let key = SpanKey(format!("day {year:04}-{month:02}-{of_month:02}").into());
                Self::between(key, zone, (day, day.saturating_add(1)))
            }
            Period::Month => {
                let (year, month, _) = date_of(day_at(zone, now));
                let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
                let key = SpanKey(format!("month {year:04}-{month:02}").into());
                Self::between(key, zone, (day_of(year, month, 1), day_of(next_year, next_month, 1)))
            }
        }
    }

    /// Whether a moment belongs to it.
    #[must_use]
    pub fn holds(&self, at: UnixSeconds) -> bool {
        self.starts_at.is_none_or(|start| at >= start) && self.resets_at.is_none_or(|reset| at < reset)
    }

    fn between(key: SpanKey, zone: &[ZoneOffset], (first, next): (i64, i64)) -> Self {
        Self { key, starts_at: Some(start_of(zone, first)), resets_at: Some(start_of(zone, next)) }
    }
}

/// The local day of a moment, in days since 1970. A day that has begun does not end because the clocks are set back
/// over midnight.
fn day_at(zone: &[ZoneOffset], now: UnixSeconds) -> i64 {
    let local = now.as_i64().saturating_add(offset_at(zone, now));
    let mut day = local.div_euclid(DAY_SECONDS);
    // Offsets are within 16 hours, so that clocks skip less than two days.
    for _ in 0..2 {
        if start_of(zone, day.saturating_add(1)) <= now {
            day = day.saturating_add(1);
        }
    }
    day
}

/// The offset in force; before the first entry that of the first.
fn offset_at(zone: &[ZoneOffset], at: UnixSeconds) -> i64 {
    let in_force = zone.iter().rev().find(|entry| entry.from <= at).or(zone.first());
    in_force.map_or(0, |entry| i64::from(entry.offset_seconds))
}

/// The first moment at which the local clocks show this day or a later one: where they skip midnight, the moment of the
/// skip.
fn start_of(zone: &[ZoneOffset], day: i64) -> UnixSeconds {
    let midnight = day.saturating_mul(DAY_SECONDS);
    for (at, entry) in zone.iter().enumerate() {
        let begins = if at == 0 { i64::MIN } else { entry.from.as_i64() };
        let ends = zone.get(at + 1).map_or(i64::MAX, |next| next.from.as_i64());
        let reached = midnight.saturating_sub(i64::from(entry.offset_seconds)).max(begins);
        if reached < ends {
            return UnixSeconds::new(reached);
        }
    }
    UnixSeconds::new(midnight)
}

/// Days since 1970 of a date of the Gregorian calendar, by counting years from March on: then the leap day is the last.
const fn day_of(year: i64, month: i64, day: i64) -> i64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let from_march = (month + 9) % 12;
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a day since 1970, as year, month and day of the month.
const fn date_of(day: i64) -> (i64, i64, i64) {
    let shifted = day.saturating_add(719_468);
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, of_year - (153 * from_march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn licence() -> TokenId {
        TokenId::parse("lic-1").unwrap()
    }

    fn span(period: Period, zone: &[ZoneOffset], now: i64) -> Span {
        Span::of(period, &licence(), zone, UnixSeconds::new(now))
    }

    fn entry(from: i64, offset_seconds: i32) -> ZoneOffset {
        ZoneOffset { from: UnixSeconds::new(from), offset_seconds }
    }

    /// Dates counted one by one, as a calendar on a wall is read.
    fn counted() -> Vec<(i64, i64, i64)> {
        let mut dates = Vec::new();
        for year in 1970..=2110 {
            let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
            let february = if leap { 29 } else { 28 };
            for (at, days) in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].into_iter().enumerate() {
                dates.extend((1..=days).map(|day| (year, at as i64 + 1, day)));
            }
        }
        dates
    }

    #[test]
    fn every_day_has_the_date_of_the_calendar() {
        for (day, date) in counted().into_iter().enumerate() {
            let day = day as i64;
            assert_eq!(date_of(day), date);
            assert_eq!(day_of(date.0, date.1, date.2), day);
        }
        assert_eq!(date_of(-1), (1969, 12, 31));
    }

    #[test]
    fn spans_are_of_the_tenants_calendar_and_a_lease_has_no_end_of_its_own() {
        // Berlin, 2026: +2 until 25 October 01:00 UTC, then +1.
        let berlin = [entry(1_790_000_000, 7200), entry(1_792_890_000, 3600)];
        let before = span(Period::Day, &berlin, 1_792_879_199);
        assert_eq!(before.key.as_str(), "day 2026-10-24");
        // The day on which the clocks are set back has 25 hours.
        let long = span(Period::Day, &berlin, 1_792_879_200);
        assert_eq!(long.key.as_str(), "day 2026-10-25");
        assert_eq!(before.resets_at, long.starts_at);
        assert_eq!(long.resets_at.unwrap().since(long.starts_at.unwrap()), 25 * 3600);
        let month = span(Period::Month, &berlin, 1_792_879_200);
        assert_eq!(month.key.as_str(), "month 2026-10");
        assert_eq!(month.resets_at.unwrap().since(month.starts_at.unwrap()), 31 * DAY_SECONDS + 3600);
        let leap = span(Period::Month, &[], 1_835_000_000);
        assert_eq!(leap.key.as_str(), "month 2028-02");
        assert_eq!(leap.resets_at.unwrap().since(leap.starts_at.unwrap()), 29 * DAY_SECONDS);
        let december = span(Period::Month, &[], 1_798_700_000);
        assert_eq!((december.key.as_str(), december.key.kind()), ("month 2026-12", "month"));
        assert_eq!(december.resets_at, Some(UnixSeconds::new(1_798_761_600)));
        let lease = span(Period::Lease, &berlin, 0);
        assert_eq!((lease.key.as_str(), lease.starts_at, lease.resets_at), ("lease lic-1", None, None));
    }

    /// Transitions of the kinds that happened: by an hour, over midnight, and a skipped day.
    fn zone() -> impl Strategy<Value = Vec<ZoneOffset>> {
        let steps = prop::collection::vec((1..400 * DAY_SECONDS, -64..=64i32), 0..6);
        steps.prop_map(|steps| {
            let mut from = 1_700_000_000;
            steps
                .into_iter()
                .map(|(gap, quarters)| {
                    from += gap;
                    entry(from, quarters * 900)
                })
                .collect()
        })
    }

    /// The last day that the local clocks have shown by now, looked for second by second around every transition.
    fn modelled_day(zone: &[ZoneOffset], now: i64) -> i64 {
        let shown = |at: i64| (at + offset_at(zone, UnixSeconds::new(at))).div_euclid(DAY_SECONDS);
        let ends = zone.iter().skip(1).map(|entry| entry.from.as_i64() - 1).filter(|end| *end <= now);
        ends.map(shown).chain([shown(now)]).max().unwrap()
    }

    proptest! {
        #[test]
        fn every_moment_has_the_span_of_the_model_and_spans_touch(
            zone in zone(), now in 1_690_000_000..1_900_000_000i64,
        ) {
            let day = modelled_day(&zone, now);
            for period in [Period::Day, Period::Month] {
                let found = span(period, &zone, now);
                prop_assert!(found.holds(UnixSeconds::new(now)), "{found:?}");
                let (year, month, of_month) = date_of(day);
                let expected = match period {
                    Period::Day => format!("day {year:04}-{month:02}-{of_month:02}"),
                    Period::Month | Period::Lease => format!("month {year:04}-{month:02}"),
                };
                prop_assert_eq!(found.key.as_str(), expected);
                let (start, reset) = (found.starts_at.unwrap(), found.resets_at.unwrap());
                prop_assert_eq!(&span(period, &zone, start.as_i64()).key, &found.key);
                prop_assert_eq!(&span(period, &zone, reset.as_i64() - 1).key, &found.key);
                let next = span(period, &zone, reset.as_i64());
                prop_assert!(next.key > found.key && next.starts_at >= Some(reset), "{next:?} after {found:?}");
                prop_assert!(span(period, &zone, start.as_i64() - 1).key < found.key);
            }
        }

        #[test]
        fn no_moment_panics(zone in zone(), any in any::<i64>()) {
            for now in [any, i64::MIN, i64::MAX] {
                for period in [Period::Day, Period::Month, Period::Lease] {
                    let _ = span(period, &zone, now);
                }
            }
        }
    }
}
