//! Which price is in force on which day, and the parts of a period with one price each (R16). Called by rating.

use super::exact::Exact;
use super::period::Period;
use super::tariff::{Charge, Rate};
use super::timeline::{Takes, Timeline};
use crate::calendar::local_day;
use crate::catalog::Overage;
use brink_license::Slug;
use chrono::NaiveDate;
use std::ops::Range;

/// The rates of one price over the days of a period.
pub(super) struct Rates<'t> {
    base: &'t Rate,
    /// Whether a package that was started is paid whole, so that its size is part of the price.
    is_by_package: bool,
    /// Later ones over earlier ones.
    changes: Vec<(NaiveDate, &'t Rate)>,
}

/// Days in a row with one rate.
pub(super) struct Segment<'t> {
    /// Places in the period's days.
    pub(super) days: Range<usize>,
    pub(super) rate: &'t Rate,
}

impl<'t> Rates<'t> {
    /// `None` for what is passed through.
    pub(super) fn of(
        name: &Slug,
        charge: &'t Charge,
        timeline: &'t Timeline,
        period: &Period,
    ) -> Option<Self> {
        let effective = |(at, rate, takes)| {
            let day = local_day(at, period.zone);
            let counts = match takes {
                Takes::AtOnce => day < period.to,
                Takes::NextPeriod => day <= period.from,
            };
            counts.then_some((day, rate))
        };
        let is_by_package = matches!(charge, Charge::Metered { overage: Overage::Package, .. });
        let changes = timeline.rates(name).filter_map(effective).collect();
        Some(Self { base: charge.rate()?, is_by_package, changes })
    }

    pub(super) fn on(&self, date: NaiveDate) -> &'t Rate {
        let last = self.changes.iter().rev().find(|(from, _)| *from <= date);
        last.map_or(self.base, |(_, rate)| rate)
    }

    pub(super) fn of_one_on(&self, date: NaiveDate) -> Exact {
        self.on(date).of_one()
    }

    /// The parts, in order. A change to what it was already begins no part: to the same for one unit, and where packages
    /// are paid whole to packages of the same size as well.
    pub(super) fn segments(&self, period: &Period) -> Vec<Segment<'t>> {
        let is_same = |one: &Rate, other: &Rate| {
            std::ptr::eq(one, other)
                || (one.of_one() == other.of_one() && (!self.is_by_package || one.per == other.per))
        };
        let mut parts: Vec<Segment<'t>> = Vec::new();
        for (index, day) in period.days().iter().enumerate() {
            let rate = self.on(day.date);
            match parts.last_mut() {
                Some(part) if is_same(part.rate, rate) => part.days.end = index + 1,
                Some(_) | None => parts.push(Segment { days: index..index + 1, rate }),
            }
        }
        parts
    }
}
