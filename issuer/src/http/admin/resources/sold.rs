//! What tenants have bought beside cameras and packs, as it comes and goes in bodies.

use crate::http::admin::failure::Failure;
use crate::http::admin::input::{signed_or_none, whole, whole_or_none};
use crate::price::Price;
use crate::storage::{Agreed, Terms};
use crate::timeline::QuantityDelta;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU64;
use utoipa::ToSchema;

/// How many of a catalogue price that is neither a camera's, nor a pack's, nor a device's, nor a meter's.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct Item {
    /// The name of the price.
    #[schema(min_length = 1, max_length = 128, example = "analyst_seat")]
    item: String,
    /// So many.
    #[serde(deserialize_with = "whole")]
    #[schema(minimum = 0, maximum = 1_000_000)]
    quantity: u32,
}

/// An item of which there are to be so many, or so many more or fewer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct ItemChange {
    /// The name of the price.
    #[schema(min_length = 1, max_length = 128, example = "analyst_seat")]
    item: String,
    /// So many.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(minimum = 0, maximum = 1_000_000)]
    quantity: Option<u32>,
    /// So many more than there are then, or fewer, in place of `quantity`.
    #[serde(default, deserialize_with = "signed_or_none")]
    #[schema(minimum = -1_000_000, maximum = 1_000_000)]
    by: Option<i32>,
}

/// A price that the contract says in place of the catalogue's.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct ContractPrice {
    /// The name of the price.
    #[schema(min_length = 1, max_length = 128, example = "base_camera")]
    price: String,
    /// An exact decimal in the tenant's currency, as text.
    #[schema(max_length = 32, example = "55.00")]
    amount: String,
    /// Units that the amount pays for; as many as the catalogue says unless said otherwise.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    per: Option<u32>,
    /// It applies from the local day on that it takes effect on, and not from the next period on.
    #[serde(default)]
    at_once: bool,
}

pub(super) fn items_of(terms: &Terms) -> Vec<Item> {
    terms.items.iter().map(|(item, quantity)| Item { item: item.to_string(), quantity: *quantity }).collect()
}

pub(super) fn prices_of(terms: &Terms) -> Vec<ContractPrice> {
    let price = |(name, agreed): (&brink_license::Slug, &Agreed)| ContractPrice {
        price: name.to_string(),
        amount: agreed.amount.to_string(),
        // Its bound is below this one's.
        per: agreed.per.map(|per| u32::try_from(per.get()).unwrap_or(u32::MAX)),
        at_once: agreed.at_once,
    };
    terms.prices.iter().map(price).collect()
}

pub(super) fn items(items: Vec<Item>) -> Vec<(String, u32)> {
    items.into_iter().map(|Item { item, quantity }| (item, quantity)).collect()
}

pub(super) fn item_changes(changes: Vec<ItemChange>) -> Result<Vec<(String, QuantityDelta)>, Failure> {
    let change = |ItemChange { item, quantity, by }: ItemChange| match (quantity, by) {
        (Some(to), None) => Ok((item, QuantityDelta::To(to))),
        (None, Some(by)) => Ok((item, QuantityDelta::By(by))),
        (Some(_), Some(_)) | (None, None) => {
            let detail = "give quantity or by of each item, and not both";
            Err(Failure::invalid("ITEM_QUANTITY", detail))
        }
    };
    changes.into_iter().map(change).collect()
}

pub(super) fn prices(prices: Vec<ContractPrice>) -> Result<Vec<(String, Agreed)>, Failure> {
    let price = |ContractPrice { price, amount, per, at_once }: ContractPrice| {
        let amount = amount.parse::<Price>();
        let amount = amount.map_err(|error| Failure::invalid("PRICE", format!("amount: {error}")))?;
        let none = || Failure::invalid("OUT_OF_BOUNDS", "an amount pays for one unit at least");
        let per = per.map(|per| NonZeroU64::new(per.into()).ok_or_else(none)).transpose()?;
        Ok((price, Agreed { amount, per, at_once }))
    };
    prices.into_iter().map(price).collect()
}
