//! Why the device could not do what was asked of it.

use super::accept::Refusal;
use super::plan::PlanError;
use brink_license::exchange::ExchangeError;
use brink_license::seating::SeatRefusal;
use brink_license::token::{TokenError, TypedError};
use brink_signing::{KeyFileError, SignError};
use brink_store::{NoticeError, ResetError, StoreError};
use std::path::PathBuf;

/// What went wrong between the device and its issuer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The device directory.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The device key's file.
    #[error("{0}")]
    Key(#[from] KeyFileError),
    /// The device key would not sign.
    #[error("the device key: {0}")]
    Sign(#[from] SignError),
    /// No device lives here, or the issuer has not named it yet.
    #[error("{} holds no activated device: run brink-edge activate", dir.display())]
    NotActivated {
        /// The device directory.
        dir: PathBuf,
    },
    /// The issuer has named this device already.
    #[error("this device is activated already, as {device}: run brink-edge exchange")]
    AlreadyActivated {
        /// Its name.
        device: String,
    },
    /// The request cannot be made.
    #[error("{0}")]
    Plan(#[from] PlanError),
    /// The request cannot be encoded.
    #[error("the request: {0}")]
    Request(#[from] ExchangeError),
    /// A claim cannot be written.
    #[error("cannot write a claim: {0}")]
    Claims(String),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
    /// A text that is no notice at all.
    #[error(
        "this is no document that the issuer makes by itself: {0}; take the file that `brink-issuer license revocations`, \
         `license extend` or `device clock-reset` wrote; the answer to a request goes to `exchange --import`"
    )]
    NoNotice(TokenError),
    /// A notice was refused; what was accepted before stays in force.
    #[error("refused: {0}")]
    Notice(NoticeError),
    /// A camera gets no seat, or keeps it.
    #[error("{0}")]
    Seat(#[from] SeatRefusal),
    /// A text that was typed in and is none of ours.
    #[error("{0}")]
    Typed(#[from] TypedError),
    /// A clock reset was refused; the clock's marks stay as they were.
    #[error("refused: {0}")]
    Reset(ResetError),
    /// The answer was refused; what was accepted before stays in force.
    #[error("{0}")]
    Refused(#[from] Refusal),
}

impl DeviceError {
    /// A stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            DeviceError::Store(error) => error.code(),
            DeviceError::Key(error) => error.code(),
            DeviceError::Sign(error) => error.code(),
            DeviceError::NotActivated { .. } => "NOT_ACTIVATED",
            DeviceError::AlreadyActivated { .. } => "ALREADY_ACTIVATED",
            DeviceError::Plan(_) | DeviceError::Request(_) | DeviceError::Claims(_) => "BAD_REQUEST",
            DeviceError::Random(_) => "NO_RANDOMNESS",
            DeviceError::NoNotice(problem) => problem.code().as_str(),
            DeviceError::Notice(refused) => refused.code(),
            DeviceError::Seat(refusal) => refusal.code(),
            DeviceError::Typed(problem) => problem.code().as_str(),
            DeviceError::Reset(refused) => refused.code(),
            DeviceError::Refused(refusal) => refusal.code().as_str(),
        }
    }

    /// Whether a document was refused: nothing failed, and what was accepted before stays in force.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(self, DeviceError::Refused(_))
    }
}
