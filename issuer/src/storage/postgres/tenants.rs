//! The issuer, tenants and their subscriptions.

use super::columns::{self, column, damaged, enforce_text, int, own, parsed, seconds, uint, uint32};
use super::connection::Tx;
use super::{StorageError, note};
use crate::price::Price;
use crate::storage::readers;
use crate::storage::{
    Actor, AuditNote, Founding, IssuerRow, NewPolicy, NewSubscription, SubscriptionRow, SubscriptionView,
    TenantRow, TrialWindow,
};
use brink_license::{Slug, TenantId};
use std::collections::BTreeMap;
use tokio_postgres::Row;

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

pub(super) async fn view(tx: &Tx<'_>, id: &TenantId) -> Result<SubscriptionView, StorageError> {
    let named = async {
        let sql = "SELECT coalesce(sum(cameras_named), 0)::bigint AS named FROM devices WHERE tenant = $1";
        uint(&tx.one(sql, &[&id.as_str()]).await?, "named")
    };
    let (tenant, current, first_trial, cameras_named) =
        tokio::try_join!(row(tx, id), current(tx, id), first_trial(tx, id), named)?;
    Ok(SubscriptionView { tenant, current, first_trial, cameras_named })
}

/// The version in force.
pub(super) async fn current(tx: &Tx<'_>, id: &TenantId) -> Result<Option<SubscriptionRow>, StorageError> {
    Ok(versions(tx, id, None, 1).await?.pop())
}

/// Those below this version, the newest first.
pub(super) async fn versions(
    tx: &Tx<'_>,
    id: &TenantId,
    below: Option<u32>,
    limit: u32,
) -> Result<Vec<SubscriptionRow>, StorageError> {
    let sql =
        "SELECT s.version, s.cameras, s.trial_started_at, s.trial_ends_at, s.enforce, s.days, s.grace_days,
                 s.offline_max_days, s.catalog_version, s.set_at,
                 ARRAY(SELECT p.pack FROM subscription_packs p
                       WHERE p.tenant = s.tenant AND p.version = s.version ORDER BY p.pack) AS packs,
                 ARRAY(SELECT p.price FROM subscription_packs p
                       WHERE p.tenant = s.tenant AND p.version = s.version ORDER BY p.pack) AS prices
               FROM subscriptions s WHERE s.tenant = $1 AND ($2::bigint IS NULL OR s.version < $2)
               ORDER BY s.version DESC LIMIT $3";
    let (below, limit) = (below.map(i64::from), i64::from(limit));
    tx.rows(sql, &[&id.as_str(), &below, &limit]).await?.iter().map(subscription).collect()
}

fn subscription(row: &Row) -> Result<SubscriptionRow, StorageError> {
    Ok(SubscriptionRow {
        version: uint32(row, "version")?,
        cameras: uint32(row, "cameras")?,
        trial: readers::trial(row)?,
        enforce: columns::enforce(row)?,
        days: uint32(row, "days")?,
        grace_days: uint32(row, "grace_days")?,
        offline_max_days: uint32(row, "offline_max_days")?,
        packs: packs(row)?,
        catalog_version: uint(row, "catalog_version")?,
        set_at: seconds(row, "set_at")?,
    })
}

fn packs(row: &Row) -> Result<BTreeMap<Slug, Option<Price>>, StorageError> {
    let (packs, prices): (Vec<&str>, Vec<Option<&str>>) = (own(row, "packs")?, own(row, "prices")?);
    let priced = |(pack, price): (&str, Option<&str>)| {
        let pack = pack.parse().map_err(|e| damaged("subscription_packs.pack", e))?;
        let price = price.map(str::parse).transpose().map_err(|e| damaged("subscription_packs.price", e))?;
        Ok((pack, price))
    };
    packs.into_iter().zip(prices).map(priced).collect()
}

async fn first_trial(tx: &Tx<'_>, id: &TenantId) -> Result<Option<TrialWindow>, StorageError> {
    let sql = "SELECT trial_started_at, trial_ends_at FROM subscriptions
               WHERE tenant = $1 AND trial_started_at IS NOT NULL ORDER BY version LIMIT 1";
    let found = tx.optional(sql, &[&id.as_str()]).await?;
    found.map_or(Ok(None), |row| readers::trial(&row))
}

pub(super) async fn add_subscription(
    tx: &Tx<'_>,
    id: &TenantId,
    new: &NewSubscription,
) -> Result<(), StorageError> {
    let (row, id) = (&new.row, id.as_str());
    let sql =
        "INSERT INTO subscriptions (tenant, version, cameras, trial_started_at, trial_ends_at, enforce, days,
                 grace_days, offline_max_days, catalog_version, set_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let (version, cameras, days) = (i64::from(row.version), i64::from(row.cameras), i64::from(row.days));
    let (began, ends) = (row.trial.map(|t| t.started_at.as_i64()), row.trial.map(|t| t.ends_at.as_i64()));
    let (grace, offline) = (i64::from(row.grace_days), i64::from(row.offline_max_days));
    let (enforce, catalog, at) = (enforce_text(row.enforce), int(row.catalog_version), row.set_at.as_i64());
    tx.execute(
        sql,
        &[&id, &version, &cameras, &began, &ends, &enforce, &days, &grace, &offline, &catalog, &at],
    )
    .await?;
    let packs: Vec<&str> = row.packs.keys().map(Slug::as_str).collect();
    let prices: Vec<Option<&str>> =
        row.packs.values().map(|price| price.as_ref().map(Price::as_str)).collect();
    let sql = "INSERT INTO subscription_packs (tenant, version, pack, price)
               SELECT $1, $2, p.pack, p.price FROM unnest($3::text[], $4::text[]) AS p (pack, price)";
    tx.execute(sql, &[&id, &version, &packs, &prices]).await?;
    note(tx, &new.note).await
}
