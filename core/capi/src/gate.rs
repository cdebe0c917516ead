//! The gate: open, close, ask, and see what it holds.

use crate::barrier::{answer, carry_out};
use crate::numbers::{brink_code, brink_mode};
use crate::types::{
    BRINK_NEVER, brink_camera, brink_decision, brink_feature, brink_gate, brink_status, brink_text,
    brink_trust, moment,
};
use crate::{fork, input, owned};
use brink_license::{Code, Decision};
use brink_store::gate::{GateLife, GateRef, HandleError};
use brink_store::{Gate, GateStatus};
use std::ffi::c_char;

/// Opens a gate on the bundle that the agent publishes, believing these root keys alone. A bundle that is absent or
/// refused is no error: the gate denies, and takes up the first good one within a second. One gate serves a process.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brink_gate_open(
    path: brink_text,
    trust: *const brink_trust,
    out: *mut brink_gate,
) -> brink_code {
    let open = || {
        // SAFETY: the caller's promise is passed on.
        let (path, anchor) = unsafe { (input::path(path)?, input::anchor(trust)?) };
        fork::watch()?;
        let gate = Gate::open(path, anchor).map_err(|error| error.code())?;
        owned::keep(gate).map(brink_gate::from).ok_or(Code::Internal)
    };
    // SAFETY: the caller's promise is passed on.
    unsafe { answer(out, open) }
}

/// Closes a gate and joins its thread. Other threads may be asking it: they are answered, and from then on told
/// BRINK_BAD_HANDLE. In a child of the process that opened it, it answers BRINK_NEEDS_REOPEN and does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn brink_gate_close(gate: brink_gate) -> brink_code {
    carry_out(|| {
        let here = input::gate(gate)?;
        if here.life() == GateLife::Foreign {
            return Err(Code::NeedsReopen);
        }
        owned::take(gate.into()).map(drop).ok_or(Code::BadHandle)
    })
}

/// May the camera use the feature now? Names that no licence has are denied and not refused. No lock, no system call, and
/// after a thread's first question no allocation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brink_gate_check(
    gate: brink_gate,
    camera: brink_text,
    feature: brink_text,
    out: *mut brink_decision,
) -> brink_code {
    let check = || {
        // SAFETY: the caller's promise is passed on.
        let (camera, feature) = unsafe { (input::text(camera)?, input::text(feature)?) };
        let gate = input::gate(gate)?;
        told(gate, gate.check(camera, feature))
    };
    // SAFETY: the caller's promise is passed on.
    unsafe { answer(out, check) }
}

/// Looks a camera up once, for brink_gate_check_handles. It need not be licensed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brink_gate_camera(
    gate: brink_gate,
    name: brink_text,
    out: *mut brink_camera,
) -> brink_code {
    let look_up = || {
        // SAFETY: the caller's promise is passed on.
        let name = unsafe { input::text(name) }?;
        let gate = input::open_gate(gate)?;
        gate.camera(name).map(brink_camera::from).map_err(|error| unresolved(gate, &error))
    };
    // SAFETY: the caller's promise is passed on.
    unsafe { answer(out, look_up) }
}

/// Looks a feature up once, written as category/name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brink_gate_feature(
    gate: brink_gate,
    name: brink_text,
    out: *mut brink_feature,
) -> brink_code {
    let look_up = || {
        // SAFETY: the caller's promise is passed on.
        let name = unsafe { input::text(name) }?;
        let gate = input::open_gate(gate)?;
        gate.feature(name).map(brink_feature::from).map_err(|error| unresolved(gate, &error))
    };
    // SAFETY: the caller's promise is passed on.
    unsafe { answer(out, look_up) }
}

/// The same question by handles of this gate, several times as fast. For every frame.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brink_gate_check_handles(
    gate: brink_gate,
    camera: brink_camera,
    feature: brink_feature,
    out: *mut brink_decision,
) -> brink_code {
    let check = || {
        let gate = input::gate(gate)?;
        told(gate, gate.check_handles(camera.into(), feature.into()))
    };
    // SAFETY: the caller's promise is passed on.
    unsafe { answer(out, check) }
}

/// What is in force, until when, and whether the file as it stands was refused. Takes a lock for a moment: for status
/// pages, not for frames.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brink_gate_status(gate: brink_gate, out: *mut brink_status) -> brink_code {
    // SAFETY: the caller's promise is passed on.
    unsafe { answer(out, || Ok(brink_status::from(&input::status(gate)?))) }
}

/// Why the file as it stands is not in force, in words: UTF-8 with no NUL, empty when it is in force. `needed` gets the
/// number of bytes; where `capacity` is less, the answer is BRINK_OUT_OF_RANGE and nothing else is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brink_gate_refusal(
    gate: brink_gate,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> brink_code {
    let mut words = String::new();
    let read = || {
        words = input::status(gate)?.refused().map_or_else(String::new, ToString::to_string);
        Ok(words.len())
    };
    // SAFETY: the caller's promise is passed on.
    let code = unsafe { answer(needed, read) };
    if code != brink_code::BRINK_OK || words.is_empty() {
        return code;
    }
    if words.len() > capacity {
        return brink_code::BRINK_OUT_OF_RANGE;
    }
    if buffer.is_null() {
        return brink_code::BRINK_NULL_POINTER;
    }
    // SAFETY: not null, and `capacity` bytes of it are the caller's to be written.
    unsafe { buffer.cast::<u8>().copy_from_nonoverlapping(words.as_ptr(), words.len()) };
    code
}

/// Another thread may have closed the gate meanwhile: that is what is said then.
fn unresolved(gate: GateRef, error: &HandleError) -> Code {
    gate.check_open().err().unwrap_or_else(|| error.code())
}

/// A decision, or the code that says why the gate could not make one.
#[inline]
fn told(gate: GateRef, decision: Decision) -> Result<brink_decision, Code> {
    match gate.refusal(&decision) {
        None => Ok(decision.into()),
        Some(code) => Err(code),
    }
}

impl From<&GateStatus> for brink_status {
    fn from(status: &GateStatus) -> Self {
        let (standing, bundle) = (status.standing(), status.bundle());
        let window = standing.window;
        let receipt = bundle.and_then(|bundle| bundle.receipt());
        let mode = bundle.map(|bundle| bundle.licence().claims().mode.into());
        Self {
            now: standing.now.as_i64(),
            opens_at: window.opens_at.as_i64(),
            grace_at: window.grace_at.as_i64(),
            ends_at: window.ends_at.as_i64(),
            unattested_at: window.unattested_at.as_i64(),
            next_transition_at: moment(standing.next_transition_at),
            receipt_at: receipt.map_or(BRINK_NEVER, |receipt| receipt.claims().server_time.as_i64()),
            licence_seq: bundle.map_or(0, |bundle| bundle.licence().claims().seq),
            keyset_version: bundle.map_or(0, |bundle| bundle.keyset().version()),
            cameras: status.table().cameras() as u64,
            unnamed_seats: status.table().unnamed_seats(),
            flags: standing.flags.bits(),
            refused: status.refused().map_or(brink_code::BRINK_OK, |error| error.code().into()),
            state: standing.state.into(),
            reason: standing.reason.into(),
            mode: mode.unwrap_or(brink_mode::BRINK_MODE_UNLICENSED),
        }
    }
}
