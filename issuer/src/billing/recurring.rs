//! Lines for what was there: by days and daily peaks (R2, R5, R6), once, or for a year (R8). Called by rating.

use super::daily::Peak;
use super::exact::Exact;
use super::grants::granted;
use super::line::{Detail, Kind, Line};
use super::rates::{Rates, Segment};
use super::starts::Start;
use super::{RatingError, Scope};
use brink_license::Slug;
use std::ops::Range;

/// The lines of a monthly price, one for each part of the period with a rate of its own.
pub(super) fn monthly(
    scope: Scope<'_>,
    name: &Slug,
    rates: &Rates<'_>,
    peaks: &[Peak],
) -> Result<Vec<Line>, RatingError> {
    let mut lines = Vec::new();
    for part in rates.segments(scope.period) {
        let detail = runs(scope, name, peaks, part.days.clone());
        let mut unit_days: i128 = 0;
        let mut highest: i64 = 0;
        for index in part.days.clone() {
            let billable = billable(scope, name, (index, &peaks[index]));
            unit_days += i128::from(billable);
            highest = highest.max(billable);
        }
        if unit_days == 0 {
            continue;
        }
        // R2: multiplied first, divided once, rounded once.
        let length = scope.period.length();
        let exact = scope.in_minor(&part.rate.of_one().times(&Exact::whole(unit_days)).over(length));
        let line = scope.line((name, &part), Kind::Recurring, exact)?;
        lines.push(Line {
            quantity: Exact::whole(highest),
            unit_days: Some(
                i64::try_from(unit_days).map_err(|_| RatingError::TooLarge(name.as_str().into()))?,
            ),
            period_days: Some(length),
            detail,
            ..line
        });
    }
    Ok(lines)
}

/// What of a day is charged: its peak without what is free (R11).
fn billable(scope: Scope<'_>, name: &Slug, (index, peak): (usize, &Peak)) -> i64 {
    let date = scope.period.days()[index].date;
    if !scope.period.bills(date) {
        return 0;
    }
    (peak.quantity - granted(scope.terms.grants, name, date)).max(0)
}

/// Days in a row that came to the same, of those that are billed.
fn runs(scope: Scope<'_>, name: &Slug, peaks: &[Peak], days: Range<usize>) -> Vec<Detail> {
    let mut found: Vec<Detail> = Vec::new();
    for index in days {
        let (day, there) = (scope.period.days()[index], &peaks[index]);
        if !scope.period.bills(day.date) || there.quantity == 0 {
            continue;
        }
        let free = granted(scope.terms.grants, name, day.date).min(there.quantity);
        let next = day.date.succ_opt().unwrap_or(day.date);
        if let Some(Detail::Days { to, peak, granted, resources, .. }) = found.last_mut()
            && *to == day.date
            && (*peak, *granted) == (there.quantity, free)
            && *resources == there.resources
        {
            *to = next;
            continue;
        }
        let resources = there.resources.clone();
        found.push(Detail::Days { from: day.date, to: next, peak: there.quantity, granted: free, resources });
    }
    found
}

/// The lines of a price that is charged whole when something begins, one for each part with a rate of its own.
pub(super) fn whole(
    scope: Scope<'_>,
    name: &Slug,
    rates: &Rates<'_>,
    starts: &[Start],
) -> Result<Vec<Line>, RatingError> {
    let mut lines = Vec::new();
    for part in rates.segments(scope.period) {
        let (first, last) = scope.dates(&part);
        let of_part = || starts.iter().filter(|start| first <= start.on && start.on < last);
        let quantity: i128 = of_part().map(|start| i128::from(start.quantity)).sum();
        if quantity == 0 {
            continue;
        }
        let exact = scope.in_minor(&part.rate.of_one().times(&Exact::whole(quantity)));
        let line = scope.line((name, &part), Kind::Recurring, exact)?;
        let started =
            |start: &Start| Detail::Started { on: start.on, quantity: start.quantity, year: start.year };
        lines.push(Line {
            quantity: Exact::whole(quantity),
            detail: of_part().map(started).collect(),
            ..line
        });
    }
    Ok(lines)
}

impl Scope<'_> {
    /// The first day of a part and the first after it.
    pub(super) fn dates(&self, part: &Segment<'_>) -> (chrono::NaiveDate, chrono::NaiveDate) {
        let days = self.period.days();
        let date = |index: usize| days.get(index).map_or(self.period.to, |day| day.date);
        let first = if part.days.start == 0 { self.period.from } else { date(part.days.start) };
        (first, date(part.days.end))
    }
}
