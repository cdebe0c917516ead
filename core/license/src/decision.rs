//! The answer to "may this camera use this feature now?", and the words it is given in.

use crate::clock::State;
use crate::time::UnixSeconds;
use crate::token::Enforce;

/// Why the answer is what it is. The order is the precedence: the first that applies is the one reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reason {
    /// The gate no longer knows: it was closed, or its process was forked. Asking it again does not help.
    NeedsReopen = 1,
    /// A handle that this gate did not give out.
    UnknownHandle = 2,
    /// The store is older than what it once accepted.
    StoreTampered = 3,
    /// The issuer withdrew the licence.
    Revoked = 4,
    /// The key that signed the licence was revoked.
    KeyCompromise = 5,
    /// The issuer holds the licence back.
    Suspended = 6,
    /// No licence has been accepted.
    Unlicensed = 7,
    /// The bundle has been on a machine without presence for too long.
    Unattested = 8,
    /// The clock was held back for too long.
    ClockTampered = 9,
    /// The licence has not begun.
    NotYetValid = 10,
    /// The licence, its offline limit and its grace are over.
    Expired = 11,
    /// No grant names the camera.
    CameraNotLicensed = 12,
    /// No pack of the licence has the feature.
    FeatureNotLicensed = 13,
    /// The camera's grant ended before the licence.
    GrantEnded = 14,
    /// A pack of the licence has the feature, but not for this camera.
    FeatureNotGranted = 15,
    /// Yes.
    Granted = 16,
}

impl Reason {
    /// Every reason, by precedence.
    pub const ALL: [Reason; 16] = [
        Reason::NeedsReopen,
        Reason::UnknownHandle,
        Reason::StoreTampered,
        Reason::Revoked,
        Reason::KeyCompromise,
        Reason::Suspended,
        Reason::Unlicensed,
        Reason::Unattested,
        Reason::ClockTampered,
        Reason::NotYetValid,
        Reason::Expired,
        Reason::CameraNotLicensed,
        Reason::FeatureNotLicensed,
        Reason::GrantEnded,
        Reason::FeatureNotGranted,
        Reason::Granted,
    ];

    /// The stable text in JSON and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::NeedsReopen => "needs_reopen",
            Reason::UnknownHandle => "unknown_handle",
            Reason::StoreTampered => "store_tampered",
            Reason::Revoked => "revoked",
            Reason::KeyCompromise => "key_compromise",
            Reason::Suspended => "suspended",
            Reason::Unlicensed => "unlicensed",
            Reason::Unattested => "unattested",
            Reason::ClockTampered => "clock_tampered",
            Reason::NotYetValid => "not_yet_valid",
            Reason::Expired => "expired",
            Reason::CameraNotLicensed => "camera_not_licensed",
            Reason::FeatureNotLicensed => "feature_not_licensed",
            Reason::GrantEnded => "grant_ended",
            Reason::FeatureNotGranted => "feature_not_granted",
            Reason::Granted => "granted",
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub const fn mend(self) -> &'static str {
        match self {
            Reason::NeedsReopen => "open a gate in this process and ask it",
            Reason::UnknownHandle => "resolve the camera and the feature with the gate that is asked",
            Reason::StoreTampered => "run an exchange: the issuer sends what was lost",
            Reason::Revoked | Reason::KeyCompromise => {
                "run an exchange for a new licence, or ask the issuer's admin"
            }
            Reason::Suspended => "ask the issuer's admin why the device is suspended",
            Reason::Unlicensed => "activate the device: brink-edge activate",
            Reason::Unattested => {
                "run any brink-edge verb on the device that owns this bundle, or activate this one"
            }
            Reason::ClockTampered => {
                "set the clock right and run an exchange; without a network: brink-edge clock challenge"
            }
            Reason::NotYetValid => "wait for the licence to begin, or set the clock right",
            Reason::Expired => "run an exchange to renew the licence",
            Reason::CameraNotLicensed => {
                "put the camera on a free unnamed seat: brink-edge seat assign; or ask the issuer's admin to assign it, then exchange"
            }
            Reason::FeatureNotLicensed => "check the feature's spelling, or subscribe to a pack that has it",
            Reason::GrantEnded => "ask the issuer's admin to prolong the camera's grant, then exchange",
            Reason::FeatureNotGranted => {
                "ask the issuer's admin to assign the camera a pack with this feature"
            }
            Reason::Granted => "nothing to mend",
        }
    }

    /// The reason that goes with a state of the calendar.
    pub(crate) const fn of_calendar(state: State) -> Reason {
        match state {
            State::StoreTampered => Reason::StoreTampered,
            State::Revoked => Reason::Revoked,
            State::Suspended => Reason::Suspended,
            // The only way of the calendar to it: a device without a licence has a hold.
            State::Unlicensed => Reason::Unattested,
            State::ClockTampered => Reason::ClockTampered,
            State::NotYetValid => Reason::NotYetValid,
            State::Expired => Reason::Expired,
            State::Grace | State::Active => Reason::Granted,
        }
    }
}

/// What the licence says, before the enforcement profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Licensed.
    Allow,
    /// Not licensed.
    Deny,
}

impl Verdict {
    /// The text in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Allow => "allow",
            Verdict::Deny => "deny",
        }
    }
}

/// Facts beside a verdict, as a set of bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u32);

impl Flags {
    /// None.
    pub const NONE: Flags = Flags(0);
    /// In grace: renew soon.
    pub const GRACE: Flags = Flags(1);
    /// The clock was never set since boot.
    pub const CLOCK_UNSET: Flags = Flags(1 << 1);
    /// The clock stands before what is known.
    pub const CLOCK_BACK: Flags = Flags(1 << 2);
    /// The clock jumped ahead.
    pub const CLOCK_JUMP: Flags = Flags(1 << 3);
    /// Presence on this machine is not confirmed.
    pub const UNATTESTED: Flags = Flags(1 << 4);
    /// Allowed by the profile although the verdict is "deny".
    pub const WARNED: Flags = Flags(1 << 5);
    /// The profile `degrade`: what runs may go on, nothing new may start.
    pub const KEEP_RUNNING: Flags = Flags(1 << 6);
    /// The newest bundle was refused and an earlier one is in force.
    pub const BUNDLE_REFUSED: Flags = Flags(1 << 7);
    /// The keyset manifest has expired: nothing new is accepted under it.
    pub const KEYSET_EXPIRED: Flags = Flags(1 << 8);
    /// The clock's marks cannot be kept beyond this process.
    pub const CLOCK_UNKEPT: Flags = Flags(1 << 9);
    /// The journal was damaged and begun again.
    pub const JOURNAL_DAMAGED: Flags = Flags(1 << 10);
    /// The document of unnamed seats was refused: cameras that the licence names go on.
    pub const SEATS_REFUSED: Flags = Flags(1 << 11);
    /// An extension keeps the licence going: it would be in grace or over without.
    pub const EXTENDED: Flags = Flags(1 << 12);

    /// Every named bit.
    const ALL: u32 = (1 << Self::NAMES.len()) - 1;

    /// Every flag with its stable name, lowest bit first.
    pub const NAMES: [(Flags, &'static str); 13] = [
        (Flags::GRACE, "grace"),
        (Flags::CLOCK_UNSET, "clock_unset"),
        (Flags::CLOCK_BACK, "clock_back"),
        (Flags::CLOCK_JUMP, "clock_jump"),
        (Flags::UNATTESTED, "unattested"),
        (Flags::WARNED, "warned"),
        (Flags::KEEP_RUNNING, "keep_running"),
        (Flags::BUNDLE_REFUSED, "bundle_refused"),
        (Flags::KEYSET_EXPIRED, "keyset_expired"),
        (Flags::CLOCK_UNKEPT, "clock_unkept"),
        (Flags::JOURNAL_DAMAGED, "journal_damaged"),
        (Flags::SEATS_REFUSED, "seats_refused"),
        (Flags::EXTENDED, "extended"),
    ];

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// Whether all of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// A set from its bits; those without a name are dropped.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Flags(bits & Self::ALL)
    }

    /// The bits, as the C ABI carries them.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The stable names of the set ones, lowest bit first.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(flag, _)| self.contains(*flag)).map(|(_, name)| name)
    }
}

/// The answer. It owns nothing, so a host may keep it; it says until when it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What the licence says.
    pub verdict: Verdict,
    /// What the host should do: the verdict under the licence's enforcement profile.
    pub allowed: bool,
    /// Why.
    pub reason: Reason,
    /// The licence's state.
    pub state: State,
    /// For "allow": from this moment it may be "deny". For `NotYetValid`: when it begins. Otherwise `None`.
    pub until: Option<UnixSeconds>,
    /// What else there is to know.
    pub flags: Flags,
}

impl Decision {
    /// A "yes" until a moment.
    #[inline]
    #[must_use]
    pub const fn granted(state: State, until: UnixSeconds, flags: Flags) -> Self {
        Self {
            verdict: Verdict::Allow,
            allowed: true,
            reason: Reason::Granted,
            state,
            until: Some(until),
            flags,
        }
    }

    /// A "no" under the licence's enforcement profile. Some states no profile softens.
    #[inline]
    #[must_use]
    pub const fn denied(enforce: Enforce, state: State, reason: Reason, flags: Flags) -> Self {
        let (allowed, extra) = match enforce {
            _ if state.always_denies() => (false, Flags::NONE),
            Enforce::Observe => (true, Flags::NONE),
            Enforce::Warn => (true, Flags::WARNED),
            Enforce::Degrade => (false, Flags::KEEP_RUNNING),
            Enforce::Deny => (false, Flags::NONE),
        };
        Self { allowed, state, flags: flags.with(extra), ..Self::refused(reason) }
    }

    /// A "no" of the gate itself, which no licence and no profile softens.
    #[must_use]
    pub const fn refused(reason: Reason) -> Self {
        Self {
            verdict: Verdict::Deny,
            allowed: false,
            reason,
            state: State::Unlicensed,
            until: None,
            flags: Flags::NONE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_and_states_are_listed_once_in_the_order_of_their_numbers() {
        assert!(Reason::ALL.is_sorted() && State::ALL.is_sorted());
        assert_eq!(Reason::ALL.map(|r| r as u8), std::array::from_fn(|i| i as u8 + 1));
        assert_eq!(State::ALL.map(|s| s as u8), std::array::from_fn(|i| i as u8 + 1));
    }

    #[test]
    fn every_flag_has_its_own_bit_and_name() {
        let all = Flags::NAMES.iter().fold(Flags::NONE, |all, (flag, _)| all.with(*flag));
        assert_eq!(all.bits().count_ones() as usize, Flags::NAMES.len());
        assert_eq!(all.names().count(), Flags::NAMES.len());
        assert_eq!(Flags::from_bits(u32::MAX), all);
    }
}
