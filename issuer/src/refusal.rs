//! Why a device's request was not answered as it hoped: one enum, each variant with a stable code.

use crate::keys::KeysError;
use crate::minting::MintError;
use crate::secret::NoRandom;
use crate::storage::{DeviceRow, StorageError};
use brink_license::exchange::ExchangeError;
use brink_license::token::TokenError;
use brink_license::{DeviceId, KeyError};
use brink_signing::SignError;

/// A refusal. Its text goes to the device and to logs, so it carries neither tokens nor codes.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Not a request, or damaged.
    #[error(transparent)]
    Malformed(#[from] ExchangeError),
    /// A device key that must not be used.
    #[error("the device key: {0}")]
    Key(#[from] KeyError),
    /// The proof does not verify.
    #[error("the request's proof: {0}{mend}", mend = other_door(.0))]
    Proof(#[from] TokenError),
    /// An activation where an exchange is expected, or the other way round.
    #[error("the body asks for something else than its proof and path; build the request anew")]
    WrongKind,
    /// A device that is not there.
    #[error("device {0} is not known to this issuer; activate it with a code")]
    UnknownDevice(DeviceId),
    /// Another key than the one on record.
    #[error(
        "the request is signed by another key than the one device {0} was activated with; activate it anew"
    )]
    OtherKey(DeviceId),
    /// An epoch that is over.
    #[error("the request is of epoch {found}, but device {device} is in epoch {current}; activate it anew")]
    OtherEpoch {
        /// The device.
        device: DeviceId,
        /// In the request.
        found: u32,
        /// On record.
        current: u32,
    },
    /// A counter that was passed long ago.
    #[error(
        "the counter {found} of device {device} is not above {held}: a replay, or a restored or copied disk; \
             find out which copy is the real one and activate it anew"
    )]
    StaleCounter {
        /// The device.
        device: DeviceId,
        /// In the request.
        found: u64,
        /// On record.
        held: u64,
    },
    /// Somebody else has used this identity.
    #[error(
        "device {0} is suspected to run twice, or its disk was restored: its last answer went elsewhere; \
             find out which copy is the real one and activate it anew"
    )]
    CloneSuspected(DeviceId),
    /// A copy was seen, and its tenant wants nobody to go on as this device.
    #[error(
        "device {0} seems to run twice, so every copy of it is refused until the real one was activated anew; at the issuer \
             `brink-issuer device reactivate --device {0}`, then on the device `brink-edge activate --again --code CODE`"
    )]
    ReactivationRequired(DeviceId),
    /// A copy with the key of an earlier epoch.
    #[error(
        "device {0} was activated anew with another key, and what has the old one gets nothing any more; if this is the \
             real one, `brink-issuer device reactivate --device {0}`, then here `brink-edge activate --again --code CODE`"
    )]
    KeyReplaced(DeviceId),
    /// Held back by the operator.
    #[error("device {0} is suspended; an activation code does not lift that, its operator does")]
    Suspended(DeviceId),
    /// Out of service.
    #[error(
        "device {device} is retired{} and gets nothing any more; to go on, activate this machine anew: \
             `brink-edge activate --again` with a code from `device replace` or `device code`",
        .replaced_by.as_ref().map_or_else(String::new, |by| format!(", replaced by {by},"))
    )]
    Retired {
        /// The device.
        device: DeviceId,
        /// What took its place.
        replaced_by: Option<DeviceId>,
    },
    /// Withdrawn by the operator.
    #[error(
        "the licence of device {0} is revoked; an activation code does not change that, its operator can resume it"
    )]
    Revoked(DeviceId),
    /// No such code.
    #[error(
        "the activation code is not known; check it for typing errors, or make a new one with `device code`"
    )]
    CodeUnknown,
    /// Too late.
    #[error("the activation code has expired; make a new one with `device code`")]
    CodeExpired,
    /// Every use is spent, by other keys.
    #[error("the activation code has been spent; make a new one with `device code`")]
    CodeSpent,
    /// The key already names a device.
    #[error("this device key has been activated before; a device that is activated anew makes a new key")]
    KeyInUse,
    /// A challenge whose answer does not count any more.
    #[error(
        "the challenge of device {0} was answered with a key that was revoked since; make a new one: brink-edge clock challenge"
    )]
    ChallengeSpent(DeviceId),
    /// Not a sentence for the audit.
    #[error("--reason takes 1 to 500 characters without control characters; say it shorter")]
    Reason,
    /// Too many wrong codes.
    #[error("too many wrong activation codes; try again in {retry_after_seconds} s")]
    TooManyAttempts {
        /// When.
        retry_after_seconds: u64,
    },
    /// There is no licence for the device.
    #[error(transparent)]
    Unlicensable(MintError),
    /// A key did not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The answer could not be written down.
    #[error("the answer does not serialise: {0}")]
    Encode(String),
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The keys of a manifest that was published since.
    #[error("a newer keyset cannot be taken up: {0}")]
    Keys(Box<KeysError>),
    /// Random numbers.
    #[error(transparent)]
    Random(#[from] NoRandom),
}

/// A file that came to the wrong verb: which of them answers what.
fn other_door(error: &TokenError) -> &'static str {
    if matches!(error, TokenError::WrongProof("htu")) {
        return "; `brink-issuer exchange` answers activations and exchanges, `brink-issuer device clock-reset` clock challenges";
    }
    ""
}

impl Refusal {
    /// What a retired device is told.
    pub(crate) fn retired(device: &DeviceRow) -> Self {
        Self::Retired { device: device.id.clone(), replaced_by: device.replaced_by.clone() }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(error) => error.code().as_str(),
            Self::Key(error) => error.code().as_str(),
            Self::Proof(error) => error.code().as_str(),
            Self::WrongKind => "WRONG_KIND",
            Self::UnknownDevice(_) => "UNKNOWN_DEVICE",
            Self::OtherKey(_) | Self::OtherEpoch { .. } => "WRONG_DEVICE",
            Self::StaleCounter { .. } => "STALE_COUNTER",
            Self::CloneSuspected(_) => "CLONE_SUSPECTED",
            Self::ReactivationRequired(_) => "REACTIVATION_REQUIRED",
            Self::KeyReplaced(_) => "KEY_REPLACED",
            Self::Suspended(_) => "SUSPENDED",
            Self::Retired { .. } => "RETIRED",
            Self::Revoked(_) => "REVOKED",
            Self::CodeUnknown => "CODE_UNKNOWN",
            Self::CodeExpired => "CODE_EXPIRED",
            Self::CodeSpent => "CODE_SPENT",
            Self::KeyInUse => "KEY_IN_USE",
            Self::ChallengeSpent(_) => "KEY_REVOKED",
            Self::Reason => "OUT_OF_BOUNDS",
            Self::TooManyAttempts { .. } => "TOO_MANY_ATTEMPTS",
            Self::Unlicensable(_) => "UNLICENSABLE",
            Self::Sign(error) => error.code(),
            Self::Encode(_) => "INTERNAL",
            Self::Storage(error) if error.is_passing() => error.code(),
            Self::Storage(_) | Self::Keys(_) | Self::Random(_) => "INTERNAL",
        }
    }

    /// Whether the issuer failed, rather than the request being refused.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::Sign(_) | Self::Encode(_) | Self::Storage(_) | Self::Keys(_) | Self::Random(_))
    }
}
