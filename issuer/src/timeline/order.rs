//! What a person asks to change, and what it changes.

use super::{Delta, QuantityDelta, TimelineError};
use crate::catalog::Catalog;
use crate::price::Price;
use crate::sold::{self, SoldError};
use crate::storage::{Agreed, Terms, TimelineView};
use crate::subscription::{self, SubscriptionError};
use brink_license::Slug;
use brink_license::token::Enforce;
use std::collections::{BTreeMap, BTreeSet};

/// What is to be changed, as a person says it.
#[derive(Clone, Debug, Default)]
pub struct ChangeOrder {
    /// How many cameras.
    pub cameras: Option<QuantityDelta>,
    /// Packs to add by slug or display name, or whose prices to change.
    pub packs: Vec<(String, Option<Price>)>,
    /// Packs to remove.
    pub remove_packs: Vec<String>,
    /// How many of other catalogue prices.
    pub items: Vec<(String, QuantityDelta)>,
    /// Prices that the contract says; `None` where the catalogue is to say them again.
    pub prices: Vec<(String, Option<Agreed>)>,
    /// What hosts do with "no".
    pub enforce: Option<Enforce>,
    /// Life of a token.
    pub days: Option<u32>,
    /// Flagged work after it.
    pub grace_days: Option<u32>,
    /// Longest time without a receipt.
    pub offline_max_days: Option<u32>,
}

/// What an order changes.
pub(super) fn delta(
    catalog: &Catalog,
    view: &TimelineView,
    order: &ChangeOrder,
) -> Result<Delta, TimelineError> {
    subscription::check_spans((order.days, order.grace_days, order.offline_max_days))?;
    let packs = subscription::packs(catalog, &order.packs, view.tenant.currency)?;
    let mut remove_packs = BTreeSet::new();
    for name in &order.remove_packs {
        // One that a later catalogue lacks can be removed all the same.
        let slug = match catalog.pack(name) {
            Ok(pack) => pack.slug.clone(),
            Err(error) => name.parse::<Slug>().map_err(|_| SubscriptionError::Pack(error))?,
        };
        if packs.contains_key(&slug) {
            return Err(TimelineError::PackBoth(slug));
        }
        if let Some(twice) = remove_packs.replace(slug) {
            return Err(SubscriptionError::PackTwice(twice).into());
        }
    }
    let (items, prices) = (items(catalog, view, order)?, prices(catalog, view, order)?);
    let &ChangeOrder { cameras, enforce, days, grace_days, offline_max_days, .. } = order;
    let delta =
        Delta { cameras, packs, remove_packs, items, prices, enforce, days, grace_days, offline_max_days };
    if delta == Delta::default() { Err(TimelineError::NothingToChange) } else { Ok(delta) }
}

fn items(
    catalog: &Catalog,
    view: &TimelineView,
    order: &ChangeOrder,
) -> Result<BTreeMap<Slug, QuantityDelta>, SubscriptionError> {
    let mut items = BTreeMap::new();
    for (name, delta) in &order.items {
        // Fewer can be had of one that a later catalogue lacks.
        let had = (!delta.is_for_more()).then(|| had(view, name, |terms| &terms.items)).flatten();
        let slug = had.map_or_else(|| sold::item(catalog, name), Ok)?;
        if items.insert(slug.clone(), *delta).is_some() {
            return Err(SoldError::ItemTwice(slug).into());
        }
    }
    Ok(items)
}

fn prices(
    catalog: &Catalog,
    view: &TimelineView,
    order: &ChangeOrder,
) -> Result<BTreeMap<Slug, Option<Agreed>>, SubscriptionError> {
    let mut prices = BTreeMap::new();
    for (name, agreed) in &order.prices {
        let slug = match agreed {
            Some(agreed) => sold::agreed(catalog, (name, agreed), view.tenant.currency)?,
            // What was agreed of one that a later catalogue lacks can be taken back.
            None => had(view, name, |terms| &terms.prices).map_or_else(|| sold::price(catalog, name), Ok)?,
        };
        if prices.insert(slug.clone(), agreed.clone()).is_some() {
            return Err(SoldError::PriceTwice(slug).into());
        }
    }
    Ok(prices)
}

/// What any version has of this name.
fn had<V>(view: &TimelineView, name: &str, of: fn(&Terms) -> &BTreeMap<Slug, V>) -> Option<Slug> {
    let slug: Slug = name.parse().ok()?;
    view.versions.iter().any(|row| of(&row.terms).contains_key(&slug)).then_some(slug)
}
