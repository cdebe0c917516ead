//! Usage: quantities, the record of one use in its one form of bytes, the chain that records make, and what a licence's
//! quotas say of a use.
//!
//! Owns what a record says, how it is hashed and when a sequence of records is whole. Pure: the journal of the device
//! keeps the bytes, and whoever settles them verifies the same chain again. Nothing is ever encoded a second time: the
//! bytes that were hashed are the bytes that are kept and sent.

mod batch;
mod chain;
mod fold;
mod quantity;
mod quota;
mod record;
mod total;

pub use batch::{
    BATCH_BYTES_MAX, Batch, CHAINS_MAX, ChainReport, RECORDS_MAX, USAGE_SECTION, UsageSection, batch_sha256,
};
pub use chain::{Chain, ChainFault, Genesis, Head, verify};
pub use fold::{FOLD_SUMS_MAX, Fold, FoldMeter, FoldSum, Folding, QUARTER_MS, quarter_of};
pub use quantity::{PLACES_MAX, Quantity, QuantityError};
pub use quota::{Allowance, Denial, DenialReason, Judged, Overage, Quotas, Span, SpanKey, Spent};
pub use record::{
    Entry, FOLD_BYTES_MAX, Hash, Moment, RECORD_BYTES_MAX, Record, RecordError, Recovery, SEQ_MAX, Usage,
    hash_of,
};
pub use total::MeterTotal;
