//! Sums of a period: the rollups as they stand, and the corrections beside them.

use super::super::columns::{column, parsed, uint};
use super::super::connection::Tx;
use super::amount;
use crate::amount::Amount;
use crate::storage::{Origin, StorageError, SumScope, Take, UsageSum};
use brink_license::{DeviceId, Slug};
use tokio_postgres::Row;

pub(super) async fn recorded(
    tx: &Tx<'_>,
    scope: &SumScope,
    take: Take<'_, UsageSum>,
) -> Result<(), StorageError> {
    let sql = "SELECT tenant, quarter, device, meter, resource, quantity::text AS quantity, count, records
               FROM usage_rollups
               WHERE tenant = $1 AND quarter >= $2 AND quarter < $3
                 AND ($4::text IS NULL OR meter = $4) AND ($5::text IS NULL OR device = $5)
               ORDER BY tenant, quarter, device, meter, resource";
    each(tx, sql, scope, take).await
}

pub(super) async fn corrected(
    tx: &Tx<'_>,
    scope: &SumScope,
    take: Take<'_, UsageSum>,
) -> Result<(), StorageError> {
    let sql =
        "SELECT tenant, quarter, device, meter, resource, quantity::text AS quantity, NULL::bigint AS count,
                      NULL::bigint AS records
               FROM usage_corrections
               WHERE tenant = $1 AND quarter >= $2 AND quarter < $3
                 AND ($4::text IS NULL OR meter = $4) AND ($5::text IS NULL OR device = $5)
               ORDER BY tenant, quarter, id";
    each(tx, sql, scope, take).await
}

async fn each(
    tx: &Tx<'_>,
    sql: &str,
    scope: &SumScope,
    take: Take<'_, UsageSum>,
) -> Result<(), StorageError> {
    let (meter, device) =
        (scope.meter.as_ref().map(Slug::as_str), scope.device.as_ref().map(DeviceId::as_str));
    let (from, to) = (scope.quarters.start, scope.quarters.end);
    let mut rows = tx.walk(sql, &[&scope.tenant.as_str(), &from, &to, &meter, &device]).await?;
    while let Some(row) = rows.next(tx).await? {
        if take(sum(&row)?).is_break() {
            break;
        }
    }
    Ok(())
}

/// A rollup; or a correction, which is of no use and no record.
pub(super) fn sum(row: &Row) -> Result<UsageSum, StorageError> {
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
fn counted(row: &Row) -> Result<Amount, StorageError> {
    Ok(Amount::saturating_of(parsed(row, "quantity")?))
}
