//! The device's own word on its unnamed seats: which cameras it put on them, and which it took off.

use super::{Document, Payload, TokenError, check_version};
use crate::fields::{self, ClaimError, Fields};
use crate::id::{CameraId, DeviceId, Slug, TokenId};
use crate::json::Json;
use crate::jws::Typ;
use crate::key::Kid;
use serde::Serialize;

/// The claims of a `brink-seats+jwt`. What they may say beside a licence is judged by [`crate::seating`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeatsClaims {
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
    /// Rises with every document.
    pub counter: u64,
    /// The number of the receipt from which releases are counted.
    pub since: u64,
    /// Who sits where, in the order of coming.
    pub seated: Vec<Seated>,
    /// Every camera taken off a seat since that receipt, as often as it was, in that order.
    pub released: Vec<CameraId>,
}

/// The cameras on the unnamed seats with these packs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seated {
    /// The packs of the seats, sorted: a number of the grant would mean another one after a renewal.
    pub packs: Vec<Slug>,
    /// The cameras, in the order in which they came.
    pub cameras: Vec<CameraId>,
}

/// What step 8 compares the document with: the licence beside it.
#[derive(Clone, Debug)]
pub struct SeatsExpected {
    /// The licence's device.
    pub device: DeviceId,
    /// The key that the licence is bound to.
    pub jkt: Kid,
    /// The licence's epoch; `None` for the device itself, which carries seats over from one epoch to the next.
    pub epoch: Option<u32>,
    /// The licence token's id; `None` for a reader that finds out which licence it speaks of.
    pub jti: Option<TokenId>,
}

impl SeatsClaims {
    /// The payload to sign.
    pub fn to_json_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Every camera on a seat.
    pub fn cameras(&self) -> impl Iterator<Item = &CameraId> {
        self.seated.iter().flat_map(|group| &group.cameras)
    }
}

impl Document for SeatsClaims {
    const TYP: Typ = Typ::Seats;
    type Expected = SeatsExpected;

    fn read(payload: Payload<'_>) -> Result<Self, TokenError> {
        let mut fields = payload.0;
        check_version(&mut fields)?;
        Ok(Self {
            ver: super::CLAIMS_VERSION,
            dev: fields.id("dev", DeviceId::parse)?,
            epoch: fields.u32("epoch")?,
            jkt: fields.kid("jkt")?,
            jti: fields.id("jti", TokenId::parse)?,
            counter: fields.uint("counter")?,
            since: fields.uint("since")?,
            seated: fields.list("seated")?.into_iter().map(read_seated).collect::<Result<_, _>>()?,
            released: read_cameras("released[]", fields.list("released")?)?,
        })
    }

    fn check(&self, expected: &SeatsExpected) -> Result<(), TokenError> {
        use super::licence::check_same;
        check_same("dev", Some(&self.dev), Some(&expected.device))?;
        check_same("epoch", Some(&self.epoch), expected.epoch.as_ref())?;
        check_same("jkt", Some(&self.jkt), Some(&expected.jkt))?;
        check_same("jti", Some(&self.jti), expected.jti.as_ref())
    }

    fn issued_at(&self) -> Option<crate::UnixSeconds> {
        None
    }
}

fn read_seated(value: Json<'_>) -> Result<Seated, ClaimError> {
    let mut fields = Fields::of("seated[]", value)?;
    let packs = fields.list("packs")?.into_iter();
    let packs: Vec<Slug> =
        packs.map(|pack| fields::id("seated[].packs[]", pack, Slug::parse)).collect::<Result<_, _>>()?;
    // One spelling for the same seats, so that they are not counted twice.
    if !packs.is_sorted_by(|one, next| one < next) {
        return Err(ClaimError::new("seated[].packs", "is not sorted, or names a pack twice"));
    }
    let cameras = read_cameras("seated[].cameras[]", fields.list("cameras")?)?;
    fields.end("seated[]")?;
    Ok(Seated { packs, cameras })
}

fn read_cameras(claim: &'static str, listed: Vec<Json<'_>>) -> Result<Vec<CameraId>, ClaimError> {
    listed.into_iter().map(|camera| fields::id(claim, camera, CameraId::parse)).collect()
}
