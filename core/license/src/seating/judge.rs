//! What a document may say beside its licence, and after the document before it.

use super::{Pool, allowance, pools};
use crate::key::PublicKey;
use crate::token::{
    Authority, LicenceClaims, Seated, SeatsClaims, SeatsExpected, TokenError, Verified, VerifiedLicence,
    verify,
};
use std::collections::{HashMap, HashSet};

/// The rule that a document breaks. Names no camera: refusals are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeatRule {
    /// The licence has no such seats.
    #[error("it names seats that the licence does not have")]
    NoSuchSeats,
    /// The same seats twice.
    #[error("it names the same seats twice")]
    SeatsTwice,
    /// More cameras than seats.
    #[error("{seated} cameras sit on {seats} seats")]
    TooMany {
        /// How many sit.
        seated: u64,
        /// On how many.
        seats: u64,
    },
    /// A camera has a seat of its own.
    #[error("a camera sits on it that the licence names")]
    Named,
    /// A camera sits on two seats.
    #[error("a camera sits on two seats")]
    Twice,
    /// More was released than may be between two exchanges.
    #[error("{released} cameras were taken off their seats, {allowance} may be between two exchanges")]
    TooManyReleased {
        /// How many were.
        released: u64,
        /// How many may be.
        allowance: u64,
    },
    /// It counts from a receipt that does not exist yet.
    #[error("it counts from receipt {since}, the newest is {receipt}")]
    Ahead {
        /// From which it counts.
        since: u64,
        /// The newest.
        receipt: u64,
    },
    /// Older than one that was seen, or another one of the same number.
    #[error("number {counter} does not follow {seen}, which was seen before")]
    Behind {
        /// Its number.
        counter: u64,
        /// The number seen.
        seen: u64,
    },
    /// A camera left its seat and was not released.
    #[error("a camera left its seat without being counted as released")]
    Uncounted,
}

/// A document that was verified and judged beside the licence that it speaks of. There is no other way to one than
/// [`VerifiedSeats::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedSeats {
    document: Verified<SeatsClaims>,
    /// The grant of each camera, in the order of the document.
    grants: Box<[usize]>,
}

impl VerifiedSeats {
    /// Steps 1 to 8, and the rules: signed by the device of `licence`, beside the receipt with this number (0 without
    /// one).
    pub fn verify(
        token: &[u8],
        key: &PublicKey,
        licence: &VerifiedLicence,
        receipt: u64,
    ) -> Result<Self, TokenError> {
        let licence = licence.claims();
        let expected = SeatsExpected {
            device: licence.dev.clone(),
            jkt: licence.cnf.jkt,
            epoch: Some(licence.epoch),
            jti: Some(licence.jti.clone()),
        };
        let document = verify::<SeatsClaims>(token, Authority::Device(key), &expected)?;
        let grants = document.claims().judge(licence, receipt)?;
        Ok(Self { document, grants })
    }

    /// What it says.
    #[must_use]
    pub const fn claims(&self) -> &SeatsClaims {
        self.document.claims()
    }

    /// The token as it was received.
    #[must_use]
    pub fn token(&self) -> &str {
        self.document.token()
    }

    /// Every camera, with the place of its grant in the licence.
    pub fn placed(&self) -> impl Iterator<Item = (usize, &str)> {
        self.grants.iter().copied().zip(self.claims().cameras().map(AsRef::as_ref))
    }
}

impl SeatsClaims {
    /// The rules of one document beside its licence, and the grant of each camera.
    pub fn judge(&self, licence: &LicenceClaims, receipt: u64) -> Result<Box<[usize]>, SeatRule> {
        let (released, allowance) = (self.released.len() as u64, allowance(licence));
        if released > allowance {
            return Err(SeatRule::TooManyReleased { released, allowance });
        }
        if self.since > receipt {
            return Err(SeatRule::Ahead { since: self.since, receipt });
        }
        let named: HashSet<&str> = licence.grants.iter().flat_map(|grant| grant.seats.cameras()).collect();
        let mut seen = HashSet::new();
        for camera in self.cameras().map(AsRef::as_ref) {
            if named.contains(camera) {
                return Err(SeatRule::Named);
            }
            if !seen.insert(camera) {
                return Err(SeatRule::Twice);
            }
        }
        let pools = pools(licence);
        let mut grants = Vec::with_capacity(seen.len());
        for (at, group) in self.seated.iter().enumerate() {
            if self.seated[..at].iter().any(|before| before.packs == group.packs) {
                return Err(SeatRule::SeatsTwice);
            }
            place(group, &pools, &mut grants)?;
        }
        Ok(grants.into_boxed_slice())
    }

    /// Whether this may come after `earlier`, of which a reader may have missed any number in between: between two
    /// exchanges every camera that left was counted, and what was counted stays so.
    pub fn follows(&self, earlier: &SeatsClaims) -> Result<(), SeatRule> {
        if self.epoch != earlier.epoch {
            return Ok(());
        }
        let behind = SeatRule::Behind { counter: self.counter, seen: earlier.counter };
        if self.counter == earlier.counter {
            return if self == earlier { Ok(()) } else { Err(behind) };
        }
        if self.counter < earlier.counter || self.since < earlier.since {
            return Err(behind);
        }
        if self.since > earlier.since {
            return Ok(());
        }
        self.accounts_for(earlier)
    }

    /// Whether every camera that sat there by `earlier`, the report that was answered last, and sits no more was counted.
    pub fn accounts_for(&self, earlier: &SeatsClaims) -> Result<(), SeatRule> {
        let counted = if self.since == earlier.since {
            self.released.strip_prefix(earlier.released.as_slice()).ok_or(SeatRule::Uncounted)?
        } else {
            &self.released
        };
        let counted: HashSet<_> = counted.iter().collect();
        let sits: HashMap<_, _> = self.places().collect();
        let explained =
            |(camera, packs): (_, &_)| sits.get(camera) == Some(packs) || counted.contains(camera);
        if earlier.places().all(|(camera, packs)| explained((camera, &packs))) {
            return Ok(());
        }
        Err(SeatRule::Uncounted)
    }

    /// Every camera with the packs of its seat.
    fn places(&self) -> impl Iterator<Item = (&crate::CameraId, &[crate::Slug])> {
        self.seated.iter().flat_map(|group| group.cameras.iter().map(|camera| (camera, &*group.packs)))
    }
}

fn place(group: &Seated, pools: &[Pool], grants: &mut Vec<usize>) -> Result<(), SeatRule> {
    let pool = pools.iter().find(|pool| pool.packs == group.packs).ok_or(SeatRule::NoSuchSeats)?;
    let too_many = SeatRule::TooMany { seated: group.cameras.len() as u64, seats: pool.seats };
    for place in 0..group.cameras.len() as u64 {
        grants.push(pool.grant_of(place).ok_or(too_many)?);
    }
    Ok(())
}
