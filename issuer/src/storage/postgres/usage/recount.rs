//! Every sum of a device beside every record that is in them.

use super::super::StorageError;
use super::super::columns::{column, damaged, parsed};
use super::super::connection::Tx;
use super::raw::RECORD_COLUMNS;
use crate::storage::{RecountedRecord, Sum, SumKey, SumRow};
use brink_license::DeviceId;
use tokio_postgres::Row;

pub(in super::super) async fn recount(
    tx: &Tx<'_>,
    device: &DeviceId,
    visit: &mut dyn FnMut(&RecountedRecord),
) -> Result<Vec<SumRow>, StorageError> {
    let sql = format!(
        "SELECT {RECORD_COLUMNS} WHERE r.device = $1 AND (q.device IS NULL OR q.replayed_at IS NOT NULL)
         ORDER BY r.epoch, r.seq"
    );
    let mut rows = tx.walk(&sql, &[&device.as_str()]).await?;
    while let Some(row) = rows.next(tx).await? {
        visit(&RecountedRecord {
            tenant: parsed(&row, "tenant")?,
            received_ms: column(&row, "received_at")?,
            event_ms: column(&row, "event_ms")?,
            floor_ms: column(&row, "floor_ms")?,
            bytes: column(&row, "bytes")?,
        });
    }
    // A device has one customer, or a few in its life: the key is searched for each.
    let sql =
        "SELECT r.tenant, r.quarter, r.meter, r.resource, r.quantity::text AS quantity, r.count, r.records
               FROM (SELECT DISTINCT tenant FROM usage_cursors WHERE device = $1) t
               JOIN usage_rollups r ON r.tenant = t.tenant AND r.device = $1 ORDER BY r.tenant, r.quarter";
    let rows = tx.rows(sql, &[&device.as_str()]).await?;
    rows.iter().map(sum_row).collect()
}

fn sum_row(row: &Row) -> Result<SumRow, StorageError> {
    let resource = column::<&str>(row, "resource")?;
    let resource = (!resource.is_empty()).then(|| resource.parse()).transpose();
    let key = SumKey {
        quarter: column(row, "quarter")?,
        meter: parsed(row, "meter")?,
        resource: resource.map_err(|e| damaged("usage_rollups.resource", e))?,
    };
    let quantity = parsed(row, "quantity")?;
    let sum = Sum { quantity, count: column(row, "count")?, records: column(row, "records")? };
    Ok(SumRow { tenant: parsed(row, "tenant")?, key, sum })
}
