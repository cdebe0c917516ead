//! Usage: cursors, records, sums and what was set aside. Not kept on PostgreSQL yet: what is asked of it is nothing, and
//! what is brought is refused.

use super::StorageError;
use super::connection::Tx;
use crate::storage::{DeviceRow, NewUsage, RecountedRecord, SumRow, UsageAsked, UsageView};
use brink_license::DeviceId;

fn absent() -> StorageError {
    StorageError::Engine("usage is not kept on PostgreSQL yet".into())
}

/// What is on record of what is asked.
pub(super) async fn view(_: &Tx<'_>, _: &DeviceRow, asked: &UsageAsked) -> Result<UsageView, StorageError> {
    if asked.batch.is_some() { Err(absent()) } else { Ok(UsageView::default()) }
}

pub(super) async fn record(_: &Tx<'_>, _: &DeviceId, _: &NewUsage) -> Result<(), StorageError> {
    Err(absent())
}

pub(super) async fn recount(
    _: &Tx<'_>,
    _: &DeviceId,
    _: &mut dyn FnMut(&RecountedRecord),
) -> Result<Vec<SumRow>, StorageError> {
    Err(absent())
}
