//! Lines for what was used: pooled by tenant, beyond what is included, exact or in started packages (R10). Called by
//! rating.

use super::exact::Exact;
use super::line::{Detail, Kind, Line};
use super::rates::{Rates, Segment};
use super::tariff::{Charge, Rate};
use super::{RatingError, Scope};
use crate::catalog::Overage;
use brink_license::Slug;
use chrono::NaiveDate;

/// What was used of a meter, by one device or by all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Of which meter.
    pub meter: Slug,
    /// On which day; `None` for the whole period.
    pub on: Option<NaiveDate>,
    /// How much; corrections may take away.
    pub quantity: Exact,
    /// What a whole period includes. The parts of all entries are one pool.
    pub included: Exact,
    /// In currency units, where the meter is passed through.
    pub cost: Exact,
    /// The digest of what it was added up from.
    pub evidence: Option<[u8; 32]>,
}

/// The lines of a metered price.
pub(super) fn metered(
    scope: Scope<'_>,
    (name, charge): (&Slug, &Charge),
    rates: &Rates<'_>,
    usage: &[&Usage],
) -> Result<Vec<Line>, RatingError> {
    let Charge::Metered { overage, .. } = charge else { return Ok(Vec::new()) };
    let parts = rates.segments(scope.period);
    if parts.len() > 1 && usage.iter().any(|entry| entry.on.is_none()) {
        return Err(RatingError::Undated(name.clone()));
    }
    let included = included(scope, usage);
    let of_parts: Vec<Vec<&Usage>> = parts.iter().map(|part| of_part(scope, part, usage)).collect();
    let quantities: Vec<Exact> = of_parts.iter().map(|all| sum(all, |entry| &entry.quantity)).collect();
    let (mut taken_before, mut before) = (Exact::zero(), Exact::zero());
    let mut lines = Vec::new();
    let each = parts.into_iter().zip(of_parts).zip(quantities.iter().cloned()).zip(so_far(&quantities));
    for (((part, of_part), quantity), used) in each {
        let taken = taken(&used, &included);
        let of_pool = taken.minus(&taken_before);
        taken_before = taken;
        // What is included is used up in the order of the days, and packages are those of all parts together.
        let charged_so_far = charged(&used.minus(&included), part.rate, *overage);
        let units = charged_so_far.minus(&before);
        if units.is_negative() || units.is_zero() {
            continue;
        }
        before = charged_so_far;
        let line =
            scope.line((name, &part), Kind::Usage, scope.in_minor(&part.rate.of_one().times(&units)))?;
        let detail = vec![Detail::Used { quantity, included: of_pool, charged: units.clone() }];
        lines.push(Line { quantity: units, evidence: evidence(&of_part), detail, ..line });
    }
    Ok(lines)
}

/// What was used on the days of a part.
fn of_part<'u>(scope: Scope<'_>, part: &Segment<'_>, usage: &[&'u Usage]) -> Vec<&'u Usage> {
    let (first, last) = scope.dates(part);
    usage.iter().copied().filter(|entry| entry.on.is_none_or(|on| first <= on && on < last)).collect()
}

/// What was used up to the end of each part. What a later part takes away was not used before it either.
fn so_far(quantities: &[Exact]) -> Vec<Exact> {
    let mut sums: Vec<Exact> = Vec::with_capacity(quantities.len());
    for quantity in quantities {
        sums.push(sums.last().map_or_else(|| quantity.clone(), |sum| sum.plus(quantity)));
    }
    for place in (1..sums.len()).rev() {
        sums[place - 1] = sums[place - 1].clone().min(sums[place].clone());
    }
    sums
}

/// The line of what is passed through at cost.
pub(super) fn passed_through(
    scope: Scope<'_>,
    name: &Slug,
    usage: &[&Usage],
) -> Result<Vec<Line>, RatingError> {
    if usage.is_empty() {
        return Ok(Vec::new());
    }
    let quantity = sum(usage, |entry| &entry.quantity);
    let exact = scope.in_minor(&sum(usage, |entry| &entry.cost));
    let line = scope.line_of_period(name.as_str(), Kind::Usage, exact)?;
    let detail =
        vec![Detail::Used { quantity: quantity.clone(), included: Exact::zero(), charged: quantity.clone() }];
    Ok(vec![Line { quantity, evidence: evidence(usage), detail, ..line }])
}

/// What of the pool is used up by so much.
fn taken(used: &Exact, included: &Exact) -> Exact {
    used.min(included).max(&Exact::zero()).clone()
}

/// What is beyond, in whole packages where one that was started is paid whole.
fn charged(beyond: &Exact, rate: &Rate, overage: Overage) -> Exact {
    if beyond.is_negative() {
        return Exact::zero();
    }
    match overage {
        Overage::Exact => beyond.clone(),
        Overage::Package => beyond.over(rate.per).ceiled().times(&Exact::whole(rate.per.get())),
    }
}

/// R10: prorated by days where not all of the period is billed, rounded up once for all devices.
fn included(scope: Scope<'_>, usage: &[&Usage]) -> Exact {
    let all = sum(usage, |entry| &entry.included);
    let (billed, length) = (scope.period.billed_days(), scope.period.length());
    if billed == length.get() { all } else { all.times(&Exact::whole(billed)).over(length).ceiled() }
}

fn sum(usage: &[&Usage], of: impl Fn(&Usage) -> &Exact) -> Exact {
    usage.iter().fold(Exact::zero(), |sum, entry| sum.plus(of(entry)))
}

fn evidence(usage: &[&Usage]) -> Vec<[u8; 32]> {
    let mut digests: Vec<_> = usage.iter().filter_map(|entry| entry.evidence).collect();
    digests.sort_unstable();
    digests.dedup();
    digests
}
