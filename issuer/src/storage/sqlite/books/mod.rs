//! The books of usage: queries over what devices sent, and the corrections beside it.

pub(super) mod corrections;
mod held;
pub(super) mod quarantine;
mod standing;
mod statements;
pub(super) mod sums;

use super::{SqliteStorage, StorageError};
use crate::storage::readers;
use crate::storage::{
    BookedRecord, CorrectionPlace, CorrectionRow, CorrectionView, Held, Lacks, NewCorrection, Plan,
    QuarantineRow, QuarantineScope, RecordScope, Replay, Statement, SumScope, Take, UsageBooks, UsageSum,
};
use brink_license::{DeviceId, TenantId, UnixSeconds};
use rusqlite::{Connection, params};

impl UsageBooks for SqliteStorage {
    fn usage_sums(
        &self,
        scope: &SumScope,
        heard_since: UnixSeconds,
        take: Take<'_, UsageSum>,
    ) -> Result<Lacks, StorageError> {
        self.read(|tx| {
            sums::recorded(tx, scope, take)?;
            sums::corrected(tx, scope, take)?;
            standing::of(tx, scope, heard_since)
        })
    }

    fn correct_usage(
        &self,
        place: &CorrectionPlace,
        plan: Plan<'_, CorrectionView, NewCorrection>,
    ) -> Result<(), StorageError> {
        self.write(|tx| {
            let view = corrections::view(tx, place)?;
            plan(&view).map_or(Ok(()), |new| corrections::add(tx, place, &new))
        })
    }

    fn corrections(&self, tenant: &TenantId) -> Result<Vec<CorrectionRow>, StorageError> {
        self.read(|tx| corrections::all(tx, tenant))
    }

    fn quarantine(&self, scope: &QuarantineScope, lifted: bool) -> Result<Vec<QuarantineRow>, StorageError> {
        self.read(|tx| quarantine::list(tx, scope, lifted))
    }

    fn replay_usage(
        &self,
        id: i64,
        plan: Plan<'_, Option<QuarantineRow>, Replay>,
    ) -> Result<(), StorageError> {
        self.write(|tx| {
            let row = quarantine::one(tx, id)?;
            let Some(replay) = plan(&row) else { return Ok(()) };
            row.map_or(Ok(()), |row| quarantine::lift(tx, &row, &replay))
        })
    }

    fn usage_records(&self, scope: &RecordScope, take: Take<'_, BookedRecord>) -> Result<(), StorageError> {
        self.read(|tx| records(tx, scope, take))
    }

    fn usage_statements(&self, device: &DeviceId, take: Take<'_, Statement>) -> Result<(), StorageError> {
        self.read(|tx| statements::all(tx, device, take))
    }

    fn usage_held(&self, device: Option<&DeviceId>, take: Take<'_, Held>) -> Result<(), StorageError> {
        self.read(|tx| held::all(tx, device, take))
    }
}

/// What the quarantine says of a record, beside it.
const RECORDS: &str = "SELECT r.*, q.reason FROM usage_records r
     LEFT JOIN usage_quarantine q
       ON q.device = r.device AND q.epoch = r.epoch AND q.seq = r.seq";

fn records(tx: &Connection, scope: &RecordScope, take: Take<'_, BookedRecord>) -> Result<(), StorageError> {
    let sql = format!(
        "{RECORDS} WHERE (?1 IS NULL OR r.tenant = ?1) AND (?2 IS NULL OR r.device = ?2)
         ORDER BY r.device, r.epoch, r.seq"
    );
    let mut statement = tx.prepare(&sql)?;
    let tenant = scope.tenant.as_ref().map(TenantId::as_str);
    let mut rows = statement.query(params![tenant, scope.device.as_ref().map(DeviceId::as_str)])?;
    while let Some(row) = rows.next()? {
        if take(readers::booked(row)?).is_break() {
            break;
        }
    }
    Ok(())
}
