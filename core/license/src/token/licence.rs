//! The licence: what a device may do, until when. Shapes and units; reading them is `licence_parse.rs`.

use super::{AUDIENCE_EDGE, Document, Payload, TokenError};
use crate::id::{CameraId, DeviceId, Feature, IssuerName, Slug, TenantId, TokenId};
use crate::jws::Typ;
use crate::key::Kid;
use crate::names::IdList;
use crate::time::UnixSeconds;
use serde::Serialize;
use std::collections::BTreeMap;

/// The claims of a `brink-license+jwt`. Times are seconds since 1970, spans are seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LicenceClaims {
    /// Claims version, always 1.
    pub ver: u64,
    /// The issuer, equal to the pinned one.
    pub iss: IssuerName,
    /// Always `brink-edge`.
    pub aud: String,
    /// The licence id: stays the same over all tokens of one device's licence.
    pub sub: TokenId,
    /// The id of this token.
    pub jti: TokenId,
    /// The customer.
    pub tenant: TenantId,
    /// The device.
    pub dev: DeviceId,
    /// The device key that the licence is bound to (RFC 7800 section 3.1).
    pub cnf: Confirmation,
    /// Rises with every re-activation.
    pub epoch: u32,
    /// Rises with every token of one epoch.
    pub seq: u64,
    /// Issued.
    pub iat: UnixSeconds,
    /// Valid from, inclusive.
    pub nbf: UnixSeconds,
    /// Valid until, exclusive.
    pub exp: UnixSeconds,
    /// Seconds of flagged work after `exp`.
    pub grace: u64,
    /// Seconds that a device may go without a receipt.
    pub offline_max: u64,
    /// Seconds between exchanges.
    pub refresh: u64,
    /// Seconds of boottime that a bundle works on a machine whose presence is not confirmed.
    pub unattested: u64,
    /// The tenant's offset from UTC over the licence's life, so that a device needs no time zone data.
    pub zone: Vec<ZoneOffset>,
    /// The commercial mode.
    pub mode: Mode,
    /// What hosts do with "no".
    pub enforce: Enforce,
    /// The features of every pack that is named below, resolved by the issuer.
    pub packs: BTreeMap<Slug, IdList<Feature>>,
    /// Cameras, or unnamed seats, with the packs they share.
    pub grants: Vec<Grant>,
    /// What the device may do for any of its cameras.
    pub device: DeviceGrant,
    /// How many of its unnamed seats the device may move between exchanges.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swap: Option<Swap>,
    /// Prepaid usage.
    pub quotas: Vec<Quota>,
    /// The catalogue version that resolved the packs.
    pub catalog: u64,
    /// The least keyset version that can verify this token.
    pub ks: u64,
    /// Claims that the reader has to know, or refuse the token.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub must: Vec<String>,
}

/// The key that a token is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Confirmation {
    /// RFC 7638 thumbprint of the device key (RFC 9449 section 6.1 uses the same member).
    pub jkt: Kid,
}

/// From this moment the tenant's clocks stand this far from UTC. Written as `[from, offset]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneOffset {
    /// First second of the offset.
    pub from: UnixSeconds,
    /// Seconds east of UTC, negative west of it: the only claim that may be negative.
    pub offset_seconds: i32,
}

impl Serialize for ZoneOffset {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.from, self.offset_seconds).serialize(serializer)
    }
}

/// The commercial mode of a licence. Decisions do not depend on it: they ask for features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Two cameras for three months.
    Trial,
    /// Paid.
    Base,
    /// Nothing is licensed.
    Unlicensed,
}

/// What a host does with a verdict of "no".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Enforce {
    /// Allow, say nothing.
    Observe,
    /// Allow, flag.
    Warn,
    /// Keep what runs, start nothing new.
    Degrade,
    /// Follow the verdict.
    Deny,
}

/// Cameras that share packs, or unnamed seats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Grant {
    /// Who.
    #[serde(flatten)]
    pub seats: Seats,
    /// The packs, each a key of [`LicenceClaims::packs`].
    pub packs: Vec<Slug>,
    /// The grant's own end, if before the licence's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixSeconds>,
}

/// Named cameras, or seats that the device assigns itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Seats {
    /// These cameras.
    #[serde(rename = "cameras")]
    Cameras(IdList<CameraId>),
    /// This many cameras of the device's choice.
    #[serde(rename = "any")]
    Any(u32),
}

impl Seats {
    /// The named cameras, if any are.
    pub fn cameras(&self) -> impl Iterator<Item = &str> {
        let named = match self {
            Seats::Cameras(cameras) => Some(cameras.iter()),
            Seats::Any(_) => None,
        };
        named.into_iter().flatten()
    }

    /// How many cameras are named.
    #[must_use]
    pub const fn named(&self) -> usize {
        match self {
            Seats::Cameras(cameras) => cameras.len(),
            Seats::Any(_) => 0,
        }
    }

    /// How many seats no camera has been named for.
    #[must_use]
    pub const fn unnamed(&self) -> u32 {
        match self {
            Seats::Cameras(_) => 0,
            Seats::Any(count) => *count,
        }
    }
}

/// Packs that are not tied to a camera.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeviceGrant {
    /// Each a key of [`LicenceClaims::packs`].
    pub packs: Vec<Slug>,
}

/// The share of unnamed seats that may move between exchanges: `clamp(percent of the seats, min, max)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Swap {
    /// Percent of the seats, 0 to 100.
    pub percent: u32,
    /// At least this many.
    pub min: u32,
    /// At most this many.
    pub max: u32,
}

/// Prepaid usage of one meter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Quota {
    /// What is counted.
    pub meter: Slug,
    /// Units per period.
    pub limit: u64,
    /// When the count starts again.
    pub period: Period,
    /// What happens beyond the limit.
    pub over: Over,
}

/// The span that a quota counts over, in the tenant's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// A calendar month.
    Month,
    /// A calendar day.
    Day,
    /// The life of the licence.
    Lease,
}

/// What happens beyond a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// Recorded as overage.
    Allow,
    /// Recorded and flagged.
    Warn,
    /// Refused.
    Deny,
}

impl LicenceClaims {
    /// The payload to sign.
    pub fn to_json_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// The last instant, exclusive, at which this token allows anything: `exp + grace`.
    #[must_use]
    pub fn ends_at(&self) -> UnixSeconds {
        self.exp.saturating_add(i64::try_from(self.grace).unwrap_or(i64::MAX))
    }

    /// Named cameras and unnamed seats together.
    #[must_use]
    pub fn seats(&self) -> u64 {
        self.grants.iter().map(|grant| grant.seats.named() as u64 + u64::from(grant.seats.unnamed())).sum()
    }
}

/// What step 8 compares a licence with. What is `None` is not known to the reader and not compared.
#[derive(Clone, Debug)]
pub struct LicenceExpected {
    /// The pinned issuer.
    pub issuer: IssuerName,
    /// The tenant of earlier licences.
    pub tenant: Option<TenantId>,
    /// The own name.
    pub device: Option<DeviceId>,
    /// The epoch of the activation.
    pub epoch: Option<u32>,
    /// The thumbprint of the own key.
    pub jkt: Option<Kid>,
}

impl LicenceExpected {
    /// An expectation that pins the issuer and nothing else, for readers that are no device.
    #[must_use]
    pub const fn of_issuer(issuer: IssuerName) -> Self {
        Self { issuer, tenant: None, device: None, epoch: None, jkt: None }
    }
}

impl Document for LicenceClaims {
    const TYP: Typ = Typ::License;
    type Expected = LicenceExpected;

    fn read(payload: Payload<'_>) -> Result<Self, TokenError> {
        super::licence_parse::read(payload.0)
    }

    fn check(&self, expected: &LicenceExpected) -> Result<(), TokenError> {
        check_issuer(&self.iss, &expected.issuer)?;
        check_audience(&self.aud)?;
        check_same("tenant", Some(&self.tenant), expected.tenant.as_ref())?;
        check_same("dev", Some(&self.dev), expected.device.as_ref())?;
        check_same("epoch", Some(&self.epoch), expected.epoch.as_ref())?;
        check_same("cnf.jkt", Some(&self.cnf.jkt), expected.jkt.as_ref())
    }

    fn issued_at(&self) -> Option<UnixSeconds> {
        Some(self.iat)
    }
}

pub(super) fn check_issuer(found: &IssuerName, pinned: &IssuerName) -> Result<(), TokenError> {
    if found == pinned {
        return Ok(());
    }
    Err(TokenError::WrongIssuer { found: found.to_string(), pinned: pinned.to_string() })
}

pub(super) fn check_audience(found: &str) -> Result<(), TokenError> {
    if found == AUDIENCE_EDGE {
        return Ok(());
    }
    Err(TokenError::WrongAudience(found.chars().take(64).collect()))
}

/// Equal, or not expected at all.
pub(super) fn check_same<T: PartialEq>(
    claim: &'static str,
    found: Option<&T>,
    expected: Option<&T>,
) -> Result<(), TokenError> {
    if expected.is_none() || found == expected {
        return Ok(());
    }
    Err(TokenError::WrongDevice(claim))
}
