//! The gates that this library opened and owns for its callers, each at the place of its slot.
//!
//! No lock: a fork while another thread held it would leave the child without. A slot belongs to one gate from before
//! it is put here until after it was taken away, so the tag alone says whose turn it is.

use brink_store::Gate;
use brink_store::gate::{GATES_MAX, GateId};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

/// What no gate has.
const NO_TAG: u32 = 0;

static PLACES: [Place; GATES_MAX] = [const { Place::empty() }; GATES_MAX];

struct Place {
    tag: AtomicU32,
    gate: AtomicPtr<Gate>,
}

impl Place {
    const fn empty() -> Self {
        Self { tag: AtomicU32::new(NO_TAG), gate: AtomicPtr::new(null_mut()) }
    }
}

/// Keeps a gate until it is taken by its id. `None` for a gate that has no place, which never comes: it is closed.
pub(crate) fn keep(gate: Gate) -> Option<GateId> {
    let id = gate.id();
    let place = PLACES.get(id.slot as usize)?;
    place.gate.store(Box::into_raw(Box::new(gate)), Ordering::Relaxed);
    place.tag.store(id.tag, Ordering::Release);
    Some(id)
}

/// Gives the gate to whoever asks for it first.
pub(crate) fn take(id: GateId) -> Option<Gate> {
    let place = PLACES.get(id.slot as usize).filter(|_| id.tag != NO_TAG)?;
    place.tag.compare_exchange(id.tag, NO_TAG, Ordering::Acquire, Ordering::Relaxed).ok()?;
    let gate = place.gate.swap(null_mut(), Ordering::Relaxed);
    // SAFETY: made by `keep` for this very tag. Whoever changes the tag back has the box alone, and the next gate comes
    // to this place only after this one was dropped.
    (!gate.is_null()).then(|| *unsafe { Box::from_raw(gate) })
}
