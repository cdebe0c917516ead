//! What the device remembers of its exchanges: one consistent look at `state.db`.

use super::{HeldSeats, Settled};
use brink_license::clock::{Reading, ResetMark};
use brink_license::token::{Notice, SeqMark};
use brink_license::{DeviceId, IssuerName, Kid, TenantId, UnixSeconds};

/// The device's exchange state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The pinned issuer at the time of the install.
    pub issuer: IssuerName,
    /// Digest of the trust anchor that the store was made under.
    pub trust_sha256: [u8; 32],
    /// The thumbprint of the device key.
    pub jkt: Kid,
    /// Where the issuer answers; `None` for a device that exchanges files.
    pub issuer_url: Option<String>,
    /// What the issuer named this device; `None` before activation.
    pub identity: Option<Identity>,
    /// What must never go backwards.
    pub marks: AcceptedMarks,
    /// The counter of the newest request.
    pub ctr: u64,
    /// What the next request's MAC is made with; `None` before the first answer.
    pub ratchet: Option<Ratchet>,
    /// The presence that the bundle carries.
    pub presence: Option<String>,
    /// The request that waits for its answer.
    pub pending: Option<Pending>,
    /// When the issuer wants to hear of the device again, in guarded time.
    pub next_exchange_after: Option<UnixSeconds>,
    /// The documents and requests that were refused since the last answer was accepted, newest first.
    pub refusals: Vec<Refused>,
    /// What the issuer signed beside the licence, the newest of each kind.
    pub notices: Vec<Notice>,
    /// Which cameras the device put on its unnamed seats; `None` before the first.
    pub seats: Option<HeldSeats>,
    /// The clock challenge that waits for its answer.
    pub challenge: Option<Challenge>,
    /// The clock reset accepted last.
    pub clock_reset: Option<ResetMark>,
    /// How far each chain of usage is settled; none for a chain of which nothing was ever sent.
    pub settled: Vec<Settled>,
}

/// What a clock reset has to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// 32 fresh bytes, which the answer echoes.
    pub nonce: [u8; 32],
    /// The clocks when it was made: the answer counts in the same boot only, and for a while.
    pub created: Reading,
}

/// A device as its issuer names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The customer.
    pub tenant: TenantId,
    /// The device.
    pub device: DeviceId,
    /// Rises with every re-activation.
    pub epoch: u32,
}

/// What was accepted last, by number and digest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AcceptedMarks {
    /// The licence.
    pub licence: Option<SeqMark>,
    /// The keyset.
    pub keyset: Option<NumberMark>,
    /// The receipt.
    pub receipt: Option<NumberMark>,
}

/// A number and the digest of what carried it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberMark {
    /// Keyset version or receipt seq.
    pub number: u64,
    /// SHA-256 of the manifest's payload or of the receipt token.
    pub sha256: [u8; 32],
}

/// 32 secret bytes from the last answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Ratchet(pub [u8; 32]);

impl std::fmt::Debug for Ratchet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ratchet(..)")
    }
}

/// A request that is sent or exported, the same bytes each time, until it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// What it asks.
    pub kind: PendingKind,
    /// Its counter.
    pub ctr: u64,
    /// Its nonce, which the receipt echoes.
    pub nonce: [u8; 32],
    /// The encoded request.
    pub bytes: Vec<u8>,
    /// The clocks when it was made: a receipt may set the clock only within the same boot.
    pub created: Reading,
}

/// What a pending request asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingKind {
    /// To become a device.
    Activate,
    /// To report and be answered.
    Exchange,
}

impl PendingKind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            PendingKind::Activate => "activate",
            PendingKind::Exchange => "exchange",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [PendingKind::Activate, PendingKind::Exchange].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A document that the device refused, or a request that the issuer refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// When, in guarded time.
    pub at: UnixSeconds,
    /// The stable code.
    pub code: String,
    /// In words, without any part of a token's body.
    pub what: String,
}
