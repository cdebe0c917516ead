//! One exchange: planned purely, performed at the rim.
//!
//! [`plan`] builds a request from what is held and [`accept`] judges an answer; neither touches anything.
//! [`Device`] performs: it stores the request before it leaves, signs, and puts in force what was accepted.

pub mod accept;
mod device;
mod error;
pub mod plan;

pub use accept::{Accepted, Problem, Refusal};
pub use device::{Challenge, Device, Outcome, Outgoing, Settlement, Taken};
pub use error::DeviceError;

// The store's tests and these need the same issuer, and neither crate may see the other's tests.
#[cfg(test)]
#[allow(dead_code, reason = "shared with the tests of the store, which use other parts")]
#[path = "../../../core/store/src/test_issuer.rs"]
pub(crate) mod test_issuer;
