//! `edge_devices` and `billing_sync_status`: this device, and how its talk with the issuer goes. And what is copied whole is
//! told from what it was by a digest, so that what did not change is not written.

use super::DatabaseError;
use deadpool_postgres::Transaction;
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::types::Json;

/// This device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct DeviceRow {
    pub(crate) device_id: String,
    pub(crate) tenant_id: String,
    pub(crate) status: &'static str,
    pub(crate) management_tier: &'static str,
    pub(crate) software_version: &'static str,
    pub(crate) metadata: Value,
}

/// One kind of talk with the issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SyncRow {
    pub(crate) sync_type: &'static str,
    /// Seconds since 1970, as every moment of these rows.
    pub(crate) last_sync_time: Option<i64>,
    pub(crate) last_sync_status: &'static str,
    pub(crate) records_processed: i64,
    pub(crate) records_synced: i64,
    pub(crate) error_message: Option<String>,
    pub(crate) next_sync_scheduled: Option<i64>,
    pub(crate) metadata: Value,
}

const PUT_DEVICE: &str = "INSERT INTO edge_devices AS d
        (device_id, tenant_id, status, management_tier, software_version, metadata, heartbeat_interval_seconds, last_heartbeat)
    SELECT r.device_id, r.tenant_id, r.status, r.management_tier, r.software_version, r.metadata, $2, now()
    FROM jsonb_to_record($1) AS r
        (device_id text, tenant_id text, status text, management_tier text, software_version text, metadata jsonb)
    ON CONFLICT (device_id) DO UPDATE SET tenant_id = excluded.tenant_id, status = excluded.status,
        management_tier = excluded.management_tier, software_version = excluded.software_version, metadata = excluded.metadata,
        heartbeat_interval_seconds = excluded.heartbeat_interval_seconds, last_heartbeat = excluded.last_heartbeat";
const PUT_SYNC: &str = "INSERT INTO billing_sync_status AS s (sync_type, last_sync_time, last_sync_status, records_processed,
        records_synced, error_message, next_sync_scheduled, metadata)
    SELECT r.sync_type, to_timestamp(r.last_sync_time), r.last_sync_status, r.records_processed, r.records_synced, r.error_message,
        to_timestamp(r.next_sync_scheduled), r.metadata
    FROM jsonb_to_recordset($1) AS r (sync_type text, last_sync_time bigint, last_sync_status text, records_processed bigint,
        records_synced bigint, error_message text, next_sync_scheduled bigint, metadata jsonb)
    ON CONFLICT (sync_type) DO UPDATE SET last_sync_time = excluded.last_sync_time, last_sync_status = excluded.last_sync_status,
        records_processed = excluded.records_processed, records_synced = excluded.records_synced,
        error_message = excluded.error_message, next_sync_scheduled = excluded.next_sync_scheduled, metadata = excluded.metadata
    WHERE (s.last_sync_time, s.last_sync_status, s.records_processed, s.records_synced, s.error_message, s.next_sync_scheduled,
           s.metadata)
        IS DISTINCT FROM (excluded.last_sync_time, excluded.last_sync_status, excluded.records_processed, excluded.records_synced,
           excluded.error_message, excluded.next_sync_scheduled, excluded.metadata)";
/// By the server's clock, some beats ago. Until the transaction ends it does not say so anew.
const ALIVE: &str = "SELECT device_id FROM edge_devices
    WHERE device_id = $1 AND last_heartbeat > now() - interval '5 minutes' FOR UPDATE";
const RETIRE: [&str; 4] = [
    "DELETE FROM camera_licenses WHERE device_id = $1",
    "DELETE FROM feature_entitlements WHERE device_id = $1",
    "UPDATE edge_devices SET status = 'decommissioned' WHERE device_id = $1",
    "DELETE FROM mirror_cursors WHERE device_id = $1 AND source NOT IN ('usage', 'log')",
];
const DIGESTED: &str = "INSERT INTO mirror_cursors AS c (source, device_id, seq, digest) VALUES ($1, $2, 1, $3)
    ON CONFLICT (source, device_id, epoch) DO UPDATE SET seq = c.seq + 1, digest = excluded.digest, updated_at = now()";

/// Writes this device; it is alive now, and says so again within so many seconds.
pub(crate) async fn put_device(
    transaction: &Transaction<'_>,
    (row, beats_within): (&DeviceRow, i32),
) -> Result<(), DatabaseError> {
    let put = transaction.prepare_cached(PUT_DEVICE).await?;
    transaction.execute(&put, &[&Json(row), &beats_within]).await?;
    Ok(())
}

/// Writes how the talk with the issuer goes; answers how many rows changed.
pub(crate) async fn put_sync(transaction: &Transaction<'_>, rows: &[SyncRow]) -> Result<u64, DatabaseError> {
    let put = transaction.prepare_cached(PUT_SYNC).await?;
    Ok(transaction.execute(&put, &[&Json(rows)]).await?)
}

/// Takes the licences of a device away that this one once was, where nobody keeps them up any more: one that said lately that it is
/// alive is another's, who shares the database. Answers whether they were taken away.
pub(crate) async fn retire(
    connection: &mut deadpool_postgres::Object,
    device: &str,
) -> Result<bool, DatabaseError> {
    let transaction = connection.transaction().await?;
    let alive = transaction.prepare_cached(ALIVE).await?;
    if transaction.query_opt(&alive, &[&device]).await?.is_some() {
        return Ok(false);
    }
    for retire in RETIRE {
        let retire = transaction.prepare_cached(retire).await?;
        transaction.execute(&retire, &[&device]).await?;
    }
    transaction.commit().await?;
    Ok(true)
}

/// Remembers what was written whole.
pub(crate) async fn remember(
    transaction: &Transaction<'_>,
    (source, device, digest): (&str, &str, &[u8]),
) -> Result<(), DatabaseError> {
    let digested = transaction.prepare_cached(DIGESTED).await?;
    transaction.execute(&digested, &[&source, &device, &digest]).await?;
    Ok(())
}
