//! Usage: cursors, records, sums and what was set aside. Not kept on PostgreSQL yet: what is asked of it is nothing, and
//! what is brought is refused.

use super::connection::Tx;
use super::{PostgresStorage, StorageError};
use crate::storage::{
    BookedRecord, CorrectionPlace, CorrectionRow, CorrectionView, DeviceRow, Held, Lacks, NewCorrection,
    NewUsage, Plan, QuarantineRow, QuarantineScope, RecordScope, RecountedRecord, Replay, Statement, SumRow,
    SumScope, Take, UsageAsked, UsageBooks, UsageSum, UsageView,
};
use brink_license::{DeviceId, TenantId, UnixSeconds};

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

impl UsageBooks for PostgresStorage {
    fn usage_sums(&self, _: &SumScope, _: UnixSeconds, _: Take<'_, UsageSum>) -> Result<Lacks, StorageError> {
        Err(absent())
    }

    fn correct_usage(
        &self,
        _: &CorrectionPlace,
        _: Plan<'_, CorrectionView, NewCorrection>,
    ) -> Result<(), StorageError> {
        Err(absent())
    }

    fn corrections(&self, _: &TenantId) -> Result<Vec<CorrectionRow>, StorageError> {
        Err(absent())
    }

    fn quarantine(&self, _: &QuarantineScope, _: bool) -> Result<Vec<QuarantineRow>, StorageError> {
        Err(absent())
    }

    fn replay_usage(&self, _: i64, _: Plan<'_, Option<QuarantineRow>, Replay>) -> Result<(), StorageError> {
        Err(absent())
    }

    fn usage_records(&self, _: &RecordScope, _: Take<'_, BookedRecord>) -> Result<(), StorageError> {
        Err(absent())
    }

    fn usage_statements(&self, _: &DeviceId, _: Take<'_, Statement>) -> Result<(), StorageError> {
        Err(absent())
    }

    fn usage_held(&self, _: Option<&DeviceId>, _: Take<'_, Held>) -> Result<(), StorageError> {
        Err(absent())
    }
}
