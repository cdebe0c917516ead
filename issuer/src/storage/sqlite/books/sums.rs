//! Sums of a period: the rollups as they stand, and the corrections beside them.

use super::super::columns::{column, parsed, uint};
use super::amount;
use crate::amount::Amount;
use crate::storage::{Origin, StorageError, SumScope, Take, UsageSum};
use brink_license::{DeviceId, Slug};
use rusqlite::{Connection, Row, params};

pub(super) fn recorded(
    tx: &Connection,
    scope: &SumScope,
    take: Take<'_, UsageSum>,
) -> Result<(), StorageError> {
    let sql = "SELECT * FROM usage_rollups
               WHERE tenant = ?1 AND quarter >= ?2 AND quarter < ?3
                 AND (?4 IS NULL OR meter = ?4) AND (?5 IS NULL OR device = ?5)
               ORDER BY tenant, quarter, device, meter, resource";
    each(tx, sql, scope, take)
}

pub(super) fn corrected(
    tx: &Connection,
    scope: &SumScope,
    take: Take<'_, UsageSum>,
) -> Result<(), StorageError> {
    let sql = "SELECT *, NULL AS count, NULL AS records FROM usage_corrections
               WHERE tenant = ?1 AND quarter >= ?2 AND quarter < ?3
                 AND (?4 IS NULL OR meter = ?4) AND (?5 IS NULL OR device = ?5)
               ORDER BY tenant, quarter, id";
    each(tx, sql, scope, take)
}

fn each(tx: &Connection, sql: &str, scope: &SumScope, take: Take<'_, UsageSum>) -> Result<(), StorageError> {
    let mut statement = tx.prepare(sql)?;
    let (meter, device) =
        (scope.meter.as_ref().map(Slug::as_str), scope.device.as_ref().map(DeviceId::as_str));
    let values = params![scope.tenant.as_str(), scope.quarters.start, scope.quarters.end, meter, device];
    let mut rows = statement.query(values)?;
    while let Some(row) = rows.next()? {
        if take(sum(row)?).is_break() {
            break;
        }
    }
    Ok(())
}

/// A rollup; or a correction, which is of no use and no record.
pub(super) fn sum(row: &Row<'_>) -> Result<UsageSum, StorageError> {
    let is_recorded = column::<Option<i64>>(row, "count")?.is_some();
    Ok(UsageSum {
        tenant: parsed(row, "tenant")?,
        quarter: column(row, "quarter")?,
        device: parsed(row, "device")?,
        meter: parsed(row, "meter")?,
        resource: column(row, "resource")?,
        origin: if is_recorded { Origin::Recorded } else { Origin::Corrected },
        amount: if is_recorded { counted(row)? } else { amount(row, "quantity")? },
        count: if is_recorded { uint(row, "count")? } else { 0 },
        records: if is_recorded { uint(row, "records")? } else { 0 },
    })
}

/// What is counted stays at the largest number when it is full.
fn counted(row: &Row<'_>) -> Result<Amount, StorageError> {
    Ok(Amount::saturating_of(u128::from_be_bytes(column(row, "quantity")?)))
}
