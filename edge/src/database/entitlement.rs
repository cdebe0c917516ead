//! `feature_entitlements` and `growth_pack_features`: what may be used, how much of it, and which pack it comes from.

use super::DatabaseError;
use deadpool_postgres::Transaction;
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::types::Json;

/// One feature. Moments are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct FeatureRow {
    pub(crate) tenant_id: String,
    pub(crate) feature_category: String,
    pub(crate) feature_name: String,
    pub(crate) is_enabled: bool,
    /// -1 unlimited.
    pub(crate) quota: i64,
    /// Exact, as a decimal.
    pub(crate) quota_used: String,
    pub(crate) quota_period: &'static str,
    pub(crate) quota_reset_date: Option<i64>,
    pub(crate) growth_pack_source: Option<String>,
    pub(crate) cached_until: Option<i64>,
    pub(crate) metadata: Value,
}

/// One feature of one pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PackRow {
    pub(crate) growth_pack_name: String,
    pub(crate) growth_pack_type: &'static str,
    pub(crate) feature_category: String,
    pub(crate) feature_name: String,
    pub(crate) catalogue: i64,
}

const PUT: &str = "INSERT INTO feature_entitlements AS f (device_id, tenant_id, feature_category, feature_name, is_enabled, quota,
        quota_used, quota_period, quota_reset_date, growth_pack_source, cached_until, metadata)
    SELECT $1, r.tenant_id, r.feature_category, r.feature_name, r.is_enabled, r.quota, r.quota_used::numeric, r.quota_period,
        to_timestamp(r.quota_reset_date), r.growth_pack_source, to_timestamp(r.cached_until), r.metadata
    FROM jsonb_to_recordset($2) AS r (tenant_id text, feature_category text, feature_name text, is_enabled boolean, quota bigint,
        quota_used text, quota_period text, quota_reset_date bigint, growth_pack_source text, cached_until bigint, metadata jsonb)
    ON CONFLICT (tenant_id, feature_category, feature_name) DO UPDATE SET device_id = excluded.device_id,
        is_enabled = excluded.is_enabled, quota = excluded.quota, quota_used = excluded.quota_used,
        quota_period = excluded.quota_period, quota_reset_date = excluded.quota_reset_date,
        growth_pack_source = excluded.growth_pack_source, cached_until = excluded.cached_until, metadata = excluded.metadata
    WHERE (f.device_id, f.is_enabled, f.quota, f.quota_used, f.quota_period, f.quota_reset_date, f.growth_pack_source,
           f.cached_until, f.metadata)
        IS DISTINCT FROM (excluded.device_id, excluded.is_enabled, excluded.quota, excluded.quota_used, excluded.quota_period,
           excluded.quota_reset_date, excluded.growth_pack_source, excluded.cached_until, excluded.metadata)";
const REMOVE_OTHERS: &str = "DELETE FROM feature_entitlements f WHERE f.device_id = $1 AND NOT EXISTS (
    SELECT FROM jsonb_to_recordset($2) AS r (tenant_id text, feature_category text, feature_name text)
    WHERE r.tenant_id = f.tenant_id AND r.feature_category = f.feature_category AND r.feature_name = f.feature_name)";
const PUT_PACKS: &str = "INSERT INTO growth_pack_features AS p
        (growth_pack_name, growth_pack_type, feature_category, feature_name, catalogue)
    SELECT r.growth_pack_name, r.growth_pack_type, r.feature_category, r.feature_name, r.catalogue
    FROM jsonb_to_recordset($1) AS r (growth_pack_name text, growth_pack_type text, feature_category text, feature_name text,
        catalogue bigint)
    ON CONFLICT (growth_pack_name, feature_category, feature_name) DO UPDATE SET growth_pack_type = excluded.growth_pack_type,
        catalogue = excluded.catalogue
    WHERE (p.growth_pack_type, p.catalogue) IS DISTINCT FROM (excluded.growth_pack_type, excluded.catalogue)";
const REMOVE_OTHER_PACKS: &str = "DELETE FROM growth_pack_features p WHERE NOT EXISTS (
    SELECT FROM jsonb_to_recordset($1) AS r (growth_pack_name text, feature_category text, feature_name text)
    WHERE r.growth_pack_name = p.growth_pack_name AND r.feature_category = p.feature_category
        AND r.feature_name = p.feature_name)";

/// Makes these the entitlements of a device, and takes away every other that it once had; answers how many rows came or changed.
pub(crate) async fn put_features(
    transaction: &Transaction<'_>,
    (device, rows): (&str, &[FeatureRow]),
) -> Result<u64, DatabaseError> {
    let (put, remove) =
        (transaction.prepare_cached(PUT).await?, transaction.prepare_cached(REMOVE_OTHERS).await?);
    transaction.execute(&remove, &[&device, &Json(rows)]).await?;
    Ok(transaction.execute(&put, &[&device, &Json(rows)]).await?)
}

/// Makes these the packs of the catalogue in force; answers how many rows came or changed.
pub(crate) async fn put_packs(transaction: &Transaction<'_>, rows: &[PackRow]) -> Result<u64, DatabaseError> {
    let put = transaction.prepare_cached(PUT_PACKS).await?;
    let remove = transaction.prepare_cached(REMOVE_OTHER_PACKS).await?;
    transaction.execute(&remove, &[&Json(rows)]).await?;
    Ok(transaction.execute(&put, &[&Json(rows)]).await?)
}
