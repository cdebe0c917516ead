//! From what was sold to what is rated: a subscription over time, cameras with their packs and devices become a tariff, a timeline
//! and grants. Pure; called where periods are closed.
//!
//! What is rated: cameras as they are subscribed; packs of cameras by the cameras that have them and are named; packs of the
//! tenant, and items, as they are subscribed; devices from activation until they are retired. While the terms are those of a
//! trial, its cameras and devices are not sold; cameras that are subscribed after it began are free as the trial's own until it
//! ends (R11).

mod prices;

use super::error::InvoiceError;
use crate::billing::{Change, Event, Grant, Period, Rate, Takes, Tariff, Timeline};
use crate::calendar::{local_day, local_midnight};
use crate::catalog::{Catalog, PRICE_CAMERA, Scope, Versions};
use crate::quotas;
use crate::storage::{CameraEvent, DeviceLife, SubscriptionRow, TenantRow, Terms, Tier, TrialWindow};
use crate::timeline::{self, Segment};
use brink_license::{CameraId, DeviceId, Slug, UnixSeconds};
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;

/// What was sold to a tenant, and what it did with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sold<'s> {
    pub(super) tenant: &'s TenantRow,
    /// Every version of the subscription, the oldest first.
    pub(super) versions: &'s [SubscriptionRow],
    pub(super) devices: &'s [DeviceLife],
    /// By moment.
    pub(super) cameras: &'s [CameraEvent],
}

/// What a period is rated by.
#[derive(Debug)]
pub(super) struct Contract {
    pub(super) tariff: Tariff,
    pub(super) timeline: Timeline,
    pub(super) grants: Vec<Grant>,
    /// Of which days are billed: those from the first of the subscription on.
    pub(super) period: Period,
    /// What is included of each meter, on average of the days that are billed.
    pub(super) included: BTreeMap<Slug, crate::billing::Exact>,
    /// SHA-256 of the text of the catalogue below the tariff.
    pub(super) catalog: [u8; 32],
    /// Prices that the catalogue has in its own currency alone, and their meters.
    pub(super) unpriced: Vec<(Slug, Slug)>,
}

/// What is in force for a stretch of time, a trial cut off at its end.
struct Stretch<'s> {
    from: UnixSeconds,
    terms: Option<&'s Terms>,
}

impl Stretch<'_> {
    fn is_trial(&self) -> bool {
        self.terms.is_some_and(|terms| terms.trial.is_some())
    }
}

/// The last of them that has begun; they stand in the order of their instants.
fn in_force<'a, 's>(stretches: &'a [Stretch<'s>], at: UnixSeconds) -> Option<&'a Stretch<'s>> {
    stretches[..stretches.partition_point(|stretch| stretch.from <= at)].last()
}

/// The day on which the subscription begins.
pub(super) fn begins(sold: Sold<'_>) -> Option<NaiveDate> {
    let first = timeline::Timeline::new(sold.versions).segments().first().map(|segment| segment.from);
    first.map(|at| local_day(at, sold.tenant.zone))
}

/// What a period is rated by; `None` before the subscription begins.
pub(super) fn contract(
    sold: Sold<'_>,
    catalogs: &Versions,
    period: &Period,
) -> Result<Option<Contract>, InvoiceError> {
    let segments = timeline::Timeline::new(sold.versions).segments();
    let Some(begins) = begins(sold).filter(|begins| *begins < period.to) else { return Ok(None) };
    let period = period.only(begins..period.to);
    let first = local_midnight(period.billed().start, period.zone).max(segments[0].from);
    let pinned = segments.iter().rfind(|segment| segment.from <= first).unwrap_or(&segments[0]);
    let version = pinned.terms.catalog_version;
    let missing = || InvoiceError::Catalogue { tenant: sold.tenant.id.clone(), version };
    let catalog = catalogs.pinned(version).ok_or_else(missing)?;
    let stretches = stretches(&segments);
    let mut making = Making {
        catalog,
        tariff: Tariff::of(catalog, sold.tenant.currency),
        others: segments.iter().filter_map(|s| catalogs.pinned(s.terms.catalog_version)).collect(),
        changes: Vec::new(),
        rates: BTreeMap::new(),
        was_priced: BTreeSet::new(),
    };
    making.sell(&stretches);
    making.pack_cameras(&stretches, (sold.cameras, sold.devices));
    making.run_devices(&stretches, sold.devices);
    let timeline = Timeline::new(&making.changes)
        .map_err(|error| InvoiceError::Timeline { tenant: sold.tenant.id.clone(), error })?;
    let grants = segments.iter().find_map(|segment| {
        let of_trial = catalogs.pinned(segment.terms.catalog_version).unwrap_or(catalog);
        grant(of_trial, segment.terms.trial?, &period)
    });
    let included = included(catalog, &segments, &period);
    let tariff = making.tariff;
    let unpriced = catalog.prices().filter(|(name, _)| tariff.charge(name).is_none());
    let unpriced = unpriced.filter_map(|(name, price)| Some((name.clone(), price.meter.clone()?))).collect();
    let catalog = catalog.digest;
    Ok(Some(Contract {
        catalog,
        tariff,
        timeline,
        grants: grants.into_iter().collect(),
        period,
        included,
        unpriced,
    }))
}

/// The trial's cameras are free from its first day until its end, exclusive (R11).
fn grant(catalog: &Catalog, trial: TrialWindow, period: &Period) -> Option<Grant> {
    Some(Grant {
        price: PRICE_CAMERA.parse().ok()?,
        quantity: catalog.trial.cameras,
        from: local_day(trial.started_at, period.zone),
        until: local_day(trial.ends_at, period.zone),
    })
}

fn stretches<'s>(segments: &[Segment<'s>]) -> Vec<Stretch<'s>> {
    let mut found = Vec::new();
    for segment in segments {
        found.push(Stretch { from: segment.from, terms: Some(segment.terms) });
        let ends = segment.terms.trial.map(|trial| trial.ends_at);
        let is_within = |ends: &UnixSeconds| segment.until.is_none_or(|until| *ends < until);
        found
            .extend(ends.filter(is_within).map(|from| Stretch { from: from.max(segment.from), terms: None }));
    }
    found
}

/// What the terms of each billed day include, on average: of the terms of a day those that include most.
fn included(
    catalog: &Catalog,
    segments: &[Segment<'_>],
    period: &Period,
) -> BTreeMap<Slug, crate::billing::Exact> {
    let of_segment: Vec<_> =
        segments.iter().map(|segment| quotas::included(catalog, segment.terms)).collect();
    let mut sums: BTreeMap<Slug, u128> = BTreeMap::new();
    for day in period.days().iter().filter(|day| period.bills(day.date)) {
        let is_there = |segment: &Segment<'_>| {
            segment.from < day.ends && segment.until.is_none_or(|until| day.starts < until)
        };
        let mut most: BTreeMap<&Slug, u64> = BTreeMap::new();
        for (_, terms) in segments.iter().zip(&of_segment).filter(|(segment, _)| is_there(segment)) {
            for (meter, (units, _)) in terms {
                let of_day = most.entry(meter).or_default();
                *of_day = (*of_day).max(*units);
            }
        }
        for (meter, units) in most {
            *sums.entry(meter.clone()).or_default() += u128::from(units);
        }
    }
    let days = NonZeroU64::new(period.billed_days()).unwrap_or(NonZeroU64::MIN);
    let average = |sum: u128| {
        let all = crate::billing::Exact::whole(i128::try_from(sum).unwrap_or(i128::MAX)).over(days);
        // Of a whole period nothing is rounded up by whoever rates it; a part of a unit is the customer's.
        if days == period.length() { all.ceiled() } else { all }
    };
    sums.into_iter().map(|(meter, sum)| (meter, average(sum))).collect()
}

struct Making<'c> {
    catalog: &'c Catalog,
    /// Those under which the subscription was set at any time: what the period's own does not have yet is theirs.
    others: Vec<&'c Catalog>,
    tariff: Tariff,
    changes: Vec<Change>,
    /// What was agreed last of each price, and from when on that applies.
    rates: BTreeMap<Slug, (Rate, Takes)>,
    /// Of which prices something was ever agreed.
    was_priced: BTreeSet<Slug>,
}

impl<'c> Making<'c> {
    /// Cameras, packs of the tenant and items, and what all of them cost.
    fn sell(&mut self, stretches: &[Stretch<'_>]) {
        let mut there: BTreeMap<Slug, i64> = BTreeMap::new();
        let mut packs: BTreeSet<Slug> = BTreeSet::new();
        for (index, stretch) in stretches.iter().enumerate() {
            let mut next = self.quantities(stretch);
            if let Some(terms) = stretch.terms {
                let comes = |price: &&Slug| !there.contains_key(*price) && !packs.contains(*price);
                let new: BTreeSet<Slug> =
                    next.keys().chain(terms.packs.keys()).filter(comes).cloned().collect();
                new.iter().for_each(|price| self.state_missing(price));
                self.price(stretch.from, terms, &|price| index == 0 || new.contains(price));
                for price in
                    new.iter().filter(|price| self.was_priced.contains(*price)).cloned().collect::<Vec<_>>()
                {
                    self.price_at_once(stretch.from, &price);
                }
            }
            packs = stretch.terms.map_or_else(BTreeSet::new, |terms| terms.packs.keys().cloned().collect());
            next.retain(|price, _| self.has_price(price));
            for price in there.keys().chain(next.keys()).cloned().collect::<BTreeSet<_>>() {
                let of = |all: &BTreeMap<Slug, i64>| all.get(&price).copied().unwrap_or(0);
                let delta = of(&next) - of(&there);
                if delta != 0 {
                    self.changes.push(Change { at: stretch.from, event: Event::Quantity { price, delta } });
                }
            }
            there = next;
        }
    }

    /// A pack, in whichever catalogue it was sold.
    fn pack(&self, slug: &Slug) -> Option<&'c crate::catalog::Pack> {
        let others = || self.others.iter().find_map(|catalog| catalog.by_slug(slug));
        self.catalog.by_slug(slug).or_else(others)
    }

    /// Whether something costs anything: here, or in the catalogue's currency alone. The latter is rated as well, and refused
    /// there until a price is agreed.
    fn has_price(&self, price: &Slug) -> bool {
        let stated = |catalog: &&Catalog| catalog.price(price.as_str()).is_some();
        self.tariff.charge(price).is_some() || self.others.iter().chain([&self.catalog]).any(stated)
    }

    /// How much of each price is subscribed.
    fn quantities(&self, stretch: &Stretch<'_>) -> BTreeMap<Slug, i64> {
        let mut found = BTreeMap::new();
        let Some(terms) = stretch.terms else { return found };
        if let (Ok(price), false) = (PRICE_CAMERA.parse::<Slug>(), stretch.is_trial()) {
            found.insert(price, i64::from(terms.cameras));
        }
        found.retain(|_, cameras| *cameras > 0);
        let of_tenant = |pack: &&Slug| self.pack(pack).is_some_and(|pack| pack.scope == Scope::Tenant);
        found.extend(terms.packs.keys().filter(of_tenant).map(|pack| (pack.clone(), 1)));
        found.extend(terms.items.iter().map(|(item, count)| (item.clone(), i64::from(*count))));
        found
    }

    /// Packs of cameras: each camera that has one is a thing of that price, for as long as the pack is subscribed.
    /// What sits on a device that came from another customer is here from when on the device is.
    fn pack_cameras(
        &mut self,
        stretches: &[Stretch<'_>],
        (events, devices): (&[CameraEvent], &[DeviceLife]),
    ) {
        let came: BTreeMap<&DeviceId, UnixSeconds> =
            devices.iter().filter_map(|device| Some((&device.device, device.billed_from?))).collect();
        let mut by_camera: BTreeMap<&CameraId, Vec<&CameraEvent>> = BTreeMap::new();
        for event in events {
            by_camera.entry(&event.camera).or_default().push(event);
        }
        for (camera, events) in by_camera {
            let mut moments: BTreeSet<UnixSeconds> = events.iter().map(|event| event.at).collect();
            moments.extend(stretches.iter().map(|stretch| stretch.from));
            let on = events.iter().filter_map(|event| event.device.as_ref());
            moments.extend(on.filter_map(|device| came.get(device)).copied());
            let mut there: BTreeSet<Slug> = BTreeSet::new();
            for at in moments {
                let next = self.packs_of(at, stretches, (&events, &came));
                for pack in there.symmetric_difference(&next).cloned().collect::<Vec<_>>() {
                    let resource = format!("{camera}:{pack}").into();
                    let price = next.contains(&pack).then_some(pack);
                    self.changes.push(Change { at, event: Event::Resource { resource, price } });
                }
                there = next;
            }
        }
    }

    /// Packs with a price that a camera has at an instant and that are subscribed then.
    fn packs_of(
        &self,
        at: UnixSeconds,
        stretches: &[Stretch<'_>],
        (events, came): (&[&CameraEvent], &BTreeMap<&DeviceId, UnixSeconds>),
    ) -> BTreeSet<Slug> {
        let terms = in_force(stretches, at).and_then(|stretch| stretch.terms);
        let event = events[..events.partition_point(|event| event.at <= at)].last();
        let (Some(terms), Some(event)) = (terms, event) else { return BTreeSet::new() };
        let is_sold = |pack: &&Slug| {
            terms.packs.contains_key(*pack)
                && self.pack(pack).is_some_and(|pack| pack.scope == Scope::Camera)
                && self.has_price(pack)
        };
        let is_here = event.device.as_ref().is_some_and(|on| came.get(on).is_none_or(|from| *from <= at));
        event.packs.iter().filter(is_sold).filter(|_| is_here).cloned().collect()
    }

    /// Devices, for as long as they are in service and the terms are not those of a trial.
    fn run_devices(&mut self, stretches: &[Stretch<'_>], devices: &[DeviceLife]) {
        for device in devices {
            let name = match device.tier {
                Tier::Basic => "device_basic",
                Tier::Managed => "device_managed",
            };
            let Ok(price) = name.parse::<Slug>() else { continue };
            if !self.has_price(&price) {
                continue;
            }
            let mut moments: BTreeSet<UnixSeconds> = stretches.iter().map(|stretch| stretch.from).collect();
            let begins = device.billed_from.map_or(device.activated_at, |from| from.max(device.activated_at));
            moments.extend([Some(begins), device.retired_at].into_iter().flatten());
            let mut is_there = false;
            for at in moments {
                let is_sold = in_force(stretches, at)
                    .is_some_and(|stretch| stretch.terms.is_some() && !stretch.is_trial());
                let in_service = begins <= at && device.retired_at.is_none_or(|end| at < end);
                let next = is_sold && in_service;
                if next != is_there {
                    let event = Event::Resource {
                        resource: device.device.as_str().into(),
                        price: next.then(|| price.clone()),
                    };
                    self.changes.push(Change { at, event });
                }
                is_there = next;
            }
        }
    }
}
