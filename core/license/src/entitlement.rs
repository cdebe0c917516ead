//! The entitlement table: what a verified licence grants, arranged for answering in nanoseconds.
//!
//! Every feature of the licence gets a bit, every grant a row of bits, every camera the number of its row. A check by
//! names is two hash look-ups, a check by places none; then one bit test and a few comparisons: no allocation, lock,
//! system call or cryptography.

use crate::clock::{Standing, State};
use crate::decision::{Decision, Flags, Reason};
use crate::id::Feature;
use crate::names::{IdList, NameEnds, NameMap, WholeName};
use crate::seating::VerifiedSeats;
use crate::time::UnixSeconds;
use crate::token::{LicenceClaims, VerifiedLicence};

const WORD_BITS: usize = u64::BITS as usize;

/// What a licence grants. Immutable: a new licence makes a new table.
#[derive(Debug, Default)]
pub struct Table {
    cameras: NameMap<WholeName>,
    features: NameMap<NameEnds>,
    rows: Box<[Row]>,
    /// Words of bits beyond the first of each row: licences with more than 64 features have some.
    further: Box<[u64]>,
    unnamed_seats: u32,
}

/// One grant.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// The grant's own end; the end of time where it has none.
    until: UnixSeconds,
    /// Its first 64 features.
    first: u64,
    /// Where its further words begin.
    further: usize,
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
    /// Builds the table of a licence, with the cameras that the device put on unnamed seats of this very licence; those of
    /// any other do not count. Only what is verified has claims to read.
    #[must_use]
    pub fn build(licence: &VerifiedLicence, seats: Option<&VerifiedSeats>) -> Self {
        Self::of_claims(licence.claims(), seats.filter(|seats| seats.claims().jti == licence.claims().jti))
    }

    /// The table of claims that nobody signed: for measuring tables larger than any document may be.
    #[cfg(feature = "bench")]
    #[must_use]
    pub fn unverified(claims: &LicenceClaims) -> Self {
        Self::of_claims(claims, None)
    }

    fn of_claims(claims: &LicenceClaims, seats: Option<&VerifiedSeats>) -> Self {
        let features = features_of(claims);
        let named: usize = claims.grants.iter().map(|grant| grant.seats.named()).sum();
        let seated = seats.map_or(0, |seats| seats.claims().cameras().count());
        let mut cameras = NameMap::with_capacity(named + seated);
        let (mut rows, mut further) = (Vec::with_capacity(claims.grants.len()), Vec::new());
        for (row, grant) in claims.grants.iter().enumerate() {
            let packs = grant.packs.iter().chain(&claims.device.packs);
            let words = words_of(&features, packs.filter_map(|pack| claims.packs.get(pack)));
            let (first, rest) = words.split_first().map_or((0, &[][..]), |(first, rest)| (*first, rest));
            let until = grant.until.unwrap_or(UnixSeconds::new(i64::MAX));
            rows.push(Row { until, first, further: further.len() });
            further.extend_from_slice(rest);
            grant.seats.cameras().for_each(|camera| cameras.insert_new(camera, index(row)));
        }
        let placed = seats.into_iter().flat_map(VerifiedSeats::placed);
        placed.for_each(|(row, camera)| cameras.insert_new(camera, index(row)));
        Self {
            cameras,
            features,
            rows: rows.into_boxed_slice(),
            further: further.into_boxed_slice(),
            unnamed_seats: claims
                .grants
                .iter()
                .fold(0, |sum, grant| sum.saturating_add(grant.seats.unnamed())),
        }
    }

    /// Cameras that the licence names, and those on unnamed seats.
    #[must_use]
    pub fn cameras(&self) -> usize {
        self.cameras.len()
    }

    /// Seats that the licence names no camera for, taken or free.
    #[must_use]
    pub const fn unnamed_seats(&self) -> u32 {
        self.unnamed_seats
    }

    /// Bytes that the table holds on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let words = size_of_val(&*self.rows) + size_of_val(&*self.further);
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

    /// A camera's grant for holders of many: its end, and its bits for the features numbered below 64. No grant ends at 0.
    #[must_use]
    pub fn first_word(&self, camera: CameraAt) -> (UnixSeconds, u64) {
        self.rows.get(camera.0 as usize).map_or((UnixSeconds::new(0), 0), |row| (row.until, row.first))
    }

    /// Whether a grant has the feature, and when the grant ends.
    #[inline]
    fn look_up(&self, camera: CameraAt, feature: FeatureAt, now: UnixSeconds) -> Result<UnixSeconds, Reason> {
        let bit = feature.0 as usize;
        let row = self.rows.get(camera.0 as usize).ok_or(Reason::CameraNotLicensed)?;
        if bit >= self.features.len() {
            return Err(Reason::FeatureNotLicensed);
        }
        if now >= row.until {
            return Err(Reason::GrantEnded);
        }
        let word = match bit / WORD_BITS {
            0 => row.first,
            further => self.further[row.further + further - 1],
        };
        if word >> (bit % WORD_BITS) & 1 == 0 {
            return Err(Reason::FeatureNotGranted);
        }
        Ok(row.until)
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
        answered(standing, now, || self.look_up(camera, feature, now))
    }

    /// Decides whether a camera has a seat at all, whatever it may do on it.
    #[must_use]
    pub fn decide_seat(&self, standing: &Standing, camera: CameraAt, now: UnixSeconds) -> Decision {
        answered(standing, now, || {
            let row = self.rows.get(camera.0 as usize).ok_or(Reason::CameraNotLicensed)?;
            if now < row.until { Ok(row.until) } else { Err(Reason::GrantEnded) }
        })
    }
}

/// What the calendar says, and where it permits anything what the grant says.
#[inline(always)]
fn answered(
    standing: &Standing,
    now: UnixSeconds,
    look_up: impl FnOnce() -> Result<UnixSeconds, Reason>,
) -> Decision {
    // The usual case by itself: a licence in its prime.
    let (state, flags) = if standing.prime().contains(&now) {
        (State::Active, standing.flags)
    } else {
        match aged(standing, now) {
            Ok(in_grace) => in_grace,
            Err(refusal) => return refusal,
        }
    };
    match look_up() {
        Ok(until) => Decision::granted(state, standing.window.closes_at().min(until), flags),
        Err(reason) => Decision::denied(standing.enforce, state, reason, flags),
    }
}

/// What the calendar says of a licence that is not in its prime: grace, or a refusal whatever is asked.
#[cold]
fn aged(standing: &Standing, now: UnixSeconds) -> Result<(State, Flags), Decision> {
    let (state, reason) = standing.at(now);
    let flags = if state == State::Grace { standing.flags.with(Flags::GRACE) } else { standing.flags };
    if state.permits() {
        return Ok((state, flags));
    }
    let begins = (state == State::NotYetValid).then_some(standing.window.opens_at);
    Err(Decision { until: begins, ..Decision::denied(standing.enforce, state, reason, flags) })
}

/// Numbers every feature of the licence once.
fn features_of(claims: &LicenceClaims) -> NameMap<NameEnds> {
    let mut features = NameMap::with_capacity(claims.packs.values().map(IdList::len).sum());
    for feature in claims.packs.values().flat_map(|pack| pack.iter()) {
        if features.find(feature).is_none() {
            let bit = index(features.len());
            features.insert_new(feature, bit);
        }
    }
    features
}

/// A bit for each feature of these packs, as many words as the licence's features need.
fn words_of<'a>(features: &NameMap<NameEnds>, packs: impl Iterator<Item = &'a IdList<Feature>>) -> Vec<u64> {
    let mut words = vec![0; features.len().div_ceil(WORD_BITS)];
    for bit in packs.flat_map(|pack| pack.iter()).filter_map(|feature| features.find(feature)) {
        let bit = bit as usize;
        words[bit / WORD_BITS] |= 1 << (bit % WORD_BITS);
    }
    words
}

/// Counts here are bounded by the array items of one document.
fn index(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
