//! What one meter has come to in one chain.

use super::{Quantity, QuantityError, Usage};
use serde::{Deserialize, Serialize};

/// The sums of one meter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeterTotal {
    /// Of all quantities.
    pub total: Quantity,
    /// How many records.
    pub records: u64,
    /// How many uses they stand for.
    pub count: u64,
    /// When the first was recorded, by the guarded time in milliseconds.
    pub first_ms: i64,
    /// When the last was.
    pub last_ms: i64,
}

impl MeterTotal {
    /// The sums with one more quantity, recorded at this guarded time; `before` is what they were, if anything.
    pub fn with(
        before: Option<&Self>,
        (quantity, count): (Quantity, u32),
        est_ms: i64,
    ) -> Result<Self, QuantityError> {
        let begun = Self { total: Quantity::ZERO, records: 0, count: 0, first_ms: est_ms, last_ms: est_ms };
        let before = before.unwrap_or(&begun);
        Ok(Self {
            total: before.total.plus(quantity)?,
            records: before.records.saturating_add(1),
            count: before.count.saturating_add(u64::from(count)),
            first_ms: before.first_ms,
            last_ms: est_ms,
        })
    }

    /// What it must have been before a record; `None` when the record says less than it adds.
    pub(super) fn before_usage(usage: &Usage, est_ms: i64) -> Option<Self> {
        let total = usage.total.minus(usage.quantity)?;
        Some(Self { total, records: 0, count: 0, first_ms: est_ms, last_ms: est_ms })
    }

    /// The same from a record; `None` when its own total is another.
    pub(super) fn with_usage(before: Option<&Self>, usage: &Usage, est_ms: i64) -> Option<Self> {
        let after = Self::with(before, (usage.quantity, usage.count), est_ms).ok()?;
        (after.total == usage.total).then_some(after)
    }

    /// The bytes to keep.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_allocvec(self).unwrap_or_default()
    }

    /// Reads kept bytes; `None` for any that [`MeterTotal::to_bytes`] did not write.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let total: Self = postcard::from_bytes(bytes).ok()?;
        (total.to_bytes() == bytes).then_some(total)
    }
}
