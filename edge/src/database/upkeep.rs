//! What tables need from time to time: partitions ahead, views that are summed up anew, and months that nobody wants any more.

use super::DatabaseError;
use deadpool_postgres::Object;

/// Where one source of a device stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stands {
    pub(crate) source: String,
    pub(crate) device: String,
    pub(crate) epoch: i32,
    pub(crate) seq: i64,
    pub(crate) settled: i64,
    pub(crate) digest: Option<Vec<u8>>,
}

/// Where everything that was copied of these devices stands.
pub(crate) async fn stands(client: &Object, devices: &[&str]) -> Result<Vec<Stands>, DatabaseError> {
    let text =
        "SELECT source, device_id, epoch, seq, settled, digest FROM mirror_cursors WHERE device_id = ANY($1)";
    let found = client.prepare_cached(text).await?;
    let rows = client.query(&found, &[&devices]).await?;
    let read = |row: &tokio_postgres::Row| {
        Ok(Stands {
            source: row.try_get(0)?,
            device: row.try_get(1)?,
            epoch: row.try_get(2)?,
            seq: row.try_get(3)?,
            settled: row.try_get(4)?,
            digest: row.try_get(5)?,
        })
    };
    rows.iter().map(read).collect()
}

/// How many numbers of a device could not be copied.
pub(crate) async fn gaps(client: &Object, device: &str) -> Result<i64, DatabaseError> {
    let text =
        "SELECT coalesce(sum(last_seq - first_seq + 1), 0)::bigint FROM mirror_gaps WHERE device_id = $1";
    let found = client.prepare_cached(text).await?;
    Ok(client.query_one(&found, &[&device]).await?.try_get(0)?)
}

/// Makes the partitions of the months ahead, and those of usage that the journal may still hold: by the server's clock and by
/// the device's, which may differ. Where a reader holds the table it is left for later: the default partition takes the rows.
pub(crate) async fn partitions(client: &Object, now_seconds: i64) -> Result<(), DatabaseError> {
    let text = "SELECT ensure_future_partitions(), ensure_future_partitions(day),
                       create_monthly_partitions('usage_events', day - 40, day)
                FROM (SELECT (to_timestamp($1::bigint) AT TIME ZONE 'UTC')::date AS day) AS device";
    later_where_busy(client.query_one(text, &[&now_seconds]).await.map(drop).map_err(DatabaseError::from))
}

fn later_where_busy(done: Result<(), DatabaseError>) -> Result<(), DatabaseError> {
    match done {
        Err(error @ DatabaseError::Busy(_)) => {
            tracing::info!(%error, "somebody reads the table: its months are minded later");
            Ok(())
        }
        done => done,
    }
}

/// Sums the views up anew, beside their readers.
pub(crate) async fn refresh(client: &Object) -> Result<(), DatabaseError> {
    for view in ["camera_status_summary", "tenant_usage_summary", "tenant_license_summary"] {
        client.batch_execute(&format!("REFRESH MATERIALIZED VIEW CONCURRENTLY {view}")).await?;
    }
    Ok(())
}

/// Drops every month of a table that ended more than so many days ago; answers how many.
pub(crate) async fn drop_months(client: &Object, table: &str, days: u32) -> Result<i64, DatabaseError> {
    let text = "SELECT count(*) FROM drop_partitions_before($1, now() - make_interval(days => $2))";
    let days = i32::try_from(days).unwrap_or(i32::MAX);
    let dropped = client.query_one(text, &[&table, &days]).await.and_then(|row| row.try_get(0));
    match dropped.map_err(DatabaseError::from) {
        // Whoever reads a month keeps it until tomorrow.
        Err(DatabaseError::Busy(_)) => Ok(0),
        dropped => dropped,
    }
}
