//! What any camera of the device may use, and what its quota comes to.

use super::View;
use crate::meters;
use brink_license::token::LicenceClaims;
use brink_license::usage::Quantity;
use brink_license::{Slug, UnixSeconds};
use brink_store::QuotaUse;
use std::collections::{BTreeMap, BTreeSet};

/// No quota.
pub(crate) const UNLIMITED: i64 = -1;

/// One feature of any pack of the licence.
#[derive(Debug)]
pub(crate) struct Feature<'v> {
    /// For example `analytics`.
    pub(crate) category: &'v str,
    /// For example `near_miss`.
    pub(crate) name: &'v str,
    /// Packs that have it.
    pub(crate) packs: Vec<&'v Slug>,
    /// Cameras that may use it now.
    pub(crate) cameras: usize,
    /// From when on nobody may any more; `None` where nobody may now.
    pub(crate) until: Option<UnixSeconds>,
    /// The quota of the meter that counts its use, where the licence has one.
    pub(crate) quota: Option<&'v QuotaUse>,
}

/// Who may use which packs, until when.
struct Holders {
    packs: Vec<Slug>,
    until: UnixSeconds,
    cameras: usize,
}

/// Grants that are not over, and the device itself.
fn holders(view: &View, claims: &LicenceClaims) -> Vec<Holders> {
    let (now, closes) = (view.standing().now, view.standing().window.closes_at());
    let mut by_packs = BTreeMap::<(Vec<Slug>, UnixSeconds), usize>::new();
    let grants = view.grants();
    for granted in (0..grants.len()).filter_map(|place| grants.camera(place)) {
        let until = granted.until.map_or(closes, |until| until.min(closes));
        *by_packs.entry((granted.packs.to_vec(), until)).or_default() += 1;
    }
    // A seat that is free entitles a camera all the same.
    for grant in claims.grants.iter().filter(|grant| grant.seats.unnamed() > 0) {
        let until = grant.until.map_or(closes, |until| until.min(closes));
        by_packs.entry((grant.packs.clone(), until)).or_default();
    }
    by_packs.entry((claims.device.packs.clone(), closes)).or_default();
    let running = by_packs.into_iter().filter(|((_, until), _)| now < *until);
    running.map(|((packs, until), cameras)| Holders { packs, until, cameras }).collect()
}

/// Every feature of every pack of the licence, by name; none without one.
pub(crate) fn features<'v>(view: &'v View, quotas: &'v [QuotaUse]) -> Vec<Feature<'v>> {
    let Some(claims) = view.claims() else { return Vec::new() };
    let holders = if view.is_valid() { holders(view, claims) } else { Vec::new() };
    let mut packs_of = BTreeMap::<&str, BTreeSet<&Slug>>::new();
    for (pack, features) in &claims.packs {
        for feature in features.iter() {
            packs_of.entry(feature).or_default().insert(pack);
        }
    }
    let each = packs_of.into_iter().map(|(feature, packs)| {
        let having = holders.iter().filter(|holder| holder.packs.iter().any(|pack| packs.contains(pack)));
        let until = having.clone().map(|holder| holder.until).max();
        let cameras = having.map(|holder| holder.cameras).sum();
        let meter = meters::of_feature(feature);
        let quota = quotas.iter().find(|quota| Some(quota.meter.as_str()) == meter);
        let (category, name) = feature.split_once('/').unwrap_or(("", feature));
        Feature { category, name, packs: packs.into_iter().collect(), cameras, until, quota }
    });
    each.collect()
}

/// Whole units, rounded down.
pub(crate) fn whole(quantity: Quantity) -> i64 {
    quantity.to_parts().and_then(|(units, _)| i64::try_from(units).ok()).unwrap_or(i64::MAX)
}
