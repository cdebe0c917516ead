//! What is sold beside cameras and packs: pure rules for items, which are counted, and for prices that a contract says.

use crate::catalog::{
    Catalog, PACK_BASE, PACK_INTELLIGENCE, PACK_TRIAL, PRICE_CAMERA, PRICE_SEAT, PRICES_OF_TIERS,
};
use crate::currency::Currency;
use crate::storage::{Agreed, Terms};
use crate::subscription::{SubscriptionError, check_digits};
use brink_license::Slug;
use std::collections::BTreeMap;
use std::num::NonZeroU64;

/// Of one item: as many as a tenant has cameras at most.
pub const ITEM_MAX: u32 = 1_000_000;
/// Units that one amount pays for: no price list has larger packages.
pub const PER_MAX: u64 = 1_000_000_000;
/// Characters of a name that a refusal says back.
const SHOWN_CHARS_MAX: usize = 64;

/// Why something is not sold so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SoldError {
    /// Not in the catalogue.
    #[error("the catalogue has no price {name:?}")]
    Unknown {
        /// As it was written.
        name: String,
        /// Those that would do.
        known: String,
    },
    /// Sold, but not by the piece.
    #[error("{name} is no item: {}", .why.said())]
    NoItem {
        /// The price.
        name: Slug,
        /// What it is.
        why: NoItem,
    },
    /// One item, two numbers.
    #[error("item {0} is given twice")]
    ItemTwice(Slug),
    /// More than anybody has.
    #[error("{asked} of item {item} are above the bound of {ITEM_MAX}")]
    ItemMax {
        /// The item.
        item: Slug,
        /// As asked.
        asked: u32,
    },
    /// Seats beyond those of a pack that is not there.
    #[error(
        "{0} of {PRICE_SEAT} are seats beyond those of pack {PACK_INTELLIGENCE}, which is not in the subscription"
    )]
    SeatsWithoutPack(u32),
    /// One price, said twice.
    #[error("price {0} is given twice")]
    PriceTwice(Slug),
    /// A pack whose price is the contract's anyway.
    #[error("the price of pack {0} is agreed with the pack itself")]
    PriceOfPack(Slug),
    /// A pack with an agreed price, and another one.
    #[error("pack {0} has an agreed price of its own, and a contract price beside it")]
    PricedTwice(Slug),
    /// Usage that carries its cost.
    #[error("{0} is passed on at its cost and has no price")]
    PassedOn(Slug),
    /// A package beyond any.
    #[error("{per} units for one amount of {name} are above the bound of {PER_MAX}")]
    PerMax {
        /// The price.
        name: Slug,
        /// As asked.
        per: u64,
    },
}

/// What a price is of that is no item's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoItem {
    /// Each camera.
    Camera,
    /// A pack.
    Pack,
    /// A pack that nobody orders.
    Implied,
    /// Each device of a tier.
    Tier,
    /// What devices use.
    Meter,
}

impl NoItem {
    const fn said(self) -> &'static str {
        match self {
            Self::Camera => "it is the price of each camera",
            Self::Pack => "it is a pack",
            Self::Implied => "it is a pack that is implied",
            Self::Tier => "devices count from their activation until they are retired",
            Self::Meter => "it is the price of what devices use",
        }
    }
}

impl SoldError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "UNKNOWN_PRICE",
            Self::NoItem { .. } => "NO_ITEM",
            Self::ItemTwice(_) => "ITEM_TWICE",
            Self::ItemMax { .. } | Self::PerMax { .. } => "OUT_OF_BOUNDS",
            Self::SeatsWithoutPack(_) => "SEATS_WITHOUT_PACK",
            Self::PriceTwice(_) | Self::PricedTwice(_) => "PRICE_TWICE",
            Self::PriceOfPack(_) => "PRICE_OF_PACK",
            Self::PassedOn(_) => "PASSED_ON",
        }
    }

    /// What helps.
    #[must_use]
    pub fn mend(&self) -> String {
        match self {
            Self::Unknown { known, .. } => format!("name one of {known}"),
            Self::NoItem { why: NoItem::Camera, .. } => "say how many with --cameras N".into(),
            Self::NoItem { why: NoItem::Pack, name } => format!("add it with --pack {name}"),
            Self::NoItem { why: NoItem::Implied, .. } => "leave it out".into(),
            Self::NoItem { why: NoItem::Tier, .. } => {
                "leave it out; `device code --tier` says which tier a device has".into()
            }
            Self::NoItem { why: NoItem::Meter, name } => {
                format!("leave it out; --price {name}=AMOUNT agrees on another price")
            }
            Self::ItemTwice(_) | Self::PriceTwice(_) => "give it once".into(),
            Self::ItemMax { .. } => "divide them among several tenants".into(),
            Self::SeatsWithoutPack(_) => {
                format!("add --pack {PACK_INTELLIGENCE}, or take the seats off with --item {PRICE_SEAT}=0")
            }
            Self::PriceOfPack(pack) => format!("give it with the pack, --pack {pack}=49.00"),
            Self::PricedTwice(pack) => {
                format!("leave one out: --pack {pack} alone, or no --price {pack}")
            }
            Self::PassedOn(_) => "leave it out".into(),
            Self::PerMax { .. } => "agree on an amount for fewer".into(),
        }
    }
}

/// The item that a name means.
pub fn item(catalog: &Catalog, name: &str) -> Result<Slug, SoldError> {
    if let Ok(pack) = catalog.pack(name) {
        let is_implied = [PACK_BASE, PACK_TRIAL].contains(&pack.slug.as_str());
        let why = if is_implied { NoItem::Implied } else { NoItem::Pack };
        return Err(SoldError::NoItem { name: pack.slug.clone(), why });
    }
    let is_item =
        |name: &Slug, is_metered| catalog.by_slug(name).is_none() && no_item(name, is_metered).is_none();
    let items = || catalog.prices().filter(|(name, price)| is_item(name, price.meter.is_some()));
    let Some((slug, price)) = catalog.price_named(name) else {
        return Err(unknown(name, items().map(|(name, _)| name)));
    };
    match no_item(slug, price.meter.is_some()) {
        Some(why) => Err(SoldError::NoItem { name: slug.clone(), why }),
        None => Ok(slug.clone()),
    }
}

/// What a price is of that is no pack's.
fn no_item(name: &Slug, is_metered: bool) -> Option<NoItem> {
    match name.as_str() {
        PRICE_CAMERA => Some(NoItem::Camera),
        tier if PRICES_OF_TIERS.contains(&tier) => Some(NoItem::Tier),
        _ => is_metered.then_some(NoItem::Meter),
    }
}

fn unknown<'s>(name: &str, known: impl Iterator<Item = &'s Slug>) -> SoldError {
    let known = known.map(Slug::as_str).collect::<Vec<_>>().join(", ");
    SoldError::Unknown { name: name.chars().take(SHOWN_CHARS_MAX).collect(), known }
}

/// Items as they are kept: none of them is zero.
pub(crate) fn items(catalog: &Catalog, asked: &[(String, u32)]) -> Result<BTreeMap<Slug, u32>, SoldError> {
    let mut items = BTreeMap::new();
    for (name, asked) in asked {
        let slug = item(catalog, name)?;
        if items.insert(slug.clone(), bounded(&slug, *asked)?).is_some() {
            return Err(SoldError::ItemTwice(slug));
        }
    }
    items.retain(|_, count| *count > 0);
    Ok(items)
}

/// So many of an item, unless they are too many.
pub(crate) fn bounded(item: &Slug, asked: u32) -> Result<u32, SoldError> {
    if asked > ITEM_MAX { Err(SoldError::ItemMax { item: item.clone(), asked }) } else { Ok(asked) }
}

/// The price that a name means, of those that a contract can say.
pub(crate) fn price(catalog: &Catalog, name: &str) -> Result<Slug, SoldError> {
    if let Ok(pack) = catalog.pack(name)
        && pack.is_priced_by_contract()
    {
        return Err(SoldError::PriceOfPack(pack.slug.clone()));
    }
    match catalog.price_named(name) {
        Some((slug, price)) if price.amount.is_none() => Err(SoldError::PassedOn(slug.clone())),
        Some((slug, _)) => Ok(slug.clone()),
        None => {
            let agreeable = catalog.prices().filter(|(_, price)| price.amount.is_some());
            Err(unknown(name, agreeable.map(|(name, _)| name)))
        }
    }
}

/// A contract's price of `name`. Money for one of something ends where the currency does, as a pack's price; what pays for
/// many, or for what devices use, is a rate and may be finer.
pub(crate) fn agreed(
    catalog: &Catalog,
    (name, agreed): (&str, &Agreed),
    currency: Currency,
) -> Result<Slug, SubscriptionError> {
    let slug = price(catalog, name)?;
    if let Some(per) = agreed.per.map(NonZeroU64::get).filter(|per| *per > PER_MAX) {
        return Err(SoldError::PerMax { name: slug, per }.into());
    }
    let listed = catalog.price(slug.as_str());
    let per = agreed.per.map(NonZeroU64::get).or(listed.map(|price| price.per));
    if per == Some(1) && listed.is_none_or(|price| price.meter.is_none()) {
        check_digits(&slug, &agreed.amount, currency)?;
    }
    Ok(slug)
}

/// The contract's prices as they are kept.
pub(crate) fn prices(
    catalog: &Catalog,
    asked: &[(String, Agreed)],
    currency: Currency,
) -> Result<BTreeMap<Slug, Agreed>, SubscriptionError> {
    let mut prices = BTreeMap::new();
    for (name, price) in asked {
        let slug = agreed(catalog, (name, price), currency)?;
        if prices.insert(slug.clone(), price.clone()).is_some() {
            return Err(SoldError::PriceTwice(slug).into());
        }
    }
    Ok(prices)
}

/// What only all of the terms together can contradict.
pub(crate) fn check_whole(terms: &Terms) -> Result<(), SoldError> {
    let count = |name: &str| terms.items.iter().find(|(item, _)| item.as_str() == name).map(|(_, n)| *n);
    let has_pack = |name: &str| terms.packs.keys().any(|pack| pack.as_str() == name);
    if let Some(seats) = count(PRICE_SEAT).filter(|_| !has_pack(PACK_INTELLIGENCE)) {
        return Err(SoldError::SeatsWithoutPack(seats));
    }
    let twice = terms.packs.iter().find(|(pack, price)| price.is_some() && terms.prices.contains_key(*pack));
    twice.map_or(Ok(()), |(pack, _)| Err(SoldError::PricedTwice(pack.clone())))
}
