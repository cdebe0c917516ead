//! Documents that come by themselves, and the challenge that one of them answers.

use super::{Device, nonce};
use crate::exchange::{DeviceError, plan};
use brink_license::clock::{Guarded, Reading};
use brink_license::token::{ClockResetClaims, NoticeKind, TypedExtension, UnverifiedToken};
use brink_license::{Typ, UnixSeconds};
use brink_signing::{Signer, sign_document};
use brink_store::{NoticeError, Refused, ResetError};

/// What was taken up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// A notice.
    Notice {
        /// Its kind.
        kind: NoticeKind,
        /// Whether it says anything new.
        new: bool,
    },
    /// A clock reset.
    ClockReset {
        /// What it says.
        claims: ClockResetClaims,
        /// What time it is now.
        clock: Guarded,
    },
}

/// A challenge to carry to the issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The file.
    pub bytes: Vec<u8>,
    /// What the wall clock says.
    pub wall: UnixSeconds,
    /// What the device takes for now.
    pub now: UnixSeconds,
}

impl Device {
    /// Takes up a document that came by itself: a notice or a clock reset.
    pub fn accept_document(&mut self, token: &str, reading: &Reading) -> Result<Taken, DeviceError> {
        if UnverifiedToken::parse(token.as_bytes(), Typ::ClockReset).is_ok() {
            return self.accept_clock_reset(token, reading);
        }
        let kind = NoticeKind::of_token(token.as_bytes()).map_err(DeviceError::NoNotice)?;
        let taken = self.store.accept_notice(kind, token);
        self.noticed(kind, taken, reading)
    }

    /// Takes up an extension that somebody typed in.
    pub fn accept_typed(&mut self, text: &str, reading: &Reading) -> Result<Taken, DeviceError> {
        let taken = self.store.accept_typed(&TypedExtension::parse(text)?);
        self.noticed(NoticeKind::Extension, taken, reading)
    }

    fn noticed(
        &mut self,
        kind: NoticeKind,
        taken: Result<bool, NoticeError>,
        reading: &Reading,
    ) -> Result<Taken, DeviceError> {
        match taken {
            Ok(new) => {
                // What it vouches for is kept before anybody could set the clock behind it.
                self.guarded(reading);
                Ok(Taken::Notice { kind, new })
            }
            Err(NoticeError::Store(error)) => Err(error.into()),
            Err(refused) => {
                self.remember_refused(refused.code(), &refused.to_string(), reading)?;
                Err(DeviceError::Notice(refused))
            }
        }
    }

    /// A challenge for a clock reset: signed by this device, stored with the clocks of this moment before it leaves, in
    /// place of an earlier one.
    pub fn clock_challenge(&mut self, reading: &Reading) -> Result<Challenge, DeviceError> {
        let clock = self.guarded(reading);
        let mut flags: Vec<String> = clock.flags.names().map(str::to_owned).collect();
        if clock.tampered {
            flags.push(brink_license::Reason::ClockTampered.as_str().to_owned());
        }
        let report = self.report(flags, reading.boot);
        let (wall, now) = (reading.wall, clock.now);
        let nonce = nonce()?;
        let draft = plan::clock_challenge(self.held(), self.key.public_key(), report, (wall, now), nonce)?;
        let draft =
            draft.ok_or_else(|| DeviceError::NotActivated { dir: self.store.layout().dir().to_owned() })?;
        let claims = draft.claims.to_json_bytes().map_err(|error| DeviceError::Claims(error.to_string()))?;
        let bytes = draft.encode(sign_document(&self.key, Typ::Request, &claims)?)?;
        self.store.store_challenge(brink_store::Challenge { nonce, created: *reading })?;
        Ok(Challenge { bytes, wall, now })
    }

    /// Accepts the answer to the challenge, and sets the kept marks back by it at once.
    fn accept_clock_reset(&mut self, token: &str, reading: &Reading) -> Result<Taken, DeviceError> {
        self.guarded(reading);
        let number = self.clock.resets().saturating_add(1);
        match self.store.accept_reset(token, reading, number) {
            Ok(reset) => {
                let (claims, clock) = (reset.claims().clone(), self.guarded(reading));
                tracing::warn!(server_time = %claims.server_time, now = %clock.now, "the clock was reset");
                Ok(Taken::ClockReset { claims, clock })
            }
            Err(ResetError::Store(error)) => Err(error.into()),
            Err(refused) => {
                self.remember_refused(refused.code(), &refused.to_string(), reading)?;
                Err(DeviceError::Reset(refused))
            }
        }
    }

    fn remember_refused(&mut self, code: &str, what: &str, reading: &Reading) -> Result<(), DeviceError> {
        let at = self.guarded(reading).now;
        Ok(self.store.record_refusal(&Refused { at, code: code.to_owned(), what: what.to_owned() })?)
    }
}
