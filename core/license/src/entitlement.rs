//! The entitlement table: what a verified licence grants, arranged for answering in nanoseconds.
//!
//! Every feature of the licence gets a bit, every grant a row of bits, every camera the number of its row. A check is
//! two hash look-ups, one bit test and a few comparisons: no allocation, lock, system call or cryptography.

use crate::clock::{Standing, State};
use crate::decision::{Decision, Flags, Reason, Verdict};
use crate::id::Slug;
use crate::time::UnixSeconds;
use crate::token::{Enforce, LicenceClaims, Seats, VerifiedLicence};
use hashbrown::HashMap;

/// Camera and feature names come from signed documents and from the host, so nobody gains by choosing colliding
/// ones; the fast hasher is still seeded per process.
type Names = HashMap<Box<str>, u32, foldhash::fast::RandomState>;

const WORD_BITS: usize = u64::BITS as usize;

/// What a licence grants. Immutable: a new licence makes a new table.
#[derive(Debug, Default)]
pub struct Table {
    cameras: Names,
    features: Names,
    rows: Vec<Row>,
    bits: Box<[u64]>,
    words_per_row: usize,
    unnamed_seats: u32,
}

/// One grant.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// The grant's own end; the end of time where it has none.
    until: UnixSeconds,
}

impl Table {
    /// Builds the table of a licence. Only a verified one has claims to read.
    #[must_use]
    pub fn build(licence: &VerifiedLicence) -> Self {
        Self::of_claims(licence.claims())
    }

    fn of_claims(claims: &LicenceClaims) -> Self {
        let mut features = Names::default();
        for feature in claims.packs.values().flatten() {
            let next = index(features.len());
            if !features.contains_key(feature.as_str()) {
                features.insert(feature.as_str().into(), next);
            }
        }
        let words_per_row = features.len().div_ceil(WORD_BITS);
        let mut table = Self { features, words_per_row, ..Self::default() };
        let mut bits = vec![0; claims.grants.len() * words_per_row];
        for grant in &claims.grants {
            let row = index(table.rows.len());
            let words = &mut bits[table.rows.len() * words_per_row..][..words_per_row];
            table.set_bits(words, claims, grant.packs.iter().chain(&claims.device.packs));
            table.rows.push(Row { until: grant.until.unwrap_or(UnixSeconds::new(i64::MAX)) });
            match &grant.seats {
                Seats::Cameras(cameras) => {
                    table.cameras.extend(cameras.iter().map(|camera| (camera.as_str().into(), row)));
                }
                Seats::Any(count) => table.unnamed_seats = table.unnamed_seats.saturating_add(*count),
            }
        }
        table.bits = bits.into_boxed_slice();
        table
    }

    fn set_bits<'a>(&self, words: &mut [u64], claims: &LicenceClaims, packs: impl Iterator<Item = &'a Slug>) {
        for feature in packs.filter_map(|pack| claims.packs.get(pack)).flatten() {
            if let Some(bit) = self.features.get(feature.as_str()) {
                let bit = *bit as usize;
                words[bit / WORD_BITS] |= 1 << (bit % WORD_BITS);
            }
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

    /// Whether a grant has the feature, and when the grant ends.
    #[inline]
    fn look_up(&self, camera: &str, feature: &str, now: UnixSeconds) -> Result<UnixSeconds, Reason> {
        let row = *self.cameras.get(camera).ok_or(Reason::CameraNotLicensed)? as usize;
        let bit = *self.features.get(feature).ok_or(Reason::FeatureNotLicensed)? as usize;
        let until = self.rows[row].until;
        if now >= until {
            return Err(Reason::GrantEnded);
        }
        let word = self.bits[row * self.words_per_row + bit / WORD_BITS];
        if word >> (bit % WORD_BITS) & 1 == 0 {
            return Err(Reason::FeatureNotGranted);
        }
        Ok(until)
    }

    /// Decides by name. `standing` is the last evaluation of time, `now` may be later than it: a decision compares
    /// the deadlines itself, so that it never outlives the licence.
    #[inline]
    #[must_use]
    pub fn decide(&self, standing: &Standing, camera: &str, feature: &str, now: UnixSeconds) -> Decision {
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
            Ok(until) => {
                let until = Some(standing.window.ends_at.min(until));
                Decision {
                    verdict: Verdict::Allow,
                    allowed: true,
                    reason: Reason::Granted,
                    state,
                    until,
                    flags,
                }
            }
            Err(reason) => deny(standing.enforce, state, reason, flags, None),
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
