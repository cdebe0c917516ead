//! What a change changes.

use super::TimelineError;
use crate::price::Price;
use crate::sold;
use crate::storage::{Agreed, Terms};
use crate::subscription::{CAMERAS_MAX, SubscriptionError};
use brink_license::Slug;
use brink_license::token::Enforce;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a change changes; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delta {
    /// How many cameras may run at once.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cameras: Option<QuantityDelta>,
    /// Packs that are there from then on, with their agreed prices.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub packs: BTreeMap<Slug, Option<Price>>,
    /// Packs that are not.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub remove_packs: BTreeSet<Slug>,
    /// How many of other catalogue prices.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub items: BTreeMap<Slug, QuantityDelta>,
    /// Prices that the contract says from then on; `None` where the catalogue says them again.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub prices: BTreeMap<Slug, Option<Agreed>>,
    /// What hosts do with "no".
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "enforce")]
    pub enforce: Option<Enforce>,
    /// Life of a token.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub days: Option<u32>,
    /// Flagged work after it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub grace_days: Option<u32>,
    /// Longest time without a receipt.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub offline_max_days: Option<u32>,
}

/// How the number of cameras changes, or that of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QuantityDelta {
    /// To so many.
    To(u32),
    /// By so many, more or fewer.
    By(i32),
}

fn enforce<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Enforce>, D::Error> {
    let found = crate::storage::enforce_of(&String::deserialize(deserializer)?);
    found.map(Some).ok_or_else(|| serde::de::Error::custom("no such enforcement"))
}

impl Delta {
    /// As it is kept.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::json!(self).to_string()
    }

    /// From how it is kept.
    pub fn from_text(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The terms with it; a trial has at most `trial_cameras`.
    pub(super) fn applied(&self, to: &Terms, trial_cameras: u32) -> Result<Terms, TimelineError> {
        let mut terms = to.clone();
        if let Some(cameras) = self.cameras {
            terms.cameras = cameras.applied(to.cameras, None)?;
            if terms.cameras > CAMERAS_MAX {
                return Err(SubscriptionError::CamerasMax(terms.cameras).into());
            }
            if to.trial.is_some() && terms.cameras > trial_cameras {
                let (asked, max) = (terms.cameras, trial_cameras);
                return Err(SubscriptionError::TrialCameras { asked, max }.into());
            }
        }
        for pack in &self.remove_packs {
            terms.packs.remove(pack).ok_or_else(|| TimelineError::NotSubscribed(pack.clone()))?;
        }
        terms.packs.extend(self.packs.clone());
        self.sell(&mut terms)?;
        terms.enforce = self.enforce.unwrap_or(to.enforce);
        terms.days = self.days.unwrap_or(to.days);
        terms.grace_days = self.grace_days.unwrap_or(to.grace_days);
        terms.offline_max_days = self.offline_max_days.unwrap_or(to.offline_max_days);
        Ok(terms)
    }

    /// Items and prices, and whether all of the terms go together.
    fn sell(&self, terms: &mut Terms) -> Result<(), TimelineError> {
        for (item, delta) in &self.items {
            let there = terms.items.remove(item).unwrap_or(0);
            let count = delta.applied(there, Some(item))?;
            if sold::bounded(item, count).map_err(SubscriptionError::Sold)? > 0 {
                terms.items.insert(item.clone(), count);
            }
        }
        for (name, agreed) in &self.prices {
            let was = terms.prices.remove(name);
            match agreed {
                Some(agreed) => drop(terms.prices.insert(name.clone(), agreed.clone())),
                None if was.is_none() => return Err(TimelineError::NotAgreed(name.clone())),
                None => {}
            }
        }
        Ok(sold::check_whole(terms).map_err(SubscriptionError::Sold)?)
    }
}

impl QuantityDelta {
    /// How many there are with it of so many; `None` is cameras.
    fn applied(self, there: u32, item: Option<&Slug>) -> Result<u32, TimelineError> {
        match self {
            Self::To(to) => Ok(to),
            // What is beyond all numbers is beyond every bound.
            Self::By(by @ 0..) => Ok(there.saturating_add_signed(by)),
            Self::By(by) => there.checked_add_signed(by).ok_or_else(|| TimelineError::BelowZero {
                item: item.cloned(),
                there,
                fewer: by.unsigned_abs(),
            }),
        }
    }

    /// Whether there have to be some with it.
    pub(super) const fn is_for_more(self) -> bool {
        match self {
            Self::To(to) => to > 0,
            Self::By(by) => by > 0,
        }
    }
}

impl std::str::FromStr for QuantityDelta {
    type Err = String;

    /// `12`, `+3`, `-3`.
    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("{text:?} is no number; write 12 for so many, +3 or -3 for more or fewer");
        let is_signed = text.starts_with(['+', '-']);
        if !text.trim_start_matches(['+', '-']).bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refused());
        }
        match is_signed {
            true => text.parse().map(Self::By).map_err(|_| refused()),
            false => text.parse().map(Self::To).map_err(|_| refused()),
        }
    }
}
