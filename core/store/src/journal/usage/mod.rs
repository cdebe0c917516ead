//! Usage in the journal: what hosts and agent record, durably, each record chained to the one before.
//!
//! Hosts record through a [`Meter`](crate::Meter), which knows the quotas in force, and look with [`UsageBook`]. `writer` gathers
//! groups, `group` is the transaction of one, `tally` what it knows of quotas. The agent alone begins and ends chains (`follow`), makes
//! the file, sets a damaged one aside (`mend`), compares it with what is `known` beside it (`reach`), reads what is to be sent (`outbox`), and makes room (`shrink`). Whoever copies it elsewhere looks by `places`. Everything that is
//! kept twice is compared before it is believed.

mod append;
mod base;
mod book;
mod error;
mod follow;
mod group;
mod known;
mod mend;
mod outbox;
mod places;
mod quota_rows;
mod reach;
mod rows;
mod settle;
mod shrink;
mod tally;
mod terms;
mod writer;

pub use book::{BookFault, ChainSummary, UsageBook, Walked};
pub use error::UsageError;
pub use group::Recorded;
pub(crate) use group::{Act, Aside, Came, Request};
pub(crate) use known::Known;
pub(super) use mend::{check, lost, mend, probe};
pub use outbox::{Backlog, Outbox, Unsent};
pub use places::{ChainPlace, Copied, Traced};
pub(crate) use reach::Reached;
pub(super) use settle::settle;
pub use shrink::Shrunk;
pub(super) use shrink::bytes_max;
pub(crate) use terms::Terms;
pub(crate) use writer::UsageWriter;

use super::Journal;
use std::io::ErrorKind;
use std::path::Path;

/// Opens the journal of a directory. One that was never made belongs to a device that was not activated.
fn open(directory: &Path) -> Result<Journal, UsageError> {
    match Journal::path(directory).symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Err(UsageError::NotActivated),
        Ok(_) | Err(_) => Ok(Journal::open_within(directory, append::WAIT)?),
    }
}

#[cfg(test)]
mod tests;
