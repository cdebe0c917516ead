//! The C ABI of the gate and its meter. C types and functions carry their C names here, so that `brink.h`, which is generated from
//! this crate, and its source are searched with one word. What decides and verifies is `brink-store`; here pointers
//! become references, panics become codes, and nothing else happens.
//!
//! `barrier` runs every entry, `input` reads arguments, `numbers` and `flags` hold the closed sets, `types` and
//! `metered` the plain values, `owned` the gates and `meter` the meters that callers name by value, `pipeline` what component factories ask.
#![allow(
    unsafe_code,
    reason = "the one crate that talks to C; every block says why it is sound, and brink.h what it asks of callers"
)]
#![allow(non_camel_case_types, reason = "types carry their C names")]
#![allow(
    clippy::missing_safety_doc,
    reason = "what holds for every pointer stands once, at the top of brink.h"
)]

mod barrier;
mod flags;
mod fork;
mod gate;
mod grants;
mod input;
mod meter;
mod metered;
mod numbers;
mod owned;
mod pipeline;
mod reservation;
mod types;
mod words;

pub use flags::brink_flag;
pub use gate::*;
pub use grants::*;
pub use input::BRINK_TEXT_BYTES_MAX;
pub use meter::*;
pub use metered::*;
pub use numbers::{brink_code, brink_mode, brink_reason, brink_state, brink_verdict};
pub use pipeline::*;
pub use reservation::*;
pub use types::*;
pub use words::*;
