//! The issuer, tenants and their subscriptions.

use super::columns::{self, column, damaged, enforce_text, int, parsed, seconds, uint, uint32};
use super::{StorageError, note};
use crate::storage::readers;
use crate::storage::{
    Actor, AuditNote, Founding, IssuerRow, NewPolicy, NewSubscription, SubscriptionRow, SubscriptionView,
    TenantRow, TrialWindow,
};
use brink_license::{Slug, TenantId};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;

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

pub(super) fn view(tx: &Connection, id: &TenantId) -> Result<SubscriptionView, StorageError> {
    let tenant = row(tx, id)?;
    let named = "SELECT coalesce(sum(cameras_named), 0) AS named FROM devices WHERE tenant = ?1";
    let cameras_named = tx.prepare_cached(named)?.query_row([id.as_str()], |row| row.get::<_, i64>(0))?;
    Ok(SubscriptionView {
        current: current(tx, id)?,
        first_trial: first_trial(tx, id)?,
        cameras_named: u64::try_from(cameras_named).unwrap_or(0),
        tenant,
    })
}

/// The version in force.
pub(super) fn current(tx: &Connection, id: &TenantId) -> Result<Option<SubscriptionRow>, StorageError> {
    let mut statement = tx.prepare_cached("SELECT * FROM subscriptions_current WHERE tenant = ?1")?;
    let mut rows = statement.query([id.as_str()])?;
    rows.next()?.map(|row| subscription(tx, id, row)).transpose()
}

/// Those below this version, the newest first.
pub(super) fn versions(
    tx: &Connection,
    id: &TenantId,
    below: Option<u32>,
    limit: u32,
) -> Result<Vec<SubscriptionRow>, StorageError> {
    let sql = "SELECT * FROM subscriptions WHERE tenant = ?1 AND (?2 IS NULL OR version < ?2)
               ORDER BY version DESC LIMIT ?3";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![id.as_str(), below, limit])?;
    let mut versions = Vec::new();
    while let Some(row) = rows.next()? {
        versions.push(subscription(tx, id, row)?);
    }
    Ok(versions)
}

fn subscription(tx: &Connection, id: &TenantId, row: &Row<'_>) -> Result<SubscriptionRow, StorageError> {
    let version = uint32(row, "version")?;
    Ok(SubscriptionRow {
        version,
        cameras: uint32(row, "cameras")?,
        trial: readers::trial(row)?,
        enforce: columns::enforce(row)?,
        days: uint32(row, "days")?,
        grace_days: uint32(row, "grace_days")?,
        offline_max_days: uint32(row, "offline_max_days")?,
        packs: packs(tx, id, version)?,
        catalog_version: uint(row, "catalog_version")?,
        set_at: seconds(row, "set_at")?,
    })
}

fn packs(
    tx: &Connection,
    id: &TenantId,
    version: u32,
) -> Result<BTreeMap<Slug, Option<crate::price::Price>>, StorageError> {
    let sql = "SELECT pack, price FROM subscription_packs WHERE tenant = ?1 AND version = ?2";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![id.as_str(), version])?;
    let mut packs = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let price = column::<Option<String>>(row, "price")?;
        let price =
            price.map(|text| text.parse().map_err(|e| damaged("subscription_packs.price", e))).transpose()?;
        packs.insert(parsed(row, "pack")?, price);
    }
    Ok(packs)
}

fn first_trial(tx: &Connection, id: &TenantId) -> Result<Option<TrialWindow>, StorageError> {
    let sql = "SELECT trial_started_at, trial_ends_at FROM subscriptions
               WHERE tenant = ?1 AND trial_started_at IS NOT NULL ORDER BY version LIMIT 1";
    let found = tx.prepare_cached(sql)?.query_row([id.as_str()], |row| Ok(readers::trial(row))).optional()?;
    found.transpose().map(Option::flatten)
}

pub(super) fn add_subscription(
    tx: &Connection,
    id: &TenantId,
    new: &NewSubscription,
) -> Result<(), StorageError> {
    let row = &new.row;
    let sql =
        "INSERT INTO subscriptions (tenant, version, cameras, trial_started_at, trial_ends_at, enforce, days,
                 grace_days, offline_max_days, catalog_version, set_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    tx.execute(
        sql,
        params![
            id.as_str(),
            row.version,
            row.cameras,
            row.trial.map(|trial| trial.started_at.as_i64()),
            row.trial.map(|trial| trial.ends_at.as_i64()),
            enforce_text(row.enforce),
            row.days,
            row.grace_days,
            row.offline_max_days,
            int(row.catalog_version),
            row.set_at.as_i64(),
        ],
    )?;
    let sql = "INSERT INTO subscription_packs (tenant, version, pack, price) VALUES (?1, ?2, ?3, ?4)";
    for (pack, price) in &row.packs {
        let price = price.as_ref().map(crate::price::Price::as_str);
        tx.execute(sql, params![id.as_str(), row.version, pack.as_str(), price])?;
    }
    note(tx, &new.note)
}
