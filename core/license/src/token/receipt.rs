//! The receipt: the issuer's signed answer to one exchange.

use super::licence::{check_audience, check_issuer, check_same};
use super::{Document, Payload, TokenError, check_version};
use crate::fields::{ClaimError, Fields};
use crate::id::{DeviceId, IssuerName, TenantId, TokenId};
use crate::json::Json;
use crate::jws::Typ;
use crate::time::UnixSeconds;
use serde::Serialize;

/// Longest pause that a receipt may ask for: a day, so that no answer can silence a device for good.
pub const NEXT_AFTER_SECONDS_MAX: u64 = 86_400;

/// The claims of a `brink-receipt+jwt`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReceiptClaims {
    /// Claims version, always 1.
    pub ver: u64,
    /// The issuer, equal to the pinned one.
    pub iss: IssuerName,
    /// Always `brink-edge`.
    pub aud: String,
    /// The id of this receipt.
    pub jti: TokenId,
    /// The customer.
    pub tenant: TenantId,
    /// The device.
    pub dev: DeviceId,
    /// The device's epoch.
    pub epoch: u32,
    /// The device's nonce from the request, echoed.
    #[serde(serialize_with = "crate::b64::serialize")]
    pub nonce: [u8; 32],
    /// The request's counter, echoed.
    pub ctr: u64,
    /// Rises with every receipt for this device and epoch.
    pub seq: u64,
    /// Issued.
    pub iat: UnixSeconds,
    /// The issuer's clock when it answered.
    pub server_time: UnixSeconds,
    /// SHA-256 of the next ratchet, which travels beside the receipt and is never published.
    #[serde(serialize_with = "crate::b64::serialize")]
    pub ratchet_sha256: [u8; 32],
    /// The issuer's keyset version.
    pub ks: u64,
    /// The licence as the issuer sees it.
    pub lic: ReceiptLicence,
    /// Seconds until the next exchange is welcome.
    pub next_after: u64,
    /// What the issuer has of the device's usage; absent where the request said nothing of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<ReceiptUsage>,
}

/// What the issuer has of a device's usage, once this answer is on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReceiptUsage {
    /// Where it stands in each chain that the request reported, in that order.
    pub cursors: Vec<Cursor>,
    /// What came of the batch.
    pub batch: BatchVerdict,
    /// How many of its records are acknowledged and set aside for a person to look at.
    pub quarantined: u64,
}

/// Up to here the issuer has a chain. What is behind it has to be sent, again if need be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cursor {
    /// The activation that began the chain.
    pub epoch: u32,
    /// The number of the last record that is on record; 0 for none.
    pub seq: u64,
    /// Its hash; the genesis for none.
    #[serde(serialize_with = "crate::b64::serialize")]
    pub hash: [u8; 32],
}

/// What came of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchVerdict {
    /// There was none.
    None,
    /// On record, now or before.
    Taken,
    /// It begins behind the cursor: send from there.
    Gap,
    /// It contradicts what is on record. Nothing more of this chain is taken until the device was activated anew.
    Fork,
    /// Its checkpoint or its chain does not verify.
    Bad,
}

/// The device's licence, as a receipt reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReceiptLicence {
    /// The newest token's sequence number.
    pub seq: u64,
    /// The newest token's id.
    pub jti: TokenId,
    /// Whether it may be used.
    pub state: LicenceStanding,
}

/// What the issuer says of a licence between tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LicenceStanding {
    /// In force.
    Active,
    /// Held back until the issuer resumes it.
    Suspended,
    /// Withdrawn for good.
    Revoked,
}

/// What step 8 compares a receipt with.
#[derive(Clone, Debug)]
pub struct ReceiptExpected {
    /// The pinned issuer.
    pub issuer: IssuerName,
    /// The own name; `None` before activation.
    pub device: Option<DeviceId>,
    /// The own epoch; `None` before activation.
    pub epoch: Option<u32>,
    /// Nonce and counter of the request that is pending; `None` when an accepted receipt is read again.
    pub pending: Option<([u8; 32], u64)>,
}

impl ReceiptClaims {
    /// The payload to sign.
    pub fn to_json_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

impl Document for ReceiptClaims {
    const TYP: Typ = Typ::Receipt;
    type Expected = ReceiptExpected;

    fn read(payload: Payload<'_>) -> Result<Self, TokenError> {
        let mut fields = payload.0;
        check_version(&mut fields)?;
        Ok(Self {
            ver: super::CLAIMS_VERSION,
            iss: super::read_issuer(&mut fields)?,
            aud: fields.text("aud")?.into_owned(),
            jti: fields.id("jti", TokenId::parse)?,
            tenant: fields.id("tenant", TenantId::parse)?,
            dev: fields.id("dev", DeviceId::parse)?,
            epoch: fields.u32("epoch")?,
            nonce: fields.bytes32("nonce")?,
            ctr: fields.uint("ctr")?,
            seq: fields.uint("seq")?,
            iat: fields.date("iat")?,
            server_time: fields.date("server_time")?,
            ratchet_sha256: fields.bytes32("ratchet_sha256")?,
            ks: fields.uint("ks")?,
            lic: read_lic(&mut fields)?,
            next_after: fields.uint_max("next_after", NEXT_AFTER_SECONDS_MAX)?,
            usage: fields.take("usage").map(read_usage).transpose()?,
        })
    }

    fn check(&self, expected: &ReceiptExpected) -> Result<(), TokenError> {
        check_issuer(&self.iss, &expected.issuer)?;
        check_audience(&self.aud)?;
        check_same("dev", Some(&self.dev), expected.device.as_ref())?;
        check_same("epoch", Some(&self.epoch), expected.epoch.as_ref())?;
        match expected.pending {
            Some(pending) if pending != (self.nonce, self.ctr) => Err(TokenError::WrongNonce),
            Some(_) | None => Ok(()),
        }
    }

    fn issued_at(&self) -> Option<UnixSeconds> {
        Some(self.iat)
    }
}

fn read_usage(value: Json<'_>) -> Result<ReceiptUsage, TokenError> {
    const VERDICTS: [(&str, BatchVerdict); 5] = [
        ("none", BatchVerdict::None),
        ("taken", BatchVerdict::Taken),
        ("gap", BatchVerdict::Gap),
        ("fork", BatchVerdict::Fork),
        ("bad", BatchVerdict::Bad),
    ];
    let mut fields = Fields::of("usage", value)?;
    Ok(ReceiptUsage {
        cursors: fields.list("cursors")?.into_iter().map(read_cursor).collect::<Result<_, _>>()?,
        batch: fields.choice("batch", &VERDICTS)?,
        quarantined: fields.uint("quarantined")?,
    })
}

fn read_cursor(value: Json<'_>) -> Result<Cursor, ClaimError> {
    let mut fields = Fields::of("usage.cursors[]", value)?;
    Ok(Cursor { epoch: fields.u32("epoch")?, seq: fields.uint("seq")?, hash: fields.bytes32("hash")? })
}

fn read_lic(fields: &mut Fields<'_>) -> Result<ReceiptLicence, TokenError> {
    let mut lic = Fields::of("lic", fields.require("lic")?)?;
    const STANDINGS: [(&str, LicenceStanding); 3] = [
        ("active", LicenceStanding::Active),
        ("suspended", LicenceStanding::Suspended),
        ("revoked", LicenceStanding::Revoked),
    ];
    Ok(ReceiptLicence {
        seq: lic.uint("seq")?,
        jti: lic.id("jti", TokenId::parse)?,
        state: lic.choice("state", &STANDINGS)?,
    })
}
