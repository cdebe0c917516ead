//! What the contract says of prices, over the catalogue's. Called where what was sold becomes what is rated.

use super::Making;
use crate::billing::tariff::{charge_of, charge_with};
use crate::billing::{Change, Event, Rate, Takes};
use crate::catalog::Catalog;
use crate::storage::Terms;
use brink_license::{Slug, UnixSeconds};
use std::collections::BTreeMap;
use std::num::NonZeroU64;

impl Making<'_> {
    /// The price of something that a later catalogue has and the period's own has not: it was sold by that one.
    pub(super) fn state_missing(&mut self, price: &Slug) {
        if self.tariff.charge(price).is_some() || self.catalog.price(price.as_str()).is_some() {
            return;
        }
        let of = |catalog: &&Catalog| catalog.currency == self.tariff.currency;
        let charge = self.others.iter().copied().filter(of).find_map(|c| charge_of(c.price(price.as_str())?));
        if let Some(charge) = charge.filter(|charge| charge.meter().is_none()) {
            self.tariff.state(price.clone(), charge);
        }
    }

    /// What the contract says of prices from an instant on, and of which it says nothing any more. What is new is priced at once,
    /// what was there from the next period on unless the contract says otherwise (R16).
    pub(super) fn price(&mut self, at: UnixSeconds, terms: &Terms, is_new: &dyn Fn(&Slug) -> bool) {
        let mut agreed: BTreeMap<Slug, (Rate, bool)> = BTreeMap::new();
        for (pack, price) in &terms.packs {
            if let Some(amount) = price.clone() {
                agreed.insert(pack.clone(), (Rate { amount, per: NonZeroU64::MIN }, false));
            }
        }
        for (price, stated) in &terms.prices {
            let of_catalogue = || NonZeroU64::new(self.catalog.price(price.as_str())?.per);
            let per = stated.per.or_else(of_catalogue).unwrap_or(NonZeroU64::MIN);
            agreed.insert(price.clone(), (Rate { amount: stated.amount.clone(), per }, stated.at_once));
        }
        let takes = |price: &Slug, at_once: bool| {
            if at_once || is_new(price) { Takes::AtOnce } else { Takes::NextPeriod }
        };
        for (price, (rate, at_once)) in &agreed {
            self.agree(at, price, rate, takes(price, *at_once));
        }
        let gone: Vec<Slug> =
            self.rates.keys().filter(|price| !agreed.contains_key(*price)).cloned().collect();
        for price in gone {
            self.agree_on_catalogue(at, &price, takes(&price, false));
        }
    }

    pub(super) fn agree(&mut self, at: UnixSeconds, price: &Slug, rate: &Rate, takes: Takes) {
        let is_known = self.rates.get(price).is_some_and(|(known, since)| {
            known == rate && (*since == Takes::AtOnce || takes == Takes::NextPeriod)
        });
        if is_known {
            return;
        }
        if self.tariff.charge(price).is_none() {
            let stated = self.catalog.price(price.as_str()).and_then(charge_of);
            self.tariff.state(price.clone(), charge_with(stated.as_ref(), rate.clone()));
        }
        self.rates.insert(price.clone(), (rate.clone(), takes));
        self.reprice(at, price, rate.clone(), takes);
    }

    pub(super) fn agree_on_catalogue(&mut self, at: UnixSeconds, price: &Slug, takes: Takes) {
        if self.rates.remove(price).is_none() {
            return;
        }
        if let Some(rate) = self.stated_rate(price) {
            self.reprice(at, price, rate, takes);
        }
    }

    /// What comes has the price of then, whatever was agreed for the next period before it was there.
    pub(super) fn price_at_once(&mut self, at: UnixSeconds, price: &Slug) {
        let agreed = self.rates.get(price).map(|(rate, _)| rate.clone());
        let Some(rate) = agreed.clone().or_else(|| self.stated_rate(price)) else { return };
        if let Some(rate) = agreed {
            self.rates.insert(price.clone(), (rate, Takes::AtOnce));
        }
        self.reprice(at, price, rate, Takes::AtOnce);
    }

    /// The catalogue's, in the tenant's currency.
    pub(super) fn stated_rate(&self, price: &Slug) -> Option<Rate> {
        if self.catalog.currency != self.tariff.currency {
            return None;
        }
        charge_of(self.catalog.price(price.as_str())?)?.rate().cloned()
    }

    /// One price has one change at one instant.
    pub(super) fn reprice(&mut self, at: UnixSeconds, price: &Slug, rate: Rate, takes: Takes) {
        self.was_priced.insert(price.clone());
        let is_same = |change: &Change| {
            change.at == at && matches!(&change.event, Event::Price { price: other, .. } if other == price)
        };
        self.changes.retain(|change| !is_same(change));
        self.changes.push(Change { at, event: Event::Price { price: price.clone(), rate, takes } });
    }
}
