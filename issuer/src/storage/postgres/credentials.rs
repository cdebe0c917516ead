//! API keys.

use super::connection::Tx;
use super::{PostgresStorage, StorageError, note, tenants};
use crate::access::KeyId;
use crate::storage::readers;
use crate::storage::{ApiKeyRow, AuditNote, Credentials, KeyPlace, NewApiKey, Plan};
use brink_license::{TenantId, UnixSeconds};

const KEYS: &str =
    "SELECT id, secret_sha256, name, scopes, tenant, created_at, created_by, expires_at, last_used_at,
                      revoked_at FROM admin_keys";

impl Credentials for PostgresStorage {
    fn api_key(&self, id: &KeyId) -> Result<Option<ApiKeyRow>, StorageError> {
        self.read(async |tx| one(tx, id).await)
    }

    fn api_keys(
        &self,
        tenant: Option<&TenantId>,
        after: Option<&KeyPlace>,
        limit: u32,
    ) -> Result<Vec<ApiKeyRow>, StorageError> {
        self.read(async |tx| list(tx, tenant, after, limit).await)
    }

    fn add_api_key(&self, key: &NewApiKey) -> Result<(), StorageError> {
        self.write(async |tx| add(tx, key).await)
    }

    fn revoke_api_key(
        &self,
        id: &KeyId,
        now: UnixSeconds,
        plan: Plan<'_, Option<ApiKeyRow>, AuditNote>,
    ) -> Result<(), StorageError> {
        self.write(async |tx| {
            tx.optional("SELECT 1 FROM admin_keys WHERE id = $1 FOR UPDATE", &[&id.as_str()]).await?;
            let row = one(tx, id).await?;
            let Some(said) = plan(&row) else { return Ok(()) };
            let sql = "UPDATE admin_keys SET revoked_at = $2 WHERE id = $1";
            tx.execute(sql, &[&id.as_str(), &now.as_i64()]).await?;
            note(tx, &said).await
        })
    }

    fn touch_api_key(&self, id: &KeyId, at: UnixSeconds) -> Result<(), StorageError> {
        self.write(async |tx| {
            let sql = "UPDATE admin_keys SET last_used_at = $2 WHERE id = $1";
            tx.execute(sql, &[&id.as_str(), &at.as_i64()]).await.map(drop)
        })
    }
}

async fn one(tx: &Tx<'_>, id: &KeyId) -> Result<Option<ApiKeyRow>, StorageError> {
    let row = tx.optional(&format!("{KEYS} WHERE id = $1"), &[&id.as_str()]).await?;
    row.as_ref().map(readers::api_key).transpose()
}

async fn list(
    tx: &Tx<'_>,
    tenant: Option<&TenantId>,
    after: Option<&KeyPlace>,
    limit: u32,
) -> Result<Vec<ApiKeyRow>, StorageError> {
    let sql = format!(
        "{KEYS} WHERE ($1::text IS NULL OR tenant = $1)
           AND ($2::bigint IS NULL OR (created_at, id) > ($2, $3::text)) ORDER BY created_at, id LIMIT $4"
    );
    let (at, id) = after.map(|place| (place.created_at.as_i64(), place.id.as_str())).unzip();
    let (tenant, limit) = (tenant.map(TenantId::as_str), i64::from(limit));
    tx.rows(&sql, &[&tenant, &at, &id, &limit]).await?.iter().map(readers::api_key).collect()
}

async fn add(tx: &Tx<'_>, key: &NewApiKey) -> Result<(), StorageError> {
    let row = &key.row;
    if let Some(tenant) = &row.tenant {
        tenants::row(tx, tenant).await?;
    }
    let sql =
        "INSERT INTO admin_keys (id, secret_sha256, name, scopes, tenant, created_at, created_by, expires_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let (id, secret, scopes) = (row.id.as_str(), &row.secret_sha256[..], row.scopes.to_string());
    let (tenant, created_at) = (row.tenant.as_ref().map(TenantId::as_str), row.created_at.as_i64());
    let expires_at = row.expires_at.map(UnixSeconds::as_i64);
    tx.execute(sql, &[&id, &secret, &row.name, &scopes, &tenant, &created_at, &row.created_by, &expires_at])
        .await?;
    note(tx, &key.note).await
}
