//! The list of revoked licences: a short signed word to a whole site, for devices that no exchange reaches.

use super::licence::{check_audience, check_issuer, check_same};
use super::{Document, LicenceClaims, Payload, TokenError, check_version};
use crate::fields::{self, ClaimError, Fields};
use crate::id::{IssuerName, TenantId, TokenId};
use crate::json::Json;
use crate::jws::Typ;
use crate::time::UnixSeconds;
use serde::Serialize;

/// Most licences of one list: with the longest ids it stays within the bytes of a small document.
pub const REVOKED_MAX: usize = 256;

/// The claims of a `brink-revocations+jwt`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RevocationsClaims {
    /// Claims version, always 1.
    pub ver: u64,
    /// The issuer, equal to the pinned one.
    pub iss: IssuerName,
    /// Always `brink-edge`.
    pub aud: String,
    /// The customer whose devices it is for.
    pub tenant: TenantId,
    /// Rises with every list of this customer. A list replaces the ones before it.
    pub version: u64,
    /// Issued.
    pub iat: UnixSeconds,
    /// When the last licence that it names would have ended by itself: no device needs it afterwards.
    pub until: UnixSeconds,
    /// What is revoked.
    pub revoked: Vec<RevokedLicence>,
}

/// One licence, up to one of its tokens: what was minted after it is a new word. Written as `[sub, epoch, seq]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedLicence {
    /// The licence id.
    pub sub: TokenId,
    /// The epoch of the newest token that is revoked.
    pub epoch: u32,
    /// Its sequence number.
    pub seq: u64,
}

impl Serialize for RevokedLicence {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.sub, self.epoch, self.seq).serialize(serializer)
    }
}

/// What step 8 compares a list with.
#[derive(Clone, Debug)]
pub struct RevocationsExpected {
    /// The pinned issuer.
    pub issuer: IssuerName,
    /// The device's tenant; `None` for a reader that is no device.
    pub tenant: Option<TenantId>,
}

impl RevocationsClaims {
    /// The payload to sign.
    pub fn to_json_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Whether it names this licence, up to this token at least.
    #[must_use]
    pub fn names(&self, licence: &LicenceClaims) -> bool {
        let is_named = |named: &RevokedLicence| {
            named.sub == licence.sub && (licence.epoch, licence.seq) <= (named.epoch, named.seq)
        };
        self.tenant == licence.tenant && self.revoked.iter().any(is_named)
    }
}

impl Document for RevocationsClaims {
    const TYP: Typ = Typ::Revocations;
    type Expected = RevocationsExpected;

    fn read(payload: Payload<'_>) -> Result<Self, TokenError> {
        let mut fields = payload.0;
        check_version(&mut fields)?;
        Ok(Self {
            ver: super::CLAIMS_VERSION,
            iss: super::read_issuer(&mut fields)?,
            aud: fields.text("aud")?.into_owned(),
            tenant: fields.id("tenant", TenantId::parse)?,
            version: fields.uint("version")?,
            iat: fields.date("iat")?,
            until: fields.date("until")?,
            revoked: read_revoked(&mut fields)?,
        })
    }

    fn check(&self, expected: &RevocationsExpected) -> Result<(), TokenError> {
        check_issuer(&self.iss, &expected.issuer)?;
        check_audience(&self.aud)?;
        check_same("tenant", Some(&self.tenant), expected.tenant.as_ref())
    }

    fn issued_at(&self) -> Option<UnixSeconds> {
        Some(self.iat)
    }
}

fn read_revoked(fields: &mut Fields<'_>) -> Result<Vec<RevokedLicence>, ClaimError> {
    let listed = fields.list("revoked")?;
    if listed.len() > REVOKED_MAX {
        return Err(ClaimError::new("revoked", format!("{} are above {REVOKED_MAX}", listed.len())));
    }
    listed.into_iter().map(read_one).collect()
}

fn read_one(value: Json<'_>) -> Result<RevokedLicence, ClaimError> {
    let parts = fields::list("revoked[]", value)?;
    let Ok([sub, epoch, seq]) = <[Json<'_>; 3]>::try_from(parts) else {
        return Err(ClaimError::new("revoked[]", "is not [sub, epoch, seq]"));
    };
    let epoch = fields::uint("revoked[].epoch", epoch)?;
    Ok(RevokedLicence {
        sub: fields::id("revoked[].sub", sub, TokenId::parse)?,
        epoch: u32::try_from(epoch).map_err(|_| ClaimError::new("revoked[].epoch", "is above 2^32-1"))?,
        seq: fields::uint("revoked[].seq", seq)?,
    })
}
