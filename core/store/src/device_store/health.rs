//! How the store is, for `status`. A rebuilt vault is nothing to act on, but it is never kept quiet.

use crate::journal::JournalFault;

/// The state of every part, as of the last time it was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The vault.
    pub vault: VaultHealth,
    /// The published bundle.
    pub bundle: BundleHealth,
    /// The documents in force.
    pub documents: DocumentsHealth,
    /// What was wrong with the journal when the store was opened; `None` when it was in order or there was none yet.
    pub journal: Option<JournalFault>,
    /// What is recorded of usage, beside what is known of it.
    pub usage: UsageHealth,
    /// The anchor.
    pub anchor: AnchorHealth,
    /// The marks in `state.db` were older than documents that verify, or than the anchor, and were moved forward: the
    /// state was put back to an earlier copy.
    pub marks_moved_forward: bool,
}

/// The usage in the journal, compared with what receipts and the anchor say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageHealth {
    /// Nobody knows more than it says.
    Sound,
    /// An earlier copy was put back: it goes on behind what is known, and what was between is reported as lost.
    WasShorter,
    /// It has other records than the issuer, and could not be set aside: the log says why.
    Differs,
}

/// The vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultHealth {
    /// In order.
    Sound,
    /// It was damaged or gone, and was built again from the bundle or the inbox.
    Rebuilt {
        /// What was wrong.
        reason: String,
    },
    /// It can neither be opened nor made: the device works from the bundle and keeps new documents in `state.db`.
    Unusable {
        /// Why.
        reason: String,
    },
}

/// The published bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BundleHealth {
    /// There is nothing to publish: see [`Health::documents`].
    Absent,
    /// What was accepted is what hosts read.
    Sound,
    /// It was missing, damaged or not the newest, and was published again.
    Republished {
        /// What was wrong.
        reason: String,
    },
    /// It is older than what was accepted and the newer one is lost: it was set aside, an exchange brings the newest.
    SetAside {
        /// What was wrong.
        reason: String,
    },
    /// It cannot be written: hosts keep what they have.
    Unwritable {
        /// Why.
        reason: String,
    },
}

/// The documents in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentsHealth {
    /// None was ever accepted.
    Never,
    /// At hand.
    Current,
    /// Accepted once, and now in neither vault nor bundle: an exchange brings them again.
    Lost,
}

/// The anchor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnchorHealth {
    /// Both slots are in order.
    Sound,
    /// One slot was damaged or gone, and was written again from the other.
    SlotRewritten {
        /// What was wrong.
        reason: String,
    },
    /// Neither slot was of use, and it was made anew from the state.
    MadeAnew {
        /// What was wrong.
        reason: String,
    },
    /// It was older than what verifies, and was moved forward: put back, or left behind by an interruption.
    MovedForward,
    /// It cannot be written.
    Unwritable {
        /// Why.
        reason: String,
    },
}
