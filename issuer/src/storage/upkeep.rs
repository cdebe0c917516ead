//! The port to what an adapter does by itself from day to day, so that nothing grows for ever. Any process may do it, and
//! whoever comes while another one is at it leaves it to that one.

use super::StorageError;
use brink_license::UnixSeconds;
use std::ops::Range;

/// What is to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpkeepOrder {
    /// Now.
    pub now: UnixSeconds,
    /// For how many days after it came a record of usage is kept; `None` for good.
    pub raw_days: Option<u32>,
}

/// Records of usage that are gone: their sums stay, and what was signed about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The days on which they came, counted from 1970 in UTC.
    pub days: Range<i32>,
    /// How many.
    pub records: u64,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upkept {
    /// Days, counted from 1970 in UTC, whose records have a partition of their own from now on.
    pub made: Vec<Range<i32>>,
    /// What was dropped, the oldest first.
    pub dropped: Vec<Dropped>,
    /// Whether something was left for the next time, because others used the table all the while.
    pub postponed: bool,
}

/// What an adapter does by itself.
pub trait Upkeep: Send + Sync {
    /// Does what is due; `None` where another process is at it.
    fn keep_up(&self, order: &UpkeepOrder) -> Result<Option<Upkept>, StorageError>;
}
