//! Why a use was not recorded.

use super::super::JournalFault;
use brink_license::usage::{Denial, QuantityError};
use brink_license::{Code, Slug};

/// Why a use was not recorded. Nothing of it was kept, or it was kept whole where a commit was torn by a kill.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UsageError {
    /// No chain was begun, or there is no journal at all.
    #[error("this device was not activated: nobody can be charged. Run brink-edge activate")]
    NotActivated,
    /// The agent of this version has not run yet.
    #[error(
        "the journal has version {version}, and its agent has not brought it to {wanted} yet: start the agent"
    )]
    NotYet {
        /// Found.
        version: i64,
        /// Needed.
        wanted: i64,
    },
    /// Others wrote for too long.
    #[error("other processes kept the journal for 5 seconds: record it again")]
    Busy,
    /// The meter's total would be above what a quantity can be.
    #[error("{meter}: {problem}")]
    Quantity {
        /// Which meter.
        meter: Slug,
        /// Why not.
        problem: QuantityError,
    },
    /// The licence's quota does not allow it.
    #[error("{0}")]
    Denied(Denial),
    /// The file cannot be used: a full disk, another user's, or none.
    #[error("cannot use the journal: {0}")]
    Unusable(String),
    /// What it says cannot be.
    #[error("the journal is damaged ({0}): the agent sets it aside and goes on")]
    Damaged(String),
    /// The agent put another file in its place; the next attempt takes that.
    #[error("the journal was set aside: record it again")]
    SetAside,
    /// The machine does not tell its boot.
    #[error("cannot read this machine's clocks: {0}")]
    Clock(String),
    /// The process was forked since the meter was opened.
    #[error("this process was forked since the meter was opened: open a gate and a meter in this process")]
    NeedsReopen,
    /// The meter or its gate was closed.
    #[error("the meter, or the gate that it belongs to, was closed: open them anew")]
    Closed,
    /// More uses wait than can: the journal is not written, or not as fast as is counted.
    #[error("the queue of uses is full: record it with record, which waits")]
    QueueFull,
    /// All that was set aside is used, and no more has been set aside yet.
    #[error(
        "what was set aside of the quota is used up for the moment: record it with record, or again in 50 ms"
    )]
    NotSetAside,
    /// A line that this meter did not give out.
    #[error("a line of another meter: look it up with this one")]
    BadLine,
    /// More lines than a meter keeps.
    #[error("this meter keeps {} lines: look each up once and keep it", crate::meter::LINES_MAX)]
    TooManyLines,
    /// A reservation was committed or released before.
    #[error("the reservation was settled before: reserve anew")]
    Settled,
}

impl UsageError {
    /// The stable code as text.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.stable_code().as_str()
    }

    /// The stable code.
    #[must_use]
    pub const fn stable_code(&self) -> Code {
        match self {
            UsageError::NotActivated => Code::NotActivated,
            UsageError::NotYet { .. } => Code::JournalNotYet,
            UsageError::Busy => Code::JournalBusy,
            UsageError::Quantity { problem, .. } => problem.code(),
            UsageError::Denied(_) => Code::QuotaExceeded,
            UsageError::Unusable(_) => Code::JournalUnusable,
            UsageError::Damaged(_) => Code::JournalDamaged,
            UsageError::SetAside => Code::JournalSetAside,
            UsageError::Clock(_) => Code::ClockUnreadable,
            UsageError::NeedsReopen => Code::NeedsReopen,
            UsageError::Closed | UsageError::BadLine | UsageError::Settled => Code::BadHandle,
            UsageError::QueueFull => Code::UsageQueueFull,
            UsageError::NotSetAside => Code::QuotaNotSetAside,
            UsageError::TooManyLines => Code::TooMany,
        }
    }
}

impl From<JournalFault> for UsageError {
    fn from(fault: JournalFault) -> Self {
        match fault {
            JournalFault::Unusable(problem) => UsageError::Unusable(problem),
            JournalFault::Damaged(problem) => UsageError::Damaged(problem),
            JournalFault::NotYet { version, wanted } => UsageError::NotYet { version, wanted },
        }
    }
}
