//! What plans see and record of copies of a device, and of devices that are activated anew.

use super::plans::{AnswerMark, AuditNote, StandingChange};
use super::rows::{Anew, ClonePolicy};
use brink_license::UnixSeconds;

/// What an answer answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Which request.
    pub mark: AnswerMark,
    /// What is kept of it; `None` for an answer from before that was.
    pub seen: Option<Seen>,
}

/// What is kept of a request, to be laid beside that of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When it was answered.
    pub at: UnixSeconds,
    /// The boot that it came from, as its sender says.
    pub boot_id: String,
    /// Its proof, which the device's key signed; `None` if it was longer than an honest one.
    pub proof: Option<String>,
}

/// A code that activates a device anew.
#[derive(Clone, Debug)]
pub struct NewAnew {
    /// SHA-256 of the code.
    pub code_sha256: [u8; 32],
    /// What it says.
    pub anew: Anew,
    /// When it expires.
    pub expires_at: UnixSeconds,
    /// What the audit says.
    pub note: AuditNote,
}

/// A tenant's answer to copies, to be changed.
#[derive(Clone, Debug)]
pub struct NewPolicy {
    /// From now on.
    pub clones: ClonePolicy,
    /// What the audit says.
    pub note: AuditNote,
}

/// A line of the audit as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct AuditLine {
    /// When.
    pub at: UnixSeconds,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// Particulars.
    pub detail: serde_json::Value,
}

/// The end of an epoch: another key takes the place of its.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEnd {
    /// Whether what it may still run on holds no seats any more.
    pub overlap: bool,
}

/// What a tenant's policy does about a copy, in the transaction that keeps the evidence.
#[derive(Clone, Debug)]
pub enum Consequence {
    /// The licence is suspended.
    Suspend(StandingChange),
    /// Every copy is refused from now on.
    Reactivate(AuditNote),
}
