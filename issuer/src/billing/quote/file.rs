//! A quote as it stands in JSON. Unknown members are refused: what is misspelt must not become what was left out.

use crate::catalog::{Every, Overage};
use crate::objects::{Object, object, objects};
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QuoteFile {
    pub(super) timezone: Option<String>,
    pub(super) currency: Option<String>,
    #[serde(deserialize_with = "object")]
    pub(super) period: PeriodFile,
    pub(super) anchor: Option<String>,
    pub(super) start: Option<String>,
    #[serde(default, deserialize_with = "unique")]
    pub(super) prices: BTreeMap<String, PriceFile>,
    #[serde(default, deserialize_with = "objects")]
    pub(super) changes: Vec<ChangeFile>,
    #[serde(default, deserialize_with = "objects")]
    pub(super) trials: Vec<TrialFile>,
    #[serde(default, deserialize_with = "objects")]
    pub(super) usage: Vec<UsageFile>,
    #[serde(default, deserialize_with = "objects")]
    pub(super) discounts: Vec<DiscountFile>,
    #[serde(default, deserialize_with = "objects")]
    pub(super) tax: Vec<TaxFile>,
    pub(super) wallet: Option<Decimal>,
    #[serde(default, deserialize_with = "objects")]
    pub(super) billed: Vec<BilledFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PeriodFile {
    pub(super) from: String,
    pub(super) to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PriceFile {
    pub(super) amount: Option<Decimal>,
    pub(super) per: Option<u64>,
    pub(super) every: Option<Every>,
    pub(super) meter: Option<String>,
    pub(super) overage: Option<Overage>,
    pub(super) pass_through: Option<bool>,
}

/// One of three: `price` and `delta`; `price` and `amount`, with `per` or without; `resource` and `price`, which may be null.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeFile {
    pub(super) at: String,
    #[serde(default, deserialize_with = "present")]
    pub(super) price: Option<Option<String>>,
    pub(super) delta: Option<i64>,
    pub(super) amount: Option<Decimal>,
    pub(super) per: Option<u64>,
    pub(super) resource: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrialFile {
    pub(super) price: String,
    pub(super) quantity: u32,
    pub(super) start: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UsageFile {
    pub(super) meter: String,
    pub(super) quantity: Decimal,
    pub(super) included: Option<Decimal>,
    pub(super) cost: Option<Decimal>,
    pub(super) date: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DiscountFile {
    pub(super) name: String,
    pub(super) percent: Option<Decimal>,
    pub(super) amount: Option<Decimal>,
    pub(super) on: OnFile,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TaxFile {
    pub(super) rate: Decimal,
    pub(super) reason: Option<String>,
    pub(super) on: OnFile,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BilledFile {
    pub(super) price: String,
    pub(super) net: Decimal,
}

/// `"all"`, or a list of prices.
pub(super) enum OnFile {
    All,
    Prices(Vec<String>),
}

/// A decimal in quotes, or a whole number: every other number would be a binary fraction on its way.
#[derive(Clone, Serialize)]
pub(super) struct Decimal(pub(super) String);

struct DecimalVisitor;

impl Visitor<'_> for DecimalVisitor {
    type Value = Decimal;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal in quotes, such as \"49.00\"")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Decimal, E> {
        Ok(Decimal(text.to_owned()))
    }
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Decimal, E> {
        Ok(Decimal(number.to_string()))
    }
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Decimal, E> {
        Ok(Decimal(number.to_string()))
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DecimalVisitor)
    }
}

struct OnVisitor;

impl<'de> Visitor<'de> for OnVisitor {
    type Value = OnFile;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"all\" or a list of prices")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<OnFile, E> {
        if text == "all" { Ok(OnFile::All) } else { Err(E::invalid_value(de::Unexpected::Str(text), &self)) }
    }
    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<OnFile, A::Error> {
        let mut prices = Vec::new();
        while let Some(price) = list.next_element()? {
            prices.push(price);
        }
        Ok(OnFile::Prices(prices))
    }
}

impl<'de> Deserialize<'de> for OnFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OnVisitor)
    }
}

/// A null that is written is told apart from what is absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = BTreeMap<String, PriceFile>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("prices by name")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = BTreeMap::new();
        while let Some((name, Object(price))) = map.next_entry::<String, Object<PriceFile>>()? {
            if found.insert(name.clone(), price).is_some() {
                return Err(de::Error::custom(format_args!("the price {name:?} stands here twice")));
            }
        }
        Ok(found)
    }
}

fn unique<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, PriceFile>, D::Error> {
    deserializer.deserialize_map(UniqueVisitor)
}
