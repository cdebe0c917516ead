//! The flags of the C ABI: bits, each tied to the core's own.

use crate::words::c_text;
use brink_license::Flags;
use std::ffi::CStr;

/// Facts beside a decision: bits of its `flags`.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum brink_flag {
    /// In grace: renew soon.
    BRINK_FLAG_GRACE = 1,
    /// The clock was never set since boot.
    BRINK_FLAG_CLOCK_UNSET = 2,
    /// The clock stands before what is known.
    BRINK_FLAG_CLOCK_BACK = 4,
    /// The clock jumped ahead.
    BRINK_FLAG_CLOCK_JUMP = 8,
    /// Presence on this machine is not confirmed.
    BRINK_FLAG_UNATTESTED = 16,
    /// Allowed by the profile although the verdict is "deny".
    BRINK_FLAG_WARNED = 32,
    /// The profile `degrade`: what runs may go on, nothing new may start.
    BRINK_FLAG_KEEP_RUNNING = 64,
    /// The newest bundle was refused and an earlier one is in force.
    BRINK_FLAG_BUNDLE_REFUSED = 128,
    /// The keyset manifest has expired: nothing new is accepted under it.
    BRINK_FLAG_KEYSET_EXPIRED = 256,
    /// The clock's marks cannot be kept beyond this process.
    BRINK_FLAG_CLOCK_UNKEPT = 512,
    /// The journal was damaged and begun again.
    BRINK_FLAG_JOURNAL_DAMAGED = 1024,
    /// The document of unnamed seats was refused: cameras that the licence names go on.
    BRINK_FLAG_SEATS_REFUSED = 2048,
    /// An extension keeps the licence going: it would be in grace or over without.
    BRINK_FLAG_EXTENDED = 4096,
}

/// Flags are constants of one type, so they are tied by their place in its list.
macro_rules! flags {
    ($($variant:ident = $place:literal),+ $(,)?) => {
        impl brink_flag {
            pub(crate) const fn name(bit: u32) -> Option<&'static CStr> {
                match bit {
                    $(bit if bit == brink_flag::$variant as u32 => Some(c_text!(Flags::NAMES[$place].1)),)+
                    _ => None,
                }
            }

            #[cfg(test)]
            const PAIRS: &'static [(brink_flag, Flags)] = &[$((brink_flag::$variant, Flags::NAMES[$place].0),)+];
        }
    };
}

flags! {
    BRINK_FLAG_GRACE = 0,
    BRINK_FLAG_CLOCK_UNSET = 1,
    BRINK_FLAG_CLOCK_BACK = 2,
    BRINK_FLAG_CLOCK_JUMP = 3,
    BRINK_FLAG_UNATTESTED = 4,
    BRINK_FLAG_WARNED = 5,
    BRINK_FLAG_KEEP_RUNNING = 6,
    BRINK_FLAG_BUNDLE_REFUSED = 7,
    BRINK_FLAG_KEYSET_EXPIRED = 8,
    BRINK_FLAG_CLOCK_UNKEPT = 9,
    BRINK_FLAG_JOURNAL_DAMAGED = 10,
    BRINK_FLAG_SEATS_REFUSED = 11,
    BRINK_FLAG_EXTENDED = 12,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: Option<&CStr>) -> &str {
        name.unwrap().to_str().unwrap()
    }

    #[test]
    fn flags_agree_in_bit_and_name_and_none_is_missing() {
        assert_eq!(brink_flag::PAIRS.len(), Flags::NAMES.len());
        for (ours, flag) in brink_flag::PAIRS {
            assert_eq!(*ours as u32, flag.bits());
            assert_eq!(Some(named(brink_flag::name(*ours as u32))), flag.names().next());
        }
        assert_eq!(brink_flag::name(0), None);
        assert_eq!(brink_flag::name(3), None, "two bits have no name");
    }
}
