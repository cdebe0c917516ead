//! The entitlement table: what a verified licence grants, arranged for answering in nanoseconds.
//!
//! Every feature of the licence gets a bit, every grant a row of bits, every camera the number of its row. A check by
//! names is two hash look-ups, a check by places none; then one bit test and a few comparisons: no allocation, lock,
//! system call or cryptography.

use crate::clock::{Standing, State};
use crate::decision::{Decision, Flags, Reason, Verdict};
use crate::id::Slug;
use crate::names::NameMap;
use crate::time::UnixSeconds;
use crate::token::{Enforce, LicenceClaims, VerifiedLicence};

const WORD_BITS: usize = u64::BITS as usize;

/// What a licence grants. Immutable: a new licence makes a new table.
#[derive(Debug, Default)]
pub struct Table {
    cameras: NameMap,
    features: NameMap,
    /// The grants' own ends; the end of time where they have none.
    ends: Box<[UnixSeconds]>,
    bits: Box<[u64]>,
    words_per_row: usize,
    unnamed_seats: u32,
}

/// Where a camera stands in one [`Table`]: the row of its grant. Means nothing in another table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CameraAt(u32);

/// Where a feature stands in one [`Table`]: its bit. Means nothing in another table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeatureAt(u32);

macro_rules! place {
    ($name:ident) => {
        impl $name {
            /// Not in the table.
            pub const NOWHERE: $name = $name(u32::MAX);

            /// As a number, for holders of many.
            #[must_use]
            pub const fn number(self) -> u32 {
                self.0
            }

            /// From the number of a place in the same table. A number that never was a place is denied.
            #[must_use]
            pub const fn from_number(number: u32) -> Self {
                Self(number)
            }
        }
    };
}

place!(CameraAt);
place!(FeatureAt);

impl Table {
    /// Builds the table of a licence. Only a verified one has claims to read.
    #[must_use]
    pub fn build(licence: &VerifiedLicence) -> Self {
        Self::of_claims(licence.claims())
    }

    /// The table of claims that nobody signed: for measuring tables larger than any document may be.
    #[cfg(feature = "bench")]
    #[must_use]
    pub fn unverified(claims: &LicenceClaims) -> Self {
        Self::of_claims(claims)
    }

    fn of_claims(claims: &LicenceClaims) -> Self {
        let features = features_of(claims);
        let words_per_row = features.len().div_ceil(WORD_BITS);
        let mut bits = vec![0; claims.grants.len() * words_per_row];
        let named = || claims.grants.iter().flat_map(|grant| grant.seats.cameras());
        let (count, bytes) = named().fold((0, 0), |(count, bytes), name| (count + 1, bytes + name.len()));
        let mut cameras = NameMap::with_capacity(count, bytes);
        for (row, grant) in claims.grants.iter().enumerate() {
            let words = &mut bits[row * words_per_row..][..words_per_row];
            set_bits(&features, words, claims, grant.packs.iter().chain(&claims.device.packs));
            grant.seats.cameras().for_each(|camera| cameras.insert_new(camera, index(row)));
        }
        let end = |until: Option<UnixSeconds>| until.unwrap_or(UnixSeconds::new(i64::MAX));
        Self {
            cameras,
            features,
            ends: claims.grants.iter().map(|grant| end(grant.until)).collect(),
            bits: bits.into_boxed_slice(),
            words_per_row,
            unnamed_seats: claims
                .grants
                .iter()
                .fold(0, |sum, grant| sum.saturating_add(grant.seats.unnamed())),
        }
    }

    /// Named cameras.
    #[must_use]
    pub fn cameras(&self) -> usize {
        self.cameras.len()
    }

    /// Seats that no camera has been named for.
    #[must_use]
    pub const fn unnamed_seats(&self) -> u32 {
        self.unnamed_seats
    }

    /// Bytes that the table holds on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let words = size_of_val(&*self.bits) + size_of_val(&*self.ends);
        self.cameras.heap_bytes() + self.features.heap_bytes() + words
    }

    /// Where a camera stands, by exact look-up.
    #[inline]
    #[must_use]
    pub fn camera(&self, name: &str) -> CameraAt {
        self.cameras.find(name).map_or(CameraAt::NOWHERE, CameraAt)
    }

    /// Where a feature stands, by exact look-up.
    #[inline]
    #[must_use]
    pub fn feature(&self, name: &str) -> FeatureAt {
        self.features.find(name).map_or(FeatureAt::NOWHERE, FeatureAt)
    }

    /// Whether a grant has the feature, and when the grant ends.
    #[inline]
    fn look_up(&self, camera: CameraAt, feature: FeatureAt, now: UnixSeconds) -> Result<UnixSeconds, Reason> {
        let (row, bit) = (camera.0 as usize, feature.0 as usize);
        let until = *self.ends.get(row).ok_or(Reason::CameraNotLicensed)?;
        if bit / WORD_BITS >= self.words_per_row {
            return Err(Reason::FeatureNotLicensed);
        }
        if now >= until {
            return Err(Reason::GrantEnded);
        }
        let word = self.bits[row * self.words_per_row + bit / WORD_BITS];
        if word >> (bit % WORD_BITS) & 1 == 0 {
            return Err(Reason::FeatureNotGranted);
        }
        Ok(until)
    }

    /// Decides by name: see [`Table::decide_at`].
    #[inline]
    #[must_use]
    pub fn decide(&self, standing: &Standing, camera: &str, feature: &str, now: UnixSeconds) -> Decision {
        self.decide_at(standing, self.camera(camera), self.feature(feature), now)
    }

    /// Decides by place. `standing` is the last evaluation of time, `now` may be later than it: a decision compares
    /// the deadlines itself, so that it never outlives the licence.
    #[inline(always)]
    #[must_use]
    pub fn decide_at(
        &self,
        standing: &Standing,
        camera: CameraAt,
        feature: FeatureAt,
        now: UnixSeconds,
    ) -> Decision {
        let (state, reason) = standing.at(now);
        let mut flags = standing.flags;
        if state == State::Grace {
            flags = flags.with(Flags::GRACE);
        }
        if !state.permits() {
            let begins = (state == State::NotYetValid).then_some(standing.window.opens_at);
            return deny(standing.enforce, state, reason, flags, begins);
        }
        match self.look_up(camera, feature, now) {
            Ok(until) => Decision {
                verdict: Verdict::Allow,
                allowed: true,
                reason: Reason::Granted,
                state,
                until: Some(standing.window.closes_at().min(until)),
                flags,
            },
            Err(reason) => deny(standing.enforce, state, reason, flags, None),
        }
    }
}

/// Numbers every feature of the licence once.
fn features_of(claims: &LicenceClaims) -> NameMap {
    let mut features = NameMap::default();
    for feature in claims.packs.values().flat_map(|pack| pack.iter()) {
        if features.find(feature).is_none() {
            let bit = index(features.len());
            features.insert_new(feature, bit);
        }
    }
    features
}

fn set_bits<'a>(
    features: &NameMap,
    words: &mut [u64],
    claims: &LicenceClaims,
    packs: impl Iterator<Item = &'a Slug>,
) {
    for feature in packs.filter_map(|pack| claims.packs.get(pack)).flat_map(|pack| pack.iter()) {
        if let Some(bit) = features.find(feature) {
            let bit = bit as usize;
            words[bit / WORD_BITS] |= 1 << (bit % WORD_BITS);
        }
    }
}

/// A "no" under the licence's enforcement profile. Some states no profile softens.
fn deny(
    enforce: Enforce,
    state: State,
    reason: Reason,
    flags: Flags,
    until: Option<UnixSeconds>,
) -> Decision {
    let (allowed, extra) = match enforce {
        _ if state.always_denies() => (false, Flags::NONE),
        Enforce::Observe => (true, Flags::NONE),
        Enforce::Warn => (true, Flags::WARNED),
        Enforce::Degrade => (false, Flags::KEEP_RUNNING),
        Enforce::Deny => (false, Flags::NONE),
    };
    Decision { verdict: Verdict::Deny, allowed, reason, state, until, flags: flags.with(extra) }
}

/// Counts here are bounded by the array items of one document.
fn index(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
