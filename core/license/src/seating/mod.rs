//! Unnamed seats: what a device may do with them between exchanges. Pure, and the same for the device that does it, the
//! gate that believes it and the issuer that hears of it.
//!
//! Unnamed seats with the same packs are one *pool*. A camera on a free seat costs nothing; taking one off costs one of
//! the swap allowance, `clamp(percent of the seats, min, max)`, also for a camera that came since and for one that is
//! put back: else a few seats would serve any number of cameras in turn. What was released is forgotten when the issuer
//! has heard of it.

mod change;
mod judge;
#[cfg(test)]
mod tests;

pub use change::{Renewed, SeatRefusal};
pub use judge::{SeatRule, VerifiedSeats};

use crate::UnixSeconds;
use crate::id::Slug;
use crate::token::{Grant, LicenceClaims};

/// The number of the document's section in bundle and request. Numbers below are kept for notices of the issuer.
pub const SEATS_SECTION: u16 = 16;

/// The unnamed seats of a licence that have the same packs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Sorted, each once.
    pub packs: Vec<Slug>,
    /// How many.
    pub seats: u64,
    /// The grants that they come from, those that last longest first, with the seats of each: who came first sits
    /// longest.
    pub grants: Vec<(usize, u64)>,
}

impl Pool {
    /// The grant of the camera that came as this one, from 0; `None` where there is no seat for it.
    #[must_use]
    pub fn grant_of(&self, place: u64) -> Option<usize> {
        let mut before = 0_u64;
        for (grant, seats) in &self.grants {
            before = before.saturating_add(*seats);
            if place < before {
                return Some(*grant);
            }
        }
        None
    }
}

/// The pools of a licence, in the order of its grants.
#[must_use]
pub fn pools(licence: &LicenceClaims) -> Vec<Pool> {
    let mut pools: Vec<Pool> = Vec::new();
    for (at, grant) in licence.grants.iter().enumerate().filter(|(_, grant)| grant.seats.unnamed() > 0) {
        let (packs, seats) = (sorted(&grant.packs), u64::from(grant.seats.unnamed()));
        match pools.iter_mut().find(|pool| pool.packs == packs) {
            Some(pool) => {
                pool.seats = pool.seats.saturating_add(seats);
                pool.grants.push((at, seats));
            }
            None => pools.push(Pool { packs, seats, grants: vec![(at, seats)] }),
        }
    }
    for pool in &mut pools {
        pool.grants.sort_by_key(|(at, _)| std::cmp::Reverse(end_of(&licence.grants[*at])));
    }
    pools
}

fn end_of(grant: &Grant) -> UnixSeconds {
    grant.until.unwrap_or(UnixSeconds::new(i64::MAX))
}

/// Packs as a document names them.
#[must_use]
pub fn sorted(packs: &[Slug]) -> Vec<Slug> {
    let mut packs = packs.to_vec();
    packs.sort_unstable();
    packs.dedup();
    packs
}

/// All unnamed seats of a licence.
#[must_use]
pub fn unnamed(licence: &LicenceClaims) -> u64 {
    licence.grants.iter().map(|grant| u64::from(grant.seats.unnamed())).sum()
}

/// How many cameras may be taken off their seats between two exchanges. A licence that says nothing allows none.
#[must_use]
pub fn allowance(licence: &LicenceClaims) -> u64 {
    let Some(swap) = licence.swap else { return 0 };
    let share = unnamed(licence).saturating_mul(u64::from(swap.percent)) / 100;
    // The reader has made sure that min is not above max.
    share.max(u64::from(swap.min)).min(u64::from(swap.max))
}
