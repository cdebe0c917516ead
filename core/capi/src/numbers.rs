//! The closed sets of the C ABI: codes, reasons, states, verdicts and modes. Each is `brink-license`'s own set with
//! the same numbers; they are spelled out because the header is generated from this source, and the tests at the foot
//! compare every one.

use crate::words::c_text;
use brink_license::clock::State;
use brink_license::token::Mode;
use brink_license::{Code, Reason, Verdict};
use std::ffi::CStr;

/// What a call came to. Numbers are never reused; the same codes are in logs, in JSON and in HTTP answers.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum brink_code {
    /// Done.
    BRINK_OK = 0,
    /// Not three dot-separated base64url parts (step 1).
    BRINK_MALFORMED = 1,
    /// Above the document's size limit (step 1).
    BRINK_TOO_LARGE = 2,
    /// Padding, trailing bits or a signature of another length (step 2).
    BRINK_BAD_BASE64 = 3,
    /// Not a strict JSON object with exactly `alg`, `kid` and `typ` (step 3).
    BRINK_BAD_HEADER = 4,
    /// Another kind of document (step 4).
    BRINK_WRONG_TYP = 5,
    /// An algorithm other than Ed25519 (step 4).
    BRINK_WRONG_ALG = 6,
    /// No key of the keyset has this id.
    BRINK_UNKNOWN_KID = 7,
    /// The key exists for another use.
    BRINK_KEY_USE = 8,
    /// The key was revoked.
    BRINK_KEY_REVOKED = 9,
    /// The signature does not verify.
    BRINK_BAD_SIGNATURE = 10,
    /// A claim is absent, of another type or out of bounds.
    BRINK_BAD_CLAIMS = 11,
    /// A version or a `must` claim that this reader does not know.
    BRINK_UNSUPPORTED = 12,
    /// Signed outside the validity of its key.
    BRINK_KEY_EXPIRED = 13,
    /// Another issuer than the pinned one.
    BRINK_WRONG_ISSUER = 14,
    /// Meant for somebody else.
    BRINK_WRONG_AUDIENCE = 15,
    /// Another tenant, device, epoch or device key.
    BRINK_WRONG_DEVICE = 16,
    /// Older than what was accepted before.
    BRINK_ROLLBACK = 17,
    /// A sequence number too far ahead to be honest.
    BRINK_SEQ_JUMP = 18,
    /// The document wants a newer keyset than is held.
    BRINK_KEYSET_TOO_OLD = 19,
    /// Cameras on unnamed seats beyond what the licence allows.
    BRINK_SEAT_RULE = 24,
    /// Not the successor of the version held.
    BRINK_MANIFEST_VERSION = 30,
    /// Does not link to the version held.
    BRINK_MANIFEST_LINK = 31,
    /// Too few distinct root keys signed.
    BRINK_MANIFEST_THRESHOLD = 32,
    /// A key or the root set is not acceptable.
    BRINK_MANIFEST_KEYS = 33,
    /// Another content for a version already held.
    BRINK_MANIFEST_EQUIVOCATION = 34,
    /// The manifest held has expired, so nothing new is accepted under it.
    BRINK_MANIFEST_EXPIRED = 35,
    /// An identifier with a character or length that is not allowed.
    BRINK_BAD_ID = 50,
    /// A public key that must not be used.
    BRINK_BAD_KEY = 51,
    /// A trust anchor that must not be used.
    BRINK_BAD_TRUST = 52,
    /// The receipt does not answer the request that is pending.
    BRINK_WRONG_NONCE = 60,
    /// The ratchet beside the receipt is not the one it signed.
    BRINK_WRONG_RATCHET = 61,
    /// The proof does not cover this request.
    BRINK_WRONG_PROOF = 62,
    /// The challenge is of another boot, or was made too long ago.
    BRINK_CHALLENGE_OVER = 63,
    /// A typed text that its check characters do not fit.
    BRINK_MISTYPED = 64,
    /// The bundle's checksum does not match: damage, not forgery.
    BRINK_BUNDLE_DAMAGED = 70,
    /// A pointer that must not be null is.
    BRINK_NULL_POINTER = 80,
    /// A text that is not UTF-8.
    BRINK_BAD_UTF8 = 81,
    /// A length or an index that cannot be.
    BRINK_OUT_OF_RANGE = 82,
    /// A handle that this gate did not give out, or of a gate that was closed.
    BRINK_BAD_HANDLE = 83,
    /// The process was forked since the gate was opened: open one in this process.
    BRINK_NEEDS_REOPEN = 84,
    /// More gates or handles than a process may hold.
    BRINK_TOO_MANY = 85,
    /// The machine does not tell its boot, or no thread can be started.
    BRINK_UNAVAILABLE = 86,
    /// A kind or a subtype of component that no rule names: it is never allowed.
    BRINK_UNKNOWN_COMPONENT = 87,
    /// A detector that names no class, and so would find all of them: it is never allowed.
    BRINK_CLASSES_MISSING = 88,
    /// Not a decimal of at least zero with at most 12 places, or too large.
    BRINK_BAD_QUANTITY = 90,
    /// Records that were edited, removed, reordered or duplicated.
    BRINK_BAD_CHAIN = 91,
    /// A defect of Brink: the call had no effect.
    BRINK_INTERNAL = 99,
    /// A quota of the licence does not allow it; brink_meter_quota says what is left and when it begins again.
    BRINK_QUOTA_EXCEEDED = 110,
    /// What was set aside of a quota is used up for the moment: use brink_meter_record, or try again in 50 ms.
    BRINK_QUOTA_NOT_SET_ASIDE = 111,
    /// More uses wait to be written than can: use brink_meter_record, which waits.
    BRINK_USAGE_QUEUE_FULL = 112,
    /// The device was not activated: nobody can be charged.
    BRINK_NOT_ACTIVATED = 113,
    /// Other processes kept the journal too long.
    BRINK_JOURNAL_BUSY = 114,
    /// The journal cannot be opened or written.
    BRINK_JOURNAL_UNUSABLE = 115,
    /// The journal says what it cannot say; its agent mends it.
    BRINK_JOURNAL_DAMAGED = 116,
    /// The agent has not brought the journal to this version yet.
    BRINK_JOURNAL_NOT_YET = 117,
    /// The agent put another journal in its place: try again.
    BRINK_JOURNAL_SET_ASIDE = 118,
    /// The machine does not tell its boot or time.
    BRINK_CLOCK_UNREADABLE = 119,
}

/// Why a decision is what it is. The order is the precedence: the first that applies is the one reported.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum brink_reason {
    /// The gate no longer knows: it was closed, or its process was forked. Asking it again does not help.
    BRINK_REASON_NEEDS_REOPEN = 1,
    /// A handle that this gate did not give out.
    BRINK_REASON_UNKNOWN_HANDLE = 2,
    /// The store is older than what it once accepted.
    BRINK_REASON_STORE_TAMPERED = 3,
    /// The issuer withdrew the licence.
    BRINK_REASON_REVOKED = 4,
    /// The key that signed the licence was revoked.
    BRINK_REASON_KEY_COMPROMISE = 5,
    /// The issuer holds the licence back.
    BRINK_REASON_SUSPENDED = 6,
    /// No licence has been accepted.
    BRINK_REASON_UNLICENSED = 7,
    /// The bundle has been on a machine without presence for too long.
    BRINK_REASON_UNATTESTED = 8,
    /// The clock was held back for too long.
    BRINK_REASON_CLOCK_TAMPERED = 9,
    /// The licence has not begun.
    BRINK_REASON_NOT_YET_VALID = 10,
    /// The licence, its offline limit and its grace are over.
    BRINK_REASON_EXPIRED = 11,
    /// No grant names the camera.
    BRINK_REASON_CAMERA_NOT_LICENSED = 12,
    /// No pack of the licence has the feature.
    BRINK_REASON_FEATURE_NOT_LICENSED = 13,
    /// The camera's grant ended before the licence.
    BRINK_REASON_GRANT_ENDED = 14,
    /// A pack of the licence has the feature, but not for this camera.
    BRINK_REASON_FEATURE_NOT_GRANTED = 15,
    /// Yes.
    BRINK_REASON_GRANTED = 16,
}

/// The licence's state. The order is the precedence.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum brink_state {
    /// Accepted documents or marks older than the anchor, and nothing at hand reaches it.
    BRINK_STATE_STORE_TAMPERED = 1,
    /// The issuer withdrew the licence, or the key that signed it.
    BRINK_STATE_REVOKED = 2,
    /// The issuer holds the licence back.
    BRINK_STATE_SUSPENDED = 3,
    /// No valid licence.
    BRINK_STATE_UNLICENSED = 4,
    /// The clock was held back for more than a day of run time.
    BRINK_STATE_CLOCK_TAMPERED = 5,
    /// Before nbf.
    BRINK_STATE_NOT_YET_VALID = 6,
    /// After exp and grace, or offline beyond its limit and grace.
    BRINK_STATE_EXPIRED = 7,
    /// After exp, or offline beyond its limit: work goes on, flagged.
    BRINK_STATE_GRACE = 8,
    /// In force.
    BRINK_STATE_ACTIVE = 9,
}

/// What the licence says, before the enforcement profile. 0 is neither.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum brink_verdict {
    /// Licensed.
    BRINK_VERDICT_ALLOW = 1,
    /// Not licensed.
    BRINK_VERDICT_DENY = 2,
}

/// The commercial mode of a licence. Decisions do not depend on it.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum brink_mode {
    /// A trial.
    BRINK_MODE_TRIAL = 1,
    /// Paid.
    BRINK_MODE_BASE = 2,
    /// Nothing is licensed, or there is no licence.
    BRINK_MODE_UNLICENSED = 3,
}

/// Ties a set to the one it mirrors: a match that the compiler holds complete, and every name once.
macro_rules! mirror {
    ($c:ident of $rust:ident: $($variant:ident = $name:ident),+ $(,)?) => {
        impl From<$rust> for $c {
            #[inline]
            fn from(value: $rust) -> Self {
                match value { $($rust::$name => $c::$variant,)+ }
            }
        }
        names!($c of $rust: $($variant = $name),+);
    };
}

/// The stable name of a number, from the text of the set that is mirrored.
macro_rules! names {
    ($c:ident of $rust:ident: $($variant:ident = $name:ident),+ $(,)?) => {
        impl $c {
            pub(crate) const fn name(number: u32) -> Option<&'static CStr> {
                match number {
                    $(number if number == $c::$variant as u32 => Some(c_text!($rust::$name.as_str())),)+
                    _ => None,
                }
            }

            /// Every one beside what it mirrors.
            #[allow(dead_code, reason = "the tests of every set read it, and of one set the conversion")]
            const PAIRS: &'static [($c, $rust)] = &[$(($c::$variant, $rust::$name),)+];
        }
    };
}

names! { brink_code of Code:
    BRINK_MALFORMED = Malformed,
    BRINK_TOO_LARGE = TooLarge,
    BRINK_BAD_BASE64 = BadBase64,
    BRINK_BAD_HEADER = BadHeader,
    BRINK_WRONG_TYP = WrongTyp,
    BRINK_WRONG_ALG = WrongAlg,
    BRINK_UNKNOWN_KID = UnknownKid,
    BRINK_KEY_USE = KeyUse,
    BRINK_KEY_REVOKED = KeyRevoked,
    BRINK_BAD_SIGNATURE = BadSignature,
    BRINK_BAD_CLAIMS = BadClaims,
    BRINK_UNSUPPORTED = Unsupported,
    BRINK_KEY_EXPIRED = KeyExpired,
    BRINK_WRONG_ISSUER = WrongIssuer,
    BRINK_WRONG_AUDIENCE = WrongAudience,
    BRINK_WRONG_DEVICE = WrongDevice,
    BRINK_ROLLBACK = Rollback,
    BRINK_SEQ_JUMP = SeqJump,
    BRINK_KEYSET_TOO_OLD = KeysetTooOld,
    BRINK_SEAT_RULE = SeatRule,
    BRINK_MANIFEST_VERSION = ManifestVersion,
    BRINK_MANIFEST_LINK = ManifestLink,
    BRINK_MANIFEST_THRESHOLD = ManifestThreshold,
    BRINK_MANIFEST_KEYS = ManifestKeys,
    BRINK_MANIFEST_EQUIVOCATION = ManifestEquivocation,
    BRINK_MANIFEST_EXPIRED = ManifestExpired,
    BRINK_BAD_ID = BadId,
    BRINK_BAD_KEY = BadKey,
    BRINK_BAD_TRUST = BadTrust,
    BRINK_WRONG_NONCE = WrongNonce,
    BRINK_WRONG_RATCHET = WrongRatchet,
    BRINK_WRONG_PROOF = WrongProof,
    BRINK_CHALLENGE_OVER = ChallengeOver,
    BRINK_MISTYPED = Mistyped,
    BRINK_BUNDLE_DAMAGED = BundleDamaged,
    BRINK_NULL_POINTER = NullPointer,
    BRINK_BAD_UTF8 = BadUtf8,
    BRINK_OUT_OF_RANGE = OutOfRange,
    BRINK_BAD_HANDLE = BadHandle,
    BRINK_NEEDS_REOPEN = NeedsReopen,
    BRINK_TOO_MANY = TooMany,
    BRINK_UNAVAILABLE = Unavailable,
    BRINK_UNKNOWN_COMPONENT = UnknownComponent,
    BRINK_CLASSES_MISSING = ClassesMissing,
    BRINK_BAD_QUANTITY = BadQuantity,
    BRINK_BAD_CHAIN = BadChain,
    BRINK_INTERNAL = Internal,
    BRINK_QUOTA_EXCEEDED = QuotaExceeded,
    BRINK_QUOTA_NOT_SET_ASIDE = QuotaNotSetAside,
    BRINK_USAGE_QUEUE_FULL = UsageQueueFull,
    BRINK_NOT_ACTIVATED = NotActivated,
    BRINK_JOURNAL_BUSY = JournalBusy,
    BRINK_JOURNAL_UNUSABLE = JournalUnusable,
    BRINK_JOURNAL_DAMAGED = JournalDamaged,
    BRINK_JOURNAL_NOT_YET = JournalNotYet,
    BRINK_JOURNAL_SET_ASIDE = JournalSetAside,
    BRINK_CLOCK_UNREADABLE = ClockUnreadable,
}

mirror! { brink_reason of Reason:
    BRINK_REASON_NEEDS_REOPEN = NeedsReopen,
    BRINK_REASON_UNKNOWN_HANDLE = UnknownHandle,
    BRINK_REASON_STORE_TAMPERED = StoreTampered,
    BRINK_REASON_REVOKED = Revoked,
    BRINK_REASON_KEY_COMPROMISE = KeyCompromise,
    BRINK_REASON_SUSPENDED = Suspended,
    BRINK_REASON_UNLICENSED = Unlicensed,
    BRINK_REASON_UNATTESTED = Unattested,
    BRINK_REASON_CLOCK_TAMPERED = ClockTampered,
    BRINK_REASON_NOT_YET_VALID = NotYetValid,
    BRINK_REASON_EXPIRED = Expired,
    BRINK_REASON_CAMERA_NOT_LICENSED = CameraNotLicensed,
    BRINK_REASON_FEATURE_NOT_LICENSED = FeatureNotLicensed,
    BRINK_REASON_GRANT_ENDED = GrantEnded,
    BRINK_REASON_FEATURE_NOT_GRANTED = FeatureNotGranted,
    BRINK_REASON_GRANTED = Granted,
}

mirror! { brink_state of State:
    BRINK_STATE_STORE_TAMPERED = StoreTampered,
    BRINK_STATE_REVOKED = Revoked,
    BRINK_STATE_SUSPENDED = Suspended,
    BRINK_STATE_UNLICENSED = Unlicensed,
    BRINK_STATE_CLOCK_TAMPERED = ClockTampered,
    BRINK_STATE_NOT_YET_VALID = NotYetValid,
    BRINK_STATE_EXPIRED = Expired,
    BRINK_STATE_GRACE = Grace,
    BRINK_STATE_ACTIVE = Active,
}

mirror! { brink_verdict of Verdict:
    BRINK_VERDICT_ALLOW = Allow,
    BRINK_VERDICT_DENY = Deny,
}

impl From<Mode> for brink_mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Trial => brink_mode::BRINK_MODE_TRIAL,
            Mode::Base => brink_mode::BRINK_MODE_BASE,
            Mode::Unlicensed => brink_mode::BRINK_MODE_UNLICENSED,
        }
    }
}

impl From<Code> for brink_code {
    /// A code that this table lacks would be a defect, and a test says that there is none.
    fn from(code: Code) -> Self {
        let known = Self::PAIRS.iter().find(|(_, mirrored)| *mirrored == code);
        known.map_or(brink_code::BRINK_INTERNAL, |(same, _)| *same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn named(name: Option<&CStr>) -> &str {
        name.unwrap().to_str().unwrap()
    }

    #[test]
    fn codes_agree_in_number_and_name_and_none_is_missing() {
        let mirrored: HashSet<_> = brink_code::PAIRS.iter().map(|(_, code)| *code).collect();
        assert_eq!(mirrored, Code::ALL.iter().copied().collect());
        for (ours, code) in brink_code::PAIRS {
            assert_eq!((*ours as u32, brink_code::from(*code)), (code.number(), *ours));
            assert_eq!(named(brink_code::name(*ours as u32)), code.as_str());
        }
        assert_eq!(brink_code::name(1_000_000), None);
    }

    #[test]
    fn reasons_and_states_agree_in_number_and_name_and_none_is_missing() {
        assert_eq!(brink_reason::PAIRS.iter().map(|(_, reason)| *reason).collect::<Vec<_>>(), Reason::ALL);
        for (ours, reason) in brink_reason::PAIRS {
            assert_eq!((*ours as u8, brink_reason::from(*reason)), (*reason as u8, *ours));
            assert_eq!(named(brink_reason::name(*ours as u32)), reason.as_str());
        }
        assert_eq!(brink_state::PAIRS.iter().map(|(_, state)| *state).collect::<Vec<_>>(), State::ALL);
        for (ours, state) in brink_state::PAIRS {
            assert_eq!((*ours as u8, brink_state::from(*state)), (*state as u8, *ours));
            assert_eq!(named(brink_state::name(*ours as u32)), state.as_str());
        }
    }

    #[test]
    fn every_number_of_a_verdict_and_a_mode_is_its_own() {
        assert_eq!(brink_verdict::PAIRS.len(), 2);
        for (ours, verdict) in brink_verdict::PAIRS {
            assert_eq!(brink_verdict::from(*verdict), *ours);
            assert_eq!(named(brink_verdict::name(*ours as u32)), verdict.as_str());
        }
        let modes = [Mode::Trial, Mode::Base, Mode::Unlicensed].map(|mode| brink_mode::from(mode) as u8);
        assert_eq!(modes, [1, 2, 3]);
    }
}
