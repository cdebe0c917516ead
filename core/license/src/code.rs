//! The stable codes of every refusal: one table for the core, the command line and HTTP.

/// Declares [`Code`] and both directions of its table from one list, so that they cannot disagree.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)+) => {
        /// A stable refusal code. Numbers and texts are never reused; 0 is success and is not in the list.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code { $($(#[$doc])* $name = $number,)+ }

        impl Code {
            /// Every code, in the order of its number.
            pub const ALL: &'static [Code] = &[$(Code::$name,)+];

            /// The text that logs, JSON and HTTP problems carry.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)+ }
            }

            /// The number that the C ABI carries.
            #[must_use]
            pub const fn number(self) -> u32 {
                self as u32
            }

            /// The code of a number, or `None` for one that was never given.
            #[must_use]
            pub const fn from_number(number: u32) -> Option<Code> {
                match number { $($number => Some(Code::$name),)+ _ => None }
            }
        }
    };
}

codes! {
    // Envelope: verification steps 1 to 4.
    /// Not three dot-separated base64url parts (step 1).
    Malformed = 1, "MALFORMED";
    /// Above the document's size limit (step 1).
    TooLarge = 2, "TOO_LARGE";
    /// Padding, trailing bits or a signature of another length (step 2).
    BadBase64 = 3, "BAD_BASE64";
    /// Not a strict JSON object with exactly `alg`, `kid` and `typ` (step 3).
    BadHeader = 4, "BAD_HEADER";
    /// Another kind of document (step 4).
    WrongTyp = 5, "WRONG_TYP";
    /// An algorithm other than Ed25519 (step 4).
    WrongAlg = 6, "WRONG_ALG";
    // Key and signature: steps 5 and 6.
    /// No key of the keyset has this id.
    UnknownKid = 7, "UNKNOWN_KID";
    /// The key exists for another use.
    KeyUse = 8, "KEY_USE";
    /// The key was revoked.
    KeyRevoked = 9, "KEY_REVOKED";
    /// The signature does not verify.
    BadSignature = 10, "BAD_SIGNATURE";
    // Claims: steps 7 to 9.
    /// A claim is absent, of another type or out of bounds.
    BadClaims = 11, "BAD_CLAIMS";
    /// A version or a `must` claim that this reader does not know.
    Unsupported = 12, "UNSUPPORTED";
    /// Signed outside the validity of its key.
    KeyExpired = 13, "KEY_EXPIRED";
    /// Another issuer than the pinned one.
    WrongIssuer = 14, "WRONG_ISSUER";
    /// Meant for somebody else.
    WrongAudience = 15, "WRONG_AUDIENCE";
    /// Another tenant, device, epoch or device key.
    WrongDevice = 16, "WRONG_DEVICE";
    /// Older than what was accepted before.
    Rollback = 17, "ROLLBACK";
    /// A sequence number too far ahead to be honest.
    SeqJump = 18, "SEQ_JUMP";
    /// The document wants a newer keyset than is held.
    KeysetTooOld = 19, "KEYSET_TOO_OLD";
    /// Cameras on unnamed seats beyond what the licence allows.
    SeatRule = 24, "SEAT_RULE";
    // Keyset manifest.
    /// Not the successor of the version held.
    ManifestVersion = 30, "MANIFEST_VERSION";
    /// Does not link to the version held.
    ManifestLink = 31, "MANIFEST_LINK";
    /// Too few distinct root keys signed.
    ManifestThreshold = 32, "MANIFEST_THRESHOLD";
    /// A key or the root set is not acceptable.
    ManifestKeys = 33, "MANIFEST_KEYS";
    /// Another content for a version already held.
    ManifestEquivocation = 34, "MANIFEST_EQUIVOCATION";
    /// The manifest held has expired, so nothing new is accepted under it.
    ManifestExpired = 35, "MANIFEST_EXPIRED";
    // Identifiers, keys and trust given by people and programs.
    /// An identifier with a character or length that is not allowed.
    BadId = 50, "BAD_ID";
    /// A public key that must not be used.
    BadKey = 51, "BAD_KEY";
    /// A trust anchor that must not be used.
    BadTrust = 52, "BAD_TRUST";
    // Exchange.
    /// The receipt does not answer the request that is pending.
    WrongNonce = 60, "WRONG_NONCE";
    /// The ratchet beside the receipt is not the one it signed.
    WrongRatchet = 61, "WRONG_RATCHET";
    /// The proof does not cover this request.
    WrongProof = 62, "WRONG_PROOF";
    /// The challenge is of another boot, or was made too long ago.
    ChallengeOver = 63, "CHALLENGE_OVER";
    /// A typed text that its check characters do not fit.
    Mistyped = 64, "MISTYPED";
    /// The bundle's checksum does not match: damage, not forgery.
    BundleDamaged = 70, "BUNDLE_DAMAGED";
    // What a host program asks for.
    /// A pointer that must not be null is.
    NullPointer = 80, "NULL_POINTER";
    /// A text that is not UTF-8.
    BadUtf8 = 81, "BAD_UTF8";
    /// A length or an index that cannot be.
    OutOfRange = 82, "OUT_OF_RANGE";
    /// A handle that this gate did not give out, or of a gate that was closed.
    BadHandle = 83, "BAD_HANDLE";
    /// The process was forked since the gate was opened: open one in this process.
    NeedsReopen = 84, "NEEDS_REOPEN";
    /// More gates or handles than a process may hold.
    TooMany = 85, "TOO_MANY";
    /// The machine does not tell its boot, or no thread can be started.
    Unavailable = 86, "UNAVAILABLE";
    /// A kind or a subtype of component that no rule names.
    UnknownComponent = 87, "UNKNOWN_COMPONENT";
    /// A detector that names no class, and so would find all of them.
    ClassesMissing = 88, "CLASSES_MISSING";
    // Usage.
    /// Not a decimal of at least zero with at most 12 places, or too large.
    BadQuantity = 90, "BAD_QUANTITY";
    /// Records that were edited, removed, reordered or duplicated.
    BadChain = 91, "BAD_CHAIN";
    /// A defect of Brink: the call had no effect.
    Internal = 99, "INTERNAL";
    // Metering: what a host is told about its usage and the journal.
    /// A quota of the licence does not allow it.
    QuotaExceeded = 110, "QUOTA_EXCEEDED";
    /// What was set aside of a quota is used up for the moment.
    QuotaNotSetAside = 111, "QUOTA_NOT_SET_ASIDE";
    /// More uses wait to be written than can.
    UsageQueueFull = 112, "USAGE_QUEUE_FULL";
    /// The device was not activated: nobody can be charged.
    NotActivated = 113, "NOT_ACTIVATED";
    /// Other processes kept the journal too long.
    JournalBusy = 114, "JOURNAL_BUSY";
    /// The journal cannot be opened or written.
    JournalUnusable = 115, "JOURNAL_UNUSABLE";
    /// The journal says what it cannot say.
    JournalDamaged = 116, "JOURNAL_DAMAGED";
    /// The agent has not brought the journal to this version yet.
    JournalNotYet = 117, "JOURNAL_NOT_YET";
    /// The agent put another journal in its place: try again.
    JournalSetAside = 118, "JOURNAL_SET_ASIDE";
    /// The machine does not tell its boot or time.
    ClockUnreadable = 119, "CLOCK_UNREADABLE";
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_number_and_text_is_unique_and_round_trips() {
        let texts: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        for code in Code::ALL {
            assert_eq!(Code::from_number(code.number()), Some(*code));
        }
        assert_eq!(Code::from_number(0), None, "0 is success and never a refusal");
    }
}
