//! `camera_licenses` and `license_validation_log`: which cameras the licence has, and what was decided about documents.

use super::DatabaseError;
use super::usage::{Cursor, Gap, Source, advance, begun, say_gaps};
use deadpool_postgres::{Object, Transaction};
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::types::Json;

/// One camera. Moments are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CameraRow {
    pub(crate) camera_id: String,
    pub(crate) tenant_id: String,
    pub(crate) license_mode: &'static str,
    pub(crate) is_trial: bool,
    pub(crate) is_valid: bool,
    pub(crate) valid_until: Option<i64>,
    pub(crate) trial_start_date: Option<i64>,
    pub(crate) trial_end_date: Option<i64>,
    pub(crate) subscription_start_date: Option<i64>,
    pub(crate) subscription_end_date: Option<i64>,
    pub(crate) enabled_growth_packs: Vec<String>,
    pub(crate) status: &'static str,
    pub(crate) grace_period_end: Option<i64>,
    pub(crate) cached_until: Option<i64>,
    pub(crate) metadata: Value,
}

/// One decision about a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LogRow {
    pub(crate) log_number: i64,
    pub(crate) at: i64,
    pub(crate) validation_result: &'static str,
    pub(crate) error_message: Option<String>,
    pub(crate) metadata: Value,
}

/// The next entries of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogStep {
    pub(crate) gaps: Vec<Gap>,
    pub(crate) rows: Vec<LogRow>,
    pub(crate) cursor: Cursor,
}

const PUT: &str = "INSERT INTO camera_licenses AS l (device_id, camera_id, tenant_id, license_mode, is_trial, is_valid, valid_until,
        trial_start_date, trial_end_date, subscription_start_date, subscription_end_date, enabled_growth_packs, status,
        grace_period_end, cached_until, metadata, last_validated)
    SELECT $1, r.camera_id, r.tenant_id, r.license_mode, r.is_trial, r.is_valid, to_timestamp(r.valid_until),
        to_timestamp(r.trial_start_date), to_timestamp(r.trial_end_date), to_timestamp(r.subscription_start_date),
        to_timestamp(r.subscription_end_date), r.enabled_growth_packs, r.status, to_timestamp(r.grace_period_end),
        to_timestamp(r.cached_until), r.metadata, now()
    FROM jsonb_to_recordset($2) AS r (camera_id text, tenant_id text, license_mode text, is_trial boolean, is_valid boolean,
        valid_until bigint, trial_start_date bigint, trial_end_date bigint, subscription_start_date bigint,
        subscription_end_date bigint, enabled_growth_packs jsonb, status text, grace_period_end bigint, cached_until bigint,
        metadata jsonb)
    ON CONFLICT (camera_id, tenant_id) DO UPDATE SET device_id = excluded.device_id, license_mode = excluded.license_mode,
        is_trial = excluded.is_trial, is_valid = excluded.is_valid, valid_until = excluded.valid_until,
        trial_start_date = excluded.trial_start_date, trial_end_date = excluded.trial_end_date,
        subscription_start_date = excluded.subscription_start_date, subscription_end_date = excluded.subscription_end_date,
        enabled_growth_packs = excluded.enabled_growth_packs, status = excluded.status,
        grace_period_end = excluded.grace_period_end, cached_until = excluded.cached_until, metadata = excluded.metadata,
        last_validated = excluded.last_validated
    WHERE (l.device_id, l.license_mode, l.is_trial, l.is_valid, l.valid_until, l.trial_end_date, l.subscription_start_date,
           l.subscription_end_date, l.enabled_growth_packs, l.status, l.grace_period_end, l.cached_until, l.metadata)
        IS DISTINCT FROM (excluded.device_id, excluded.license_mode, excluded.is_trial, excluded.is_valid, excluded.valid_until,
           excluded.trial_end_date, excluded.subscription_start_date, excluded.subscription_end_date,
           excluded.enabled_growth_packs, excluded.status, excluded.grace_period_end, excluded.cached_until, excluded.metadata)";
const REMOVE_OTHERS: &str = "DELETE FROM camera_licenses l WHERE l.device_id = $1 AND NOT EXISTS (
    SELECT FROM jsonb_to_recordset($2) AS r (camera_id text, tenant_id text)
    WHERE r.camera_id = l.camera_id AND r.tenant_id = l.tenant_id)";
const LOG: &str = "INSERT INTO license_validation_log
        (device_id, tenant_id, log_number, validation_time, validation_result, error_message, metadata)
    SELECT $1, $2, r.log_number, to_timestamp(r.at), r.validation_result, r.error_message, r.metadata
    FROM jsonb_to_recordset($3) AS r
        (log_number bigint, at bigint, validation_result text, error_message text, metadata jsonb)
    ON CONFLICT DO NOTHING";

/// Makes these the cameras of a device, and takes away every other that it once had; answers how many rows came or changed.
pub(crate) async fn put_cameras(
    transaction: &Transaction<'_>,
    (device, rows): (&str, &[CameraRow]),
) -> Result<u64, DatabaseError> {
    let (put, remove) =
        (transaction.prepare_cached(PUT).await?, transaction.prepare_cached(REMOVE_OTHERS).await?);
    transaction.execute(&remove, &[&device, &Json(rows)]).await?;
    Ok(transaction.execute(&put, &[&device, &Json(rows)]).await?)
}

/// Takes the next step of the log, as [`super::usage::take`] does of usage.
pub(crate) async fn take_log<E: From<DatabaseError>>(
    connection: &mut Object,
    source: &Source,
    next: impl FnOnce(&Cursor) -> Result<Option<LogStep>, E>,
) -> Result<Cursor, E> {
    let transaction = connection.transaction().await.map_err(DatabaseError::from)?;
    let stands = begun(&transaction, source).await?;
    let Some(step) = next(&stands)? else { return Ok(stands) };
    log(&transaction, source, &step).await?;
    transaction.commit().await.map_err(DatabaseError::from)?;
    Ok(step.cursor)
}

async fn log(
    transaction: &Transaction<'_>,
    source: &Source,
    LogStep { gaps, rows, cursor }: &LogStep,
) -> Result<(), DatabaseError> {
    say_gaps(transaction, source, gaps).await?;
    let log = transaction.prepare_cached(LOG).await?;
    transaction.execute(&log, &[&source.device, &cursor.tenant, &Json(rows)]).await?;
    advance(transaction, source, cursor).await
}
