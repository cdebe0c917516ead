//! Stable names and what helps, as C strings that live as long as the program.

use crate::flags::brink_flag;
use crate::numbers::{brink_code, brink_reason, brink_state, brink_verdict};
use brink_license::Reason;
use std::ffi::{CStr, c_char};

/// A constant text as a C string.
macro_rules! c_text {
    ($text:expr) => {{
        const TEXT: &str = $text;
        const BYTES: [u8; TEXT.len() + 1] = $crate::words::terminated(TEXT);
        // A text with a NUL inside would become empty, and the tests compare every one.
        const C: &std::ffi::CStr = match std::ffi::CStr::from_bytes_with_nul(&BYTES) {
            Ok(text) => text,
            Err(_) => c"",
        };
        C
    }};
}

pub(crate) use c_text;

/// The bytes of a text and a NUL.
pub(crate) const fn terminated<const BYTES: usize>(text: &str) -> [u8; BYTES] {
    let (mut bytes, mut at) = ([0; BYTES], 0);
    while at < text.len() {
        bytes[at] = text.as_bytes()[at];
        at += 1;
    }
    bytes
}

/// What a number is called that no set has.
const UNKNOWN: &CStr = c"unknown";

const fn shown(name: Option<&'static CStr>) -> *const c_char {
    match name {
        Some(name) => name.as_ptr(),
        None => UNKNOWN.as_ptr(),
    }
}

/// The stable name of a brink_code, such as "BAD_HANDLE".
#[unsafe(no_mangle)]
pub extern "C" fn brink_code_name(code: u32) -> *const c_char {
    if code == brink_code::BRINK_OK as u32 {
        return c"OK".as_ptr();
    }
    shown(brink_code::name(code))
}

/// The stable name of a brink_reason, such as "feature_not_granted".
#[unsafe(no_mangle)]
pub extern "C" fn brink_reason_name(reason: u32) -> *const c_char {
    shown(brink_reason::name(reason))
}

/// What a person can do about a brink_reason, in one sentence.
#[unsafe(no_mangle)]
pub extern "C" fn brink_reason_mend(reason: u32) -> *const c_char {
    shown(mend(reason))
}

/// The stable name of a brink_state, such as "grace".
#[unsafe(no_mangle)]
pub extern "C" fn brink_state_name(state: u32) -> *const c_char {
    shown(brink_state::name(state))
}

/// The stable name of a brink_verdict: "allow" or "deny".
#[unsafe(no_mangle)]
pub extern "C" fn brink_verdict_name(verdict: u32) -> *const c_char {
    shown(brink_verdict::name(verdict))
}

/// The stable name of one bit of brink_flag, such as "keep_running".
#[unsafe(no_mangle)]
pub extern "C" fn brink_flag_name(bit: u32) -> *const c_char {
    shown(brink_flag::name(bit))
}

/// The version of this library, such as "0.1.0".
#[unsafe(no_mangle)]
pub extern "C" fn brink_version() -> *const c_char {
    c_text!(env!("CARGO_PKG_VERSION")).as_ptr()
}

/// The number in the shared library's SONAME: compare it with BRINK_ABI_VERSION of the header that a program was built
/// with.
#[unsafe(no_mangle)]
pub extern "C" fn brink_abi_version() -> u32 {
    BRINK_ABI_VERSION
}

/// Rises when a program built with an earlier header would misunderstand this library.
pub const BRINK_ABI_VERSION: u32 = 1;

/// A reason's mend by its number.
fn mend(reason: u32) -> Option<&'static CStr> {
    let place = usize::try_from(reason).ok()?.checked_sub(1)?;
    MENDS.get(place).copied()
}

/// In the order of [`Reason::ALL`], whose numbers are 1 and up.
const MENDS: [&CStr; Reason::ALL.len()] = [
    c_text!(Reason::ALL[0].mend()),
    c_text!(Reason::ALL[1].mend()),
    c_text!(Reason::ALL[2].mend()),
    c_text!(Reason::ALL[3].mend()),
    c_text!(Reason::ALL[4].mend()),
    c_text!(Reason::ALL[5].mend()),
    c_text!(Reason::ALL[6].mend()),
    c_text!(Reason::ALL[7].mend()),
    c_text!(Reason::ALL[8].mend()),
    c_text!(Reason::ALL[9].mend()),
    c_text!(Reason::ALL[10].mend()),
    c_text!(Reason::ALL[11].mend()),
    c_text!(Reason::ALL[12].mend()),
    c_text!(Reason::ALL[13].mend()),
    c_text!(Reason::ALL[14].mend()),
    c_text!(Reason::ALL[15].mend()),
];

#[cfg(test)]
mod tests {
    use super::*;
    use brink_license::Code;

    fn read(text: *const c_char) -> &'static str {
        // SAFETY: every name of this file is a static C string.
        unsafe { CStr::from_ptr(text) }.to_str().unwrap()
    }

    #[test]
    fn names_are_the_ones_of_the_core() {
        assert_eq!(read(brink_code_name(0)), "OK");
        for code in Code::ALL {
            assert_eq!(read(brink_code_name(code.number())), code.as_str());
        }
        for reason in Reason::ALL {
            assert_eq!(read(brink_reason_name(reason as u32)), reason.as_str());
            assert_eq!(read(brink_reason_mend(reason as u32)), reason.mend());
        }
        assert_eq!(read(brink_state_name(9)), "active");
        assert_eq!(read(brink_verdict_name(1)), "allow");
        assert_eq!(read(brink_flag_name(1 << 6)), "keep_running");
        assert_eq!(read(brink_version()), env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn a_number_of_no_set_is_unknown_and_not_null() {
        let unknown = [brink_code_name, brink_reason_name, brink_reason_mend, brink_state_name];
        for name in
            unknown.into_iter().chain([brink_verdict_name as extern "C" fn(u32) -> _, brink_flag_name])
        {
            for number in [0x7777, u32::MAX] {
                assert_eq!(read(name(number)), "unknown");
            }
        }
        assert_eq!(read(brink_reason_mend(0)), "unknown");
    }

    #[test]
    fn the_abi_version_is_the_one_that_the_linker_was_told() {
        assert_eq!(brink_abi_version().to_string(), env!("BRINK_ABI_VERSION"));
    }
}
