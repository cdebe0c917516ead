//! What is free for a while: trials (R11). Called by rating; made from a trial's start and the catalogue's terms.

use brink_license::Slug;
use chrono::{Months, NaiveDate};

/// So much of a price is free on these days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Of which price.
    pub price: Slug,
    /// How much of it.
    pub quantity: u32,
    /// The first day.
    pub from: NaiveDate,
    /// The first day after it.
    pub until: NaiveDate,
}

impl Grant {
    /// A trial of so many calendar months, clamped to the month's end; `None` out of all calendars.
    #[must_use]
    pub fn trial(price: Slug, quantity: u32, from: NaiveDate, months: u32) -> Option<Self> {
        Some(Self { price, quantity, from, until: from.checked_add_months(Months::new(months))? })
    }
}

/// What is free of a price on a day.
#[must_use]
pub(super) fn granted(grants: &[Grant], price: &Slug, date: NaiveDate) -> i64 {
    let of_day =
        grants.iter().filter(|grant| grant.price == *price && grant.from <= date && date < grant.until);
    of_day.map(|grant| i64::from(grant.quantity)).fold(0, i64::saturating_add)
}
