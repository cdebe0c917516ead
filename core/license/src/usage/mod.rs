//! Usage: quantities, the record of one use in its one form of bytes, the chain that records make, and what a licence's
//! quotas say of a use.
//!
//! Owns what a record says, how it is hashed and when a sequence of records is whole. Pure: the journal of the device
//! keeps the bytes, and whoever settles them verifies the same chain again. Nothing is ever encoded a second time: the
//! bytes that were hashed are the bytes that are kept and sent.

mod chain;
mod quantity;
mod quota;
mod record;
mod total;

pub use chain::{Chain, ChainFault, Genesis, Head, verify};
pub use quantity::{PLACES_MAX, Quantity, QuantityError};
pub use quota::{Allowance, Denial, DenialReason, Judged, Overage, Quotas, Span, SpanKey, Spent};
pub use record::{Entry, Hash, Moment, RECORD_BYTES_MAX, Record, RecordError, Recovery, Usage, hash_of};
pub use total::MeterTotal;
