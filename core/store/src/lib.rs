//! The offline-first embedded store: what a device accepted, the bundle that it publishes, and the gate that hosts hold.

pub mod anchor;
pub mod bundle;
mod crash;
mod device_store;
mod documents;
mod durable;
mod error;
pub mod gate;
pub mod journal;
mod layout;
mod lock;
pub mod machine;
pub mod meter;
mod sharing;
mod state;
#[cfg(test)]
#[allow(dead_code, reason = "shared with the tests of the edge, which use other parts")]
mod test_issuer;
mod ticker;
mod vault;

pub use bundle::{BUNDLE_BYTES_MAX, Bundle, BundleError, VerifiedBundle};
pub use device_store::{
    Acceptance, AnchorHealth, BundleHealth, DeviceStore, DocumentsHealth, Health, NoticeError, ResetError,
    SealKeys, UsageHealth, VaultHealth,
};
pub use documents::{Documents, publish_also};
pub use durable::write_atomically;
pub use error::StoreError;
pub use gate::{BundleReader, CameraHandle, FeatureHandle, Gate, GateStatus, Snapshot, component_allowed};
pub use layout::{Finding, Installation, Layout};
pub use lock::WriterLock;
pub use meter::{Meter, MeterLine, QuotaUse, Reservation};
pub use state::{
    AcceptedMarks, Challenge, Glimpse, Held, HeldSeats, Identity, NumberMark, Pending, PendingKind, Ratchet,
    Refused, Settled,
};
pub use vault::{LogEntry, VaultDamage, probe_value};
