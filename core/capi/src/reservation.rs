//! Room for work whose size is known afterwards.

use crate::barrier::{answer, carry_out};
use crate::meter::code_of;
use crate::metered::{brink_quantity, brink_recorded};
use crate::numbers::brink_code;
use brink_license::Code;
use brink_license::usage::Quantity;
use brink_store::Reservation;
use std::sync::{Mutex, MutexGuard, TryLockError};

/// Room that was set aside. Owned by whoever asked; used by one thread at a time; freed once, by brink_reservation_free.
/// Freed before it was settled it is wasted until the quota's span ends, as it is when the process is killed.
#[derive(Debug)]
pub struct brink_reservation(Mutex<Reservation>);

impl brink_reservation {
    pub(crate) fn give_out(reservation: Reservation) -> *mut Self {
        Box::into_raw(Box::new(Self(Mutex::new(reservation))))
    }
}

/// Records what the work came to, durably, and gives the rest back. More than was reserved is recorded too, and flagged.
/// After a failure it can be tried again; a second time after success answers BRINK_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brink_reservation_commit(
    reservation: *const brink_reservation,
    actual: brink_quantity,
    out: *mut brink_recorded,
) -> brink_code {
    let commit = || {
        let actual = Quantity::try_from(actual)?;
        // SAFETY: the caller's promise is passed on.
        let mut reservation = unsafe { held(reservation) }?;
        reservation.commit(actual).map(brink_recorded::from).map_err(code_of)
    };
    // SAFETY: the caller's promise is passed on.
    unsafe { answer(out, commit) }
}

/// Gives all of it back: nothing was done.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brink_reservation_release(reservation: *const brink_reservation) -> brink_code {
    // SAFETY: the caller's promise is passed on.
    carry_out(|| unsafe { held(reservation) }?.release().map_err(code_of))
}

/// Frees a reservation, settled or not. NULL is taken and nothing happens.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brink_reservation_free(reservation: *mut brink_reservation) {
    if !reservation.is_null() {
        // SAFETY: made by brink_meter_reserve, and the caller frees it once.
        let owned = unsafe { Box::from_raw(reservation) };
        // What is dropped last may be a meter's journal, whose closing must not unwind into C.
        let _ = carry_out(move || {
            drop(owned);
            Ok(())
        });
    }
}

/// # Safety
/// `reservation` is null or was not freed.
unsafe fn held<'a>(reservation: *const brink_reservation) -> Result<MutexGuard<'a, Reservation>, Code> {
    // SAFETY: null or a living reservation.
    let reservation = unsafe { reservation.as_ref() }.ok_or(Code::NullPointer)?;
    // Two threads that settle one reservation, or a fork in the middle: the second is refused and waits for nobody.
    match reservation.0.try_lock() {
        Ok(held) => Ok(held),
        Err(TryLockError::Poisoned(held)) => Ok(held.into_inner()),
        Err(TryLockError::WouldBlock) => Err(Code::BadHandle),
    }
}
