//! What the licence grants, for hosts that show it.

use crate::barrier::answer;
use crate::input;
use crate::numbers::brink_code;
use crate::types::{brink_gate, brink_grant, brink_text, moment};
use brink_license::Code;
use brink_store::gate::Grants;

/// The cameras of a licence and their packs, as they were when they were asked for. Owned by whoever asked; valid after
/// the gate was closed; read by any number of threads; freed once, by brink_grants_free.
#[derive(Debug)]
pub struct brink_grants(Grants);

/// Lists what the licence in force grants: nothing without one. Whether it is in force now is brink_gate_status's to say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brink_gate_grants(gate: brink_gate, out: *mut *mut brink_grants) -> brink_code {
    let list = || Ok(Box::into_raw(Box::new(brink_grants(input::status(gate)?.grants()))));
    // SAFETY: the caller's promise is passed on.
    unsafe { answer(out, list) }
}

/// How many cameras the list has, sorted by name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brink_grants_count(grants: *const brink_grants, out: *mut usize) -> brink_code {
    // SAFETY: the caller's promise is passed on.
    unsafe { answer(out, || Ok(list(grants)?.len())) }
}

/// One camera of the list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brink_grants_camera(
    grants: *const brink_grants,
    camera: usize,
    out: *mut brink_grant,
) -> brink_code {
    let read = || {
        // SAFETY: the caller's promise is passed on.
        let granted = unsafe { list(grants) }?.camera(camera).ok_or(Code::OutOfRange)?;
        let (until, packs) = (moment(granted.until), granted.packs.len());
        Ok(brink_grant { camera: brink_text::of(granted.camera), until, packs })
    };
    // SAFETY: the caller's promise is passed on.
    unsafe { answer(out, read) }
}

/// One pack of a camera. The text lives as long as the list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brink_grants_pack(
    grants: *const brink_grants,
    camera: usize,
    pack: usize,
    out: *mut brink_text,
) -> brink_code {
    let read = || {
        // SAFETY: the caller's promise is passed on.
        let granted = unsafe { list(grants) }?.camera(camera).ok_or(Code::OutOfRange)?;
        granted.packs.get(pack).map(|pack| brink_text::of(pack.as_str())).ok_or(Code::OutOfRange)
    };
    // SAFETY: the caller's promise is passed on.
    unsafe { answer(out, read) }
}

/// Frees a list and every text of it. NULL is taken and nothing happens.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brink_grants_free(grants: *mut brink_grants) {
    if !grants.is_null() {
        // SAFETY: made by brink_gate_grants, and the caller frees it once. Dropping texts and numbers cannot panic.
        drop(unsafe { Box::from_raw(grants) });
    }
}

/// # Safety
/// `grants` is null or a list that was not freed.
unsafe fn list<'a>(grants: *const brink_grants) -> Result<&'a Grants, Code> {
    // SAFETY: null or a living list.
    unsafe { grants.as_ref() }.map(|grants| &grants.0).ok_or(Code::NullPointer)
}
