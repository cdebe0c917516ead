//! Reading the claims of a licence (step 7): types, bounds, and that what it says of itself agrees.

use super::licence::{
    Confirmation, DeviceGrant, Enforce, Grant, LicenceClaims, Mode, Over, Period, Quota, Seats, Swap,
    ZoneOffset,
};
use super::{MUST_KNOWN, TokenError, check_version};
use crate::fields::{self, ClaimError, Fields};
use crate::id::{CameraId, DeviceId, Feature, IdError, Slug, TenantId, TokenId};
use crate::json::{INTEGER_MAX, Json};
use crate::names::IdList;
use crate::time::UnixSeconds;
use foldhash::fast::RandomState as FastHash;
use hashbrown::HashSet;
use std::collections::BTreeMap;

const DAY: u64 = 86_400;
/// Longest life of one token: renewals, not long tokens, carry a licence over years.
pub const LIFETIME_SECONDS_MAX: i64 = 400 * DAY as i64;
/// Longest grace: beyond a month it would be a second licence.
pub const GRACE_SECONDS_MAX: u64 = 30 * DAY;
/// Longest time without a receipt: half a year is the longest dark site known.
pub const OFFLINE_SECONDS_MAX: u64 = 180 * DAY;
/// Clocks stand at most 14 hours from UTC; local mean times before standard time reached 15:13.
const OFFSET_SECONDS_MAX: i64 = 16 * 3600;
/// Seats in one grant: above any site known, and safe to add up.
const ANY_SEATS_MAX: u64 = 1_000_000;

pub(super) fn read(mut fields: Fields<'_>) -> Result<LicenceClaims, TokenError> {
    check_version(&mut fields)?;
    let must = read_must(&mut fields)?;
    let claims = LicenceClaims {
        ver: super::CLAIMS_VERSION,
        iss: super::read_issuer(&mut fields)?,
        aud: fields.text("aud")?.into_owned(),
        sub: fields.id("sub", TokenId::parse)?,
        jti: fields.id("jti", TokenId::parse)?,
        tenant: fields.id("tenant", TenantId::parse)?,
        dev: fields.id("dev", DeviceId::parse)?,
        cnf: read_cnf(fields.require("cnf")?)?,
        epoch: fields.u32("epoch")?,
        seq: fields.uint("seq")?,
        iat: fields.date("iat")?,
        nbf: fields.date("nbf")?,
        exp: fields.date("exp")?,
        grace: fields.uint_max("grace", GRACE_SECONDS_MAX)?,
        offline_max: fields.uint_max("offline_max", OFFLINE_SECONDS_MAX)?,
        refresh: fields.uint_max("refresh", OFFLINE_SECONDS_MAX)?,
        unattested: fields.uint_max("unattested", OFFLINE_SECONDS_MAX)?,
        zone: read_zone(fields.list("zone")?)?,
        mode: fields.choice("mode", &MODES)?,
        enforce: fields.choice("enforce", &ENFORCES)?,
        packs: read_packs(fields.require("packs")?)?,
        grants: read_grants(fields.list("grants")?)?,
        device: read_device(fields.require("device")?)?,
        swap: fields.take("swap").map(read_swap).transpose()?,
        quotas: read_quotas(fields.list("quotas")?)?,
        catalog: fields.uint("catalog")?,
        ks: fields.uint("ks")?,
        must,
    };
    check_bounds(&claims)?;
    check_references(&claims)?;
    Ok(claims)
}

const MODES: [(&str, Mode); 3] =
    [("trial", Mode::Trial), ("base", Mode::Base), ("unlicensed", Mode::Unlicensed)];
const ENFORCES: [(&str, Enforce); 4] = [
    ("observe", Enforce::Observe),
    ("warn", Enforce::Warn),
    ("degrade", Enforce::Degrade),
    ("deny", Enforce::Deny),
];
const PERIODS: [(&str, Period); 3] =
    [("month", Period::Month), ("day", Period::Day), ("lease", Period::Lease)];
const OVERS: [(&str, Over); 3] = [("allow", Over::Allow), ("warn", Over::Warn), ("deny", Over::Deny)];

/// `must` is read before the claims it speaks of: an old reader should say that it is old, not that a claim is bad.
fn read_must(fields: &mut Fields<'_>) -> Result<Vec<String>, TokenError> {
    let Some(value) = fields.take("must") else { return Ok(Vec::new()) };
    let mut must = Vec::new();
    for item in fields::list("must", value)? {
        let name = fields::text("must", item)?;
        if !MUST_KNOWN.contains(&name.as_ref()) {
            return Err(TokenError::Unsupported(format!(
                "the claim {name:?}, which the document makes a must"
            )));
        }
        must.push(name.into_owned());
    }
    Ok(must)
}

fn read_cnf(value: Json<'_>) -> Result<Confirmation, ClaimError> {
    let mut fields = Fields::of("cnf", value)?;
    let jkt = fields.kid("jkt")?;
    fields.end("cnf")?;
    Ok(Confirmation { jkt })
}

fn read_zone(items: Vec<Json<'_>>) -> Result<Vec<ZoneOffset>, ClaimError> {
    let mut zone: Vec<ZoneOffset> = Vec::with_capacity(items.len());
    for item in items {
        let mut pair = fields::list("zone", item)?.into_iter();
        let (Some(from), Some(offset), None) = (pair.next(), pair.next(), pair.next()) else {
            return Err(ClaimError::new("zone", "an entry is not [from, offset_seconds]"));
        };
        let offset = fields::int("zone", &offset)?;
        if offset.abs() > OFFSET_SECONDS_MAX {
            return Err(ClaimError::new("zone", "an offset is beyond 16 hours"));
        }
        let offset_seconds =
            i32::try_from(offset).map_err(|_| ClaimError::new("zone", "an offset is too large"))?;
        let entry = ZoneOffset { from: fields::date("zone", from)?, offset_seconds };
        if zone.last().is_some_and(|last| last.from >= entry.from) {
            return Err(ClaimError::new("zone", "the entries are not in rising order"));
        }
        zone.push(entry);
    }
    Ok(zone)
}

fn read_packs(value: Json<'_>) -> Result<BTreeMap<Slug, IdList<Feature>>, ClaimError> {
    let mut packs = BTreeMap::new();
    for (slug, features) in fields::members("packs", value)? {
        let slug = Slug::parse(&slug).map_err(|e| ClaimError::new("packs", e.to_string()))?;
        packs.insert(slug, read_ids("packs", fields::list("packs", features)?, Feature::check)?);
    }
    Ok(packs)
}

/// Identifiers by the thousand, packed into one list.
fn read_ids<T>(
    claim: &str,
    items: Vec<Json<'_>>,
    check: impl Fn(&str) -> Result<(), IdError>,
) -> Result<IdList<T>, ClaimError> {
    let bytes = items.iter().map(Json::text_bytes).sum();
    let mut ids = IdList::with_capacity(items.len(), bytes);
    for item in items {
        let text = fields::text(claim, item)?;
        check(&text).map_err(|e| ClaimError::new(claim, e.to_string()))?;
        ids.push_checked(&text);
    }
    Ok(ids)
}

fn read_slugs(claim: &str, items: Vec<Json<'_>>) -> Result<Vec<Slug>, ClaimError> {
    items.into_iter().map(|item| fields::id(claim, item, Slug::parse)).collect()
}

fn read_grants(items: Vec<Json<'_>>) -> Result<Vec<Grant>, ClaimError> {
    items.into_iter().map(read_grant).collect()
}

fn read_grant(value: Json<'_>) -> Result<Grant, ClaimError> {
    let mut fields = Fields::of("grants", value)?;
    let seats = match (fields.take("cameras"), fields.take("any")) {
        (Some(cameras), None) => {
            let cameras = fields::list("grants.cameras", cameras)?;
            Seats::Cameras(read_ids("grants.cameras", cameras, CameraId::check)?)
        }
        (None, Some(any)) => {
            let count = fields::uint("grants.any", any)?;
            let small = u32::try_from(count).ok().filter(|n| u64::from(*n) <= ANY_SEATS_MAX);
            Seats::Any(small.ok_or_else(|| ClaimError::new("grants.any", "is above 1000000"))?)
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(ClaimError::new("grants", "a grant has either cameras or any"));
        }
    };
    let packs = read_slugs("grants.packs", fields.list("packs")?)?;
    let until = fields.take("until").map(|value| fields::date("grants.until", value)).transpose()?;
    fields.end("grants")?;
    Ok(Grant { seats, packs, until })
}

fn read_device(value: Json<'_>) -> Result<DeviceGrant, ClaimError> {
    let mut fields = Fields::of("device", value)?;
    let packs = read_slugs("device.packs", fields.list("packs")?)?;
    fields.end("device")?;
    Ok(DeviceGrant { packs })
}

fn read_swap(value: Json<'_>) -> Result<Swap, ClaimError> {
    let mut fields = Fields::of("swap", value)?;
    let percent = fields.uint_max("percent", 100)?;
    let swap = Swap {
        percent: u32::try_from(percent).unwrap_or(100),
        min: fields.u32("min")?,
        max: fields.u32("max")?,
    };
    fields.end("swap")?;
    if swap.min > swap.max {
        return Err(ClaimError::new("swap", "min is above max"));
    }
    Ok(swap)
}

fn read_quotas(items: Vec<Json<'_>>) -> Result<Vec<Quota>, ClaimError> {
    let mut quotas: Vec<Quota> = Vec::with_capacity(items.len());
    for item in items {
        let mut fields = Fields::of("quotas", item)?;
        let quota = Quota {
            meter: fields.id("meter", Slug::parse)?,
            limit: fields.uint_max("limit", INTEGER_MAX.unsigned_abs())?,
            period: fields.choice("period", &PERIODS)?,
            over: fields.choice("over", &OVERS)?,
        };
        fields.end("quotas")?;
        if quotas.iter().any(|seen| seen.meter == quota.meter) {
            return Err(ClaimError::new("quotas", format!("the meter {} twice", quota.meter)));
        }
        quotas.push(quota);
    }
    Ok(quotas)
}

fn check_bounds(claims: &LicenceClaims) -> Result<(), ClaimError> {
    if claims.nbf > claims.exp {
        return Err(ClaimError::new("nbf", "is after exp"));
    }
    if claims.iat > claims.exp {
        return Err(ClaimError::new("iat", "is after exp"));
    }
    if claims.exp.since(claims.iat) > LIFETIME_SECONDS_MAX {
        return Err(ClaimError::new("exp", "is more than 400 days after iat"));
    }
    if claims.ends_at() > UnixSeconds::MAX_NUMERIC_DATE {
        return Err(ClaimError::new("grace", "reaches beyond the year 9999"));
    }
    Ok(())
}

/// Every pack that is granted is resolved, and no camera is granted twice.
fn check_references(claims: &LicenceClaims) -> Result<(), ClaimError> {
    let granted = claims.grants.iter().flat_map(|grant| &grant.packs).chain(&claims.device.packs);
    for pack in granted {
        if !claims.packs.contains_key(pack) {
            return Err(ClaimError::new("packs", format!("{pack} is granted but not resolved")));
        }
    }
    let named: usize = claims.grants.iter().map(|grant| grant.seats.named()).sum();
    let mut seen: HashSet<&str, FastHash> = HashSet::with_capacity_and_hasher(named, <_>::default());
    for camera in claims.grants.iter().flat_map(|grant| grant.seats.cameras()) {
        if !seen.insert(camera) {
            return Err(ClaimError::new("grants", format!("the camera {camera} twice")));
        }
    }
    Ok(())
}
