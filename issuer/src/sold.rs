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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::DEFAULT;
    use crate::subscription;
    use crate::testkit::order;
    use brink_license::UnixSeconds;

    fn price(amount: &str, per: Option<u64>) -> Agreed {
        Agreed { amount: amount.parse().unwrap(), per: per.and_then(NonZeroU64::new), at_once: false }
    }

    fn sold(
        packs: &[&str],
        items: &[(&str, u32)],
        prices: &[(&str, Agreed)],
    ) -> Result<Terms, SubscriptionError> {
        let tenant = crate::testkit::customer(chrono_tz::Tz::UTC, "JPY");
        let mut order = order(Some(1), packs);
        order.items = items.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        order.prices = prices.iter().map(|(name, price)| ((*name).to_owned(), price.clone())).collect();
        let catalog = Catalog::embedded().unwrap();
        subscription::terms(&catalog, &tenant, &order, (UnixSeconds::new(0), None))
    }

    #[test]
    fn every_price_of_the_catalogue_is_sold_in_one_way() {
        let catalog = Catalog::embedded().unwrap();
        let items = ["analyst_seat", "cloud_export", "vms_connector", "vms_connector_setup"];
        for (name, _) in catalog.prices() {
            assert_eq!(item(&catalog, name.as_str()).is_ok(), items.contains(&name.as_str()), "{name}");
        }
        let all = items.map(|name| (name, 3));
        let terms = sold(&["intelligence"], &all, &[]).unwrap();
        assert_eq!(terms.items.keys().map(Slug::as_str).collect::<Vec<_>>(), items);
        let one = sold(&[], &[("Cloud Export", 1), ("vms-connector", 0), ("analyst_seat", 0)], &[]).unwrap();
        assert_eq!(one.items, BTreeMap::from([("cloud_export".parse().unwrap(), 1)]), "none is zero");
    }

    #[test]
    fn what_is_no_item_says_what_it_is_and_how_it_is_sold() {
        for (items, code, word, mend) in [
            ([("base_camera", 1)].as_slice(), "NO_ITEM", "each camera", "--cameras N"),
            (&[("advanced_analytics", 1)], "NO_ITEM", "pack", "--pack advanced_analytics"),
            (&[("retail", 1)], "NO_ITEM", "pack", "--pack retail"),
            (&[("base", 1)], "NO_ITEM", "implied", "leave it out"),
            (&[("device_managed", 1)], "NO_ITEM", "activation", "device code --tier"),
            (&[("api_call_overage", 1)], "NO_ITEM", "use", "--price api_call_overage"),
            (&[("sms", 1)], "NO_ITEM", "use", "leave it out"),
            (&[("tea", 1)], "UNKNOWN_PRICE", "\"tea\"", "analyst_seat, cloud_export, vms_connector, "),
            (&[("cloud_export", 1), ("Cloud Export", 0)], "ITEM_TWICE", "cloud_export", "once"),
            (&[("cloud_export", 1_000_001)], "OUT_OF_BOUNDS", "1000000", "tenants"),
            (&[("analyst_seat", 2)], "SEATS_WITHOUT_PACK", "intelligence", "--pack intelligence"),
        ] {
            let error = sold(&[], items, &[]).unwrap_err();
            let said = (error.to_string(), error.mend());
            assert_eq!(crate::codes::of_subscription(&error), code, "{said:?}");
            assert!(said.0.contains(word) && said.1.contains(mend), "{said:?}");
            assert!(!said.0.contains("--") && !error.is_of_state(), "{said:?}");
        }
        let intelligent = sold(&[], &[("intelligence", 1)], &[]).unwrap_err().mend();
        assert_eq!(intelligent, "add it with --pack intelligence");
        let known = sold(&[], &[("tea", 1)], &[]).unwrap_err().mend();
        assert!(!known.contains("base_camera") && !known.contains("intelligence"), "{known}");
    }

    #[test]
    fn a_contract_says_any_price_that_has_an_amount_and_what_it_may_not_say_has_its_mend() {
        let one = price("55", None);
        let some = ["base_camera", "advanced_analytics", "device_basic", "analyst_seat", "api_call_overage"];
        let terms = sold(&["advanced_analytics"], &[], &some.map(|name| (name, one.clone()))).unwrap();
        assert_eq!(terms.prices.len(), some.len());
        let beyond = price("1", Some(1_000_000_001));
        for (prices, code, mend) in [
            ([("retail", one.clone())].as_slice(), "PRICE_OF_PACK", "--pack retail=49.00"),
            (&[("sms", one.clone())], "PASSED_ON", "leave it out"),
            (&[("integration", one.clone())], "UNKNOWN_PRICE", "base_camera"),
            (&[("tea", one.clone())], "UNKNOWN_PRICE", "base_camera"),
            (&[("base_camera", one.clone()), ("Base Camera", one.clone())], "PRICE_TWICE", "once"),
            (&[("intelligence", one.clone())], "PRICE_TWICE", "--pack intelligence alone"),
            (&[("base_camera", beyond)], "OUT_OF_BOUNDS", "fewer"),
        ] {
            let error = sold(&["intelligence=350"], &[], prices).unwrap_err();
            let said = (error.to_string(), error.mend());
            assert_eq!(crate::codes::of_subscription(&error), code, "{said:?}");
            assert!(said.1.contains(mend) && !said.0.contains("--") && !error.is_of_state(), "{said:?}");
        }
    }

    #[test]
    fn money_for_one_of_something_ends_where_the_currency_does_and_a_rate_may_be_finer() {
        for (name, agreed, good) in [
            ("base_camera", price("4900", None), true),
            ("base_camera", price("4900.0", None), false),
            ("base_camera", price("4900.0", Some(1)), false),
            ("base_camera", price("4900.055", Some(1000)), true),
            ("cloud_export", price("0.5", None), false),
            ("api_call_overage", price("0.0375", None), true),
            ("api_call_overage", price("0.0000375", Some(1)), true),
        ] {
            let set = sold(&[], &[], &[(name, agreed.clone())]);
            assert_eq!(set.is_ok(), good, "{name} {agreed:?}");
            let Err(error) = set else { continue };
            assert_eq!(crate::codes::of_subscription(&error), "PRICE_DIGITS");
            let said = error.to_string();
            assert!(said.contains(name) && said.contains(agreed.amount.as_str()), "{said}");
        }
    }

    #[test]
    fn prices_that_a_catalogue_adds_are_items_unless_they_rate_usage() {
        let added = "[trial]";
        let more = "onboarding = { amount = \"9\", unit = \"tenant\", every = \"once\" }\nllm = { amount = \"9\", unit = \"token\", meter = \"llm_token\" }\n[trial]";
        let catalog = Catalog::parse(&DEFAULT.replacen(added, more, 1)).unwrap();
        assert_eq!(item(&catalog, "onboarding").unwrap().as_str(), "onboarding");
        assert!(matches!(item(&catalog, "llm"), Err(SoldError::NoItem { why: NoItem::Meter, .. })));
    }
}
