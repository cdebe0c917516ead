//! Billing profiles: who invoices, and who is invoiced, by which taxes, discounts and periods. Read from JSON that people
//! write; called where profiles are set, where periods are closed, and where documents are issued.

mod check;

pub use check::PROFILE_BYTES_MAX;

use super::document::{Days, Party};
use super::error::InvoiceError;
use crate::billing::money;
use crate::billing::{Cycle, Discount, Exact, Off, On, TaxRule};
use crate::currency::Currency;
use crate::objects::objects;
use check::{check_count, check_due, check_party, check_text, decimal, read, refused};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Longest beginning of a number.
const PREFIX_CHARS_MAX: usize = 20;

/// Who invoices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SellerProfile {
    legal_name: String,
    address: Vec<String>,
    tax_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    remarks: Vec<String>,
    /// In words, for customers without terms of their own.
    pub payment_terms: String,
    /// Days to pay.
    pub due_days: u32,
    /// What numbers of invoices begin with.
    #[serde(default = "invoice_prefix")]
    pub invoice_prefix: String,
    /// What numbers of credit notes begin with.
    #[serde(default = "credit_note_prefix")]
    pub credit_note_prefix: String,
}

fn invoice_prefix() -> String {
    "INV-".into()
}

fn credit_note_prefix() -> String {
    "CN-".into()
}

/// Who is invoiced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantProfile {
    legal_name: String,
    address: Vec<String>,
    tax_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    remarks: Vec<String>,
    /// In words; the seller's where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_terms: Option<String>,
    /// Days to pay; the seller's where they are not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_days: Option<u32>,
    /// The day from which months are counted; calendar months without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<NaiveDate>,
    #[serde(default, deserialize_with = "objects", skip_serializing_if = "Vec::is_empty")]
    tax: Vec<TaxEntry>,
    #[serde(default, deserialize_with = "objects", skip_serializing_if = "Vec::is_empty")]
    discounts: Vec<DiscountEntry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TaxEntry {
    rate: String,
    reason: String,
    #[serde(default)]
    on: OnEntry,
}

/// A discount of the periods that begin on these days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DiscountEntry {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    percent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    amount: Option<String>,
    #[serde(default)]
    on: OnEntry,
    from: NaiveDate,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<NaiveDate>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum OnEntry {
    Word(All),
    Prices(BTreeSet<Box<str>>),
}

impl Default for OnEntry {
    fn default() -> Self {
        Self::Word(All::All)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum All {
    #[serde(rename = "all")]
    All,
}

impl OnEntry {
    fn on(&self) -> On {
        match self {
            Self::Word(All::All) => On::All,
            Self::Prices(prices) => On::Prices(prices.clone()),
        }
    }
}

impl SellerProfile {
    /// From what people wrote.
    pub fn read(text: &[u8]) -> Result<Self, InvoiceError> {
        let profile: Self = read(text)?;
        check_party(&profile.party())?;
        check_text("payment_terms", &profile.payment_terms)?;
        check_due(profile.due_days)?;
        for (path, prefix) in
            [("invoice_prefix", &profile.invoice_prefix), ("credit_note_prefix", &profile.credit_note_prefix)]
        {
            let is_prefix = prefix.chars().count() <= PREFIX_CHARS_MAX
                && prefix.chars().all(|c| c.is_ascii_alphanumeric() || "-/._".contains(c))
                && !prefix.ends_with(|c: char| c.is_ascii_digit());
            if !is_prefix {
                let mend = "write at most 20 letters, digits and -/._ of which the last is no digit";
                return Err(refused(path, "cannot begin a number", mend));
            }
        }
        if profile.invoice_prefix == profile.credit_note_prefix {
            let mend = "let numbers of both begin otherwise";
            return Err(refused("credit_note_prefix", "is that of invoices", mend));
        }
        Ok(profile)
    }

    /// As it stands on documents.
    #[must_use]
    pub fn party(&self) -> Party {
        Party {
            legal_name: self.legal_name.clone(),
            address: self.address.clone(),
            tax_id: self.tax_id.clone(),
            email: self.email.clone(),
            remarks: self.remarks.clone(),
        }
    }
}

impl TenantProfile {
    /// From what people wrote, for a tenant with this currency; `is_price` says whether something has a price.
    pub fn read(
        text: &[u8],
        currency: Currency,
        is_price: impl Fn(&str) -> bool,
    ) -> Result<Self, InvoiceError> {
        let profile: Self = read(text)?;
        check_party(&profile.party())?;
        profile.payment_terms.iter().try_for_each(|terms| check_text("payment_terms", terms))?;
        profile.due_days.map_or(Ok(()), check_due)?;
        profile.check_taxes(&is_price)?;
        profile.check_discounts(currency, &is_price)?;
        Ok(profile)
    }

    /// From how it is kept, which was checked when it was set.
    pub fn kept(body: &str) -> Result<Self, InvoiceError> {
        read(body.as_bytes())
    }

    /// As it stands on documents.
    #[must_use]
    pub fn party(&self) -> Party {
        Party {
            legal_name: self.legal_name.clone(),
            address: self.address.clone(),
            tax_id: self.tax_id.clone(),
            email: self.email.clone(),
            remarks: self.remarks.clone(),
        }
    }

    /// How its periods follow each other.
    #[must_use]
    pub fn cycle(&self) -> Cycle {
        self.anchor.map_or(Cycle::Calendar, Cycle::Anniversary)
    }

    /// What is put on.
    #[must_use]
    pub fn taxes(&self) -> Vec<TaxRule> {
        let rule = |entry: &TaxEntry| TaxRule {
            rate: decimal(&entry.rate).unwrap_or_else(Exact::zero),
            reason: Some(entry.reason.as_str().into()),
            on: entry.on.on(),
        };
        self.tax.iter().map(rule).collect()
    }

    /// What is taken off in a period, in minor units of the currency.
    #[must_use]
    pub fn discounts(&self, period: Days, currency: Currency) -> Vec<Discount> {
        let of_period = self.discounts.iter().filter(|entry| entry.is_of(period));
        let discount = |entry: &DiscountEntry| {
            let percent = entry.percent.as_deref().and_then(decimal).map(Off::Percent);
            let amount = entry.amount.as_deref().and_then(|text| money::parse(text, currency).ok());
            let off = percent.or_else(|| amount.map(Off::Minor))?;
            Some(Discount { name: entry.name.as_str().into(), off, on: entry.on.on() })
        };
        of_period.filter_map(discount).collect()
    }

    /// What of a period that is closed this one says otherwise than another: those were agreed, and are rated again.
    #[must_use]
    pub fn differs_for(&self, other: &Self, period: Days) -> Option<&'static str> {
        if self.anchor != other.anchor {
            return Some("anchor");
        }
        let of = |profile: &Self| {
            profile.discounts.iter().filter(|entry| entry.is_of(period)).cloned().collect::<Vec<_>>()
        };
        let bare = |entries: Vec<DiscountEntry>| {
            entries
                .into_iter()
                .map(|entry| DiscountEntry { from: period.from, until: None, ..entry })
                .collect::<Vec<_>>()
        };
        (bare(of(self)) != bare(of(other))).then_some("discounts")
    }

    /// The same where there was no profile: calendar months without discounts.
    #[must_use]
    pub fn differs_from_none(&self, period: Days) -> Option<&'static str> {
        if self.anchor.is_some() {
            return Some("anchor");
        }
        self.discounts.iter().any(|entry| entry.is_of(period)).then_some("discounts")
    }

    fn check_taxes(&self, is_price: &impl Fn(&str) -> bool) -> Result<(), InvoiceError> {
        let mut reasons: BTreeMap<Exact, &str> = BTreeMap::new();
        check_count("tax", self.tax.len())?;
        for (index, entry) in self.tax.iter().enumerate() {
            let path = format!("tax[{index}]");
            check_text(&format!("{path}.reason"), &entry.reason)?;
            check_on(&path, &entry.on, is_price)?;
            let rate = decimal(&entry.rate).filter(|rate| *rate <= Exact::whole(1));
            let mend = "write the rate of one in quotes: 8.25 percent is \"0.0825\"";
            let rate = rate.ok_or_else(|| refused(format!("{path}.rate"), "is no rate from 0 to 1", mend))?;
            // Rules of one rate are one tax, which has one reason.
            if *reasons.entry(rate).or_insert(&entry.reason) != entry.reason {
                let mend = "write one entry with the sum of both rates, or one reason for both";
                return Err(refused(path, "has the rate of another tax and another reason", mend));
            }
        }
        Ok(())
    }

    fn check_discounts(
        &self,
        currency: Currency,
        is_price: &impl Fn(&str) -> bool,
    ) -> Result<(), InvoiceError> {
        check_count("discounts", self.discounts.len())?;
        for (index, entry) in self.discounts.iter().enumerate() {
            let path = format!("discounts[{index}]");
            check_text(&format!("{path}.name"), &entry.name)?;
            check_on(&path, &entry.on, is_price)?;
            let beginning = entry.name.split('@').next().unwrap_or_default();
            if is_price(beginning) {
                let mend = "give it a name of its own";
                return Err(refused(path, "has the name of a price", mend));
            }
            let overlaps = |other: &&DiscountEntry| other.name == entry.name && other.overlaps(entry);
            if self.discounts[..index].iter().find(overlaps).is_some() {
                let mend = "give each its own days, or a name of its own";
                return Err(refused(path, "has the name and days of another discount", mend));
            }
            if entry.until.is_some_and(|until| until <= entry.from) {
                return Err(refused(path, "ends before it begins", "write a later day in until"));
            }
            let is_off = match (&entry.percent, &entry.amount) {
                (Some(percent), None) => decimal(percent).is_some_and(|of| of <= Exact::whole(100)),
                (None, Some(amount)) => money::parse(amount, currency).is_ok_and(|minor| minor >= 0),
                (Some(_), Some(_)) | (None, None) => false,
            };
            if !is_off {
                let mend = "give percent from 0 to 100, or amount in the tenant's currency, in quotes";
                return Err(refused(path, "takes off neither a percentage nor an amount, or both", mend));
            }
        }
        Ok(())
    }
}

impl DiscountEntry {
    /// Whether it is taken off in the period.
    fn is_of(&self, period: Days) -> bool {
        self.from <= period.from && self.until.is_none_or(|until| period.from < until)
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.until.is_none_or(|until| other.from < until) && other.until.is_none_or(|until| self.from < until)
    }
}

fn check_on(path: &str, on: &OnEntry, is_price: &impl Fn(&str) -> bool) -> Result<(), InvoiceError> {
    let OnEntry::Prices(prices) = on else { return Ok(()) };
    match prices.iter().find(|price| !is_price(price)) {
        None if prices.is_empty() => {
            Err(refused(format!("{path}.on"), "is on nothing", "leave it out for all"))
        }
        None => Ok(()),
        Some(price) => {
            let problem = format!("names {price:?}, which is no price");
            Err(refused(format!("{path}.on"), &problem, "name prices of the catalogue or packs, or \"all\""))
        }
    }
}
