//! What a quote takes off and puts on: discounts, taxes, and what was billed before. Called where a quote is read.

use super::error::{QuoteCode, QuoteError};
use super::file::{BilledFile, Decimal, DiscountFile, TaxFile};
use super::read::{Reader, quantity};
use crate::billing::difference::{Billed, Shares, spread};
use crate::billing::{Discount, Exact, Line, LineKey, Off, TaxRule};
use brink_license::Slug;
use std::collections::BTreeMap;

/// Longest name of a discount or a tax: what a line has room for.
const NAME_CHARS_MAX: usize = 200;

impl Reader<'_> {
    pub(super) fn discounts(&self, entries: &[DiscountFile]) -> Result<Vec<Discount>, QuoteError> {
        let mut found: Vec<Discount> = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let path = format!("discounts[{index}]");
            name(&format!("{path}.name"), &entry.name, QuoteCode::Discount)?;
            let refused =
                |problem: &str, mend: &str| QuoteError::new(&path, QuoteCode::Discount, problem, mend);
            // Up to an `@` it is a price's too: keys of the parts of a price go on with the day.
            let beginning = entry.name.split('@').next().unwrap_or_default();
            let is_price = Slug::parse(beginning).is_ok_and(|price| self.tariff.charge(&price).is_some());
            if is_price || found.iter().any(|other| *other.name == *entry.name) {
                return Err(refused(
                    "has the name of a price, of a part of one or of another discount",
                    "give it a name of its own",
                ));
            }
            let off = match (&entry.percent, &entry.amount) {
                (Some(percent), None) => {
                    let of = quantity(&format!("{path}.percent"), percent)?;
                    if of > Exact::whole(100) {
                        return Err(refused(
                            "takes off more than everything",
                            "write a percentage from 0 to 100",
                        ));
                    }
                    Off::Percent(of)
                }
                (None, Some(amount)) => Off::Minor(self.positive(&format!("{path}.amount"), amount)?),
                (Some(_), Some(_)) | (None, None) => {
                    return Err(refused(
                        "is neither a percentage nor an amount, or both",
                        "give one of percent and amount",
                    ));
                }
            };
            found.push(Discount {
                name: entry.name.as_str().into(),
                off,
                on: self.on(&format!("{path}.on"), &entry.on)?,
            });
        }
        Ok(found)
    }

    pub(super) fn taxes(&self, entries: &[TaxFile]) -> Result<Vec<TaxRule>, QuoteError> {
        let mut reasons: BTreeMap<Exact, (usize, Option<&str>)> = BTreeMap::new();
        let mut rules = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let path = format!("tax[{index}]");
            let rule = self.tax(&path, entry)?;
            let reason = entry.reason.as_deref();
            let (other, stated) = *reasons.entry(rule.rate.clone()).or_insert((index, reason));
            // Rules of one rate are one tax, which has one reason.
            if stated != reason {
                let problem = format!("has the rate of tax[{other}] and another reason");
                let mend =
                    "write one entry with the sum of both rates where both are owed, or one reason for both";
                return Err(QuoteError::new(path, QuoteCode::Tax, problem, mend));
            }
            rules.push(rule);
        }
        Ok(rules)
    }

    fn tax(&self, path: &str, entry: &TaxFile) -> Result<TaxRule, QuoteError> {
        let rate = quantity(&format!("{path}.rate"), &entry.rate)?;
        if rate > Exact::whole(1) {
            let mend = "write the rate of one: 8.25 percent is \"0.0825\"";
            let path = format!("{path}.rate");
            return Err(QuoteError::new(path, QuoteCode::Tax, "is more than everything", mend));
        }
        if let Some(reason) = &entry.reason {
            name(&format!("{path}.reason"), reason, QuoteCode::Tax)?;
        }
        let reason = entry.reason.as_deref().map(Into::into);
        Ok(TaxRule { rate, reason, on: self.on(&format!("{path}.on"), &entry.on)? })
    }

    pub(super) fn wallet(&self, stated: Option<&Decimal>) -> Result<i64, QuoteError> {
        stated.map_or(Ok(0), |text| self.positive("wallet", text))
    }

    /// What was billed, by key. A quote says it by price or discount; the lines of a price share it.
    pub(super) fn billed(
        &self,
        entries: &[BilledFile],
        discounts: &[Discount],
        desired: &[Line],
    ) -> Result<BTreeMap<LineKey, Billed>, QuoteError> {
        let mut sums: BTreeMap<&str, (usize, i64, u32)> = BTreeMap::new();
        for (index, entry) in entries.iter().enumerate() {
            let path = format!("billed[{index}]");
            if !discounts.iter().any(|discount| *discount.name == *entry.price) {
                self.known(&format!("{path}.price"), &entry.price)?;
            }
            let net = self.minor(&format!("{path}.net"), &entry.net)?;
            let sum = sums.entry(entry.price.as_str()).or_insert((index, 0, 0));
            let too_large = || {
                QuoteError::new(
                    format!("{path}.net"),
                    QuoteCode::AmountTooLarge,
                    "the sum is beyond 2^63-1 minor units",
                    "write smaller amounts",
                )
            };
            *sum = (index, sum.1.checked_add(net).ok_or_else(too_large)?, sum.2.saturating_add(1));
        }
        let mut found = BTreeMap::new();
        for (price, (index, net, lines)) in sums {
            let discount = discounts.iter().find(|discount| *discount.name == *price);
            if (discount.is_none() && net < 0) || (discount.is_some() && net > 0) {
                let problem = if discount.is_none() {
                    "less than nothing would have been billed of this price"
                } else {
                    "a discount that adds would have been billed"
                };
                let mend = "list all that was billed for the period: prices come to at least 0, discounts to at most 0";
                return Err(QuoteError::new(
                    format!("billed[{index}].net"),
                    QuoteCode::Billed,
                    problem,
                    mend,
                ));
            }
            if let Some(discount) = discount {
                let discount = Some(Shares::Over(discount.on.clone()));
                found.insert(price.into(), Billed { price: price.into(), net_minor: net, lines, discount });
            } else {
                found.extend(spread(desired, price, (net, lines)));
            }
        }
        Ok(found)
    }
}

fn name(path: &str, text: &str, code: QuoteCode) -> Result<(), QuoteError> {
    let is_name = !text.trim().is_empty()
        && text.chars().count() <= NAME_CHARS_MAX
        && !text.chars().any(char::is_control);
    if is_name {
        return Ok(());
    }
    let problem = format!("has not 1 to {NAME_CHARS_MAX} characters that can be shown");
    Err(QuoteError::new(path, code, problem, "write another text"))
}
