//! API keys.

use super::{SqliteStorage, StorageError, note, tenants};
use crate::access::KeyId;
use crate::storage::readers;
use crate::storage::{ApiKeyRow, AuditNote, Credentials, KeyPlace, NewApiKey, Plan};
use brink_license::{TenantId, UnixSeconds};
use rusqlite::{Connection, params};

impl Credentials for SqliteStorage {
    fn api_key(&self, id: &KeyId) -> Result<Option<ApiKeyRow>, StorageError> {
        self.read(|tx| one(tx, id))
    }

    fn api_keys(
        &self,
        tenant: Option<&TenantId>,
        after: Option<&KeyPlace>,
        limit: u32,
    ) -> Result<Vec<ApiKeyRow>, StorageError> {
        self.read(|tx| list(tx, tenant, after, limit))
    }

    fn add_api_key(&self, key: &NewApiKey) -> Result<(), StorageError> {
        self.write(|tx| add(tx, key))
    }

    fn revoke_api_key(
        &self,
        id: &KeyId,
        now: UnixSeconds,
        plan: Plan<'_, Option<ApiKeyRow>, AuditNote>,
    ) -> Result<(), StorageError> {
        self.write(|tx| {
            let row = one(tx, id)?;
            let Some(said) = plan(&row) else { return Ok(()) };
            let sql = "UPDATE admin_keys SET revoked_at = ?2 WHERE id = ?1";
            tx.execute(sql, params![id.as_str(), now.as_i64()])?;
            note(tx, &said)
        })
    }

    fn touch_api_key(&self, id: &KeyId, at: UnixSeconds) -> Result<(), StorageError> {
        self.write(|tx| {
            let sql = "UPDATE admin_keys SET last_used_at = ?2 WHERE id = ?1";
            tx.prepare_cached(sql)?.execute(params![id.as_str(), at.as_i64()])?;
            Ok(())
        })
    }
}

fn one(tx: &Connection, id: &KeyId) -> Result<Option<ApiKeyRow>, StorageError> {
    let mut statement = tx.prepare_cached("SELECT * FROM admin_keys WHERE id = ?1")?;
    let mut rows = statement.query([id.as_str()])?;
    rows.next()?.map(readers::api_key).transpose()
}

fn list(
    tx: &Connection,
    tenant: Option<&TenantId>,
    after: Option<&KeyPlace>,
    limit: u32,
) -> Result<Vec<ApiKeyRow>, StorageError> {
    let sql = "SELECT * FROM admin_keys WHERE (?1 IS NULL OR tenant = ?1)
                 AND (?2 IS NULL OR (created_at, id) > (?2, ?3)) ORDER BY created_at, id LIMIT ?4";
    let mut statement = tx.prepare_cached(sql)?;
    let place = after.map(|place| (place.created_at.as_i64(), place.id.as_str())).unzip();
    let mut rows = statement.query(params![tenant.map(TenantId::as_str), place.0, place.1, limit])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        keys.push(readers::api_key(row)?);
    }
    Ok(keys)
}

fn add(tx: &Connection, key: &NewApiKey) -> Result<(), StorageError> {
    let row = &key.row;
    if let Some(tenant) = &row.tenant {
        tenants::row(tx, tenant)?;
    }
    let sql =
        "INSERT INTO admin_keys (id, secret_sha256, name, scopes, tenant, created_at, created_by, expires_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let values = params![
        row.id.as_str(),
        row.secret_sha256,
        row.name,
        row.scopes.to_string(),
        row.tenant.as_ref().map(TenantId::as_str),
        row.created_at.as_i64(),
        row.created_by,
        row.expires_at.map(UnixSeconds::as_i64),
    ];
    tx.execute(sql, values)?;
    note(tx, &key.note)
}
