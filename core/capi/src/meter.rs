//! The meter: what a host uses, recorded under the quotas of the licence that its gate holds.

use crate::barrier::{answer, carry_out};
use crate::input;
use crate::metered::{brink_line, brink_meter, brink_quantity, brink_quota, brink_recorded};
use crate::numbers::brink_code;
use crate::reservation::brink_reservation;
use crate::types::{brink_gate, brink_text};
use arc_swap::ArcSwapOption;
use brink_license::usage::Quantity;
use brink_license::{Code, ResourceId, Slug};
use brink_store::Meter;
use brink_store::journal::UsageError;
use std::sync::Arc;

/// Most meters that are open at once: a host needs one.
const METERS_MAX: usize = 256;

/// The meters that this library owns for its callers. A call under way keeps the one that it found.
static PLACES: [ArcSwapOption<Meter>; METERS_MAX] = [const { ArcSwapOption::const_empty() }; METERS_MAX];

/// Opens the meter of a gate, in the journal beside the gate's bundle. Nothing on the disk is touched before the first use.
/// One meter serves a process.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brink_meter_open(gate: brink_gate, out: *mut brink_meter) -> brink_code {
    let open = || {
        let meter = Arc::new(Meter::open(input::open_gate(gate)?).map_err(code_of)?);
        let free = PLACES.iter().position(|place| {
            let before = place.compare_and_swap(&None::<Arc<Meter>>, Some(Arc::clone(&meter)));
            before.is_none()
        });
        let (slot, tag) = (free.ok_or(Code::TooMany)?, meter.tag());
        Ok(brink_meter { slot: u32::try_from(slot).unwrap_or(u32::MAX), tag })
    };
    // SAFETY: the caller's promise is passed on.
    unsafe { answer(out, open) }
}

/// Writes what was counted, gives back what was set aside, and closes the meter. When the last of it cannot be written the
/// answer says why and the meter stays open, so that it can be tried again. Close it before its gate.
#[unsafe(no_mangle)]
pub extern "C" fn brink_meter_close(meter: brink_meter) -> brink_code {
    carry_out(|| {
        let place = PLACES.get(meter.slot as usize).ok_or(Code::BadHandle)?;
        let closing = place.load_full().filter(|open| open.tag() == meter.tag).ok_or(Code::BadHandle)?;
        closing.close().map_err(code_of)?;
        let before = place.compare_and_swap(&closing, None);
        let is_first = before.as_ref().is_some_and(|before| Arc::ptr_eq(before, &closing));
        if is_first { Ok(()) } else { Err(Code::BadHandle) }
    })
}

/// Records a use of a meter, if its quota allows it: BRINK_QUOTA_EXCEEDED leaves no trace. Durable when it answers BRINK_OK.
/// `resource` is the camera, or what else used it; an empty text is the device as a whole.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brink_meter_record(
    meter: brink_meter,
    name: brink_text,
    resource: brink_text,
    quantity: brink_quantity,
    out: *mut brink_recorded,
) -> brink_code {
    let record = || {
        // SAFETY: the caller's promise is passed on.
        let (name, resource) = unsafe { used(name, resource) }?;
        let record = |open: &Meter| {
            open.record(&name, resource.as_ref(), Quantity::try_from(quantity)?).map_err(code_of)
        };
        with(meter, record).map(brink_recorded::from)
    };
    // SAFETY: the caller's promise is passed on.
    unsafe { answer(out, record) }
}

/// Looks up once what is counted and by whom, for brink_meter_record_nowait. Sets a part of the quota aside, and with the
/// first line starts the meter's thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brink_meter_line(
    meter: brink_meter,
    name: brink_text,
    resource: brink_text,
    out: *mut brink_line,
) -> brink_code {
    let look_up = || {
        // SAFETY: the caller's promise is passed on.
        let (name, resource) = unsafe { used(name, resource) }?;
        with(meter, |open| open.line(&name, resource.as_ref()).map_err(code_of)).map(brink_line::from)
    };
    // SAFETY: the caller's promise is passed on.
    unsafe { answer(out, look_up) }
}

/// Counts a use from memory and returns at once: durable within 50 ms, and lost with a process that is killed before. For
/// every frame: no lock, no system call, and after a thread's first use no allocation. Never exceeds a quota that refuses.
#[unsafe(no_mangle)]
pub extern "C" fn brink_meter_record_nowait(
    meter: brink_meter,
    line: brink_line,
    quantity: brink_quantity,
) -> brink_code {
    let count =
        |open: &Meter| open.record_nowait(line.into(), Quantity::try_from(quantity)?).map_err(code_of);
    carry_out(|| with(meter, count))
}

/// Writes what was counted, now.
#[unsafe(no_mangle)]
pub extern "C" fn brink_meter_flush(meter: brink_meter) -> brink_code {
    carry_out(|| with(meter, |open| open.flush().map_err(code_of)))
}

/// Holds room for work whose size is known afterwards, at most `max`, durably. Settle it with brink_reservation_commit or
/// brink_reservation_release, and free it with brink_reservation_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brink_meter_reserve(
    meter: brink_meter,
    name: brink_text,
    resource: brink_text,
    max: brink_quantity,
    out: *mut *mut brink_reservation,
) -> brink_code {
    let reserve = || {
        // SAFETY: the caller's promise is passed on.
        let (name, resource) = unsafe { used(name, resource) }?;
        let reserve =
            |open: &Meter| open.reserve(&name, resource.as_ref(), Quantity::try_from(max)?).map_err(code_of);
        with(meter, reserve).map(brink_reservation::give_out)
    };
    // SAFETY: the caller's promise is passed on.
    unsafe { answer(out, reserve) }
}

/// How the quota of a meter stands. Reads the journal: for status pages and after a denial, not for frames.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brink_meter_quota(
    meter: brink_meter,
    name: brink_text,
    out: *mut brink_quota,
) -> brink_code {
    let look = || {
        // SAFETY: the caller's promise is passed on.
        let name = Slug::parse(unsafe { input::text(name) }?).map_err(|error| error.code())?;
        with(meter, |open| open.quota(&name).map_err(code_of)).map(brink_quota::from)
    };
    // SAFETY: the caller's promise is passed on.
    unsafe { answer(out, look) }
}

/// Works with an open meter by its value.
#[inline]
fn with<T>(meter: brink_meter, work: impl FnOnce(&Meter) -> Result<T, Code>) -> Result<T, Code> {
    let found = PLACES.get(meter.slot as usize).ok_or(Code::BadHandle)?.load();
    work(found.as_ref().filter(|open| open.tag() == meter.tag).ok_or(Code::BadHandle)?)
}

/// # Safety
/// As [`input::text`].
unsafe fn used(name: brink_text, resource: brink_text) -> Result<(Slug, Option<ResourceId>), Code> {
    // SAFETY: the caller's promise is passed on.
    let (name, resource) = unsafe { (input::text(name)?, input::text(resource)?) };
    let name = Slug::parse(name).map_err(|error| error.code())?;
    let resource = (!resource.is_empty()).then(|| ResourceId::parse(resource)).transpose();
    Ok((name, resource.map_err(|error| error.code())?))
}

pub(crate) fn code_of(error: UsageError) -> Code {
    error.stable_code()
}
