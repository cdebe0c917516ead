//! Usage: cursors, records, sums and what was set aside, written with the answer that acknowledges them. Everything takes
//! many devices at once, because what is read and written for one costs nearly as much as for ten.
//!
//! Whoever reads a cursor here to move it holds the row of its device. That a number is on record once rests on it, and on
//! the cursor, which moves only from where it was read to stand.

mod raw;
mod recount;
mod view;
mod write;

pub(super) use raw::{RECORD_COLUMNS, day_of, of_day};
pub(super) use recount::recount;
pub(super) use view::{issuers_own, views};
pub(super) use write::{Brought, add_sums, record};

/// The largest sum, for SQL: what cannot be counted any more stays there, in whatever order it came.
const MOST: &str = "340282366920938463463374607431768211455";

#[cfg(test)]
mod tests;
