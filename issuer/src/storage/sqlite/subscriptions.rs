//! Subscriptions and their versions.

use super::columns::{column, damaged, enforce_text, int, parsed};
use super::{StorageError, note, tenants};
use crate::price::Price;
use crate::storage::readers;
use crate::storage::{
    InForce, Made, NewVersions, SubscriptionRow, SubscriptionView, TimelineView, VersionListed,
};
use crate::timeline::NoneInForce;
use brink_license::{Slug, TenantId, UnixSeconds};
use rusqlite::{Connection, Row, params};
use std::collections::BTreeMap;

pub(super) fn view(
    tx: &Connection,
    id: &TenantId,
    at: UnixSeconds,
) -> Result<SubscriptionView, StorageError> {
    let newest = "SELECT max(version) FROM subscriptions WHERE tenant = ?1";
    Ok(SubscriptionView {
        tenant: tenants::row(tx, id)?,
        current: in_force(tx, id, at)?,
        newest: tx.prepare_cached(newest)?.query_row([id.as_str()], |row| row.get(0))?,
        cameras_named: cameras_named(tx, id)?,
    })
}

pub(super) fn timeline(tx: &Connection, id: &TenantId) -> Result<TimelineView, StorageError> {
    let tenant = tenants::row(tx, id)?;
    let mut statement =
        tx.prepare_cached("SELECT * FROM subscriptions WHERE tenant = ?1 ORDER BY version")?;
    let mut rows = statement.query([id.as_str()])?;
    let mut versions = Vec::new();
    while let Some(row) = rows.next()? {
        versions.push(version(tx, id, row)?);
    }
    Ok(TimelineView { tenant, versions, cameras_named: cameras_named(tx, id)? })
}

fn cameras_named(tx: &Connection, id: &TenantId) -> Result<u64, StorageError> {
    let named = "SELECT coalesce(sum(cameras_named), 0) AS named FROM devices WHERE tenant = ?1";
    let named = tx.prepare_cached(named)?.query_row([id.as_str()], |row| row.get::<_, i64>(0))?;
    Ok(u64::try_from(named).unwrap_or(0))
}

/// The version in force at an instant: one step in `subscriptions_in_force`.
pub(super) fn in_force(tx: &Connection, id: &TenantId, at: UnixSeconds) -> Result<InForce, StorageError> {
    let sql = "SELECT * FROM subscriptions WHERE tenant = ?1 AND effective_at <= ?2
               ORDER BY effective_at DESC, version DESC LIMIT 1";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![id.as_str(), at.as_i64()])?;
    if let Some(row) = rows.next()? {
        return version(tx, id, row).map(Ok);
    }
    let first = "SELECT min(effective_at) FROM subscriptions WHERE tenant = ?1";
    let begins = tx.prepare_cached(first)?.query_row([id.as_str()], |row| row.get::<_, Option<i64>>(0))?;
    Ok(Err(NoneInForce::of(id, begins.map(UnixSeconds::new))))
}

/// Those below this version, the newest first.
pub(super) fn page(
    tx: &Connection,
    id: &TenantId,
    below: Option<u32>,
    limit: u32,
) -> Result<Vec<VersionListed>, StorageError> {
    let sql = "SELECT s.*, (SELECT min(n.version) FROM subscriptions n
                            WHERE n.tenant = s.tenant AND n.effective_at = s.effective_at
                              AND n.version > s.version) AS superseded_by
               FROM subscriptions s WHERE s.tenant = ?1 AND (?2 IS NULL OR s.version < ?2)
               ORDER BY s.version DESC LIMIT ?3";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![id.as_str(), below, limit])?;
    let mut listed = Vec::new();
    while let Some(row) = rows.next()? {
        let superseded_by = readers::optional_version(row, "superseded_by")?;
        listed.push(VersionListed { row: version(tx, id, row)?, superseded_by });
    }
    Ok(listed)
}

fn version(tx: &Connection, id: &TenantId, row: &Row<'_>) -> Result<SubscriptionRow, StorageError> {
    let mut version = readers::version(row)?;
    version.terms.packs = packs(tx, id, version.version)?;
    Ok(version)
}

fn packs(
    tx: &Connection,
    id: &TenantId,
    version: u32,
) -> Result<BTreeMap<Slug, Option<Price>>, StorageError> {
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

pub(super) fn add(tx: &Connection, id: &TenantId, new: &NewVersions) -> Result<(), StorageError> {
    new.rows.iter().try_for_each(|row| add_version(tx, id, row))?;
    note(tx, &new.note)
}

fn add_version(tx: &Connection, id: &TenantId, row: &SubscriptionRow) -> Result<(), StorageError> {
    let sql =
        "INSERT INTO subscriptions (tenant, version, cameras, trial_started_at, trial_ends_at, enforce, days,
                 grace_days, offline_max_days, catalog_version, set_at, effective_at, made, of_version, delta,
                 set_by, reason, sold)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)";
    let terms = &row.terms;
    let delta = if let Made::Change(delta) = &row.made { Some(delta.text()) } else { None };
    let values = params![
        id.as_str(),
        row.version,
        terms.cameras,
        terms.trial.map(|trial| trial.started_at.as_i64()),
        terms.trial.map(|trial| trial.ends_at.as_i64()),
        enforce_text(terms.enforce),
        terms.days,
        terms.grace_days,
        terms.offline_max_days,
        int(terms.catalog_version),
        row.set_at.as_i64(),
        row.effective_at.as_i64(),
        row.made.as_str(),
        row.made.of(),
        delta,
        row.set_by.as_ref().map(|actor| &actor.0),
        row.reason,
        terms.sold_text(),
    ];
    tx.prepare_cached(sql)?.execute(values)?;
    let sql = "INSERT INTO subscription_packs (tenant, version, pack, price) VALUES (?1, ?2, ?3, ?4)";
    let mut statement = tx.prepare_cached(sql)?;
    for (pack, price) in &terms.packs {
        let price = price.as_ref().map(Price::as_str);
        statement.execute(params![id.as_str(), row.version, pack.as_str(), price])?;
    }
    Ok(())
}
