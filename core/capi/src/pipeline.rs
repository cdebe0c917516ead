//! The question of a component factory.

use crate::barrier::answer;
use crate::input;
use crate::numbers::brink_code;
use crate::types::{brink_decision, brink_feature, brink_gate, brink_text};
use brink_license::{Code, Component, ComponentDecision, Needs, SLUG_BYTES_MAX};
use std::ffi::c_char;

/// Most classes of one component: above what any model tells apart, and below what a negative number would be.
pub const BRINK_CLASSES_MAX: usize = 1024;

/// Room for the name of a feature and a NUL.
pub const BRINK_FEATURE_BYTES: usize = 129;

const _: () = assert!(BRINK_FEATURE_BYTES == SLUG_BYTES_MAX + 1);

/// A part of a camera's pipeline, as its host names it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct brink_component {
    /// "source", "processor" or "sink".
    pub kind: brink_text,
    /// What it is called among those, such as "line_zone_manager".
    pub subtype: brink_text,
    /// The classes that it looks for, such as "person". A detector has to name some; NULL only where `classes_len` is 0.
    pub classes: *const brink_text,
    /// How many.
    pub classes_len: usize,
}

/// The answer to "may this component be made for this camera now?".
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct brink_component_decision {
    /// The first "no" among a seat for the camera and every feature, or until when all of it is "yes".
    pub decision: brink_decision,
    /// The feature that is missing, category/name, filled up with NULs: no pack of the licence has it, or none of the
    /// camera's. Empty where something else decided.
    pub missing: [c_char; BRINK_FEATURE_BYTES],
}

/// May the component be made for the camera now? It needs a seat for the camera, the feature that it is sold as, and one for
/// every class: docs/C_ABI.md has the table. What the table does not name is BRINK_UNKNOWN_COMPONENT, and a detector
/// without classes BRINK_CLASSES_MISSING: neither is ever allowed, nor is anything without an open gate.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brink_gate_check_component(
    gate: brink_gate,
    camera: brink_text,
    component: *const brink_component,
    out: *mut brink_component_decision,
) -> brink_code {
    let check = || {
        // SAFETY: the caller's promise is passed on.
        let (camera, needs) = unsafe { (input::text(camera)?, needs(component)?) };
        let gate = input::gate(gate)?;
        let decided = gate.check_component(camera, &needs);
        gate.refusal(&decided.decision).map_or_else(|| Ok(brink_component_decision::from(&decided)), Err)
    };
    // SAFETY: the caller's promise is passed on.
    unsafe { answer(out, check) }
}

/// Looks up once the features that a component needs, for brink_gate_check_handles with every frame. `needed` gets their
/// number, 0 for a source; where `capacity` is less, the answer is BRINK_OUT_OF_RANGE and nothing else is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brink_gate_component_features(
    gate: brink_gate,
    component: *const brink_component,
    features: *mut brink_feature,
    capacity: usize,
    needed: *mut usize,
) -> brink_code {
    let mut handles = Vec::new();
    let look_up = || {
        // SAFETY: the caller's promise is passed on.
        let needs = unsafe { needs(component) }?;
        let gate = input::open_gate(gate)?;
        handles = gate.features_of(&needs).map_err(|error| error.code())?;
        Ok(handles.len())
    };
    // SAFETY: the caller's promise is passed on.
    let code = unsafe { answer(needed, look_up) };
    if code != brink_code::BRINK_OK || handles.is_empty() {
        return code;
    }
    if handles.len() > capacity {
        return brink_code::BRINK_OUT_OF_RANGE;
    }
    if features.is_null() {
        return brink_code::BRINK_NULL_POINTER;
    }
    for (place, handle) in handles.into_iter().enumerate() {
        // SAFETY: not null, and `capacity` places of it, which `place` is below, are the caller's to be written.
        unsafe { features.add(place).write(handle.into()) };
    }
    brink_code::BRINK_OK
}

/// # Safety
/// `component` is null or readable, and so are its texts.
unsafe fn needs(component: *const brink_component) -> Result<Needs, Code> {
    // SAFETY: null or readable.
    let component = unsafe { component.as_ref() }.ok_or(Code::NullPointer)?;
    // SAFETY: the caller's promise is passed on.
    let (kind, subtype) = unsafe { (input::text(component.kind)?, input::text(component.subtype)?) };
    // SAFETY: the caller's promise is passed on.
    let classes = unsafe { classes(component) }?;
    Component { kind, subtype, classes: &classes }.needs().map_err(|error| error.code())
}

/// # Safety
/// As [`needs`].
unsafe fn classes<'a>(component: &brink_component) -> Result<Vec<&'a str>, Code> {
    if component.classes_len == 0 {
        return Ok(Vec::new());
    }
    if component.classes.is_null() {
        return Err(Code::NullPointer);
    }
    if component.classes_len > BRINK_CLASSES_MAX {
        return Err(Code::OutOfRange);
    }
    // SAFETY: not null, of a sane length, and readable as the caller promised.
    let classes = unsafe { std::slice::from_raw_parts(component.classes, component.classes_len) };
    // SAFETY: the caller's promise is passed on.
    classes.iter().map(|class| unsafe { input::text(*class) }).collect()
}

impl From<&ComponentDecision> for brink_component_decision {
    fn from(decided: &ComponentDecision) -> Self {
        let mut missing = [0; BRINK_FEATURE_BYTES];
        let name = decided.missing.as_ref().map_or("", |feature| feature.as_str());
        // One place fewer than there are: the last byte stays a NUL.
        for (place, byte) in missing.iter_mut().zip(name.bytes()).take(SLUG_BYTES_MAX) {
            *place = byte as c_char;
        }
        Self { decision: decided.decision.into(), missing }
    }
}
