//! A line: what is charged, and why it is that much (R17). Made by rating; read by whoever shows, stores or explains it.

use super::exact::Exact;
use super::tariff::Rate;
use brink_license::UnixSeconds;
use chrono::NaiveDate;
use std::num::NonZeroU64;

/// What a line is within its period: the same in every revision. A price, or `price@day` for the part of it that begins
/// within the period because the price changed at once, or the name of a discount.
pub type LineKey = Box<str>;

/// What sort of line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// For what was there.
    Recurring,
    /// For what was used.
    Usage,
    /// More, for a period that has a line of this key already.
    Adjustment,
    /// Less, for a period that has a line of this key already.
    Credit,
    /// What a discount takes off; above zero where less is taken off than was before.
    Discount,
}

/// One reason for a line's amount. It explains and never rounds: the parts are exact, the line alone is rounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Days in a row that came to the same.
    Days {
        /// The first.
        from: NaiveDate,
        /// The first after them.
        to: NaiveDate,
        /// The highest concurrent quantity of each (R6).
        peak: i64,
        /// Of which so much was free (R11).
        granted: i64,
        /// Things with a name among them, sorted.
        resources: Vec<Box<str>>,
    },
    /// So much began, or began another year, on a day.
    Started {
        /// The day.
        on: NaiveDate,
        /// How much.
        quantity: i64,
        /// In whole years after the first day; zero for the first.
        year: u32,
    },
    /// What was used on the days of the line.
    Used {
        /// Of all devices together.
        quantity: Exact,
        /// Of which so much was included: what these days took of the pool, after proration.
        included: Exact,
        /// What is charged: what is beyond, in started packages where that is agreed.
        charged: Exact,
    },
    /// What a discount takes off of one line, in minor units.
    Share {
        /// Of which line.
        key: LineKey,
        /// How much; negative.
        minor: i64,
    },
    /// What the period comes to, and what of that is on earlier invoices, in minor units.
    Billed {
        /// What it comes to.
        desired: i64,
        /// What is billed.
        before: i64,
    },
}

/// One line of an invoice, without its tax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is within the period.
    pub key: LineKey,
    /// The price or the discount.
    pub price: Box<str>,
    /// The version of the catalogue.
    pub catalogue: u64,
    /// For people.
    pub description: String,
    /// What sort of line it is.
    pub kind: Kind,
    /// The days that it is for, the last exclusive.
    pub days: (NaiveDate, NaiveDate),
    /// The same as instants.
    pub instants: (UnixSeconds, UnixSeconds),
    /// The highest billable quantity of a day, or the units that are charged.
    pub quantity: Exact,
    /// The sum of the billable quantities of all days; for what is charged by days.
    pub unit_days: Option<i64>,
    /// Days of the whole period; for what is charged by days.
    pub period_days: Option<NonZeroU64>,
    /// What one package costs, where that is stated beforehand.
    pub unit_price: Option<Rate>,
    /// In minor units, before the one rounding; less what was billed.
    pub exact: Exact,
    /// In minor units.
    pub net_minor: i64,
    /// How many lines of this key were billed before.
    pub revision: u32,
    /// Digests of what the usage was added up from.
    pub evidence: Vec<[u8; 32]>,
    /// Why it is that much.
    pub detail: Vec<Detail>,
}
