//! The extension: one licence lasts a little longer, for a site that no exchange reaches in time.

use super::licence::{check_audience, check_issuer, check_same};
use super::{Document, LicenceClaims, Payload, TokenError, check_version};
use crate::fields::ClaimError;
use crate::id::{DeviceId, IssuerName, TenantId, TokenId};
use crate::jws::Typ;
use crate::key::Kid;
use crate::time::UnixSeconds;
use serde::Serialize;

/// Longest extension: two weeks are enough for somebody to bring a file to any site, and a stolen one is soon over.
pub const EXTENSION_SECONDS_MAX: i64 = 14 * 86_400;
/// Largest number of an extension: two bytes of the form that is typed in.
pub const EXTENSION_NUMBER_MAX: u64 = u16::MAX as u64;

/// The claims of a `brink-extension+jwt`. The order of the members is fixed: the form that is typed in is spelled out
/// into exactly these bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExtensionClaims {
    /// Claims version, always 1.
    pub ver: u64,
    /// The issuer, equal to the pinned one.
    pub iss: IssuerName,
    /// Always `brink-edge`.
    pub aud: String,
    /// The customer.
    pub tenant: TenantId,
    /// The device.
    pub dev: DeviceId,
    /// The licence that lasts longer.
    pub sub: TokenId,
    /// Its epoch.
    pub epoch: u32,
    /// The thumbprint of the device key that it is bound to.
    pub jkt: Kid,
    /// Rises with every extension for the device.
    pub number: u64,
    /// Issued. Licences of a later moment are a new word.
    pub iat: UnixSeconds,
    /// What is in force goes on until here, at least.
    pub until: UnixSeconds,
}

/// What step 8 compares an extension with: the licence held.
#[derive(Clone, Debug)]
pub struct ExtensionExpected {
    /// The pinned issuer.
    pub issuer: IssuerName,
    /// The licence; `None` for a reader that is no device.
    pub licence: Option<ExtendedLicence>,
}

/// The licence that an extension is for.
#[derive(Clone, Debug)]
pub struct ExtendedLicence {
    /// The customer.
    pub tenant: TenantId,
    /// The device.
    pub dev: DeviceId,
    /// The licence id.
    pub sub: TokenId,
    /// Its epoch.
    pub epoch: u32,
    /// The key that it is bound to.
    pub jkt: Kid,
}

impl ExtensionExpected {
    /// For the device that holds this licence.
    #[must_use]
    pub fn of(licence: &LicenceClaims) -> Self {
        let LicenceClaims { tenant, dev, sub, epoch, cnf, .. } = licence.clone();
        let extended = ExtendedLicence { tenant, dev, sub, epoch, jkt: cnf.jkt };
        Self { issuer: licence.iss.clone(), licence: Some(extended) }
    }
}

impl ExtensionClaims {
    /// The payload to sign.
    pub fn to_json_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Whether it speaks of this licence: one that was issued afterwards is a new word.
    #[must_use]
    pub fn extends(&self, licence: &LicenceClaims) -> bool {
        self.check(&ExtensionExpected::of(licence)).is_ok() && licence.iat <= self.iat
    }
}

impl Document for ExtensionClaims {
    const TYP: Typ = Typ::Extension;
    type Expected = ExtensionExpected;

    fn read(payload: Payload<'_>) -> Result<Self, TokenError> {
        let mut fields = payload.0;
        check_version(&mut fields)?;
        let claims = Self {
            ver: super::CLAIMS_VERSION,
            iss: super::read_issuer(&mut fields)?,
            aud: fields.text("aud")?.into_owned(),
            tenant: fields.id("tenant", TenantId::parse)?,
            dev: fields.id("dev", DeviceId::parse)?,
            sub: fields.id("sub", TokenId::parse)?,
            epoch: fields.u32("epoch")?,
            jkt: fields.kid("jkt")?,
            number: fields.uint_max("number", EXTENSION_NUMBER_MAX)?,
            iat: fields.date("iat")?,
            until: fields.date("until")?,
        };
        let seconds = claims.until.since(claims.iat);
        if !(1..=EXTENSION_SECONDS_MAX).contains(&seconds) {
            let problem = format!("{seconds} seconds after iat are not 1 to {EXTENSION_SECONDS_MAX}");
            return Err(ClaimError::new("until", problem).into());
        }
        Ok(claims)
    }

    fn check(&self, expected: &ExtensionExpected) -> Result<(), TokenError> {
        check_issuer(&self.iss, &expected.issuer)?;
        check_audience(&self.aud)?;
        let licence = expected.licence.as_ref();
        check_same("tenant", Some(&self.tenant), licence.map(|licence| &licence.tenant))?;
        check_same("dev", Some(&self.dev), licence.map(|licence| &licence.dev))?;
        check_same("sub", Some(&self.sub), licence.map(|licence| &licence.sub))?;
        check_same("epoch", Some(&self.epoch), licence.map(|licence| &licence.epoch))?;
        check_same("jkt", Some(&self.jkt), licence.map(|licence| &licence.jkt))
    }

    fn issued_at(&self) -> Option<UnixSeconds> {
        Some(self.iat)
    }
}
