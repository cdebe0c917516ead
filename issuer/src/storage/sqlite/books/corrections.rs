//! Corrections: rows that are only ever added, each with its line in the audit.

use super::super::columns::damaged;
use super::super::{StorageError, note, tenants};
use super::sums;
use crate::amount::Amount;
use crate::storage::readers;
use crate::storage::{CorrectionPlace, CorrectionRow, CorrectionView, NewCorrection, SumScope};
use brink_license::TenantId;
use rusqlite::{Connection, params};
use std::ops::ControlFlow;

pub(super) fn view(tx: &Connection, place: &CorrectionPlace) -> Result<CorrectionView, StorageError> {
    let now = super::super::devices::row(tx, &place.device)?;
    let sql = "SELECT EXISTS (SELECT 1 FROM usage_cursors WHERE device = ?1 AND tenant = ?2)";
    let (device, tenant) = (place.device.as_str(), place.tenant.as_str());
    let was: bool = tx.prepare_cached(sql)?.query_row([device, tenant], |row| row.get(0))?;
    let sql = "SELECT EXISTS (SELECT 1 FROM usage_rollups WHERE tenant = ?1 AND meter = ?2)";
    let is_used: bool =
        tx.prepare_cached(sql)?.query_row([tenant, place.meter.as_str()], |row| row.get(0))?;
    let (tenant, quarters) = (place.tenant.clone(), place.month.clone());
    let scope = SumScope { tenant, quarters, meter: Some(place.meter.clone()), device: None };
    let is_tenants = was || now.tenant == place.tenant;
    Ok(CorrectionView { is_tenants, is_used, net: net(tx, &scope)? })
}

/// The sums of a scope with its corrections.
fn net(tx: &Connection, scope: &SumScope) -> Result<Amount, StorageError> {
    let mut net = Ok(Amount::ZERO);
    let mut add = |sum: crate::storage::UsageSum| {
        net = net.and_then(|so_far| so_far.plus(sum.amount));
        if net.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    sums::recorded(tx, scope, &mut add)?;
    sums::corrected(tx, scope, &mut add)?;
    net.map_err(|error| damaged("usage_rollups.quantity", error))
}

pub(super) fn add(tx: &Connection, place: &CorrectionPlace, new: &NewCorrection) -> Result<(), StorageError> {
    let sql = "INSERT INTO usage_corrections (tenant, device, meter, resource, quarter, quantity, reason, actor, at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let values = params![
        place.tenant.as_str(),
        place.device.as_str(),
        place.meter.as_str(),
        place.resource,
        place.quarter,
        new.amount.to_bytes(),
        new.reason,
        new.note.actor.0,
        new.note.at.as_i64().saturating_mul(1000),
    ];
    tx.prepare_cached(sql)?.execute(values)?;
    note(tx, &new.note)
}

pub(super) fn all(tx: &Connection, tenant: &TenantId) -> Result<Vec<CorrectionRow>, StorageError> {
    page(tx, tenant, i64::MIN, u32::MAX)
}

/// Those behind this number.
pub(in crate::storage::sqlite) fn page(
    tx: &Connection,
    tenant: &TenantId,
    after: i64,
    limit: u32,
) -> Result<Vec<CorrectionRow>, StorageError> {
    tenants::row(tx, tenant)?;
    let sql = "SELECT * FROM usage_corrections WHERE tenant = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![tenant.as_str(), after, limit])?;
    let mut found = Vec::new();
    while let Some(next) = rows.next()? {
        found.push(readers::correction(next)?);
    }
    Ok(found)
}
