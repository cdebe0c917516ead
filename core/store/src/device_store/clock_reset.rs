//! Clock resets: accepted for the one challenge that waits, in the boot that made it, and for a while only. The clock
//! keeper learns of one from the state, so that a kill in between loses nothing.

use super::DeviceStore;
use crate::StoreError;
use crate::crash::{Point, reached};
use crate::state::Challenge;
use brink_license::Code;
use brink_license::clock::{Reading, ResetMark};
use brink_license::keyset::KeyUse;
use brink_license::token::{
    Authority, CHALLENGE_SECONDS_MAX, Challenged, ClockResetClaims, ClockResetExpected, TokenError,
    VerifiedClockReset, verify,
};

/// Largest honest step of the number of resets: a device that started over goes on from the few of the one before.
const RESETS_JUMP_MAX: u64 = 1 << 20;

/// Why a clock reset was not taken up. The clock's marks stay as they were.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResetError {
    /// A rule that it broke.
    #[error("clock reset: {0}")]
    Refused(TokenError),
    /// The machine was started again since the challenge was made.
    #[error(
        "clock reset: the machine was started again since the challenge was made: make a new one with brink-edge clock \
         challenge"
    )]
    OtherBoot,
    /// The challenge is too old.
    #[error(
        "clock reset: the challenge was made {hours} hours ago, and may be answered within {}: make a new one with \
         brink-edge clock challenge",
        CHALLENGE_SECONDS_MAX / 3600
    )]
    TooOld {
        /// Since when, in hours of the boot's own clock.
        hours: i64,
    },
    /// Nobody resets a clock that often.
    #[error(
        "clock reset: the kept marks claim {found} resets, which somebody has made up: stop what uses them, remove \
         journal/journal.db, which the agent makes anew, and accept it again"
    )]
    Jump {
        /// What they claim.
        found: u64,
    },
    /// There is no device that it could speak of, or nothing to verify it with.
    #[error("this device has no name or no keys yet: run an exchange first")]
    NoDevice,
    /// The device directory.
    #[error("{0}")]
    Store(#[from] StoreError),
}

impl ResetError {
    /// A stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            ResetError::Refused(problem) => problem.code().as_str(),
            ResetError::OtherBoot | ResetError::TooOld { .. } => Code::ChallengeOver.as_str(),
            ResetError::Jump { .. } => Code::SeqJump.as_str(),
            ResetError::NoDevice => Code::BadClaims.as_str(),
            ResetError::Store(error) => error.code(),
        }
    }
}

impl DeviceStore {
    /// Stores a challenge before it leaves, in place of an earlier one.
    pub fn store_challenge(&mut self, challenge: Challenge) -> Result<(), StoreError> {
        self.state.store_challenge(&challenge)?;
        self.held.challenge = Some(challenge);
        Ok(())
    }

    /// Accepts the answer to the challenge that waits, at a reading of this machine. `number` is above that of every
    /// reset that the marks know of.
    pub fn accept_reset(
        &mut self,
        token: &str,
        reading: &Reading,
        number: u64,
    ) -> Result<VerifiedClockReset, ResetError> {
        let reset = self.examine_reset(token)?;
        let challenge = self.held.challenge.ok_or(ResetError::Refused(TokenError::WrongChallenge))?;
        check_age(&challenge.created, reading)?;
        let known = self.held.clock_reset.map_or(0, |reset| reset.number);
        if self.claims_resets(number) {
            return Err(ResetError::Jump { found: number });
        }
        let mark = ResetMark {
            number: number.max(known.saturating_add(1)),
            server_time: reset.claims().server_time,
            boot: reading.boot,
            boottime: reading.boottime,
        };
        self.state.accept_reset(&challenge.nonce, &mark)?;
        reached(Point::ResetStored);
        self.held = self.state.held()?;
        Ok(reset)
    }

    /// A correction under a number that follows the one before; none where somebody made up the kept marks' number, which a
    /// challenge names.
    pub(super) fn counted(&self, mark: Option<ResetMark>) -> Option<ResetMark> {
        let mark = mark.filter(|mark| !self.claims_resets(mark.number))?;
        let known = self.held.clock_reset.map_or(0, |reset| reset.number);
        Some(ResetMark { number: mark.number.max(known.saturating_add(1)), ..mark })
    }

    /// Whether this many resets can only have been made up.
    pub(super) fn claims_resets(&self, number: u64) -> bool {
        let known = self.held.clock_reset.map_or(0, |reset| reset.number);
        number.saturating_sub(known) > RESETS_JUMP_MAX
    }

    fn examine_reset(&self, token: &str) -> Result<VerifiedClockReset, ResetError> {
        let identity = self.held.identity.as_ref().ok_or(ResetError::NoDevice)?;
        let keyset = self.keyset().ok_or(ResetError::NoDevice)?;
        let expected = ClockResetExpected {
            issuer: self.anchor.issuer().clone(),
            challenged: Some(Challenged {
                tenant: identity.tenant.clone(),
                dev: identity.device.clone(),
                epoch: identity.epoch,
                jkt: self.device_key.kid(),
                nonce: self.held.challenge.map(|challenge| challenge.nonce),
            }),
        };
        let authority = Authority::Issuer(keyset, KeyUse::Receipt);
        verify::<ClockResetClaims>(token.as_bytes(), authority, &expected).map_err(ResetError::Refused)
    }
}

/// The boot's own clock counts, which nobody can set: a token that was kept back gains no more than this.
fn check_age(created: &Reading, reading: &Reading) -> Result<(), ResetError> {
    if created.boot != reading.boot {
        return Err(ResetError::OtherBoot);
    }
    let seconds = reading.boottime.saturating_sub(created.boottime);
    if (0..=CHALLENGE_SECONDS_MAX).contains(&seconds) {
        return Ok(());
    }
    Err(ResetError::TooOld { hours: seconds / 3600 })
}
