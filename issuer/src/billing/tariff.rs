//! What is rated by: the prices of one catalogue version with those that a contract states over them. Called by rating;
//! made by whoever knows the contract.

use super::exact::Exact;
use crate::catalog::{Catalog, Every, Overage};
use crate::currency::Currency;
use crate::price::Price;
use brink_license::Slug;
use std::collections::BTreeMap;
use std::num::NonZeroU64;

/// So much for so many units: exact as it was agreed (R1).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Rate {
    /// Currency units.
    pub amount: Price,
    /// Units that the amount pays for.
    pub per: NonZeroU64,
}

impl Rate {
    /// Currency units of one unit.
    #[must_use]
    pub fn of_one(&self) -> Exact {
        Exact::from(&self.amount).over(self.per)
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.per.get() == 1 {
            write!(f, "{}", self.amount)
        } else {
            write!(f, "{} per {}", self.amount, self.per)
        }
    }
}

/// How a price is charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Charge {
    /// By the month: for every day that something is there.
    Monthly(Rate),
    /// For twelve months in advance, when it starts and at every anniversary of that.
    Yearly(Rate),
    /// When it starts.
    Once(Rate),
    /// For what a meter counted beyond what is included.
    Metered {
        /// The meter.
        meter: Slug,
        /// For what is beyond.
        rate: Rate,
        /// Whether a package that was started is paid whole.
        overage: Overage,
    },
    /// What the usage of a meter cost.
    PassThrough {
        /// The meter.
        meter: Slug,
    },
}

impl Charge {
    /// The meter whose usage it rates.
    #[must_use]
    pub const fn meter(&self) -> Option<&Slug> {
        match self {
            Self::Metered { meter, .. } | Self::PassThrough { meter } => Some(meter),
            Self::Monthly(_) | Self::Yearly(_) | Self::Once(_) => None,
        }
    }

    /// What it asks for, where that is stated beforehand.
    #[must_use]
    pub const fn rate(&self) -> Option<&Rate> {
        match self {
            Self::Monthly(rate) | Self::Yearly(rate) | Self::Once(rate) | Self::Metered { rate, .. } => {
                Some(rate)
            }
            Self::PassThrough { .. } => None,
        }
    }
}

/// Every price that something can be rated by.
#[derive(Clone, Debug)]
pub struct Tariff {
    /// The version of the catalogue below it.
    pub catalogue: u64,
    /// In which it is invoiced.
    pub currency: Currency,
    charges: BTreeMap<Slug, Charge>,
}

impl Tariff {
    /// The prices of a catalogue. In another currency than the catalogue's only what has no amount is left of them.
    #[must_use]
    pub fn of(catalog: &Catalog, currency: Currency) -> Self {
        let is_kept = |charge: &Charge| currency == catalog.currency || charge.rate().is_none();
        let charges = catalog.prices().filter_map(|(name, price)| Some((name.clone(), charge_of(price)?)));
        let charges = charges.filter(|(_, charge)| is_kept(charge)).collect();
        Self { catalogue: catalog.version, currency, charges }
    }

    /// A price that a contract states.
    pub fn state(&mut self, name: Slug, charge: Charge) {
        self.charges.insert(name, charge);
    }

    /// How something is charged.
    #[must_use]
    pub fn charge(&self, name: &Slug) -> Option<&Charge> {
        self.charges.get(name)
    }

    /// The price of what a meter counts.
    #[must_use]
    pub fn of_meter(&self, meter: &Slug) -> Option<(&Slug, &Charge)> {
        self.charges.iter().find(|(_, charge)| charge.meter() == Some(meter))
    }

    /// All, by name.
    pub fn charges(&self) -> impl Iterator<Item = (&Slug, &Charge)> {
        self.charges.iter()
    }
}

/// How a price of a catalogue is charged; `None` for one that its validation would have refused.
#[must_use]
pub fn charge_of(price: &crate::catalog::CatalogPrice) -> Option<Charge> {
    let Some(amount) = &price.amount else {
        return Some(Charge::PassThrough { meter: price.meter.clone()? });
    };
    let rate = Rate { amount: amount.clone(), per: NonZeroU64::new(price.per)? };
    Some(match (&price.meter, price.every) {
        (Some(meter), _) => Charge::Metered { meter: meter.clone(), rate, overage: price.overage },
        (None, Every::Month) => Charge::Monthly(rate),
        (None, Every::Year) => Charge::Yearly(rate),
        (None, Every::Once) => Charge::Once(rate),
    })
}

/// The same for another rate, as a contract states it; by the month where the catalogue has no price.
#[must_use]
pub fn charge_with(stated: Option<&Charge>, rate: Rate) -> Charge {
    match stated {
        Some(Charge::Yearly(_)) => Charge::Yearly(rate),
        Some(Charge::Once(_)) => Charge::Once(rate),
        Some(Charge::Metered { meter, overage, .. }) => {
            Charge::Metered { meter: meter.clone(), rate, overage: *overage }
        }
        Some(Charge::Monthly(_) | Charge::PassThrough { .. }) | None => Charge::Monthly(rate),
    }
}
