//! The clock reset: the issuer's word, for one challenge of one device, that its mark of time may be set back.

use super::licence::{check_audience, check_issuer, check_same};
use super::{Document, Payload, TokenError, check_version};
use crate::id::{DeviceId, IssuerName, TenantId};
use crate::jws::Typ;
use crate::key::Kid;
use crate::time::UnixSeconds;
use serde::Serialize;

/// A challenge is answered within so many seconds of the boot's own clock: a file goes to an office and back over a
/// weekend. So much, and no more, a token that was kept back can set the clock behind.
pub const CHALLENGE_SECONDS_MAX: i64 = 72 * 3600;

/// The claims of a `brink-clockreset+jwt`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClockResetClaims {
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
    /// The device's epoch.
    pub epoch: u32,
    /// The thumbprint of the device key.
    pub jkt: Kid,
    /// The device's challenge, echoed.
    #[serde(serialize_with = "crate::b64::serialize")]
    pub nonce: [u8; 32],
    /// Issued.
    pub iat: UnixSeconds,
    /// The issuer's clock when it answered.
    pub server_time: UnixSeconds,
}

/// What step 8 compares a clock reset with.
#[derive(Clone, Debug)]
pub struct ClockResetExpected {
    /// The pinned issuer.
    pub issuer: IssuerName,
    /// The own challenge; `None` for a reader that is no device.
    pub challenged: Option<Challenged>,
}

/// The device that made a challenge.
#[derive(Clone, Debug)]
pub struct Challenged {
    /// The customer.
    pub tenant: TenantId,
    /// The device.
    pub dev: DeviceId,
    /// Its epoch.
    pub epoch: u32,
    /// The thumbprint of its key.
    pub jkt: Kid,
    /// The challenge that waits; `None` when none does.
    pub nonce: Option<[u8; 32]>,
}

impl ClockResetClaims {
    /// The payload to sign.
    pub fn to_json_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

impl Document for ClockResetClaims {
    const TYP: Typ = Typ::ClockReset;
    type Expected = ClockResetExpected;

    fn read(payload: Payload<'_>) -> Result<Self, TokenError> {
        let mut fields = payload.0;
        check_version(&mut fields)?;
        Ok(Self {
            ver: super::CLAIMS_VERSION,
            iss: super::read_issuer(&mut fields)?,
            aud: fields.text("aud")?.into_owned(),
            tenant: fields.id("tenant", TenantId::parse)?,
            dev: fields.id("dev", DeviceId::parse)?,
            epoch: fields.u32("epoch")?,
            jkt: fields.kid("jkt")?,
            nonce: fields.bytes32("nonce")?,
            iat: fields.date("iat")?,
            server_time: fields.date("server_time")?,
        })
    }

    fn check(&self, expected: &ClockResetExpected) -> Result<(), TokenError> {
        check_issuer(&self.iss, &expected.issuer)?;
        check_audience(&self.aud)?;
        let Some(device) = &expected.challenged else { return Ok(()) };
        check_same("tenant", Some(&self.tenant), Some(&device.tenant))?;
        check_same("dev", Some(&self.dev), Some(&device.dev))?;
        check_same("epoch", Some(&self.epoch), Some(&device.epoch))?;
        check_same("jkt", Some(&self.jkt), Some(&device.jkt))?;
        if device.nonce == Some(self.nonce) { Ok(()) } else { Err(TokenError::WrongChallenge) }
    }

    fn issued_at(&self) -> Option<UnixSeconds> {
        Some(self.iat)
    }
}
