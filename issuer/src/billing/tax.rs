//! Taxes and the wallet: what of an invoice is owed in the end (R13, R14). Called by whoever makes an invoice or a quote.

use super::RatingError;
use super::allocation::allocate;
use super::difference::{Base, Differences};
use super::exact::Exact;
use super::line::LineKey;
use std::collections::BTreeSet;

/// What a discount or a tax is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum On {
    /// On every line.
    All,
    /// On the lines of these prices.
    Prices(BTreeSet<Box<str>>),
}

impl On {
    /// Whether it is on the lines of a price.
    #[must_use]
    pub fn covers(&self, price: &str) -> bool {
        match self {
            Self::All => true,
            Self::Prices(prices) => prices.contains(price),
        }
    }
}

/// A rate, and what it is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaxRule {
    /// Of one.
    pub rate: Exact,
    /// Why, for the invoice.
    pub reason: Option<Box<str>>,
    /// On what.
    pub on: On,
}

/// The tax of one rate, taken once of the summed base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaxLine {
    /// Of one.
    pub rate: Exact,
    /// Why.
    pub reason: Option<Box<str>>,
    /// Net of what it is on, after discounts, in minor units.
    pub base_minor: i64,
    /// In minor units.
    pub tax_minor: i64,
    /// How much of it each line carries; adds up to the tax.
    pub shares: Vec<(LineKey, i64)>,
}

/// What an invoice comes to, in minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The sum of all lines.
    pub net_minor: i64,
    /// One for each rate that is on anything.
    pub taxes: Vec<TaxLine>,
    /// The sum of all taxes.
    pub tax_minor: i64,
    /// Net and tax.
    pub total_minor: i64,
    /// What of it the wallet pays.
    pub from_wallet_minor: i64,
    /// What is left; negative where the tenant gets something back.
    pub due_minor: i64,
}

/// Taxes, and what the wallet pays of the whole. Rules of one rate are one, on all that any of them is on.
pub fn settle(lines: &Differences, rules: &[TaxRule], wallet_minor: i64) -> Result<Settlement, RatingError> {
    settle_bases(&lines.bases, rules, wallet_minor)
}

/// The same of bases, which add up to the lines.
pub fn settle_bases(bases: &[Base], rules: &[TaxRule], wallet_minor: i64) -> Result<Settlement, RatingError> {
    let total = |name: &str| RatingError::TooLarge(name.into());
    let mut nets = bases.iter().map(|base| base.minor);
    let net_minor = nets.try_fold(0_i64, i64::checked_add).ok_or_else(|| total("net"))?;
    let mut taxes = Vec::new();
    let mut rest: Vec<&TaxRule> = rules.iter().collect();
    while let Some(first) = rest.first().copied() {
        let (same, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|rule| rule.rate == first.rate);
        rest = others;
        taxes.extend(tax(bases, &same).ok_or_else(|| total("tax"))?);
    }
    let mut sums = taxes.iter().map(|tax| tax.tax_minor);
    let tax_minor = sums.try_fold(0_i64, i64::checked_add).ok_or_else(|| total("tax"))?;
    let total_minor = net_minor.checked_add(tax_minor).ok_or_else(|| total("total"))?;
    let from_wallet_minor = wallet_minor.min(total_minor).max(0);
    let due_minor = total_minor - from_wallet_minor;
    Ok(Settlement { net_minor, taxes, tax_minor, total_minor, from_wallet_minor, due_minor })
}

/// The tax of rules with one rate; an inner `None` where nothing bears it, an outer one beyond an `i64`.
fn tax(bases: &[Base], rules: &[&TaxRule]) -> Option<Option<TaxLine>> {
    let Some(first) = rules.first() else { return Some(None) };
    let on_any = |price: &str| rules.iter().any(|rule| rule.on.covers(price));
    let bases: Vec<_> = bases.iter().filter(|base| base.minor != 0 && on_any(&base.price)).collect();
    if bases.is_empty() || first.rate.is_zero() {
        return Some(None);
    }
    let base_minor = bases.iter().try_fold(0_i64, |sum, base| sum.checked_add(base.minor))?;
    let exact: Vec<_> = bases.iter().map(|base| first.rate.times(&Exact::whole(base.minor))).collect();
    let tax_minor = first.rate.times(&Exact::whole(base_minor)).rounded()?;
    let parts = allocate(tax_minor, &exact)?;
    let shares = bases.iter().map(|base| base.key.clone()).zip(parts).collect();
    let (rate, reason) = (first.rate.clone(), first.reason.clone());
    Some(Some(TaxLine { rate, reason, base_minor, tax_minor, shares }))
}
