//! Rating: what a period comes to, as lines, from prices, a timeline and what was used; and what of it is still to be invoiced.
//! Pure: no storage, no clock, no file. Rules are numbered R1 to R19 as in the rules of rating; docs/DECISIONS.md says what
//! they left open.
//!
//! `desired` and `advance` make lines, `difference` takes off what was billed, `settle` adds taxes and the wallet. Whoever
//! makes an invoice, explains one, or quotes calls these four, and nothing else computes an amount.

mod allocation;
pub mod daily;
pub mod difference;
mod discounts;
pub mod exact;
pub mod grants;
pub mod line;
mod metered;
pub mod money;
mod parts;
pub mod period;
pub mod quote;
mod rates;
mod recurring;
mod starts;
pub mod tariff;
pub mod tax;
pub mod timeline;

pub use difference::{Base, Billed, Differences, Moved, Shares, difference};
pub use discounts::{Discount, Off};
pub use exact::Exact;
pub use grants::Grant;
pub use line::{Detail, Kind, Line, LineKey};
pub use metered::Usage;
pub use parts::parts;
pub use period::{Cycle, Period};
pub use tariff::{Charge, Rate, Tariff};
pub use tax::{On, Settlement, TaxRule, settle, settle_bases};
pub use timeline::{Change, Event, Takes, Timeline, TimelineError};

use crate::calendar::local_midnight;
use brink_license::Slug;
use rates::{Rates, Segment};
use std::collections::BTreeMap;

/// What was agreed and what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Prices.
    pub tariff: &'a Tariff,
    /// What changed when.
    pub timeline: &'a Timeline,
    /// What is free for a while.
    pub grants: &'a [Grant],
    /// What is taken off.
    pub discounts: &'a [Discount],
}

/// Why something cannot be rated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RatingError {
    /// Beyond an `i64` of minor units.
    #[error("{0} comes to more than the largest amount, 2^63-1 minor units")]
    TooLarge(Box<str>),
    /// A price that the tariff does not have, or that is not charged in this way.
    #[error("{0} is no price of this tariff that a timeline can have")]
    UnknownPrice(Slug),
    /// A meter without a price.
    #[error("no price rates the meter {0}")]
    NoPrice(Slug),
    /// Usage without a day, of a meter whose price changes within the period.
    #[error("{0} changes within the period, so its usage needs the days that it was used on")]
    Undated(Slug),
}

/// What a whole period comes to: usage, and what was there by its daily peaks. Discounts are its last lines.
pub fn desired(terms: Terms<'_>, usage: &[Usage], period: &Period) -> Result<Vec<Line>, RatingError> {
    let scope = Scope { terms, period };
    scope.check(usage)?;
    let mut of_meter: BTreeMap<&Slug, Vec<&Usage>> = BTreeMap::new();
    for entry in usage {
        of_meter.entry(&entry.meter).or_default().push(entry);
    }
    let peaks = daily::peaks(terms.tariff, terms.timeline, period);
    let mut lines = Vec::new();
    for (name, charge) in terms.tariff.charges() {
        let used = charge.meter().and_then(|meter| of_meter.get(meter)).map_or(&[][..], Vec::as_slice);
        let Some(rates) = Rates::of(name, charge, terms.timeline, period) else {
            lines.extend(metered::passed_through(scope, name, used)?);
            continue;
        };
        lines.extend(match charge {
            Charge::Monthly(_) => match peaks.get(name) {
                Some(peaks) => recurring::monthly(scope, name, &rates, peaks)?,
                None => Vec::new(),
            },
            Charge::Once(_) => {
                recurring::whole(scope, name, &rates, &starts::firsts(terms.timeline, name, period))?
            }
            Charge::Yearly(_) => {
                let mut begun = starts::firsts(terms.timeline, name, period);
                begun.extend(starts::anniversaries(terms.timeline, name, period));
                begun.sort_by_key(|start| (start.on, start.year));
                recurring::whole(scope, name, &rates, &begun)?
            }
            Charge::Metered { .. } => metered::metered(scope, (name, charge), &rates, used)?,
            Charge::PassThrough { .. } => Vec::new(),
        });
    }
    let off = discounts::lines(scope, &lines)?;
    lines.extend(off);
    Ok(lines)
}

/// What is invoiced when a period begins (R8): as if everything stayed as it is then, and nothing were used. What the
/// period comes to in the end, less this, is its true-up.
pub fn advance(terms: Terms<'_>, period: &Period) -> Result<Vec<Line>, RatingError> {
    let timeline = terms.timeline.until(local_midnight(period.billed().start, period.zone));
    desired(Terms { timeline: &timeline, ..terms }, &[], period)
}

/// What the lines of one rating have in common.
#[derive(Clone, Copy)]
struct Scope<'a> {
    terms: Terms<'a>,
    period: &'a Period,
}

impl Scope<'_> {
    fn in_minor(&self, units: &Exact) -> Exact {
        money::in_minor(units, self.terms.tariff.currency)
    }

    /// Everything that is named has a price that rates it.
    fn check(&self, usage: &[Usage]) -> Result<(), RatingError> {
        let tariff = self.terms.tariff;
        for (name, is_of_resource) in self.terms.timeline.prices() {
            let is_rated = match tariff.charge(name) {
                Some(Charge::Monthly(_)) => true,
                Some(Charge::Yearly(_) | Charge::Once(_)) => !is_of_resource,
                Some(Charge::Metered { .. } | Charge::PassThrough { .. }) | None => false,
            };
            if !is_rated {
                return Err(RatingError::UnknownPrice(name.clone()));
            }
        }
        match usage.iter().find(|entry| tariff.of_meter(&entry.meter).is_none()) {
            Some(entry) => Err(RatingError::NoPrice(entry.meter.clone())),
            None => Ok(()),
        }
    }

    /// A line of a part of the period; its quantities and reasons are still to be told.
    fn line(
        &self,
        (name, part): (&Slug, &Segment<'_>),
        kind: Kind,
        exact: Exact,
    ) -> Result<Line, RatingError> {
        let days = self.dates(part);
        let whole = self.line_of_period(name.as_str(), kind, exact)?;
        let key =
            if days.0 == self.period.from { whole.key.clone() } else { format!("{name}@{}", days.0).into() };
        let zone = self.period.zone;
        let instants = (local_midnight(days.0, zone), local_midnight(days.1, zone));
        Ok(Line { key, days, instants, unit_price: Some(part.rate.clone()), ..whole })
    }

    fn line_of_period(&self, name: &str, kind: Kind, exact: Exact) -> Result<Line, RatingError> {
        let period = self.period;
        Ok(Line {
            key: name.into(),
            price: name.into(),
            catalogue: self.terms.tariff.catalogue,
            description: name.replace('_', " "),
            kind,
            days: (period.from, period.to),
            instants: (period.starts(), period.ends()),
            quantity: Exact::zero(),
            unit_days: None,
            period_days: None,
            unit_price: None,
            net_minor: exact.rounded().ok_or_else(|| RatingError::TooLarge(name.into()))?,
            exact,
            revision: 0,
            evidence: Vec::new(),
            detail: Vec::new(),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
