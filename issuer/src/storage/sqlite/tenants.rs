//! The issuer and its tenants.

use super::columns::{self, column, damaged, parsed, seconds};
use super::{StorageError, note};
use crate::storage::{Actor, AuditNote, Founding, IssuerRow, NewPolicy, TenantRow};
use brink_license::TenantId;
use rusqlite::{Connection, params};

pub(super) fn found(tx: &Connection, founding: &Founding) -> Result<(), StorageError> {
    let (issuer, at) = (&founding.issuer, founding.issuer.created_at.as_i64());
    let sql = "INSERT INTO issuer (id, name, development, created_at) VALUES (1, ?1, ?2, ?3)";
    tx.execute(sql, params![issuer.name.as_str(), issuer.development, at])?;
    let sql = "INSERT INTO manifests (version, bytes, recorded_at) VALUES (1, ?1, ?2)";
    tx.execute(sql, params![founding.manifest, at])?;
    let key = &founding.admin_key;
    let sql = "INSERT INTO admin_keys (id, secret_sha256, scopes, created_at) VALUES (?1, ?2, ?3, ?4)";
    tx.execute(sql, params![key.id, key.secret_sha256, key.scopes, at])?;
    note(
        tx,
        &AuditNote {
            tenant: None,
            at: issuer.created_at,
            actor: Actor("cli".into()),
            action: "issuer.init",
            subject: issuer.name.to_string(),
            detail: serde_json::json!({ "development": issuer.development, "admin_key": key.id }),
        },
    )
}

pub(super) fn issuer(tx: &Connection) -> Result<IssuerRow, StorageError> {
    let mut statement = tx.prepare("SELECT name, development, created_at FROM issuer WHERE id = 1")?;
    let mut rows = statement.query([])?;
    let row =
        rows.next()?.ok_or_else(|| damaged("issuer", "has no row; `init` did not finish, start over"))?;
    Ok(IssuerRow {
        name: parsed(row, "name")?,
        development: column(row, "development")?,
        created_at: seconds(row, "created_at")?,
    })
}

pub(super) fn create(tx: &Connection, tenant: &TenantRow, actor: &Actor) -> Result<(), StorageError> {
    let sql = "INSERT INTO tenants (id, name, timezone, currency, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT (id) DO NOTHING";
    let (zone, currency) = (tenant.zone.name(), tenant.currency.code());
    let added = tx
        .execute(sql, params![tenant.id.as_str(), tenant.name, zone, currency, tenant.created_at.as_i64()])?;
    if added == 0 {
        return Err(StorageError::TenantExists(tenant.id.clone()));
    }
    note(
        tx,
        &AuditNote {
            tenant: Some(tenant.id.clone()),
            at: tenant.created_at,
            actor: actor.clone(),
            action: "tenant.create",
            subject: tenant.id.to_string(),
            detail: serde_json::json!({ "name": tenant.name, "timezone": zone, "currency": currency }),
        },
    )
}

pub(super) fn row(tx: &Connection, id: &TenantId) -> Result<TenantRow, StorageError> {
    let sql = "SELECT id AS tenant, name, timezone, currency, clones, created_at FROM tenants WHERE id = ?1";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([id.as_str()])?;
    match rows.next()? {
        Some(row) => columns::tenant(row),
        None => Err(StorageError::UnknownTenant(id.clone())),
    }
}

pub(super) fn all(tx: &Connection) -> Result<Vec<TenantRow>, StorageError> {
    page(tx, None, u32::MAX)
}

/// Those behind this one, by id.
pub(super) fn page(
    tx: &Connection,
    after: Option<&TenantId>,
    limit: u32,
) -> Result<Vec<TenantRow>, StorageError> {
    let sql = "SELECT id AS tenant, name, timezone, currency, clones, created_at FROM tenants
               WHERE ?1 IS NULL OR id > ?1 ORDER BY id LIMIT ?2";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![after.map(TenantId::as_str), limit])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(columns::tenant(row)?);
    }
    Ok(all)
}

pub(super) fn set_policy(tx: &Connection, id: &TenantId, new: &NewPolicy) -> Result<(), StorageError> {
    tx.execute("UPDATE tenants SET clones = ?2 WHERE id = ?1", [id.as_str(), new.clones.as_str()])?;
    note(tx, &new.note)
}
