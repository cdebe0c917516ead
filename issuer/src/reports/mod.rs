//! What an admin or somebody in finance does with usage: reports, corrections, evidence, the raw export, and the check of
//! the books against themselves. Nothing here changes a record.

mod bucket;
pub mod chart;
pub mod check;
pub mod correction;
pub mod evidence;
pub mod export;
pub mod period;
pub mod quarantine;
mod raw;
pub mod report;

use crate::amount::{Amount, TooLarge};
use crate::storage::{StorageError, Take};
use brink_license::{DeviceId, Slug, TenantId};
use period::PeriodError;
use std::ops::ControlFlow;

pub use crate::standing::REASON_CHARS_MAX;

/// Why nothing was shown or changed.
#[derive(Debug, thiserror::Error)]
pub enum BooksError {
    /// The period.
    #[error(transparent)]
    Period(#[from] PeriodError),
    /// A sum beyond every column.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// More lines than an answer holds.
    #[error("the report would have more than {0} lines; ask for a shorter period, or tell less apart")]
    TooManyLines(usize),
    /// A correction of nothing.
    #[error("a correction of 0 corrects nothing; give --quantity what is to be added or taken away")]
    Nothing,
    /// A reason that is no line.
    #[error(
        "a reason has 1 to {REASON_CHARS_MAX} characters, and no control characters; give --reason another text"
    )]
    Reason,
    /// A correction of what is to come.
    #[error("{0} has not been yet; give --at an instant in the past")]
    Future(String),
    /// A device of somebody else.
    #[error(
        "device {device} is not of tenant {tenant}, nor was it; `device list --tenant {tenant}` names its devices"
    )]
    OtherTenant {
        /// The device.
        device: DeviceId,
        /// The tenant.
        tenant: TenantId,
    },
    /// A meter that is neither in the catalogue nor in any sum.
    #[error(
        "tenant {tenant} has never used the meter {meter} and the catalogue does not know it; `usage report` names the meters"
    )]
    UnknownMeter {
        /// The tenant.
        tenant: TenantId,
        /// The meter.
        meter: Slug,
    },
    /// A correction that takes away more than there is.
    #[error(
        "the {meter} of tenant {tenant} in {month} come to {net}, and a month never falls below zero; take away at most that"
    )]
    BelowZero {
        /// The tenant.
        tenant: TenantId,
        /// The meter.
        meter: Slug,
        /// The month.
        month: String,
        /// What there is.
        net: Amount,
    },
    /// Nothing is in quarantine under this number.
    #[error("nothing in quarantine has number {0}; `usage quarantine list` names what is")]
    NotInQuarantine(i64),
    /// It left the quarantine before.
    #[error("number {id} left the quarantine at {at}; it is in the sums")]
    Replayed {
        /// The number.
        id: i64,
        /// When.
        at: String,
    },
    /// It does not pass by the rules of today either.
    #[error(
        "number {id} stays in quarantine: {reason}: {detail}; raise the cap in the catalogue, or put it right with `usage correct`"
    )]
    StillAside {
        /// The number.
        id: i64,
        /// Why, in one word for scripts.
        reason: &'static str,
        /// Why, in words.
        detail: String,
    },
    /// Something in the books contradicts something else.
    #[error("{0}; keep a copy of the database, and restore it from its backup")]
    Differs(Box<check::Difference>),
    /// What was to be written could not be.
    #[error("the result could not be written: {0}; check the room on the disk")]
    Write(#[from] std::io::Error),
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl BooksError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Period(error) => error.code(),
            Self::TooLarge(_) => "SUM_TOO_LARGE",
            Self::TooManyLines(_) => "TOO_MANY",
            Self::Nothing => "CORRECTION_NOTHING",
            Self::Reason => "REASON",
            Self::Future(_) => "CORRECTION_FUTURE",
            Self::OtherTenant { .. } => "OTHER_TENANT",
            Self::UnknownMeter { .. } => "UNKNOWN_METER",
            Self::BelowZero { .. } => "CORRECTION_BELOW_ZERO",
            Self::NotInQuarantine(_) => "NOT_IN_QUARANTINE",
            Self::Replayed { .. } => "REPLAYED",
            Self::StillAside { .. } => "STILL_IN_QUARANTINE",
            Self::Differs(_) => "USAGE_DIFFERS",
            Self::Write(_) => "FILE",
            Self::Storage(error) => error.code(),
        }
    }

    /// Whether the order contradicts what is stored, rather than being wrong in itself.
    #[must_use]
    pub const fn is_of_state(&self) -> bool {
        match self {
            Self::OtherTenant { .. }
            | Self::UnknownMeter { .. }
            | Self::BelowZero { .. }
            | Self::Future(_)
            | Self::NotInQuarantine(_)
            | Self::Replayed { .. }
            | Self::StillAside { .. }
            | Self::Differs(_) => true,
            Self::Period(_)
            | Self::TooLarge(_)
            | Self::TooManyLines(_)
            | Self::Nothing
            | Self::Reason
            | Self::Write(_)
            | Self::Storage(_) => false,
        }
    }

    /// Whether it could have been done, had something not failed.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        match self {
            Self::TooLarge(_) | Self::Write(_) | Self::Storage(_) => true,
            Self::Period(_)
            | Self::TooManyLines(_)
            | Self::Nothing
            | Self::Reason
            | Self::Future(_)
            | Self::OtherTenant { .. }
            | Self::UnknownMeter { .. }
            | Self::BelowZero { .. }
            | Self::NotInQuarantine(_)
            | Self::Replayed { .. }
            | Self::StillAside { .. }
            | Self::Differs(_) => false,
        }
    }
}

impl From<check::Difference> for BooksError {
    fn from(difference: check::Difference) -> Self {
        Self::Differs(Box::new(difference))
    }
}

/// Runs a walk whose taker may fail: the first failure ends it, and counts before what the walk itself says.
fn walk<T, R>(
    mut take: impl FnMut(T) -> Result<(), BooksError>,
    over: impl FnOnce(Take<'_, T>) -> Result<R, StorageError>,
) -> Result<R, BooksError> {
    let mut failed = None;
    let done = over(&mut |row| match take(row) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    });
    failed.map_or_else(|| Ok(done?), Err)
}
