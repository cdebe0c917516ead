//! The border that no panic crosses, and the only place that writes to a caller's memory.

use crate::numbers::brink_code;
use brink_license::Code;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs an entry. `out` is written when everything went well and not touched otherwise.
///
/// # Safety
/// `out` is null or may be written as a `T`.
#[inline]
pub(crate) unsafe fn answer<T>(out: *mut T, entry: impl FnOnce() -> Result<T, Code>) -> brink_code {
    if out.is_null() {
        return brink_code::BRINK_NULL_POINTER;
    }
    // Nothing that an entry touches is left half done: it reads, and what it makes is written below.
    match catch_unwind(AssertUnwindSafe(entry)) {
        Ok(Ok(value)) => {
            // SAFETY: not null, and the caller's to be written.
            unsafe { out.write(value) };
            brink_code::BRINK_OK
        }
        Ok(Err(code)) => refused(code),
        Err(panic) => {
            // What was thrown could panic when it is dropped; this is a defect's one small leak.
            std::mem::forget(panic);
            brink_code::BRINK_INTERNAL
        }
    }
}

#[cold]
fn refused(code: Code) -> brink_code {
    brink_code::from(code)
}

/// The same for an entry that gives nothing back.
#[inline]
pub(crate) fn carry_out(entry: impl FnOnce() -> Result<(), Code>) -> brink_code {
    let mut nothing = ();
    // SAFETY: a unit of this frame.
    unsafe { answer(&raw mut nothing, entry) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::panic_any;

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }

    fn answered(entry: impl FnOnce() -> Result<u8, Code>) -> (brink_code, u8) {
        let mut out = 7;
        // SAFETY: a byte of this frame.
        let code = unsafe { answer(&raw mut out, entry) };
        (code, out)
    }

    #[test]
    fn a_panic_is_a_code_and_leaves_what_is_given_out_untouched() {
        assert_eq!(answered(|| panic!("a defect")), (brink_code::BRINK_INTERNAL, 7));
        assert_eq!(answered(|| panic_any(Bomb)), (brink_code::BRINK_INTERNAL, 7));
        assert_eq!(carry_out(|| panic!("a defect")), brink_code::BRINK_INTERNAL);
    }

    #[test]
    fn a_refusal_leaves_it_untouched_too_and_success_writes_it() {
        assert_eq!(answered(|| Err(Code::BadHandle)), (brink_code::BRINK_BAD_HANDLE, 7));
        assert_eq!(answered(|| Ok(9)), (brink_code::BRINK_OK, 9));
    }

    #[test]
    fn nowhere_to_write_is_refused_before_anything_is_done() {
        // SAFETY: null is what is asked about.
        let code = unsafe { answer(std::ptr::null_mut::<u8>(), || panic!("must not run")) };
        assert_eq!(code, brink_code::BRINK_NULL_POINTER);
    }
}
