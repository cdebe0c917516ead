//! Sums of a period: the rollups as they stand, and the corrections beside them.

use super::super::connection::Tx;
use crate::storage::readers;
use crate::storage::{StorageError, SumScope, Take, UsageSum};
use brink_license::{DeviceId, Slug};

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
        if take(readers::usage_sum(&row)?).is_break() {
            break;
        }
    }
    Ok(())
}
