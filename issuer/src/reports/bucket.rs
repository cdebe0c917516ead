//! Buckets of time: in UTC every quarter of an hour is one, and hours, days and months are those of the tenant's clocks.

use super::period::begins;
use chrono::{DateTime, Datelike, NaiveDate, SecondsFormat, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;

/// How fine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grain {
    Quarter,
    Hour,
    Day,
    Month,
}

/// A bucket: its place in time, and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bucket {
    pub(super) order: i64,
    pub(super) label: String,
}

/// The bucket that a quarter begins in. The hour that clocks go through twice is two, told apart by their offset; an hour
/// begins where its clock shows it full, also where the offset is no whole number of hours.
pub(super) fn bucket(grain: Grain, quarter: i64, zone: Tz) -> Bucket {
    let at = DateTime::from_timestamp(begins(quarter).as_i64(), 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
    let local = at.with_timezone(&zone);
    match grain {
        Grain::Quarter => Bucket { order: quarter, label: local.to_rfc3339_opts(SecondsFormat::Secs, false) },
        Grain::Hour => {
            let into = TimeDelta::seconds(i64::from(local.minute() * 60 + local.second()));
            let offset = chrono::Offset::fix(local.offset());
            let begun = local.with_timezone(&offset) - into;
            let label = begun.to_rfc3339_opts(SecondsFormat::Secs, false);
            Bucket { order: begun.timestamp(), label }
        }
        Grain::Day => {
            let day = local.date_naive();
            Bucket { order: i64::from(day.num_days_from_ce()), label: day.to_string() }
        }
        Grain::Month => month(local.date_naive()),
    }
}

fn month(day: NaiveDate) -> Bucket {
    let order = i64::from(day.year()) * 12 + i64::from(day.month0());
    Bucket { order, label: day.format("%Y-%m").to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(grain: Grain, at: &str, zone: Tz) -> String {
        let at = DateTime::parse_from_rfc3339(at).unwrap().timestamp();
        bucket(grain, at.div_euclid(900), zone).label
    }

    #[test]
    fn the_hour_that_clocks_go_through_twice_is_two() {
        let berlin = chrono_tz::Europe::Berlin;
        let hours = ["2026-10-25T00:45:00Z", "2026-10-25T01:45:00Z"].map(|at| label(Grain::Hour, at, berlin));
        assert_eq!(hours, ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"]);
        let adelaide = chrono_tz::Australia::Adelaide;
        assert_eq!(label(Grain::Hour, "2026-04-04T14:15:00Z", adelaide), "2026-04-05T00:00:00+10:30");
        // On Lord Howe Island clocks go back by half an hour.
        let island = chrono_tz::Australia::Lord_Howe;
        let hours = ["2026-04-04T14:45:00Z", "2026-04-04T15:00:00Z"].map(|at| label(Grain::Hour, at, island));
        assert_eq!(hours, ["2026-04-05T01:00:00+11:00", "2026-04-05T01:00:00+10:30"]);
    }

    #[test]
    fn days_and_months_are_the_tenants() {
        let adelaide = chrono_tz::Australia::Adelaide;
        assert_eq!(label(Grain::Day, "2026-01-31T13:15:00Z", adelaide), "2026-01-31");
        assert_eq!(label(Grain::Day, "2026-01-31T13:30:00Z", adelaide), "2026-02-01");
        assert_eq!(label(Grain::Month, "2026-01-31T13:30:00Z", adelaide), "2026-02");
        assert_eq!(label(Grain::Quarter, "2026-01-31T13:30:00Z", adelaide), "2026-02-01T00:00:00+10:30");
    }
}
