//! Subscriptions and their versions.

use super::columns::{damaged, enforce_text, int, optional_seconds, own, uint};
use super::connection::Tx;
use super::{StorageError, note, tenants};
use crate::price::Price;
use crate::storage::readers;
use crate::storage::{
    InForce, Made, NewVersions, SubscriptionRow, SubscriptionView, TimelineView, VersionListed,
};
use crate::timeline::NoneInForce;
use brink_license::{Slug, TenantId, UnixSeconds};
use futures_util::future::try_join_all;
use std::collections::BTreeMap;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// What a version is read from.
const VERSION: &str =
    "s.version, s.cameras, s.trial_started_at, s.trial_ends_at, s.enforce, s.days, s.grace_days,
    s.offline_max_days, s.catalog_version, s.set_at, s.effective_at, s.made, s.of_version, s.delta, s.set_by, s.reason,
    s.sold,
    ARRAY(SELECT p.pack FROM subscription_packs p
          WHERE p.tenant = s.tenant AND p.version = s.version ORDER BY p.pack) AS packs,
    ARRAY(SELECT p.price FROM subscription_packs p
          WHERE p.tenant = s.tenant AND p.version = s.version ORDER BY p.pack) AS prices";

pub(super) async fn view(
    tx: &Tx<'_>,
    id: &TenantId,
    at: UnixSeconds,
) -> Result<SubscriptionView, StorageError> {
    let newest = async {
        let sql = "SELECT max(version) AS newest FROM subscriptions WHERE tenant = $1";
        readers::optional_version(&tx.one(sql, &[&id.as_str()]).await?, "newest")
    };
    let (tenant, current, newest, cameras_named) =
        tokio::try_join!(tenants::row(tx, id), in_force(tx, id, at), newest, cameras_named(tx, id))?;
    Ok(SubscriptionView { tenant, current, newest, cameras_named })
}

pub(super) async fn timeline(tx: &Tx<'_>, id: &TenantId) -> Result<TimelineView, StorageError> {
    let versions = async {
        let sql = format!("SELECT {VERSION} FROM subscriptions s WHERE s.tenant = $1 ORDER BY s.version");
        tx.rows(&sql, &[&id.as_str()]).await?.iter().map(version).collect::<Result<Vec<_>, _>>()
    };
    let (tenant, versions, cameras_named) =
        tokio::try_join!(tenants::row(tx, id), versions, cameras_named(tx, id))?;
    Ok(TimelineView { tenant, versions, cameras_named })
}

async fn cameras_named(tx: &Tx<'_>, id: &TenantId) -> Result<u64, StorageError> {
    let sql = "SELECT coalesce(sum(cameras_named), 0)::bigint AS named FROM devices WHERE tenant = $1";
    uint(&tx.one(sql, &[&id.as_str()]).await?, "named")
}

/// The version in force at an instant: one step in `subscriptions_in_force`.
pub(super) async fn in_force(tx: &Tx<'_>, id: &TenantId, at: UnixSeconds) -> Result<InForce, StorageError> {
    let sql = format!(
        "SELECT {VERSION} FROM subscriptions s WHERE s.tenant = $1 AND s.effective_at <= $2
         ORDER BY s.effective_at DESC, s.version DESC LIMIT 1"
    );
    if let Some(found) = tx.optional(&sql, &[&id.as_str(), &at.as_i64()]).await? {
        return version(&found).map(Ok);
    }
    let first = "SELECT min(effective_at) AS first FROM subscriptions WHERE tenant = $1";
    let begins = optional_seconds(&tx.one(first, &[&id.as_str()]).await?, "first")?;
    Ok(Err(NoneInForce::of(id, begins)))
}

/// Those below this version, the newest first.
pub(super) async fn page(
    tx: &Tx<'_>,
    id: &TenantId,
    below: Option<u32>,
    limit: u32,
) -> Result<Vec<VersionListed>, StorageError> {
    let sql = format!(
        "SELECT {VERSION}, (SELECT min(n.version) FROM subscriptions n
                            WHERE n.tenant = s.tenant AND n.effective_at = s.effective_at
                              AND n.version > s.version) AS superseded_by
         FROM subscriptions s WHERE s.tenant = $1 AND ($2::bigint IS NULL OR s.version < $2)
         ORDER BY s.version DESC LIMIT $3"
    );
    let (below, limit) = (below.map(i64::from), i64::from(limit));
    let rows = tx.rows(&sql, &[&id.as_str(), &below, &limit]).await?;
    let listed = |row| {
        let superseded_by = readers::optional_version(row, "superseded_by")?;
        Ok(VersionListed { row: version(row)?, superseded_by })
    };
    rows.iter().map(listed).collect()
}

fn version(row: &Row) -> Result<SubscriptionRow, StorageError> {
    let mut version = readers::version(row)?;
    version.terms.packs = packs(row)?;
    Ok(version)
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

/// The tenant is locked meanwhile, so those behind the first travel together, each before its packs; the first has had the
/// statements prepared.
pub(super) async fn add(tx: &Tx<'_>, id: &TenantId, new: &NewVersions) -> Result<(), StorageError> {
    let mut rows = new.rows.iter();
    if let Some(first) = rows.next() {
        add_version(tx, id, first).await?;
    }
    try_join_all(rows.map(|row| add_version(tx, id, row))).await?;
    note(tx, &new.note).await
}

async fn add_version(tx: &Tx<'_>, id: &TenantId, row: &SubscriptionRow) -> Result<(), StorageError> {
    let sql =
        "INSERT INTO subscriptions (tenant, version, cameras, trial_started_at, trial_ends_at, enforce, days,
                 grace_days, offline_max_days, catalog_version, set_at, effective_at, made, of_version, delta,
                 set_by, reason, sold)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";
    let (id, terms) = (id.as_str(), &row.terms);
    let delta = if let Made::Change(delta) = &row.made { Some(delta.text()) } else { None };
    let values: [&(dyn ToSql + Sync); 18] = [
        &id,
        &i64::from(row.version),
        &i64::from(terms.cameras),
        &terms.trial.map(|trial| trial.started_at.as_i64()),
        &terms.trial.map(|trial| trial.ends_at.as_i64()),
        &enforce_text(terms.enforce),
        &i64::from(terms.days),
        &i64::from(terms.grace_days),
        &i64::from(terms.offline_max_days),
        &int(terms.catalog_version),
        &row.set_at.as_i64(),
        &row.effective_at.as_i64(),
        &row.made.as_str(),
        &row.made.of().map(i64::from),
        &delta,
        &row.set_by.as_ref().map(|actor| actor.0.as_str()),
        &row.reason,
        &terms.sold_text(),
    ];
    tx.execute(sql, &values).await?;
    let packs: Vec<&str> = terms.packs.keys().map(Slug::as_str).collect();
    let prices: Vec<Option<&str>> =
        terms.packs.values().map(|price| price.as_ref().map(Price::as_str)).collect();
    let sql = "INSERT INTO subscription_packs (tenant, version, pack, price)
               SELECT $1, $2, p.pack, p.price FROM unnest($3::text[], $4::text[]) AS p (pack, price)";
    tx.execute(sql, &[&id, &i64::from(row.version), &packs, &prices]).await.map(drop)
}
