//! The issuer and its tenants.

use super::columns::{self, column, damaged, parsed, seconds};
use super::connection::Tx;
use super::{StorageError, note};
use crate::storage::{Actor, AuditNote, Founding, IssuerRow, NewPolicy, TenantRow};
use brink_license::TenantId;

pub(super) async fn found(tx: &Tx<'_>, founding: &Founding) -> Result<(), StorageError> {
    let (issuer, at) = (&founding.issuer, founding.issuer.created_at.as_i64());
    let sql = "INSERT INTO issuer (id, name, development, created_at) VALUES (1, $1, $2, $3)";
    tx.execute(sql, &[&issuer.name.as_str(), &issuer.development, &at]).await?;
    let sql = "INSERT INTO manifests (version, bytes, recorded_at) VALUES (1, $1, $2)";
    tx.execute(sql, &[&founding.manifest, &at]).await?;
    let key = &founding.admin_key;
    let sql = "INSERT INTO admin_keys (id, secret_sha256, scopes, created_at) VALUES ($1, $2, $3, $4)";
    tx.execute(sql, &[&key.id, &&key.secret_sha256[..], &key.scopes, &at]).await?;
    let line = AuditNote {
        tenant: None,
        at: issuer.created_at,
        actor: Actor("cli".into()),
        action: "issuer.init",
        subject: issuer.name.to_string(),
        detail: serde_json::json!({ "development": issuer.development, "admin_key": key.id }),
    };
    note(tx, &line).await
}

pub(super) async fn issuer(tx: &Tx<'_>) -> Result<IssuerRow, StorageError> {
    let row = tx.optional("SELECT name, development, created_at FROM issuer WHERE id = 1", &[]).await?;
    let row = row.ok_or_else(|| damaged("issuer", "has no row; `init` did not finish, start over"))?;
    Ok(IssuerRow {
        name: parsed(&row, "name")?,
        development: column(&row, "development")?,
        created_at: seconds(&row, "created_at")?,
    })
}

pub(super) async fn create(tx: &Tx<'_>, tenant: &TenantRow, actor: &Actor) -> Result<(), StorageError> {
    let sql = "INSERT INTO tenants (id, name, timezone, currency, created_at) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (id) DO NOTHING";
    let (zone, currency, at) = (tenant.zone.name(), tenant.currency.code(), tenant.created_at.as_i64());
    let added = tx.execute(sql, &[&tenant.id.as_str(), &tenant.name, &zone, &currency, &at]).await?;
    if added == 0 {
        return Err(StorageError::TenantExists(tenant.id.clone()));
    }
    let line = AuditNote {
        tenant: Some(tenant.id.clone()),
        at: tenant.created_at,
        actor: actor.clone(),
        action: "tenant.create",
        subject: tenant.id.to_string(),
        detail: serde_json::json!({ "name": tenant.name, "timezone": zone, "currency": currency }),
    };
    note(tx, &line).await
}

pub(super) async fn row(tx: &Tx<'_>, id: &TenantId) -> Result<TenantRow, StorageError> {
    let sql = "SELECT id AS tenant, name, timezone, currency, clones, created_at FROM tenants WHERE id = $1";
    let found = tx.optional(sql, &[&id.as_str()]).await?;
    columns::tenant(&found.ok_or_else(|| StorageError::UnknownTenant(id.clone()))?)
}

pub(super) async fn all(tx: &Tx<'_>) -> Result<Vec<TenantRow>, StorageError> {
    page(tx, None, u32::MAX).await
}

/// Those behind this one, by id.
pub(super) async fn page(
    tx: &Tx<'_>,
    after: Option<&TenantId>,
    limit: u32,
) -> Result<Vec<TenantRow>, StorageError> {
    let sql = "SELECT id AS tenant, name, timezone, currency, clones, created_at FROM tenants
               WHERE $1::text IS NULL OR id > $1 ORDER BY id LIMIT $2";
    let (after, limit) = (after.map(TenantId::as_str), i64::from(limit));
    tx.rows(sql, &[&after, &limit]).await?.iter().map(columns::tenant).collect()
}

pub(super) async fn set_policy(tx: &Tx<'_>, id: &TenantId, new: &NewPolicy) -> Result<(), StorageError> {
    let sql = "UPDATE tenants SET clones = $2 WHERE id = $1";
    tx.execute(sql, &[&id.as_str(), &new.clones.as_str()]).await?;
    note(tx, &new.note).await
}
