//! What the device does: the next document out of the one before, or why there is none.

use super::{Pool, allowance, pools, sorted, unnamed};
use crate::id::{CameraId, Slug};
use crate::token::{CLAIMS_VERSION, LicenceClaims, Seated, SeatsClaims};
use std::collections::HashSet;

/// Most bytes of a payload that an assignment may come to: two thirds of what a document holds, so that a renewal with
/// longer names of packs still fits.
const PAYLOAD_BYTES_MAX: usize = 64 * 1024;
/// Most cameras and packs that a document names, below the items that one may have.
const NAMES_MAX: usize = 3_072;

/// Why a camera gets no seat, or keeps its own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeatRefusal {
    /// There is nothing to sit on.
    #[error("no licence is in force")]
    NoLicence,
    /// None are left to the device.
    #[error("the licence has no unnamed seats")]
    NoSeats,
    /// None with these packs.
    #[error("the licence has no unnamed seats with exactly the packs {}", list(asked))]
    NoSuchSeats {
        /// What was asked for.
        asked: Vec<Slug>,
        /// What there is.
        known: Vec<Vec<Slug>>,
    },
    /// All are taken.
    #[error("all {seats} unnamed seats are taken, by {}", shown(cameras))]
    Taken {
        /// How many there are.
        seats: u64,
        /// Who sits there, in the order of coming.
        cameras: Vec<CameraId>,
    },
    /// The licence names it.
    #[error("the licence names camera {0}: it needs no unnamed seat")]
    Named(CameraId),
    /// It has one.
    #[error("camera {0} sits on an unnamed seat already")]
    Seated(CameraId),
    /// It has none.
    #[error("camera {0} sits on no unnamed seat")]
    NotSeated(CameraId),
    /// The allowance is used up.
    #[error("{released} of {allowance} seats have been moved since the last exchange")]
    NoSwapLeft {
        /// How many were.
        released: u64,
        /// How many may be.
        allowance: u64,
    },
    /// The document cannot hold more.
    #[error("the cameras on unnamed seats have names too long, or are too many, for one document")]
    Full,
}

/// Cameras that a message names: the rest is counted.
const SHOWN_MAX: usize = 8;

fn shown(cameras: &[CameraId]) -> String {
    let named = cameras.iter().take(SHOWN_MAX).map(CameraId::as_str).collect::<Vec<_>>().join(", ");
    match cameras.len().saturating_sub(SHOWN_MAX) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

fn list(packs: &[Slug]) -> String {
    packs.iter().map(Slug::as_str).collect::<Vec<_>>().join(", ")
}

impl SeatRefusal {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            SeatRefusal::NoLicence => "NO_LICENCE",
            SeatRefusal::NoSeats => "NO_UNNAMED_SEATS",
            SeatRefusal::NoSuchSeats { .. } => "NO_SUCH_SEATS",
            SeatRefusal::Taken { .. } => "SEATS_TAKEN",
            SeatRefusal::Named(_) => "CAMERA_NAMED",
            SeatRefusal::Seated(_) => "CAMERA_SEATED",
            SeatRefusal::NotSeated(_) => "CAMERA_NOT_SEATED",
            SeatRefusal::NoSwapLeft { .. } => "NO_SWAP_LEFT",
            SeatRefusal::Full => "SEATS_FULL",
        }
    }

    /// What helps.
    #[must_use]
    pub fn mend(&self) -> String {
        match self {
            SeatRefusal::NoLicence => "run an exchange, by network or by file".to_owned(),
            SeatRefusal::NoSeats => {
                "ask the issuer's admin to assign the camera to this device, or to subscribe to more cameras; then exchange"
                    .to_owned()
            }
            SeatRefusal::NoSuchSeats { known, .. } => {
                let known: Vec<_> = known.iter().map(|packs| packs.iter().map(Slug::as_str).collect::<Vec<_>>().join(",")).collect();
                format!("leave --packs out, or name one of: {}", known.join("; "))
            }
            SeatRefusal::Taken { .. } => {
                "release one with brink-edge seat release, or ask the issuer's admin for more and exchange".to_owned()
            }
            SeatRefusal::Named(_) | SeatRefusal::Seated(_) => "nothing to do: the camera is licensed".to_owned(),
            SeatRefusal::NotSeated(_) => "see brink-edge seat list".to_owned(),
            SeatRefusal::NoSwapLeft { .. } => {
                "run an exchange, by network or by file: it renews the allowance; or ask the issuer's admin to assign the camera"
                    .to_owned()
            }
            SeatRefusal::Full => "ask the issuer's admin to assign cameras to this device by name".to_owned(),
        }
    }
}

/// A document for another licence or receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewed {
    /// It.
    pub claims: SeatsClaims,
    /// Cameras that there is no seat for any more, in the order in which they came.
    pub dropped: Vec<CameraId>,
}

impl SeatsClaims {
    /// Nobody sits yet, under this licence and the receipt beside it.
    #[must_use]
    pub fn empty(licence: &LicenceClaims, receipt: u64) -> Self {
        Self {
            ver: CLAIMS_VERSION,
            dev: licence.dev.clone(),
            epoch: licence.epoch,
            jkt: licence.cnf.jkt,
            jti: licence.jti.clone(),
            counter: 0,
            since: receipt,
            seated: Vec::new(),
            released: Vec::new(),
        }
    }

    /// The next document, with `camera` on a free seat: with exactly these packs, or the first that is free.
    pub fn assign(
        &self,
        licence: &LicenceClaims,
        camera: &CameraId,
        packs: Option<&[Slug]>,
    ) -> Result<Self, SeatRefusal> {
        if licence.grants.iter().any(|grant| grant.seats.cameras().any(|named| named == camera.as_str())) {
            return Err(SeatRefusal::Named(camera.clone()));
        }
        if self.cameras().any(|seated| seated == camera) {
            return Err(SeatRefusal::Seated(camera.clone()));
        }
        let all = pools(licence);
        if all.is_empty() {
            return Err(SeatRefusal::NoSeats);
        }
        let asked = packs.map(sorted);
        let wanted: Vec<&Pool> =
            all.iter().filter(|pool| asked.as_ref().is_none_or(|asked| *asked == pool.packs)).collect();
        if let (Some(asked), true) = (asked, wanted.is_empty()) {
            let known = all.iter().map(|pool| pool.packs.clone()).collect();
            return Err(SeatRefusal::NoSuchSeats { asked, known });
        }
        let mut next = self.next();
        let Some(pool) = wanted.iter().find(|pool| next.taken(pool) < pool.seats) else {
            let cameras = wanted.iter().flat_map(|pool| self.on(pool)).cloned().collect();
            return Err(SeatRefusal::Taken { seats: wanted.iter().map(|pool| pool.seats).sum(), cameras });
        };
        next.sit(pool, camera.clone());
        if next.fits() { Ok(next) } else { Err(SeatRefusal::Full) }
    }

    /// The next document, without `camera`, which is counted.
    pub fn release(&self, licence: &LicenceClaims, camera: &CameraId) -> Result<Self, SeatRefusal> {
        if !self.cameras().any(|seated| seated == camera) {
            return Err(SeatRefusal::NotSeated(camera.clone()));
        }
        let (released, allowance) = (self.released.len() as u64, allowance(licence));
        if released >= allowance {
            return Err(SeatRefusal::NoSwapLeft { released, allowance });
        }
        let mut next = self.next();
        next.seated.iter_mut().for_each(|group| group.cameras.retain(|seated| seated != camera));
        next.seated.retain(|group| !group.cameras.is_empty());
        next.released.push(camera.clone());
        Ok(next)
    }

    /// The document that goes on from this one under `licence` and the receipt beside it, `None` if this one goes on
    /// itself. `heard` is the report that the receipt answers: what it counted is forgotten, what came later is not.
    /// Cameras that the licence names leave their seats; where seats became fewer the earliest stay; those whose seats
    /// have other packs now take what is free. All of that costs nothing.
    #[must_use]
    pub fn renewed(
        &self,
        licence: &LicenceClaims,
        receipt: u64,
        heard: Option<&SeatsClaims>,
    ) -> Option<Renewed> {
        let same_epoch = self.epoch == licence.epoch;
        let heard = heard.filter(|heard| (heard.epoch, heard.since) == (self.epoch, self.since));
        let forgotten =
            if same_epoch { heard.map_or(0, |heard| heard.released.len()) } else { self.released.len() };
        if self.jti == licence.jti && same_epoch && forgotten == 0 {
            return None;
        }
        let mut next = Self { counter: self.counter.saturating_add(1), ..Self::empty(licence, receipt) };
        next.released = self.released.get(forgotten..).unwrap_or_default().to_vec();
        // A licence that allows less than was done already: what is too much is over.
        let allowed = usize::try_from(allowance(licence)).unwrap_or(usize::MAX);
        next.released.truncate(allowed);
        let dropped = next.carry(self, licence);
        Some(Renewed { claims: next, dropped })
    }

    fn carry(&mut self, earlier: &SeatsClaims, licence: &LicenceClaims) -> Vec<CameraId> {
        let named: HashSet<&str> = licence.grants.iter().flat_map(|grant| grant.seats.cameras()).collect();
        let pools = pools(licence);
        let mut homeless = Vec::new();
        for group in &earlier.seated {
            let pool = pools.iter().find(|pool| pool.packs == group.packs);
            for camera in group.cameras.iter().filter(|camera| !named.contains(camera.as_str())) {
                match pool.filter(|pool| self.taken(pool) < pool.seats) {
                    Some(pool) => self.sit(pool, camera.clone()),
                    None => homeless.push(camera.clone()),
                }
            }
        }
        let mut dropped = Vec::new();
        for camera in homeless {
            match pools.iter().find(|pool| self.taken(pool) < pool.seats) {
                Some(pool) => self.sit(pool, camera),
                None => dropped.push(camera),
            }
        }
        dropped
    }

    fn next(&self) -> Self {
        Self { counter: self.counter.saturating_add(1), ..self.clone() }
    }

    /// Who sits on the seats of this pool.
    #[must_use]
    pub fn on(&self, pool: &Pool) -> &[CameraId] {
        let group = self.seated.iter().find(|group| group.packs == pool.packs);
        group.map_or(&[], |group| &group.cameras)
    }

    /// How many seats of this pool are taken.
    #[must_use]
    pub fn taken(&self, pool: &Pool) -> u64 {
        self.on(pool).len() as u64
    }

    /// How many seats are free.
    #[must_use]
    pub fn free(&self, licence: &LicenceClaims) -> u64 {
        unnamed(licence).saturating_sub(self.cameras().count() as u64)
    }

    fn sit(&mut self, pool: &Pool, camera: CameraId) {
        match self.seated.iter_mut().find(|group| group.packs == pool.packs) {
            Some(group) => group.cameras.push(camera),
            None => self.seated.push(Seated { packs: pool.packs.clone(), cameras: vec![camera] }),
        }
    }

    fn fits(&self) -> bool {
        let packs: usize = self.seated.iter().map(|group| group.packs.len()).sum();
        let names = self.cameras().count() + self.released.len() + packs;
        names <= NAMES_MAX && self.to_json_bytes().is_ok_and(|bytes| bytes.len() <= PAYLOAD_BYTES_MAX)
    }
}
