//! The offline-first embedded store: what a device accepted, the bundle that it publishes, and the gate that hosts hold.

pub mod bundle;
pub mod gate;
pub mod machine;

pub use bundle::{BUNDLE_BYTES_MAX, Bundle, BundleError, VerifiedBundle};
pub use gate::{BundleReader, Gate, GateStatus, Snapshot};
