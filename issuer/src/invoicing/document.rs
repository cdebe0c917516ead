//! An invoice or a credit note as it is kept and handed on. Everything that it says is in it, so that nothing that changes
//! later changes it. Made where periods are closed; read by storage, exports, explanations and plots.

use crate::billing::{self, Kind, Rate};
use crate::calendar::local_midnight;
use crate::currency::Currency;
use crate::secret::hex;
use brink_license::{Slug, TenantId, UnixSeconds};
use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU64;

/// Which of both it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// What is owed.
    Invoice,
    /// What of an invoice is given back; its amounts are negative.
    CreditNote,
}

impl DocumentKind {
    /// The word in JSON and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invoice => "invoice",
            Self::CreditNote => "credit_note",
        }
    }

    /// What people call it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Invoice => "Invoice",
            Self::CreditNote => "Credit note",
        }
    }
}

impl Status {
    /// The word in JSON and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Issued => "issued",
            Self::Paid => "paid",
            Self::Void => "void",
        }
    }
}

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It has no number and can be discarded.
    Draft,
    /// It has a number and is owed.
    Issued,
    /// It was paid.
    Paid,
    /// It counts no more; its number stays.
    Void,
}

/// Days, the last exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Days {
    /// The first.
    pub from: NaiveDate,
    /// The first after them.
    pub to: NaiveDate,
}

/// The invoice that a credit note is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credited {
    /// Its id.
    pub id: String,
    /// Its number; `None` while it is a draft.
    pub number: Option<String>,
}

/// Who invoices, or is invoiced, as on the day of issue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// The name of the company.
    pub legal_name: String,
    /// Street, town, country: one a line.
    pub address: Vec<String>,
    /// Under which it pays taxes.
    pub tax_id: String,
    /// Where documents go, or questions come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What stands below the amounts: bank account, or an order number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// Why a line is that much. Quantities are exact decimals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub enum Reason {
    /// Days in a row that came to the same.
    Days {
        /// The first.
        from: NaiveDate,
        /// The first after them.
        to: NaiveDate,
        /// The highest concurrent quantity of each.
        peak: i64,
        /// Of which so much was free.
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
        /// In whole years after the first day.
        year: u32,
    },
    /// What was used on the days of the line.
    Used {
        /// Of all devices together.
        quantity: String,
        /// What these days took of what is included.
        included: String,
        /// What is charged.
        charged: String,
    },
    /// What a discount takes off of one line.
    Share {
        /// Of which line.
        key: Box<str>,
        /// Negative.
        minor: i64,
    },
    /// What the period comes to, and what of that is on earlier documents.
    Billed {
        /// What it comes to.
        desired: i64,
        /// What was billed.
        before: i64,
    },
}

/// One line, without its tax.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentLine {
    /// What it is within its period: a price, `price@day` for a part of the period, or the name of a discount.
    pub key: Box<str>,
    /// How many lines of this key and period were made before.
    pub revision: u32,
    /// The price or the discount.
    pub price: Box<str>,
    /// The version of the catalogue.
    pub catalogue: u64,
    /// For people.
    pub description: String,
    /// What sort of line it is.
    pub kind: Kind,
    /// The period that it belongs to.
    pub period: Days,
    /// The days that it is for.
    pub days: Days,
    /// The highest billable quantity of a day, or the units that are charged: an exact decimal.
    pub quantity: String,
    /// The sum of the billable quantities of all days, of what is charged by days.
    pub unit_days: Option<i64>,
    /// Days of the whole period, of what is charged by days.
    pub period_days: Option<NonZeroU64>,
    /// What one package costs, where that is stated beforehand.
    pub unit_price: Option<Rate>,
    /// In minor units before the one rounding: an exact decimal or a fraction.
    pub exact: String,
    /// In minor units.
    pub net_minor: i64,
    /// What taxes are taken of: the line and its share of what discounts changed. Adds up to the net over all lines.
    pub base_minor: i64,
    /// Digests of what the usage was added up from, in hexadecimal.
    pub evidence: Vec<String>,
    /// Why it is that much.
    pub detail: Vec<Reason>,
}

/// The tax of one rate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentTax {
    /// Of one: `0.0825`.
    pub rate: String,
    /// Why.
    pub reason: Option<Box<str>>,
    /// What it is on, by price; `None` is everything.
    pub on: Option<Vec<Box<str>>>,
    /// Net of that, after discounts, in minor units.
    pub base_minor: i64,
    /// In minor units.
    pub tax_minor: i64,
    /// How much of it each line carries, by its place among the lines; adds up to the tax.
    pub shares: Vec<(usize, i64)>,
}

/// What it comes to, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// The sum of all lines.
    pub net_minor: i64,
    /// The sum of all taxes.
    pub tax_minor: i64,
    /// Net and tax.
    pub total_minor: i64,
    /// What of it the wallet pays.
    pub from_wallet_minor: i64,
    /// What is left to pay; negative where it goes into the wallet.
    pub due_minor: i64,
}

/// Days as instants: the midnights that they begin and end at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instants {
    /// The first.
    pub from: UnixSeconds,
    /// The first behind them.
    pub to: UnixSeconds,
}

impl Instants {
    /// Of days in a zone.
    #[must_use]
    pub fn of(days: Days, zone: Tz) -> Self {
        Self { from: local_midnight(days.from, zone), to: local_midnight(days.to, zone) }
    }
}

/// An invoice or a credit note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Its id, which is there before it has a number.
    pub id: String,
    /// Which of both it is.
    pub kind: DocumentKind,
    /// Where it stands.
    pub status: Status,
    /// Its number, from issue on.
    pub number: Option<String>,
    /// The invoice that a credit note is for.
    pub credits: Option<Credited>,
    /// Whose.
    pub tenant: TenantId,
    /// Of every amount.
    pub currency: Currency,
    /// The zone of its days.
    pub timezone: String,
    /// The period that was closed with it.
    pub period: Days,
    /// That period in UTC, which says when its days began even where the rules of the zone change (R4). What was kept before
    /// this was has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instants: Option<Instants>,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// When it got its number.
    pub issued_at: Option<UnixSeconds>,
    /// The day of that in the zone of the customer.
    pub issued_on: Option<NaiveDate>,
    /// The last day to pay.
    pub due_on: Option<NaiveDate>,
    /// In words: `30 days net`.
    pub payment_terms: Option<String>,
    /// When it was paid.
    pub paid_at: Option<UnixSeconds>,
    /// By what: a number of the bank's.
    pub paid_by: Option<String>,
    /// When it was voided.
    pub voided_at: Option<UnixSeconds>,
    /// Who invoices, from issue on.
    pub seller: Option<Party>,
    /// Who is invoiced, from issue on.
    pub buyer: Option<Party>,
    /// What is charged; the taxes stand beside it.
    pub lines: Vec<DocumentLine>,
    /// Taxes: of a draft those that it would have today.
    pub taxes: Vec<DocumentTax>,
    /// What it comes to.
    pub totals: Totals,
    /// What the sums of usage may lack, in words: devices that were not heard of since the period ended, losses, quarantine.
    pub lacks: Vec<String>,
}

impl Document {
    /// What it is called before and after it has a number.
    #[must_use]
    pub fn name(&self) -> &str {
        self.number.as_deref().unwrap_or(&self.id)
    }

    /// An amount in its currency, as a decimal.
    #[must_use]
    pub fn money(&self, minor: i64) -> String {
        billing::money::show(minor, self.currency)
    }
}

impl From<&billing::Detail> for Reason {
    fn from(detail: &billing::Detail) -> Self {
        use billing::Detail;
        match detail {
            Detail::Days { from, to, peak, granted, resources } => Self::Days {
                from: *from,
                to: *to,
                peak: *peak,
                granted: *granted,
                resources: resources.clone(),
            },
            Detail::Started { on, quantity, year } => {
                Self::Started { on: *on, quantity: *quantity, year: *year }
            }
            Detail::Used { quantity, included, charged } => Self::Used {
                quantity: quantity.shown(),
                included: included.shown(),
                charged: charged.shown(),
            },
            Detail::Share { key, minor } => Self::Share { key: key.clone(), minor: *minor },
            Detail::Billed { desired, before } => Self::Billed { desired: *desired, before: *before },
        }
    }
}

impl DocumentLine {
    /// Of a line of a period.
    #[must_use]
    pub fn of(line: &billing::Line, period: Days, base_minor: i64) -> Self {
        Self {
            key: line.key.clone(),
            revision: line.revision,
            price: line.price.clone(),
            catalogue: line.catalogue,
            description: line.description.clone(),
            kind: line.kind,
            period,
            days: Days { from: line.days.0, to: line.days.1 },
            quantity: line.quantity.shown(),
            unit_days: line.unit_days,
            period_days: line.period_days,
            unit_price: line.unit_price.clone(),
            exact: line.exact.shown(),
            net_minor: line.net_minor,
            base_minor,
            evidence: line.evidence.iter().map(|digest| hex(digest)).collect(),
            detail: line.detail.iter().map(Reason::from).collect(),
        }
    }

    /// Whether it is of a price whose name this is.
    #[must_use]
    pub fn is_of(&self, price: &Slug) -> bool {
        *self.price == *price.as_str()
    }
}
