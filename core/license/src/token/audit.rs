//! The head of an audit chain: the issuer's word on where one of its chains stood. No device reads it; whoever keeps it
//! outside the issuer can later show that lines were changed or taken away.

use super::licence::check_issuer;
use super::{Document, Payload, TokenError, check_version};
use crate::id::{IssuerName, TenantId};
use crate::jws::Typ;
use crate::time::UnixSeconds;
use serde::Serialize;

/// The audience of documents that the issuer signs for whoever audits it.
pub const AUDIENCE_AUDIT: &str = "brink-audit";

/// The claims of a `brink-audit+jwt`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditHeadClaims {
    /// Claims version, always 1.
    pub ver: u64,
    /// The issuer, equal to the pinned one.
    pub iss: IssuerName,
    /// Always `brink-audit`.
    pub aud: String,
    /// Whose chain; absent for what concerns the issuer as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// The number of the chain's last line, from 1.
    pub seq: u64,
    /// That line's hash, which covers every line before it.
    #[serde(serialize_with = "crate::b64::serialize")]
    pub hash: [u8; 32],
    /// Issued.
    pub iat: UnixSeconds,
}

/// What step 8 compares a head with.
#[derive(Clone, Debug)]
pub struct AuditHeadExpected {
    /// The pinned issuer.
    pub issuer: IssuerName,
}

impl AuditHeadClaims {
    /// The payload to sign.
    pub fn to_json_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

impl Document for AuditHeadClaims {
    const TYP: Typ = Typ::Audit;
    type Expected = AuditHeadExpected;

    fn read(payload: Payload<'_>) -> Result<Self, TokenError> {
        let mut fields = payload.0;
        check_version(&mut fields)?;
        let tenant = fields.take("tenant").map(|tenant| crate::fields::id("tenant", tenant, TenantId::parse));
        Ok(Self {
            ver: super::CLAIMS_VERSION,
            iss: super::read_issuer(&mut fields)?,
            aud: fields.text("aud")?.into_owned(),
            tenant: tenant.transpose()?,
            seq: fields.uint("seq")?,
            hash: fields.bytes32("hash")?,
            iat: fields.date("iat")?,
        })
    }

    fn check(&self, expected: &AuditHeadExpected) -> Result<(), TokenError> {
        check_issuer(&self.iss, &expected.issuer)?;
        if self.aud == AUDIENCE_AUDIT {
            return Ok(());
        }
        Err(TokenError::WrongAudience(self.aud.chars().take(64).collect()))
    }

    fn issued_at(&self) -> Option<UnixSeconds> {
        Some(self.iat)
    }
}
