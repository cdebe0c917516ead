//! The pure core of Brink: signed documents and their verification, entitlements, decisions, and time.
//!
//! Nothing here reads a file, a clock, the network or the environment; `now` is always an argument. The way of a
//! licence through this crate:
//!
//! ```text
//! bytes -> UnverifiedToken::parse -> verify(Keyset, Expected) -> VerifiedLicence -> SeqMark::admit
//!       -> Table::build + clock::evaluate -> Table::decide -> Decision
//! ```

pub mod b64;
pub mod bounded;
pub mod clock;
mod code;
mod component;
mod decision;
mod entitlement;
pub mod exchange;
mod fields;
mod id;
mod json;
pub mod jws;
mod key;
pub mod keyset;
mod names;
pub mod seating;
mod time;
pub mod token;
pub mod usage;

pub use code::Code;
pub use component::{Component, ComponentDecision, ComponentError, ComponentKind, Needs};
pub use decision::{Decision, Flags, Reason, Verdict};
pub use entitlement::{CameraAt, FeatureAt, Table};
pub use fields::ClaimError;
pub use id::{
    CameraId, DeviceId, Feature, IdError, IssuerName, NAME_BYTES_MAX, ResourceId, SLUG_BYTES_MAX, Slug,
    TenantId, TokenId,
};
pub use json::{INTEGER_MAX, JsonError};
pub use jws::Typ;
pub use key::{KeyError, Kid, PublicKey};
pub use names::IdList;
pub use time::UnixSeconds;
