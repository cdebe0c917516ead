//! Time as one pure function (step 10 of docs/TOKEN.md): readings in, state and deadlines out.
//!
//! [`Marks::advance`] turns a reading into a guarded `now` that never falls; [`evaluate`] turns that and the licence's
//! terms into a [`Standing`]. Nothing else in the workspace decides what time it is.

mod boot;
mod marks;
mod standing;

pub use boot::BootId;
pub use marks::{Anchored, Guarded, Marks, Reading, ReceiptMark, ResetMark};
pub use standing::{Hold, Standing, State, Terms, Window, evaluate};

use crate::time::UnixSeconds;

/// No honest clock shows an earlier moment than this release: 2026-01-01T00:00:00Z. Moved forward with releases.
pub const BUILD_TIME: UnixSeconds = UnixSeconds::new(1_767_225_600);

/// A licence may be used this many seconds before its `nbf`: the issuer's and the device's clocks differ.
pub const SKEW_SECONDS: i64 = 300;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
