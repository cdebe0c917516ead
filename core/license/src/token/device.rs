//! Documents that a device signs with its own key: the proof over a request, and presence.

use super::{Document, Payload, TokenError, check_version};
use crate::id::{DeviceId, IssuerName, TokenId};
use crate::jws::Typ;
use crate::key::Kid;
use crate::time::UnixSeconds;
use serde::Serialize;

/// The claims of a `brink-request+jwt`: possession of the device key, over exactly this request (after RFC 9449).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RequestClaims {
    /// Claims version, always 1.
    pub ver: u64,
    /// The issuer that the request is for, so that no other can use it.
    pub iss: IssuerName,
    /// Always `POST`.
    pub htm: String,
    /// The path: the same bytes may travel by file, so there is no host in it.
    pub htu: String,
    /// SHA-256 of the body as sent.
    #[serde(serialize_with = "crate::b64::serialize")]
    pub bh: [u8; 32],
    /// The device; before activation, the thumbprint of its key.
    pub dev: DeviceId,
    /// The device's epoch; 0 before activation.
    pub epoch: u32,
    /// Rises with every new request.
    pub ctr: u64,
    /// Fresh for every new request, echoed by the receipt.
    #[serde(serialize_with = "crate::b64::serialize")]
    pub nonce: [u8; 32],
}

impl RequestClaims {
    /// The payload to sign.
    pub fn to_json_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

/// What step 8 compares a proof with.
#[derive(Clone, Debug)]
pub struct RequestExpected {
    /// The own name of the issuer that reads it.
    pub issuer: IssuerName,
    /// The path that the request came for.
    pub htu: &'static str,
    /// SHA-256 of the body that came with it.
    pub bh: [u8; 32],
}

impl Document for RequestClaims {
    const TYP: Typ = Typ::Request;
    type Expected = RequestExpected;

    fn read(payload: Payload<'_>) -> Result<Self, TokenError> {
        let mut fields = payload.0;
        check_version(&mut fields)?;
        Ok(Self {
            ver: super::CLAIMS_VERSION,
            iss: super::read_issuer(&mut fields)?,
            htm: fields.text("htm")?.into_owned(),
            htu: fields.text("htu")?.into_owned(),
            bh: fields.bytes32("bh")?,
            dev: fields.id("dev", DeviceId::parse)?,
            epoch: fields.u32("epoch")?,
            ctr: fields.uint("ctr")?,
            nonce: fields.bytes32("nonce")?,
        })
    }

    fn check(&self, expected: &RequestExpected) -> Result<(), TokenError> {
        super::licence::check_issuer(&self.iss, &expected.issuer)?;
        if self.htm != "POST" {
            return Err(TokenError::WrongProof("htm"));
        }
        if self.htu != expected.htu {
            return Err(TokenError::WrongProof("htu"));
        }
        if self.bh != expected.bh {
            return Err(TokenError::WrongProof("bh"));
        }
        Ok(())
    }

    fn issued_at(&self) -> Option<UnixSeconds> {
        None
    }
}

/// The claims of a `brink-presence+jwt`: this licence is at home on the machine that booted with this id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PresenceClaims {
    /// Claims version, always 1.
    pub ver: u64,
    /// The device.
    pub dev: DeviceId,
    /// The device's epoch.
    pub epoch: u32,
    /// The thumbprint of the device key.
    pub jkt: Kid,
    /// The licence token it speaks of.
    pub jti: TokenId,
    /// The kernel's boot id, as text.
    pub boot_id: String,
}

impl PresenceClaims {
    /// The payload to sign.
    pub fn to_json_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

/// What step 8 compares presence with: the licence beside it.
#[derive(Clone, Debug)]
pub struct PresenceExpected {
    /// The licence's device.
    pub device: DeviceId,
    /// The licence's epoch.
    pub epoch: u32,
    /// The key that the licence is bound to.
    pub jkt: Kid,
    /// The licence token's id.
    pub jti: TokenId,
}

impl Document for PresenceClaims {
    const TYP: Typ = Typ::Presence;
    type Expected = PresenceExpected;

    fn read(payload: Payload<'_>) -> Result<Self, TokenError> {
        let mut fields = payload.0;
        check_version(&mut fields)?;
        Ok(Self {
            ver: super::CLAIMS_VERSION,
            dev: fields.id("dev", DeviceId::parse)?,
            epoch: fields.u32("epoch")?,
            jkt: fields.kid("jkt")?,
            jti: fields.id("jti", TokenId::parse)?,
            boot_id: fields.text("boot_id")?.into_owned(),
        })
    }

    fn check(&self, expected: &PresenceExpected) -> Result<(), TokenError> {
        use super::licence::check_same;
        check_same("dev", Some(&self.dev), Some(&expected.device))?;
        check_same("epoch", Some(&self.epoch), Some(&expected.epoch))?;
        check_same("jkt", Some(&self.jkt), Some(&expected.jkt))?;
        check_same("jti", Some(&self.jti), Some(&expected.jti))
    }

    fn issued_at(&self) -> Option<UnixSeconds> {
        None
    }
}
