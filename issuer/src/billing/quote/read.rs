//! From the file to what is rated, every member checked where it stands. Called by the quote alone.

use super::error::{QuoteCode, QuoteError};
use super::file::{ChangeFile, Decimal, OnFile, QuoteFile, TrialFile, UsageFile};
use super::moments::{date, day, instant};
use super::prices::{Packages, changed, tariff};
use crate::billing::grants::Grant;
use crate::billing::money::{self, MoneyError};
use crate::billing::period::{Cycle, Period};
use crate::billing::tariff::{Charge, Tariff};
use crate::billing::tax::On;
use crate::billing::timeline::{Change, Event, Takes, Timeline, TimelineError};
use crate::billing::{Exact, Usage};
use crate::calendar::{ZoneError, parse_zone};
use crate::catalog::{Catalog, Versions};
use crate::currency::{Currency, CurrencyError};
use brink_license::usage::Quantity;
use brink_license::{Slug, UnixSeconds};
use chrono_tz::Tz;

/// Units that one change brings or takes at most: as many of them as a file holds are still an `i64`.
const DELTA_MAX: i64 = 1_000_000_000_000;
/// The zone where none is stated.
const ZONE_DEFAULT: &str = "UTC";

/// What every part of the file is read against.
pub(super) struct Reader<'q> {
    pub(super) catalog: &'q Catalog,
    pub(super) currency: Currency,
    pub(super) period: Period,
    pub(super) tariff: Tariff,
}

impl<'q> Reader<'q> {
    pub(super) fn new(file: &QuoteFile, catalogs: &'q Versions) -> Result<Self, QuoteError> {
        let zone = parse_zone(file.timezone.as_deref().unwrap_or(ZONE_DEFAULT))
            .map_err(|error| QuoteError::new("timezone", QuoteCode::TimeZone, error, ZoneError::MEND))?;
        let period = period(file, zone)?;
        let catalog = catalogs.on(period.from).ok_or_else(|| {
            let problem = format!("no version of the catalogue is for {}", period.from);
            QuoteError::new(
                "period.from",
                QuoteCode::Catalogue,
                problem,
                "give the version that was, with --catalog",
            )
        })?;
        let currency = match file.currency.as_deref() {
            None => catalog.currency,
            Some(text) => text.parse().map_err(|error: CurrencyError| {
                QuoteError::new("currency", QuoteCode::Currency, error, CurrencyError::MEND)
            })?,
        };
        let tariff = tariff(catalog, currency, &file.prices)?;
        Ok(Self { catalog, currency, period, tariff })
    }

    /// A price that the tariff has.
    pub(super) fn known(&self, path: &str, name: &str) -> Result<(Slug, &Charge), QuoteError> {
        let found = self.tariff.charges().find(|(known, _)| known.as_str() == name);
        found.map(|(slug, charge)| (slug.clone(), charge)).ok_or_else(|| {
            let shown: String = name.chars().take(64).collect();
            let of_catalogue = self.catalog.price(name).is_some();
            let (problem, mend) = if of_catalogue {
                let (theirs, ours) = (self.catalog.currency, self.currency);
                let problem = format!("{shown:?} has a price in {theirs} alone, and this is in {ours}");
                (problem, format!("state its amount in {ours} under prices"))
            } else {
                let known: Vec<_> = self.tariff.charges().map(|(name, _)| name.as_str()).collect();
                let mend = format!("state it under prices, or name one that is known: {}", known.join(", "));
                (format!("there is no price {shown:?}"), mend)
            };
            QuoteError::new(path, QuoteCode::UnknownPrice, problem, mend)
        })
    }

    /// Which lines are meant.
    pub(super) fn on(&self, path: &str, on: &OnFile) -> Result<On, QuoteError> {
        let OnFile::Prices(names) = on else { return Ok(On::All) };
        let known = |(index, name): (usize, &String)| {
            self.known(&format!("{path}[{index}]"), name).map(|(name, _)| name.as_str().into())
        };
        Ok(On::Prices(names.iter().enumerate().map(known).collect::<Result<_, _>>()?))
    }

    /// An amount in minor units.
    pub(super) fn minor(&self, path: &str, text: &Decimal) -> Result<i64, QuoteError> {
        money::parse(&text.0, self.currency).map_err(|error| {
            let (code, mend) = match error {
                MoneyError::NotDecimal(_) => {
                    (QuoteCode::Amount, "write a decimal in quotes, such as \"49.00\"")
                }
                MoneyError::Places { .. } => (QuoteCode::Amount, "round it to the currency's digits"),
                MoneyError::TooLarge(_) => (QuoteCode::AmountTooLarge, "write a smaller amount"),
            };
            QuoteError::new(path, code, error, mend)
        })
    }

    /// An amount of at least zero in minor units.
    pub(super) fn positive(&self, path: &str, text: &Decimal) -> Result<i64, QuoteError> {
        let minor = self.minor(path, text)?;
        if minor < 0 {
            return Err(QuoteError::new(
                path,
                QuoteCode::Amount,
                "is below zero",
                "write an amount of at least 0",
            ));
        }
        Ok(minor)
    }

    pub(super) fn timeline(&self, changes: &[ChangeFile]) -> Result<Timeline, QuoteError> {
        let at = |(index, change): (usize, &ChangeFile)| {
            Ok((instant(&format!("changes[{index}].at"), &change.at, self.period.zone)?, index))
        };
        let mut order = changes.iter().enumerate().map(at).collect::<Result<Vec<_>, QuoteError>>()?;
        order.sort_unstable();
        // What an amount alone is for is what was before it, wherever in the file that stands.
        let mut packages = Packages::default();
        let mut read: Vec<_> = order
            .into_iter()
            .map(|(at, index)| {
                let path = format!("changes[{index}]");
                let event = self.event((&path, at), &changes[index], &mut packages);
                (index, event.map(|event| Change { at, event }))
            })
            .collect();
        // In the order of the file again, so that the first that is wrong there is named, by its place.
        read.sort_unstable_by_key(|(index, _)| *index);
        let changes = read.into_iter().map(|(_, change)| change).collect::<Result<Vec<_>, _>>()?;
        Timeline::new(&changes).map_err(|error| {
            let path = format!("changes[{}]", error.index());
            let (code, mend) = match error {
                TimelineError::BelowZero { .. } => {
                    (QuoteCode::BelowZero, "add what was there before as an earlier change")
                }
                TimelineError::TooMany { .. } => (QuoteCode::Quantity, "bring fewer"),
                TimelineError::Contradiction { .. } => {
                    (QuoteCode::Contradiction, "leave one of both out, or give them instants of their own")
                }
                TimelineError::NotThere { .. } => (QuoteCode::BelowZero, "say at which price it was before"),
            };
            QuoteError::new(path, code, error, mend)
        })
    }

    fn event(
        &self,
        (path, at): (&str, UnixSeconds),
        change: &ChangeFile,
        packages: &mut Packages,
    ) -> Result<Event, QuoteError> {
        let unclear = || {
            let mend = "give price and delta, or price and amount, or resource and price";
            QuoteError::new(
                path,
                QuoteCode::Change,
                "says nothing that changes, or more than one thing",
                mend,
            )
        };
        let of_price = |price: &Option<Option<String>>| {
            let name = price.clone().flatten().ok_or_else(unclear)?;
            self.known(&format!("{path}.price"), &name)
        };
        match (&change.resource, change.delta, &change.amount) {
            (Some(name), None, None) if change.per.is_none() => self.moved(path, name, change.price.as_ref()),
            (None, Some(delta), None) if change.per.is_none() => {
                let (price, charge) = of_price(&change.price)?;
                self.quantity(path, price, charge, delta)
            }
            (None, None, Some(amount)) => {
                let (price, charge) = of_price(&change.price)?;
                let Some(first) = charge.rate() else {
                    let problem = "is passed through and has no amount";
                    return Err(other_charge(&format!("{path}.price"), &price, problem));
                };
                let before = packages.before(&price, at, first.per);
                let rate = changed(path, (amount, change.per), before)?;
                packages.put(&price, at, (before, rate.per));
                Ok(Event::Price { price, rate, takes: Takes::AtOnce })
            }
            (Some(_) | None, Some(_) | None, Some(_) | None) => Err(unclear()),
        }
    }

    fn quantity(&self, path: &str, price: Slug, charge: &Charge, delta: i64) -> Result<Event, QuoteError> {
        if charge.meter().is_some() {
            let problem = "is charged by what is used";
            return Err(other_charge(&format!("{path}.price"), &price, problem));
        }
        if !(-DELTA_MAX..=DELTA_MAX).contains(&delta) || delta == 0 {
            let problem = format!("{delta} is no change, or one of more than {DELTA_MAX}");
            return Err(QuoteError::new(
                format!("{path}.delta"),
                QuoteCode::Quantity,
                problem,
                "write how many more, or with a minus how many less",
            ));
        }
        Ok(Event::Quantity { price, delta })
    }

    fn moved(&self, path: &str, name: &str, price: Option<&Option<String>>) -> Result<Event, QuoteError> {
        let refused = |problem: &str, mend: &str| QuoteError::new(path, QuoteCode::Change, problem, mend);
        let price = price.ok_or_else(|| {
            refused("does not say at which price the resource is", "add price, which is null where it leaves")
        })?;
        if name.is_empty() || name.chars().count() > 256 || name.chars().any(char::is_control) {
            return Err(refused(
                "the resource has no name that can be shown",
                "name it in 1 to 256 characters",
            ));
        }
        let price = match price {
            None => None,
            Some(price) => {
                let path = format!("{path}.price");
                let (slug, charge) = self.known(&path, price)?;
                if !matches!(charge, Charge::Monthly(_)) {
                    return Err(other_charge(&path, &slug, "is not charged by days, so nothing moves to it"));
                }
                Some(slug)
            }
        };
        Ok(Event::Resource { resource: name.into(), price })
    }

    pub(super) fn grants(&self, trials: &[TrialFile]) -> Result<Vec<Grant>, QuoteError> {
        let grant = |(index, trial): (usize, &TrialFile)| {
            let path = format!("trials[{index}]");
            let (price, charge) = self.known(&format!("{path}.price"), &trial.price)?;
            if !matches!(charge, Charge::Monthly(_)) {
                return Err(other_charge(&format!("{path}.price"), &price, "is not charged by days"));
            }
            let start = day(&format!("{path}.start"), &trial.start, self.period.zone)?;
            let months = self.catalog.trial.months;
            Grant::trial(price, trial.quantity, start, months).ok_or_else(|| {
                QuoteError::new(
                    format!("{path}.start"),
                    QuoteCode::Date,
                    "ends out of the calendar",
                    "write an earlier date",
                )
            })
        };
        trials.iter().enumerate().map(grant).collect()
    }

    pub(super) fn usage(&self, entries: &[UsageFile]) -> Result<Vec<Usage>, QuoteError> {
        entries
            .iter()
            .enumerate()
            .map(|(index, entry)| self.used(&format!("usage[{index}]"), entry))
            .collect()
    }

    fn used(&self, path: &str, entry: &UsageFile) -> Result<Usage, QuoteError> {
        let unknown = |problem: String| {
            let metered = self.tariff.charges().filter_map(|(_, charge)| charge.meter());
            let known: Vec<_> = metered.map(Slug::as_str).collect();
            let mend =
                format!("state its price with the meter under prices, or name one of {}", known.join(", "));
            QuoteError::new(format!("{path}.meter"), QuoteCode::UnknownMeter, problem, mend)
        };
        let named = Slug::parse(&entry.meter).map_err(|error| unknown(error.to_string()))?;
        let meter = self.catalog.meters.meant(&named).clone();
        let (price, charge) = self
            .tariff
            .of_meter(&meter)
            .ok_or_else(|| unknown(format!("no price rates the meter {named}")))?;
        let is_passed_through = matches!(charge, Charge::PassThrough { .. });
        if is_passed_through != entry.cost.is_some() || (is_passed_through && entry.included.is_some()) {
            let problem = "what is passed through has a cost and includes nothing; what is rated has no cost";
            return Err(other_charge(path, price, problem));
        }
        let on = entry.date.as_deref().map(|text| day(&format!("{path}.date"), text, self.period.zone));
        let on = on.transpose()?;
        if let Some(on) = on.filter(|on| !self.period.bills(*on)) {
            let is_of_period = (self.period.from..self.period.to).contains(&on);
            let problem =
                if is_of_period { "lies before the subscription began" } else { "lies out of the period" };
            let mend = "write a day of the period, from its start on where it has one";
            return Err(QuoteError::new(format!("{path}.date"), QuoteCode::Date, problem, mend));
        }
        let quantity = |member: &str, text: &Decimal| quantity(&format!("{path}.{member}"), text);
        let cost = entry.cost.as_ref().map(|cost| quantity("cost", cost)).transpose()?;
        let included = entry.included.as_ref().map(|text| quantity("included", text)).transpose()?;
        Ok(Usage {
            meter,
            on,
            quantity: quantity("quantity", &entry.quantity)?,
            included: included.unwrap_or_else(Exact::zero),
            cost: cost.unwrap_or_else(Exact::zero),
            evidence: None,
        })
    }
}

fn other_charge(path: &str, price: &Slug, problem: &str) -> QuoteError {
    let mend = "take the price that is meant, or state under prices how this one is charged";
    QuoteError::new(path, QuoteCode::OtherCharge, format!("{price} {problem}"), mend)
}

/// A decimal of at least zero.
pub(super) fn quantity(path: &str, text: &Decimal) -> Result<Exact, QuoteError> {
    let read = Quantity::parse(&text.0);
    let mend = "write a decimal of at least 0 with at most 12 places";
    read.map(Exact::from).map_err(|error| QuoteError::new(path, QuoteCode::Quantity, error, mend))
}

/// The period of the file, which is one of the tenant's.
fn period(file: &QuoteFile, zone: Tz) -> Result<Period, QuoteError> {
    let (from, to) = (date("period.from", &file.period.from)?, date("period.to", &file.period.to)?);
    let anchor = file.anchor.as_deref().map(|text| date("anchor", text)).transpose()?;
    let cycle = anchor.map_or(Cycle::Calendar, Cycle::Anniversary);
    let refused = |problem: String, mend: String| QuoteError::new("period", QuoteCode::Period, problem, mend);
    let Some(around) = cycle.around(from) else {
        return Err(refused(format!("{from} lies before the anchor"), "begin with a period after it".into()));
    };
    let found = (around == (from, to)).then(|| Period::new(from, to, zone)).flatten();
    let period = found.ok_or_else(|| {
        let of = anchor.map_or_else(|| "a calendar month".into(), |anchor| format!("a month from {anchor}"));
        let mend = format!("the one around its first day is from {} to {}", around.0, around.1);
        refused(format!("from {from} to {to} is not {of}"), mend)
    })?;
    let Some(start) = file.start.as_deref() else { return Ok(period) };
    let start = day("start", start, zone)?;
    if start >= to {
        return Err(QuoteError::new(
            "start",
            QuoteCode::Period,
            "lies behind the period",
            "quote the period that it lies in",
        ));
    }
    Ok(period.only(start..to))
}
