//! Sums of a period: the rollups as they stand, and the corrections beside them.

use crate::storage::readers;
use crate::storage::{StorageError, SumScope, Take, UsageSum};
use brink_license::{DeviceId, Slug};
use rusqlite::{Connection, params};

pub(in super::super) fn recorded(
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

pub(in super::super) fn corrected(
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
        if take(readers::usage_sum(row)?).is_break() {
            break;
        }
    }
    Ok(())
}
