//! The plain values of the C ABI. Each is one Rust type of the same meaning; none owns anything.

use crate::numbers::{brink_code, brink_mode, brink_reason, brink_state, brink_verdict};
use brink_license::{Decision, UnixSeconds};
use brink_store::gate::{CameraHandle, FeatureHandle, GateId};
use std::ffi::c_char;

/// A moment that never comes, or that is not known.
pub const BRINK_NEVER: i64 = i64::MAX;

/// UTF-8 text of somebody else: a pointer and a number of bytes, with no NUL at the end.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct brink_text {
    /// The first byte.
    pub ptr: *const c_char,
    /// How many bytes.
    pub len: usize,
}

// SAFETY: a text is only read, and a caller shares with other threads what it asks them to read.
unsafe impl Sync for brink_text {}

impl brink_text {
    /// A text of this library, which lives as long as its owner.
    pub(crate) const fn of(text: &str) -> Self {
        Self { ptr: text.as_ptr().cast(), len: text.len() }
    }
}

/// The issuer and the root keys that a host was built with. `brink-edge trust header` writes one to compile in.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct brink_trust {
    /// The issuer's name.
    pub issuer: brink_text,
    /// Thumbprints of the root keys (RFC 7638), 43 characters of base64url each.
    pub roots: *const brink_text,
    /// How many.
    pub roots_len: usize,
    /// How many of them must have signed.
    pub threshold: u32,
}

/// An open gate: a plain value that any thread may copy and keep. All zeros are no gate's.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct brink_gate {
    /// Which place.
    pub slot: u32,
    /// Which of the gates that had it.
    pub tag: u32,
}

/// A camera of one gate, looked up once. Valid over every bundle until the gate is closed.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct brink_camera {
    /// The gate that gave it out.
    pub gate: u32,
    /// Its number there.
    pub index: u32,
}

/// A feature of one gate, looked up once. Valid over every bundle until the gate is closed.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct brink_feature {
    /// The gate that gave it out.
    pub gate: u32,
    /// Its number there.
    pub index: u32,
}

/// The answer to "may this camera use this feature now?".
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct brink_decision {
    /// For "allow" the second from which it may be "deny"; for a licence that has not begun the second when it does;
    /// BRINK_NEVER otherwise. Guarded time, seconds since 1970.
    pub until: i64,
    /// Bits of brink_flag.
    pub flags: u32,
    /// What to do: the verdict under the licence's enforcement profile.
    pub allowed: bool,
    /// What the licence says.
    pub verdict: brink_verdict,
    /// Why.
    pub reason: brink_reason,
    /// The licence's state.
    pub state: brink_state,
}

/// What a gate holds, as of the moment it was asked. Moments are guarded time in seconds since 1970.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct brink_status {
    /// The guarded time.
    pub now: i64,
    /// The licence is in force from here on.
    pub opens_at: i64,
    /// From here on it is grace.
    pub grace_at: i64,
    /// From here on it is over.
    pub ends_at: i64,
    /// From here on nothing vouches for this machine; BRINK_NEVER at home.
    pub unattested_at: i64,
    /// When the state changes by itself; BRINK_NEVER when only a new bundle can change it.
    pub next_transition_at: i64,
    /// The issuer's time in the last receipt; BRINK_NEVER without one.
    pub receipt_at: i64,
    /// The licence's number; 0 without one.
    pub licence_seq: u64,
    /// The version of the keyset that verified it; 0 without one.
    pub keyset_version: u64,
    /// Cameras that are licensed: named, or on an unnamed seat.
    pub cameras: u64,
    /// Seats that the licence names no camera for, taken or free.
    pub unnamed_seats: u32,
    /// Bits of brink_flag.
    pub flags: u32,
    /// Why the file as it stands is not in force; BRINK_OK when it is. brink_gate_refusal says it in words.
    pub refused: brink_code,
    /// The state now.
    pub state: brink_state,
    /// Why.
    pub reason: brink_reason,
    /// The commercial mode.
    pub mode: brink_mode,
}

/// One camera of a list of grants.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct brink_grant {
    /// The camera's name, which lives as long as the list.
    pub camera: brink_text,
    /// The second from which its grant is over; BRINK_NEVER for one that ends with the licence.
    pub until: i64,
    /// How many packs it has, the device's included.
    pub packs: usize,
}

/// A moment as C carries it.
pub(crate) fn moment(at: Option<UnixSeconds>) -> i64 {
    at.map_or(BRINK_NEVER, UnixSeconds::as_i64)
}

impl From<Decision> for brink_decision {
    #[inline]
    fn from(decision: Decision) -> Self {
        let Decision { verdict, allowed, reason, state, until, flags } = decision;
        Self {
            until: until.map_or(BRINK_NEVER, UnixSeconds::as_i64),
            flags: flags.bits(),
            allowed,
            verdict: verdict.into(),
            reason: reason.into(),
            state: state.into(),
        }
    }
}

impl From<GateId> for brink_gate {
    fn from(GateId { slot, tag }: GateId) -> Self {
        Self { slot, tag }
    }
}

impl From<brink_gate> for GateId {
    #[inline]
    fn from(brink_gate { slot, tag }: brink_gate) -> Self {
        Self { slot, tag }
    }
}

impl From<CameraHandle> for brink_camera {
    fn from(CameraHandle { gate, index }: CameraHandle) -> Self {
        Self { gate, index }
    }
}

impl From<brink_camera> for CameraHandle {
    #[inline]
    fn from(brink_camera { gate, index }: brink_camera) -> Self {
        Self { gate, index }
    }
}

impl From<FeatureHandle> for brink_feature {
    fn from(FeatureHandle { gate, index }: FeatureHandle) -> Self {
        Self { gate, index }
    }
}

impl From<brink_feature> for FeatureHandle {
    #[inline]
    fn from(brink_feature { gate, index }: brink_feature) -> Self {
        Self { gate, index }
    }
}
