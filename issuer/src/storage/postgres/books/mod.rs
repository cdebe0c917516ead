//! The books of usage: queries over what devices sent, and the corrections beside it.

pub(super) mod corrections;
mod held;
pub(super) mod quarantine;
mod standing;
mod statements;
mod sums;

use super::connection::Tx;
use super::usage::RECORD_COLUMNS;
use super::{PostgresStorage, StorageError};
use crate::storage::readers;
use crate::storage::{
    BookedRecord, CorrectionPlace, CorrectionRow, CorrectionView, Held, Lacks, NewCorrection, Plan,
    QuarantineRow, QuarantineScope, RecordScope, Replay, Statement, SumScope, Take, UsageBooks, UsageSum,
};
use brink_license::{DeviceId, TenantId, UnixSeconds};

impl UsageBooks for PostgresStorage {
    fn usage_sums(
        &self,
        scope: &SumScope,
        heard_since: UnixSeconds,
        take: Take<'_, UsageSum>,
    ) -> Result<Lacks, StorageError> {
        self.read_through(async |tx| {
            sums::recorded(tx, scope, take).await?;
            sums::corrected(tx, scope, take).await?;
            standing::of(tx, scope, heard_since).await
        })
    }

    fn correct_usage(
        &self,
        place: &CorrectionPlace,
        plan: Plan<'_, CorrectionView, NewCorrection>,
    ) -> Result<(), StorageError> {
        self.write(async |tx| {
            let view = corrections::view(tx, place).await?;
            match plan(&view) {
                Some(new) => corrections::add(tx, place, &new).await,
                None => Ok(()),
            }
        })
    }

    fn corrections(&self, tenant: &TenantId) -> Result<Vec<CorrectionRow>, StorageError> {
        self.read(async |tx| corrections::all(tx, tenant).await)
    }

    fn quarantine(&self, scope: &QuarantineScope, lifted: bool) -> Result<Vec<QuarantineRow>, StorageError> {
        self.read(async |tx| quarantine::list(tx, scope, lifted).await)
    }

    fn replay_usage(
        &self,
        id: i64,
        plan: Plan<'_, Option<QuarantineRow>, Replay>,
    ) -> Result<(), StorageError> {
        self.write(async |tx| {
            let row = quarantine::locked(tx, id).await?;
            match (plan(&row), row) {
                (Some(replay), Some(row)) => quarantine::lift(tx, &row, &replay).await,
                (Some(_) | None, _) => Ok(()),
            }
        })
    }

    fn usage_records(&self, scope: &RecordScope, take: Take<'_, BookedRecord>) -> Result<(), StorageError> {
        self.read_through(async |tx| records(tx, scope, take).await)
    }

    fn usage_statements(&self, device: &DeviceId, take: Take<'_, Statement>) -> Result<(), StorageError> {
        self.read_through(async |tx| statements::all(tx, device, take).await)
    }

    fn usage_held(&self, device: Option<&DeviceId>, take: Take<'_, Held>) -> Result<(), StorageError> {
        self.read_through(async |tx| held::all(tx, device, take).await)
    }
}

async fn records(tx: &Tx<'_>, scope: &RecordScope, take: Take<'_, BookedRecord>) -> Result<(), StorageError> {
    let sql = format!(
        "SELECT {RECORD_COLUMNS} WHERE ($1::text IS NULL OR r.tenant = $1) AND ($2::text IS NULL OR r.device = $2)
         ORDER BY r.device, r.epoch, r.seq"
    );
    let tenant = scope.tenant.as_ref().map(TenantId::as_str);
    let mut rows = tx.walk(&sql, &[&tenant, &scope.device.as_ref().map(DeviceId::as_str)]).await?;
    while let Some(row) = rows.next(tx).await? {
        if take(readers::booked(&row)?).is_break() {
            break;
        }
    }
    Ok(())
}
