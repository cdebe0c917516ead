//! The prices of a quote: those of the catalogue, and what the quote states over them. Called where a quote is read.

use super::error::{QuoteCode, QuoteError};
use super::file::{Decimal, PriceFile};
use crate::billing::tariff::{Rate, Tariff, charge_of};
use crate::catalog::{Catalog, CatalogPrice, Every};
use crate::currency::Currency;
use crate::price::{Price, PriceError};
use brink_license::{Slug, UnixSeconds};
use std::collections::BTreeMap;
use std::num::NonZeroU64;

/// The catalogue's prices and the stated ones.
pub(super) fn tariff(
    catalog: &Catalog,
    currency: Currency,
    stated: &BTreeMap<String, PriceFile>,
) -> Result<Tariff, QuoteError> {
    let mut tariff = Tariff::of(catalog, currency);
    for (name, entry) in stated {
        let path = format!("prices.{name}");
        let refused = |problem: String, mend: &str| QuoteError::new(&path, QuoteCode::Price, problem, mend);
        let slug = Slug::parse(name)
            .map_err(|e| refused(e.to_string(), "name a price in small letters, digits and underscores"))?;
        let merged = merged(&path, entry, (catalog, currency, name))?;
        let charge = charge_of(&merged)
            .ok_or_else(|| refused("passed through without a meter".into(), "state its meter"))?;
        if let Some((other, _)) = charge.meter().and_then(|meter| tariff.of_meter(meter))
            && *other != slug
        {
            let problem = format!("{other} rates that meter already");
            return Err(refused(problem, "state the price under that name, or for another meter"));
        }
        tariff.state(slug, charge);
    }
    Ok(tariff)
}

/// What is not stated stays as the catalogue has it.
fn merged(
    path: &str,
    entry: &PriceFile,
    (catalog, currency, name): (&Catalog, Currency, &str),
) -> Result<CatalogPrice, QuoteError> {
    let refused = |member: &str, problem: String, mend: &str| {
        QuoteError::new(format!("{path}.{member}"), QuoteCode::Price, problem, mend)
    };
    let base = catalog.price(name);
    let is_passed_through = match entry.pass_through {
        Some(stated) => stated,
        None => entry.amount.is_none() && base.is_some_and(|base| base.amount.is_none()),
    };
    let amount = match &entry.amount {
        Some(_) if is_passed_through => {
            let problem = "what is passed through has no amount";
            return Err(refused("amount", problem.into(), "state either amount or pass_through"));
        }
        Some(text) => Some(price(&format!("{path}.amount"), text)?),
        None if is_passed_through => None,
        None => {
            let kept = base.filter(|_| catalog.currency == currency).and_then(|base| base.amount.clone());
            let problem = || "has no amount".to_owned();
            Some(kept.ok_or_else(|| refused("amount", problem(), "state the amount, such as \"49.00\""))?)
        }
    };
    let meter = entry.meter.as_deref().map(Slug::parse).transpose();
    let meter = meter.map_err(|e| refused("meter", e.to_string(), "name a meter of the catalogue"))?;
    let meter = meter.map(|meter| catalog.meters.meant(&meter).clone());
    let meter = meter.or_else(|| base.and_then(|base| base.meter.clone()));
    if meter.is_some() && entry.every.is_some() {
        let problem = "usage is charged by the period that it was used in";
        return Err(refused("every", problem.into(), "leave every out"));
    }
    if entry.overage.is_some() && (meter.is_none() || is_passed_through) {
        let problem = "only the price of a meter has packages";
        return Err(refused("overage", problem.into(), "leave overage out, or state the meter"));
    }
    Ok(CatalogPrice {
        amount,
        per: per(&format!("{path}.per"), entry.per)?
            .map_or_else(|| base.map_or(1, |base| base.per), NonZeroU64::get),
        every: entry.every.or_else(|| base.map(|base| base.every)).unwrap_or(Every::Month),
        meter,
        overage: entry.overage.or_else(|| base.map(|base| base.overage)).unwrap_or_default(),
        included_seats: 0,
    })
}

pub(super) fn price(path: &str, text: &Decimal) -> Result<Price, QuoteError> {
    let refused =
        |error: PriceError| QuoteError::new(path, QuoteCode::Price, error.problem(), PriceError::MEND);
    text.0.parse().map_err(refused)
}

pub(super) fn per(path: &str, stated: Option<u64>) -> Result<Option<NonZeroU64>, QuoteError> {
    let nothing =
        || QuoteError::new(path, QuoteCode::Price, "an amount is for at least one unit", "write 1 or more");
    stated.map(|per| NonZeroU64::new(per).ok_or_else(nothing)).transpose()
}

/// What a price becomes: where only its amount is stated, for as many units as before.
pub(super) fn changed(
    path: &str,
    (amount, stated): (&Decimal, Option<u64>),
    before: NonZeroU64,
) -> Result<Rate, QuoteError> {
    let amount = price(&format!("{path}.amount"), amount)?;
    let per = per(&format!("{path}.per"), stated)?;
    Ok(Rate { amount, per: per.unwrap_or(before) })
}

/// For how many units the amounts of prices are, as the changes go by in the order of their instants.
#[derive(Default)]
pub(super) struct Packages(BTreeMap<Slug, Package>);

/// What the last change of a price said, and what was in force before its instant.
struct Package {
    at: UnixSeconds,
    before: NonZeroU64,
    since: NonZeroU64,
}

impl Packages {
    /// What is in force just before an instant: changes of the same instant say nothing of it.
    pub(super) fn before(&self, price: &Slug, at: UnixSeconds, first: NonZeroU64) -> NonZeroU64 {
        self.0.get(price).map_or(first, |last| if last.at < at { last.since } else { last.before })
    }

    /// What a change says; `at` is no earlier than that of any before it.
    pub(super) fn put(&mut self, price: &Slug, at: UnixSeconds, (before, since): (NonZeroU64, NonZeroU64)) {
        self.0.insert(price.clone(), Package { at, before, since });
    }
}
