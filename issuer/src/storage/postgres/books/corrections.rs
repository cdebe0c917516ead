//! Corrections: rows that are only ever added, each with its line in the audit.

use super::super::columns::{column, damaged};
use super::super::connection::Tx;
use super::super::{StorageError, devices, locks, note, tenants};
use super::sums;
use crate::amount::Amount;
use crate::storage::readers;
use crate::storage::{CorrectionPlace, CorrectionRow, CorrectionView, NewCorrection, SumScope};
use brink_license::TenantId;
use std::ops::ControlFlow;
use tokio_postgres::types::ToSql;

/// The tenant is locked: two corrections may not both take away what is there once. Sums only grow meanwhile.
pub(super) async fn view(tx: &Tx<'_>, place: &CorrectionPlace) -> Result<CorrectionView, StorageError> {
    locks::tenant(tx, &place.tenant).await?;
    let now = devices::row(tx, &place.device).await?;
    let sql = "SELECT EXISTS (SELECT 1 FROM usage_cursors WHERE device = $1 AND tenant = $2) AS found";
    let (device, tenant) = (place.device.as_str(), place.tenant.as_str());
    let was: bool = column(&tx.one(sql, &[&device, &tenant]).await?, "found")?;
    let sql = "SELECT EXISTS (SELECT 1 FROM usage_rollups WHERE tenant = $1 AND meter = $2) AS found";
    let is_used: bool = column(&tx.one(sql, &[&tenant, &place.meter.as_str()]).await?, "found")?;
    let (tenant, quarters) = (place.tenant.clone(), place.month.clone());
    let scope = SumScope { tenant, quarters, meter: Some(place.meter.clone()), device: None };
    let is_tenants = was || now.tenant == place.tenant;
    Ok(CorrectionView { is_tenants, is_used, net: net(tx, &scope).await? })
}

/// The sums of a scope with its corrections.
async fn net(tx: &Tx<'_>, scope: &SumScope) -> Result<Amount, StorageError> {
    let mut net = Ok(Amount::ZERO);
    let mut add = |sum: crate::storage::UsageSum| {
        net = net.and_then(|so_far| so_far.plus(sum.amount));
        if net.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    sums::recorded(tx, scope, &mut add).await?;
    sums::corrected(tx, scope, &mut add).await?;
    net.map_err(|error| damaged("usage_rollups.quantity", error))
}

pub(super) async fn add(
    tx: &Tx<'_>,
    place: &CorrectionPlace,
    new: &NewCorrection,
) -> Result<(), StorageError> {
    let sql = "INSERT INTO usage_corrections (tenant, device, meter, resource, quarter, quantity, reason, actor, at)
               VALUES ($1, $2, $3, $4, $5, $6::text::numeric, $7, $8, $9)";
    let values: [&(dyn ToSql + Sync); 9] = [
        &place.tenant.as_str(),
        &place.device.as_str(),
        &place.meter.as_str(),
        &place.resource,
        &place.quarter,
        &new.amount.units().to_string(),
        &new.reason,
        &new.note.actor.0,
        &new.note.at.as_i64().saturating_mul(1000),
    ];
    tx.execute(sql, &values).await?;
    note(tx, &new.note).await
}

pub(super) async fn all(tx: &Tx<'_>, tenant: &TenantId) -> Result<Vec<CorrectionRow>, StorageError> {
    page(tx, tenant, i64::MIN, u32::MAX).await
}

/// Those behind this number.
pub(in crate::storage::postgres) async fn page(
    tx: &Tx<'_>,
    tenant: &TenantId,
    after: i64,
    limit: u32,
) -> Result<Vec<CorrectionRow>, StorageError> {
    tenants::row(tx, tenant).await?;
    let sql = "SELECT id, device, meter, resource, quarter, quantity::text AS quantity, reason, actor, at
               FROM usage_corrections WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3";
    tx.rows(sql, &[&tenant.as_str(), &after, &i64::from(limit)])
        .await?
        .iter()
        .map(readers::correction)
        .collect()
}
