//! Subscriptions as they are kept: versions that are never changed, each from an instant of its own on.

use super::StorageError;
use super::columns::damaged;
use super::plans::AuditNote;
use super::rows::{Actor, TenantRow, TrialWindow};
use crate::price::Price;
use crate::sold::ITEM_MAX;
use crate::timeline::{Delta, NoneInForce};
use brink_license::token::Enforce;
use brink_license::{Slug, UnixSeconds};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::num::NonZeroU64;

/// What a tenant has bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Cameras that may run at once.
    pub cameras: u32,
    /// The trial that is granted.
    pub trial: Option<TrialWindow>,
    /// What hosts do with "no".
    pub enforce: Enforce,
    /// Life of a token.
    pub days: u32,
    /// Flagged work after it.
    pub grace_days: u32,
    /// Longest time without a receipt.
    pub offline_max_days: u32,
    /// Packs beyond the implied one, with their agreed prices.
    pub packs: BTreeMap<Slug, Option<Price>>,
    /// How many of other catalogue prices; none of them is zero.
    pub items: BTreeMap<Slug, u32>,
    /// Prices that the contract says in place of the catalogue's.
    pub prices: BTreeMap<Slug, Agreed>,
    /// The catalogue that was in force when everything was set.
    pub catalog_version: u64,
}

/// A price that the contract says in place of the catalogue's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreed {
    /// In the tenant's currency.
    pub amount: Price,
    /// Units that the amount pays for; `None` for as many as the catalogue says.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub per: Option<NonZeroU64>,
    /// It applies from the local day on that it takes effect on, and not from the next period on.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub at_once: bool,
}

/// What is sold beside cameras and packs, as it is kept: the members of [`Terms`].
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sold {
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    items: BTreeMap<Slug, u32>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    prices: BTreeMap<Slug, Agreed>,
}

impl Sold {
    fn text(&self) -> String {
        serde_json::json!(self).to_string()
    }
}

impl Terms {
    /// Items and prices as they are kept.
    pub(super) fn sold_text(&self) -> String {
        Sold { items: self.items.clone(), prices: self.prices.clone() }.text()
    }

    /// The terms with items and prices as they were kept. A text that none was kept as is damage, also one that says
    /// something twice.
    pub(super) fn with_sold(self, text: &str) -> Result<Self, StorageError> {
        let sold: Sold = serde_json::from_str(text).map_err(|e| damaged("subscriptions.sold", e))?;
        if sold.items.values().any(|count| !(1..=ITEM_MAX).contains(count)) {
            return Err(damaged("subscriptions.sold", "an item without a number within its bounds"));
        }
        if sold.text() != text {
            return Err(damaged("subscriptions.sold", "it is not written as it is kept"));
        }
        Ok(Self { items: sold.items, prices: sold.prices, ..self })
    }
}

/// What made a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// Somebody set everything, and with it all that lay behind.
    Set,
    /// Somebody changed something.
    Change(Delta),
    /// Somebody took the change of this version back.
    Cancel {
        /// The version.
        of: u32,
    },
    /// One of the above, recorded as this version, took effect earlier: so the terms from here on are said again.
    Again {
        /// The version.
        of: u32,
    },
}

impl Made {
    /// The word in the database and in JSON.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Change(_) => "change",
            Self::Cancel { .. } => "cancel",
            Self::Again { .. } => "again",
        }
    }

    /// The version that it is about.
    #[must_use]
    pub const fn of(&self) -> Option<u32> {
        match self {
            Self::Set | Self::Change(_) => None,
            Self::Cancel { of } | Self::Again { of } => Some(*of),
        }
    }
}

/// One version of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionRow {
    /// Rises by one.
    pub version: u32,
    /// What is bought from [`SubscriptionRow::effective_at`] on.
    pub terms: Terms,
    /// What made it.
    pub made: Made,
    /// When it takes effect.
    pub effective_at: UnixSeconds,
    /// When it was recorded.
    pub set_at: UnixSeconds,
    /// Who did; `None` where a program recorded it that kept this in the audit alone.
    pub set_by: Option<Actor>,
    /// Why, where that was said.
    pub reason: Option<String>,
}

/// The version in force at an instant, or why there is none.
pub type InForce = Result<SubscriptionRow, NoneInForce>;

/// A version in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionListed {
    /// The version.
    pub row: SubscriptionRow,
    /// The first later one from the same instant on, which stands in its place.
    pub superseded_by: Option<u32>,
}

/// A tenant and its subscription at one instant.
#[derive(Clone, Debug)]
pub struct SubscriptionView {
    /// The tenant.
    pub tenant: TenantRow,
    /// The version in force.
    pub current: InForce,
    /// The highest version, in force or not.
    pub newest: Option<u32>,
    /// Cameras assigned by name, over all devices.
    pub cameras_named: u64,
}

/// A tenant and everything that was ever recorded of its subscription, as a plan sees them.
#[derive(Clone, Debug)]
pub struct TimelineView {
    /// The tenant.
    pub tenant: TenantRow,
    /// Every version, the oldest first.
    pub versions: Vec<SubscriptionRow>,
    /// Cameras assigned by name, over all devices.
    pub cameras_named: u64,
}

/// Versions to add.
#[derive(Clone, Debug)]
pub struct NewVersions {
    /// The rows, numbered on from the highest; the first is what somebody asked for.
    pub rows: Vec<SubscriptionRow>,
    /// What the audit says.
    pub note: AuditNote,
}
