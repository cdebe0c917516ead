//! Notices: accepted by number, kept in the state, and published for as long as they verify beside the licence.
//!
//! They need no vault: the state holds them whole, and the bundle follows from it.

use super::DeviceStore;
use super::in_force::InForce;
use crate::StoreError;
use crate::bundle::Bundle;
use crate::crash::{Point, reached};
use brink_license::token::{Notice, NoticeKind, Notices, TokenError, TypedExtension};
use brink_license::{Code, DeviceId};

/// Why a notice was not taken up. What was accepted before stays in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoticeError {
    /// A rule that it broke.
    #[error("{}: {problem}", kind.as_str())]
    Refused {
        /// What it says it is.
        kind: NoticeKind,
        /// Why.
        problem: TokenError,
    },
    /// Lines that are well typed, and were signed for something else.
    #[error(
        "the lines are well typed, but the issuer signed none such for the licence of device {device} ({problem}): have them made \
         for this device"
    )]
    TypedElsewhere {
        /// This device.
        device: DeviceId,
        /// What the verifier found.
        problem: TokenError,
    },
    /// There is no licence that it could speak of.
    #[error("no licence is in force that it could speak of: run an exchange first")]
    NoLicence,
    /// The device directory.
    #[error("{0}")]
    Store(#[from] StoreError),
}

impl NoticeError {
    /// A stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            NoticeError::Refused { problem, .. } | NoticeError::TypedElsewhere { problem, .. } => {
                problem.code().as_str()
            }
            NoticeError::NoLicence => Code::BadClaims.as_str(),
            NoticeError::Store(error) => error.code(),
        }
    }
}

impl DeviceStore {
    /// Takes up a notice that came by itself, and publishes it. Answers whether it was new: the same one again is no
    /// error. When this returns [`StoreError::NotPublished`] it is accepted and safe.
    pub fn accept_notice(&mut self, kind: NoticeKind, token: &str) -> Result<bool, NoticeError> {
        let in_force = self.in_force.as_ref().ok_or(NoticeError::NoLicence)?;
        let Some(notice) = self.examine_notice(in_force, kind, token)? else { return Ok(false) };
        self.state.store_notice(&notice)?;
        reached(Point::NoticeStored);
        self.held = self.state.held()?;
        self.publish_bundle()?;
        self.remember();
        Ok(true)
    }

    /// Takes up an extension that somebody typed in: the document that was signed is built again and goes the same way.
    pub fn accept_typed(&mut self, typed: &TypedExtension) -> Result<bool, NoticeError> {
        let in_force = self.in_force.as_ref().ok_or(NoticeError::NoLicence)?;
        let licence = in_force.licence.as_ref().ok_or(NoticeError::NoLicence)?;
        let (device, kind) = (licence.claims().dev.clone(), NoticeKind::Extension);
        let token = typed.token(licence.claims(), &in_force.keyset);
        let refused = |problem| NoticeError::Refused { kind, problem };
        match token.map_err(refused).and_then(|token| self.accept_notice(kind, &token)) {
            Err(NoticeError::Refused {
                problem: problem @ (TokenError::BadSignature | TokenError::UnknownKid { .. }),
                ..
            }) => Err(NoticeError::TypedElsewhere { device, problem }),
            taken => taken,
        }
    }

    /// The notices in force.
    #[must_use]
    pub fn notices(&self) -> Notices {
        self.in_force.as_ref().map(|in_force| self.notices_in_force(in_force)).unwrap_or_default()
    }

    /// Of the notices of an answer those that are newer than what is held.
    pub(super) fn newer_notices(
        &self,
        in_force: &InForce,
        arrived: &[(NoticeKind, String)],
    ) -> Result<Vec<Notice>, StoreError> {
        let mut newer = Vec::new();
        for (kind, token) in arrived {
            match self.examine_notice(in_force, *kind, token) {
                Ok(notice) => newer.extend(notice),
                // Nobody can say for whom a notice is while a revoked key's licence is held.
                Err(NoticeError::NoLicence) => {}
                Err(problem) => {
                    return Err(StoreError::Unstorable { what: "a notice", problem: problem.to_string() });
                }
            }
        }
        Ok(newer)
    }

    /// `None` for the one that is held already.
    fn examine_notice(
        &self,
        in_force: &InForce,
        kind: NoticeKind,
        token: &str,
    ) -> Result<Option<Notice>, NoticeError> {
        let licence = in_force.licence.as_ref().ok_or(NoticeError::NoLicence)?;
        let refused = |problem| NoticeError::Refused { kind, problem };
        let taken = Notices::default().take_up(kind, token, &in_force.keyset, licence.claims());
        let found = taken.map_err(refused)?;
        // One that does not verify any more, because its key was revoked, does not count.
        let held = self.notices_in_force(in_force).number(kind);
        match held {
            Some(held) if found.number < held => {
                Err(refused(TokenError::Rollback { seq: found.number, held }))
            }
            Some(held) if found.number == held => {
                let is_same = self.held.notices.contains(&found);
                if is_same { Ok(None) } else { Err(refused(TokenError::Rollback { seq: held, held })) }
            }
            Some(_) | None => Ok(Some(found)),
        }
    }

    /// Those that verify beside the licence: any other would spoil the whole bundle.
    pub(super) fn notices_in_force(&self, in_force: &InForce) -> Notices {
        let mut verified = Notices::default();
        if let Some(licence) = &in_force.licence {
            for Notice { kind, token, .. } in &self.held.notices {
                let taken = verified.take_up(*kind, token, &in_force.keyset, licence.claims());
                if let Err(error) = taken {
                    tracing::debug!(kind = kind.as_str(), %error, "a notice does not count any more");
                }
            }
        }
        verified
    }

    /// Those in force as they were received: what the issuer need not send again.
    #[must_use]
    pub fn notices_that_count(&self) -> Vec<Notice> {
        let verified = self.notices();
        let counts = |notice: &&Notice| verified.number(notice.kind) == Some(notice.number);
        self.held.notices.iter().filter(counts).cloned().collect()
    }

    pub(super) fn notices_to_publish(&self) -> Vec<(u16, Vec<u8>)> {
        let section = |notice: Notice| (notice.kind.number(), notice.token.into_bytes());
        self.notices_that_count().into_iter().map(section).collect()
    }

    /// A bundle may hold a newer notice than a state that was put back: what has arrived stays.
    pub(super) fn recover_notices(&mut self, bundle: &Bundle) -> Result<(), StoreError> {
        let Some(in_force) = &self.in_force else { return Ok(()) };
        let Ok(carried) = bundle.notices() else { return Ok(()) };
        let newer: Vec<Notice> = carried
            .into_iter()
            .filter_map(|(kind, token)| self.examine_notice(in_force, kind, token).ok().flatten())
            .collect();
        for notice in newer {
            self.state.store_notice(&notice)?;
            self.held = self.state.held()?;
            self.health.marks_moved_forward = true;
        }
        Ok(())
    }
}
