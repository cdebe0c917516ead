//! Step 9: a licence is newer than what was accepted, or the very same bytes.

use super::{LicenceClaims, TokenError, Verified};
use crate::key::Kid;
use crate::keyset::Keyset;
use sha2::{Digest, Sha256};

/// Largest honest step of a sequence number: far beyond one token a minute for a year.
pub const SEQ_JUMP_MAX: u64 = 1 << 20;

/// What must never go backwards: the licence accepted last, by epoch, number and digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeqMark {
    /// The epoch of the licence.
    pub epoch: u32,
    /// Its sequence number.
    pub seq: u64,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// The key that signed it: when that key is revoked, the mark it set does not count.
    pub kid: Kid,
}

impl SeqMark {
    /// The mark that this licence sets.
    #[must_use]
    pub fn of(licence: &Verified<LicenceClaims>) -> Self {
        Self {
            epoch: licence.claims().epoch,
            seq: licence.claims().seq,
            sha256: Sha256::digest(licence.token().as_bytes()).into(),
            kid: licence.kid(),
        }
    }

    /// Whether `licence` may follow `held`; `None` is a device that never accepted one.
    pub fn admit(
        held: Option<&SeqMark>,
        licence: &Verified<LicenceClaims>,
        keyset: &Keyset,
    ) -> Result<SeqMark, TokenError> {
        let claims = licence.claims();
        if claims.ks > keyset.version() {
            return Err(TokenError::KeysetTooOld { wanted: claims.ks, held: keyset.version() });
        }
        let mark = Self::of(licence);
        // A revoked key may have been used to push the number far ahead; what it set is forgotten.
        let held = held.filter(|held| !keyset.has_revoked(&held.kid));
        let Some(held) = held else { return Ok(mark) };
        if mark.epoch < held.epoch {
            return Err(TokenError::WrongDevice("epoch"));
        }
        if mark.epoch > held.epoch || (mark.seq == held.seq && mark.sha256 == held.sha256) {
            return Ok(mark);
        }
        if mark.seq <= held.seq {
            return Err(TokenError::Rollback { seq: mark.seq, held: held.seq });
        }
        if mark.seq - held.seq > SEQ_JUMP_MAX {
            return Err(TokenError::SeqJump { seq: mark.seq, held: held.seq });
        }
        Ok(mark)
    }
}
