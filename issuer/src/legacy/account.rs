//! A tenant as the old console shows it: its licence, its subscription, its packs and its usage.

use super::licence::{Answered, Mode, Standing, standing};
use super::{Client, LegacyError};
use crate::amount::Amount;
use crate::calendar::{local_day, local_midnight, month_start, months_later};
use crate::catalog::{PRICE_CAMERA, PackKind, Scope};
use crate::reports::period::QUARTER_SECONDS;
use crate::storage::{Seat, SubscriptionRow, SubscriptionView, Terms};
use brink_license::{CameraId, Slug, UnixSeconds};
use chrono::Months;
use std::collections::BTreeMap;

/// What is known of a tenant at a moment.
pub(crate) struct Account {
    /// Now.
    pub(crate) now: UnixSeconds,
    /// The tenant and what it has bought.
    pub(crate) view: SubscriptionView,
    /// What counts of that, if anything does, whether it may run or not.
    pub(crate) row: Option<SubscriptionRow>,
    /// What it runs as.
    pub(crate) mode: Mode,
    /// Why it may not run cameras.
    pub(crate) refused: Option<Answered>,
    /// Its cameras, by name.
    pub(crate) cameras: Vec<(CameraId, Seat, UnixSeconds)>,
    /// How many of them came before each.
    ranks: Vec<u64>,
}

impl Account {
    /// What was bought.
    pub(crate) fn terms(&self) -> Option<&Terms> {
        self.row.as_ref().map(|row| &row.terms)
    }

    /// Until when: the end of a trial, or as long as a licence that is minted now.
    pub(crate) fn valid_until(&self) -> UnixSeconds {
        let Some(terms) = self.terms() else { return self.now };
        let ends = self.now.saturating_add(i64::from(terms.days) * 86_400);
        terms.trial.map_or(ends, |trial| trial.ends_at)
    }

    /// Whole days until then that are not over; none where it is over.
    pub(crate) fn days_remaining(&self) -> Option<i64> {
        let trial = self.terms()?.trial?;
        Some(trial.ends_at.since(self.now).max(0).saturating_add(86_399) / 86_400)
    }

    /// The beginning of the same day a month before.
    pub(crate) fn month_before(&self, at: UnixSeconds) -> UnixSeconds {
        let zone = self.view.tenant.zone;
        let day = local_day(at, zone).checked_sub_months(Months::new(1));
        day.map_or(at, |day| local_midnight(day, zone))
    }

    /// Midnight at the beginning of the next month of the tenant.
    pub(crate) fn next_month(&self) -> UnixSeconds {
        let zone = self.view.tenant.zone;
        months_later(month_start(self.now, zone), 1, zone)
    }
}

/// How many cameras came before each: those that came last are over the limit.
pub(super) fn ranks(cameras: &[(CameraId, Seat, UnixSeconds)]) -> Vec<u64> {
    let mut places: Vec<usize> = (0..cameras.len()).collect();
    places.sort_by_key(|place| cameras.get(*place).map(|(camera, _, at)| (*at, camera)));
    let mut ranks = vec![0; cameras.len()];
    for (rank, place) in (0_u64..).zip(places) {
        if let Some(own) = ranks.get_mut(place) {
            *own = rank;
        }
    }
    ranks
}

/// A price for people to look at; what is owed is never added up of these.
pub(crate) fn shown(price: &str) -> f64 {
    price.parse().unwrap_or_default()
}

impl Client<'_> {
    /// Everything that the old console shows. Looking changes nothing.
    pub(crate) fn account(&self) -> Result<Account, LegacyError> {
        let (now, storage) = (self.now(), &self.issuer.storage);
        let policy = storage.legacy_policy(self.tenant)?;
        let view = storage.tenant(self.tenant, now)?;
        let row = view.current.as_ref().ok().cloned();
        let (mode, refused) = match standing(&view, policy, now) {
            Standing::In(row) if row.terms.trial.is_some() => (Mode::Trial, None),
            Standing::In(_) => (Mode::Base, None),
            Standing::Out(why) => (Mode::Unlicensed, Some(why)),
        };
        let cameras = storage.seated(self.tenant)?;
        let ranks = ranks(&cameras);
        Ok(Account { now, view, row, mode, refused, cameras, ranks })
    }

    /// The packs of one of its cameras, and whether it may run.
    pub(crate) fn camera(&self, account: &Account, place: usize) -> (bool, Vec<Slug>) {
        let Some(((_, seat, _), row)) = account.cameras.get(place).zip(account.row.as_ref()) else {
            return (false, Vec::new());
        };
        let fits = account.ranks.get(place).is_some_and(|rank| *rank < u64::from(row.terms.cameras));
        (account.refused.is_none() && seat.is_in_service() && fits, self.packs_of(row, seat))
    }

    /// What a price comes to for this tenant: as agreed, or as the catalogue says.
    pub(crate) fn price(&self, terms: Option<&Terms>, slug: &str) -> Option<f64> {
        let agreed = terms.and_then(|terms| {
            let of_pack = terms.packs.iter().find(|(pack, _)| pack.as_str() == slug);
            let of_pack = of_pack.and_then(|(_, price)| price.as_ref()).map(|price| shown(price.as_str()));
            let of_contract = terms.prices.iter().find(|(price, _)| price.as_str() == slug);
            of_contract.map(|(_, agreed)| shown(agreed.amount.as_str())).or(of_pack)
        });
        let listed = || {
            let price = self.issuer.catalog.price(slug)?;
            Some(shown(price.amount.as_ref()?.as_str()))
        };
        agreed.or_else(listed)
    }

    /// What a camera costs a month.
    pub(crate) fn camera_price(&self, terms: Option<&Terms>) -> f64 {
        self.price(terms, PRICE_CAMERA).unwrap_or_default()
    }

    /// Every pack that can be bought, with its category as the old console calls it and its features.
    pub(crate) fn packs(&self) -> Vec<SoldPack> {
        let sold = self.issuer.catalog.packs().filter_map(|pack| {
            let category = match pack.kind {
                PackKind::Base | PackKind::Trial => return None,
                PackKind::AdvancedAnalytics => "analytics",
                PackKind::Intelligence => "intelligence",
                PackKind::Integration => "integration",
                PackKind::Industry => "industry",
                PackKind::Data => "data",
            };
            Some(SoldPack {
                slug: pack.slug.clone(),
                name: pack.name.clone(),
                category,
                is_of_cameras: pack.scope == Scope::Camera,
                features: pack.features.iter().map(ToString::to_string).collect(),
            })
        });
        sold.collect()
    }

    /// What was used of each meter between two moments, by the catalogue's names.
    pub(crate) fn used_between(
        &self,
        (from, to): (UnixSeconds, UnixSeconds),
    ) -> Result<BTreeMap<Slug, Amount>, LegacyError> {
        let quarter = |at: UnixSeconds| at.as_i64().div_euclid(QUARTER_SECONDS);
        let used = self.issuer.storage.used_in(self.tenant, quarter(from)..quarter(to))?;
        let mut by_meter: BTreeMap<Slug, Amount> = BTreeMap::new();
        for (name, amount) in used {
            let entry = by_meter.entry(self.issuer.catalog.meters.meant(&name).clone()).or_default();
            *entry = entry.saturating_plus(amount);
        }
        Ok(by_meter)
    }
}

/// A pack that can be bought.
pub(crate) struct SoldPack {
    /// Its identity.
    pub(crate) slug: Slug,
    /// For people.
    pub(crate) name: String,
    /// As the old console sorts it.
    pub(crate) category: &'static str,
    /// It is priced by the camera.
    pub(crate) is_of_cameras: bool,
    /// What it lets cameras do.
    pub(crate) features: Vec<String>,
}
