//! What a device must never see. One of these, and the run has failed.

use brink_edge::exchange::Refusal;
use brink_license::token::BatchVerdict;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// An answer that a device refuses.
    #[error("{0}")]
    Answer(Refusal),
    /// An answer that says nothing of the usage that it was sent.
    #[error("an answer without a word about usage")]
    NothingSaid,
    /// A receipt acknowledges more than was ever sent.
    #[error("acknowledged up to {acknowledged}, sent up to {sent}")]
    AckBeyondSent {
        /// By the receipt.
        acknowledged: u64,
        /// By the device.
        sent: u64,
    },
    /// A receipt acknowledges a record that is not the device's.
    #[error("what is acknowledged as record {seq} is another one")]
    AckOfAnother {
        /// Its number.
        seq: u64,
    },
    /// A receipt takes back what an earlier one has acknowledged. Right after the issuer's database was put back it may,
    /// and `--restored` says so.
    #[error("acknowledged up to {acknowledged} before, now up to {now}")]
    AckLost {
        /// By an earlier receipt.
        acknowledged: u64,
        /// By this one.
        now: u64,
    },
    /// Sound records are not taken.
    #[error("a sound batch is judged {0:?}")]
    Verdict(BatchVerdict),
    /// Sound records are in no sum.
    #[error("{0} sound records are set aside")]
    SetAside(u64),
    /// An honest device is refused.
    #[error("an honest device is refused with {status} {code}: {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The stable code.
        code: String,
        /// In the issuer's words.
        detail: String,
    },
    /// The same bytes were answered by other bytes.
    #[error("the same request was answered in two ways")]
    TwoAnswers,
    /// A copy of a device was answered.
    #[error("a copy of a device was answered")]
    CopyAnswered,
    /// A copy was refused, but not as a copy.
    #[error("a copy of a device is refused with {status} {code}")]
    CopyUnseen {
        /// The HTTP status.
        status: u16,
        /// The stable code.
        code: String,
    },
    /// Something is left at the end.
    #[error("{0} records are left when patience ends")]
    NotDrained(u64),
    /// A device that was never activated.
    #[error("not activated when patience ends")]
    NotActivated,
    /// The simulation itself cannot go on.
    #[error("{0}")]
    Broken(String),
}

impl Wrong {
    /// One word for scripts.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Wrong::Answer(_) => "ANSWER_REFUSED",
            Wrong::NothingSaid => "NOTHING_SAID",
            Wrong::AckBeyondSent { .. } => "ACK_BEYOND_SENT",
            Wrong::AckOfAnother { .. } => "ACK_OF_ANOTHER",
            Wrong::AckLost { .. } => "ACK_LOST",
            Wrong::Verdict(_) => "VERDICT",
            Wrong::SetAside(_) => "SET_ASIDE",
            Wrong::Refused { .. } => "REFUSED",
            Wrong::TwoAnswers => "TWO_ANSWERS",
            Wrong::CopyAnswered => "COPY_ANSWERED",
            Wrong::CopyUnseen { .. } => "COPY_UNSEEN",
            Wrong::NotDrained(_) => "NOT_DRAINED",
            Wrong::NotActivated => "NOT_ACTIVATED",
            Wrong::Broken(_) => "BROKEN",
        }
    }
}
