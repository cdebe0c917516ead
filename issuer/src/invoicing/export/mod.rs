//! Documents as files for other programs and for people. Pure: documents in, text or bytes out, the same for the same
//! documents on any day, so that an export can be done again and changes nothing.

pub mod csv;
pub mod journal;
pub mod json;
pub mod pdf;

#[cfg(test)]
mod tests;

use super::document::{Days, Document};
use crate::calendar::ZoneError;
use chrono::NaiveDate;

/// Why a document cannot be written. Every one but the last says that what is stored is damaged, for no document is made so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// What its status promises is not in it.
    #[error("document {document} is {status} and has no `{lacks}`; restore it from a backup")]
    Lacks {
        /// Its name.
        document: String,
        /// What it is said to be.
        status: &'static str,
        /// The member.
        lacks: &'static str,
    },
    /// Its lines and taxes do not come to what its totals say.
    #[error(
        "document {document} does not add up: its {sum} is not that of its parts; restore it from a backup"
    )]
    Sums {
        /// Its name.
        document: String,
        /// Which total.
        sum: &'static str,
    },
    /// More than amounts can be.
    #[error("an amount of {0} is beyond the largest, 2^63-1 minor units; book it by hand")]
    TooLarge(String),
    /// A zone that this program does not know.
    #[error("document {document}: {error}; {}", ZoneError::MEND)]
    Zone {
        /// Its name.
        document: String,
        /// Which.
        error: ZoneError,
    },
    /// The document could not be written as JSON.
    #[error("document {document} cannot be written as JSON: {error}")]
    Json {
        /// Its name.
        document: String,
        /// Why.
        error: String,
    },
    /// The program was built with a font that it cannot read.
    #[error("the font {0} cannot be read; build the program again from its sources")]
    Font(&'static str),
}

impl ExportError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Lacks { .. } | Self::Sums { .. } | Self::Zone { .. } => "INVOICE_DAMAGED",
            Self::TooLarge(_) => "AMOUNT_TOO_LARGE",
            Self::Json { .. } => "OUTPUT",
            Self::Font(_) => "FONT",
        }
    }
}

/// The last day; people count it in, where programs name the one after it.
fn last_day(days: Days) -> NaiveDate {
    days.to.pred_opt().map_or(days.from, |day| day.max(days.from))
}

/// What a person or another program wrote, as one line: whatever is no printable character is a space, and there are no two
/// in a row.
fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The sum of minor units; `None` beyond an `i64`.
fn sum(minors: impl Iterator<Item = i64>) -> Option<i64> {
    i64::try_from(minors.map(i128::from).sum::<i128>()).ok()
}

/// Refuses a document whose totals are not those of its lines and taxes.
fn check_sums(document: &Document) -> Result<(), ExportError> {
    let totals = &document.totals;
    let off = |sum| ExportError::Sums { document: document.name().to_owned(), sum };
    if sum(document.lines.iter().map(|line| line.net_minor)) != Some(totals.net_minor) {
        return Err(off("net"));
    }
    if sum(document.taxes.iter().map(|tax| tax.tax_minor)) != Some(totals.tax_minor) {
        return Err(off("tax"));
    }
    if totals.net_minor.checked_add(totals.tax_minor) != Some(totals.total_minor) {
        return Err(off("total"));
    }
    if totals.from_wallet_minor.checked_add(totals.due_minor) != Some(totals.total_minor) {
        return Err(off("total"));
    }
    Ok(())
}
