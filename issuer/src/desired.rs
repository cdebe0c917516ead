//! The licence that a device should have: a pure function of tenant, subscription, assignments and catalogue.
//!
//! A [`Draft`] is everything that a token says but its number and dates, so that two drafts can be compared: while
//! the digest stays the same there is nothing new to mint.

use crate::calendar::{offsets, rfc3339};
use crate::catalog::{Catalog, PACK_BASE, PACK_TRIAL, Pack, Scope};
use crate::seats::{self, Claim, QUOTA_PARTS, Split};
use crate::secret::sha256;
use crate::storage::{CameraRow, DeviceStatus, DeviceView, SubscriptionRow, Terms};
use crate::timeline::NoneInForce;
use brink_license::token::{
    AUDIENCE_EDGE, CLAIMS_VERSION, Confirmation, DeviceGrant, Enforce, Grant, LicenceClaims, Mode, Period,
    Quota, Seats, Swap,
};
use brink_license::{
    CameraId, DeviceId, Feature, IdList, IssuerName, Kid, Slug, TenantId, TokenId, UnixSeconds,
};
use std::collections::{BTreeMap, BTreeSet};

/// Seconds between exchanges: usage and changes are never more than five minutes behind while a device is online.
pub const REFRESH_SECONDS: u64 = 300;
/// Boottime seconds that a bundle works without presence: a week to repair a machine, too short to run a copy.
pub const UNATTESTED_SECONDS: u64 = 7 * DAY;
/// Unnamed seats that may move between exchanges: a tenth, so that a broken camera can be replaced on site at once,
/// but at least one, and at most ten, so that a site cannot take turns on a few licences.
pub const SWAP: Swap = Swap { percent: 10, min: 1, max: 10 };

const DAY: u64 = 86_400;

/// Why there is no licence to mint for a device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unmintable {
    /// Nothing is subscribed.
    #[error("{}; {}", .0, .0.mend())]
    NoneInForce(NoneInForce),
    /// The trial is over.
    #[error(
        "the trial of tenant {tenant} ended at {ended}; subscribe with `subscription set --tenant {tenant} --cameras N`"
    )]
    TrialOver {
        /// The tenant.
        tenant: TenantId,
        /// When.
        ended: String,
    },
    /// The subscription names a pack that the catalogue does not have.
    #[error(
        "the subscription of tenant {tenant} has pack {pack}, which the catalogue lacks; take it out with \
         `subscription change --tenant {tenant} --remove-pack {pack}`"
    )]
    PackGone {
        /// The tenant.
        tenant: TenantId,
        /// The pack.
        pack: String,
    },
    /// An industry or data pack without its price.
    #[error(
        "pack {pack} of tenant {tenant} has no agreed price; agree on one with \
         `subscription change --tenant {tenant} --pack {pack}=49.00`"
    )]
    PriceMissing {
        /// The tenant.
        tenant: TenantId,
        /// The pack.
        pack: Slug,
    },
    /// Out of service.
    #[error("device {0} is retired; `device list` shows what took its place")]
    Retired(DeviceId),
    /// No key to bind a licence to.
    #[error("device {0} is not activated")]
    NotActivated(DeviceId),
}

/// A token without its number and dates.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Draft {
    /// The issuer.
    pub issuer: IssuerName,
    /// The licence id.
    pub licence_id: TokenId,
    /// The customer.
    pub tenant: TenantId,
    /// The device.
    pub device: DeviceId,
    /// Its key; `None` before activation.
    pub jkt: Option<Kid>,
    /// Its epoch.
    pub epoch: u32,
    /// The commercial mode.
    pub mode: Mode,
    /// What hosts do with "no".
    pub enforce: Enforce,
    /// Life of a token in seconds.
    pub life_seconds: u64,
    /// The end of the trial, which no token outlives.
    pub ends_by: Option<UnixSeconds>,
    /// Flagged work after the token.
    pub grace_seconds: u64,
    /// Longest time without a receipt.
    pub offline_max_seconds: u64,
    /// The tenant's zone by name; a token carries its offsets.
    pub zone: &'static str,
    /// Packs resolved to features.
    pub packs: BTreeMap<Slug, IdList<Feature>>,
    /// Cameras and unnamed seats.
    pub grants: Vec<Grant>,
    /// Packs of the whole device.
    pub device_packs: Vec<Slug>,
    /// Prepaid usage.
    pub quotas: Vec<Quota>,
    /// The device's millionths of the tenant's quotas.
    pub quota_ppm: u64,
    /// The catalogue version.
    pub catalog: u64,
    /// The least keyset version that verifies the token.
    pub ks: u64,
}

/// What a device should have, and what it is kept from.
#[derive(Clone, Debug)]
pub struct Desired {
    /// The token to be.
    pub draft: Draft,
    /// How many seats, and how many too few.
    pub seats: Split,
    /// Cameras without a seat, last come first out.
    pub withheld: Vec<CameraId>,
    /// Packs that cameras are assigned but that the subscription no longer has.
    pub packs_withheld: Vec<Slug>,
}

/// Where a licence is minted: what it needs beside the tenant's own rows.
#[derive(Clone, Copy, Debug)]
pub struct Mint<'a> {
    /// The issuer.
    pub issuer: &'a IssuerName,
    /// The catalogue in force.
    pub catalog: &'a Catalog,
    /// The keyset version in force.
    pub keyset_version: u64,
    /// Now.
    pub now: UnixSeconds,
}

/// The licence that the device should have now.
pub fn desired(mint: &Mint<'_>, view: &DeviceView) -> Result<Desired, Unmintable> {
    let tenant = &view.tenant.id;
    if view.device.status == DeviceStatus::Retired {
        return Err(Unmintable::Retired(view.device.id.clone()));
    }
    let subscription = view.subscription.as_ref().map_err(|none| Unmintable::NoneInForce(none.clone()))?;
    if let Some(trial) = subscription.terms.trial.filter(|trial| trial.ends_at <= mint.now) {
        return Err(Unmintable::TrialOver { tenant: tenant.clone(), ended: rfc3339(trial.ends_at) });
    }
    let subscribed = subscribed_packs(mint.catalog, tenant, subscription)?;
    let implied = implied_pack(mint.catalog, tenant, subscription)?;
    let seats = seats::split(&claim(view, subscription));
    let (seated, withheld) = view.cameras.split_at(seated_count(seats, view));
    let camera_packs: BTreeSet<&Slug> =
        subscribed.iter().filter(|pack| pack.scope == Scope::Camera).map(|pack| &pack.slug).collect();
    let grants = grants(seated, seats.any, &implied.slug, &camera_packs);
    let device_packs: Vec<Slug> =
        subscribed.iter().filter(|pack| pack.scope == Scope::Tenant).map(|pack| pack.slug.clone()).collect();
    let quota_ppm = seats::quota_parts(view.elsewhere.quota_ppm, view.elsewhere.sharers, view.elsewhere.rank);
    let resolved = resolve(&grants, &device_packs, subscribed.iter().copied().chain([implied]));
    let draft = Draft {
        issuer: mint.issuer.clone(),
        licence_id: view.device.licence_id.clone(),
        tenant: tenant.clone(),
        device: view.device.id.clone(),
        jkt: view.device.key.as_ref().map(brink_license::PublicKey::kid),
        epoch: view.device.epoch,
        mode: if subscription.terms.trial.is_some() { Mode::Trial } else { Mode::Base },
        enforce: subscription.terms.enforce,
        life_seconds: u64::from(subscription.terms.days) * DAY,
        ends_by: subscription.terms.trial.map(|trial| trial.ends_at),
        grace_seconds: u64::from(subscription.terms.grace_days) * DAY,
        offline_max_seconds: u64::from(subscription.terms.offline_max_days) * DAY,
        zone: view.tenant.zone.name(),
        packs: resolved,
        grants,
        device_packs,
        quotas: quotas(mint.catalog, &subscription.terms, quota_ppm),
        quota_ppm,
        catalog: mint.catalog.version,
        ks: mint.keyset_version,
    };
    let withheld = withheld.iter().map(|row| row.camera.clone()).collect();
    Ok(Desired { draft, seats, withheld, packs_withheld: packs_withheld(view, &camera_packs) })
}

fn claim(view: &DeviceView, subscription: &SubscriptionRow) -> Claim {
    Claim {
        subscribed: u64::from(subscription.terms.cameras),
        named: view.cameras.len() as u64,
        named_elsewhere: view.elsewhere.named,
        reserved_elsewhere: view.elsewhere.reserved,
        sharers: view.elsewhere.sharers,
        rank: view.elsewhere.rank,
    }
}

fn seated_count(seats: Split, view: &DeviceView) -> usize {
    usize::try_from(seats.named).unwrap_or(usize::MAX).min(view.cameras.len())
}

fn implied_pack<'c>(
    catalog: &'c Catalog,
    tenant: &TenantId,
    subscription: &SubscriptionRow,
) -> Result<&'c Pack, Unmintable> {
    let name = if subscription.terms.trial.is_some() { PACK_TRIAL } else { PACK_BASE };
    catalog.pack(name).map_err(|_| Unmintable::PackGone { tenant: tenant.clone(), pack: name.to_owned() })
}

fn subscribed_packs<'c>(
    catalog: &'c Catalog,
    tenant: &TenantId,
    subscription: &SubscriptionRow,
) -> Result<Vec<&'c Pack>, Unmintable> {
    let mut packs = Vec::with_capacity(subscription.terms.packs.len());
    for (slug, price) in &subscription.terms.packs {
        let (tenant, pack) = (tenant.clone(), slug.clone());
        match catalog.by_slug(slug) {
            None => return Err(Unmintable::PackGone { tenant, pack: pack.to_string() }),
            Some(found) if found.is_priced_by_contract() && price.is_none() => {
                return Err(Unmintable::PriceMissing { tenant, pack });
            }
            Some(found) => packs.push(found),
        }
    }
    Ok(packs)
}

/// Cameras with the same packs share a grant; unnamed seats have the implied pack.
fn grants(seated: &[CameraRow], any: u64, implied: &Slug, subscribed: &BTreeSet<&Slug>) -> Vec<Grant> {
    let mut by_packs: BTreeMap<Vec<Slug>, Vec<CameraId>> = BTreeMap::new();
    for row in seated {
        let own = row.packs.iter().filter(|pack| subscribed.contains(pack)).cloned();
        let packs = std::iter::once(implied.clone()).chain(own).collect();
        by_packs.entry(packs).or_default().push(row.camera.clone());
    }
    let mut grants: Vec<Grant> = Vec::with_capacity(by_packs.len() + 1);
    for (packs, mut cameras) in by_packs {
        cameras.sort_unstable();
        grants.push(Grant { seats: Seats::Cameras(cameras.into_iter().collect()), packs, until: None });
    }
    if any > 0 {
        let any = u32::try_from(any).unwrap_or(u32::MAX);
        grants.push(Grant { seats: Seats::Any(any), packs: vec![implied.clone()], until: None });
    }
    grants
}

/// The features of exactly the packs that are granted.
fn resolve<'c>(
    grants: &[Grant],
    device_packs: &[Slug],
    known: impl Iterator<Item = &'c Pack>,
) -> BTreeMap<Slug, IdList<Feature>> {
    let granted: BTreeSet<&Slug> = grants.iter().flat_map(|grant| &grant.packs).chain(device_packs).collect();
    known
        .filter(|pack| granted.contains(&pack.slug))
        .map(|pack| (pack.slug.clone(), pack.features.iter().collect::<IdList<Feature>>()))
        .collect()
}

fn packs_withheld(view: &DeviceView, subscribed: &BTreeSet<&Slug>) -> Vec<Slug> {
    let assigned: BTreeSet<&Slug> = view.cameras.iter().flat_map(|row| &row.packs).collect();
    assigned.into_iter().filter(|pack| !subscribed.contains(pack)).cloned().collect()
}

/// The device's share of the tenant's monthly quotas. Shares are handed out like seats, and so never sum above the
/// whole: a device that comes later gets its part when the others have reported a licence with less. Limits are
/// rounded down.
fn quotas(catalog: &Catalog, terms: &Terms, parts: u64) -> Vec<Quota> {
    let share = |whole: u64| {
        u64::try_from(u128::from(whole) * u128::from(parts) / u128::from(QUOTA_PARTS)).unwrap_or(0)
    };
    let quota = |(meter, (whole, over))| Quota { meter, limit: share(whole), period: Period::Month, over };
    crate::quotas::included(catalog, terms).into_iter().map(quota).collect()
}

impl Draft {
    /// What is compared to tell whether a token says anything new.
    pub fn content_sha256(&self) -> Result<[u8; 32], serde_json::Error> {
        Ok(sha256(&serde_json::to_vec(self)?))
    }

    /// When a token minted now ends.
    #[must_use]
    pub fn exp(&self, now: UnixSeconds) -> UnixSeconds {
        let exp = now.saturating_add(i64::try_from(self.life_seconds).unwrap_or(i64::MAX));
        self.ends_by.map_or(exp, |end| exp.min(end))
    }

    /// The claims of a token minted now.
    pub fn claims(&self, jti: TokenId, seq: u64, now: UnixSeconds) -> Result<LicenceClaims, Unmintable> {
        let exp = self.exp(now);
        let ends_at = exp.saturating_add(i64::try_from(self.grace_seconds).unwrap_or(i64::MAX));
        let zone = crate::calendar::parse_zone(self.zone).unwrap_or(chrono_tz::Tz::UTC);
        Ok(LicenceClaims {
            ver: CLAIMS_VERSION,
            iss: self.issuer.clone(),
            aud: AUDIENCE_EDGE.to_owned(),
            sub: self.licence_id.clone(),
            jti,
            tenant: self.tenant.clone(),
            dev: self.device.clone(),
            cnf: Confirmation { jkt: self.jkt.ok_or_else(|| Unmintable::NotActivated(self.device.clone()))? },
            epoch: self.epoch,
            seq,
            iat: now,
            nbf: now,
            exp,
            grace: self.grace_seconds,
            offline_max: self.offline_max_seconds,
            refresh: REFRESH_SECONDS,
            unattested: UNATTESTED_SECONDS,
            zone: offsets(zone, now, ends_at),
            mode: self.mode,
            enforce: self.enforce,
            packs: self.packs.clone(),
            grants: self.grants.clone(),
            device: DeviceGrant { packs: self.device_packs.clone() },
            swap: Some(SWAP),
            quotas: self.quotas.clone(),
            catalog: self.catalog,
            ks: self.ks,
            must: Vec::new(),
        })
    }
}
