//! The checkpoint: a device's signed word on where a chain of its usage stands, and on the batch that leads there.

use super::{Document, Payload, TokenError, check_version};
use crate::id::{DeviceId, IssuerName};
use crate::jws::Typ;
use crate::key::Kid;
use serde::Serialize;

/// The claims of a `brink-checkpoint+jwt`. The device signs with the key that it has now, also for a chain that an
/// earlier activation began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckpointClaims {
    /// Claims version, always 1.
    pub ver: u64,
    /// The issuer that it is for.
    pub iss: IssuerName,
    /// The device.
    pub dev: DeviceId,
    /// The activation that began the chain.
    pub epoch: u32,
    /// The thumbprint of that activation's key.
    pub jkt: Kid,
    /// The number of the last record of the batch.
    pub seq: u64,
    /// Its hash.
    #[serde(serialize_with = "crate::b64::serialize")]
    pub hash: [u8; 32],
    /// What [`crate::usage::batch_sha256`] says of the records.
    #[serde(serialize_with = "crate::b64::serialize")]
    pub batch: [u8; 32],
}

/// What step 8 compares a checkpoint with.
#[derive(Clone, Debug)]
pub struct CheckpointExpected {
    /// The own name of the issuer that reads it.
    pub issuer: IssuerName,
    /// The device that sends it.
    pub device: DeviceId,
    /// The activation whose chain it is about; `None` for a reader that finds out.
    pub epoch: Option<u32>,
}

impl CheckpointClaims {
    /// The payload to sign.
    pub fn to_json_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

impl Document for CheckpointClaims {
    const TYP: Typ = Typ::Checkpoint;
    type Expected = CheckpointExpected;

    fn read(payload: Payload<'_>) -> Result<Self, TokenError> {
        let mut fields = payload.0;
        check_version(&mut fields)?;
        Ok(Self {
            ver: super::CLAIMS_VERSION,
            iss: super::read_issuer(&mut fields)?,
            dev: fields.id("dev", DeviceId::parse)?,
            epoch: fields.u32("epoch")?,
            jkt: fields.kid("jkt")?,
            seq: fields.uint("seq")?,
            hash: fields.bytes32("hash")?,
            batch: fields.bytes32("batch")?,
        })
    }

    fn check(&self, expected: &CheckpointExpected) -> Result<(), TokenError> {
        use super::licence::check_same;
        super::licence::check_issuer(&self.iss, &expected.issuer)?;
        check_same("dev", Some(&self.dev), Some(&expected.device))?;
        check_same("epoch", Some(&self.epoch), expected.epoch.as_ref())
    }

    fn issued_at(&self) -> Option<crate::UnixSeconds> {
        None
    }
}
