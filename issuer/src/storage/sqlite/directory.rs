//! What is looked up page by page.

use super::books::{corrections, quarantine};
use super::columns::{self, bytes32, parsed, seconds, uint32};
use super::{SqliteStorage, StorageError, note, retirement, subscriptions, tenants};
use crate::storage::{
    CodeListed, CorrectionRow, DeviceListed, DeviceQuery, Directory, Place, Plan, QuarantineQuery,
    QuarantineRow, TenantChange, TenantRow, VersionListed,
};
use brink_license::{DeviceId, TenantId, UnixSeconds};
use rusqlite::{Connection, OptionalExtension, params};

impl Directory for SqliteStorage {
    fn tenant_of(&self, device: &DeviceId) -> Result<Option<TenantId>, StorageError> {
        self.read(|tx| {
            let sql = "SELECT tenant FROM devices WHERE id = ?1";
            let found = tx
                .prepare_cached(sql)?
                .query_row([device.as_str()], |row| Ok(parsed(row, "tenant")))
                .optional()?;
            found.transpose()
        })
    }

    fn tenants_page(&self, after: Option<&TenantId>, limit: u32) -> Result<Vec<TenantRow>, StorageError> {
        self.read(|tx| tenants::page(tx, after, limit))
    }

    fn change_tenant(
        &self,
        tenant: &TenantId,
        plan: Plan<'_, TenantRow, TenantChange>,
    ) -> Result<(), StorageError> {
        self.write(|tx| {
            let row = tenants::row(tx, tenant)?;
            let Some(change) = plan(&row) else { return Ok(()) };
            let sql =
                "UPDATE tenants SET name = coalesce(?2, name), clones = coalesce(?3, clones) WHERE id = ?1";
            let clones = change.clones.map(crate::storage::ClonePolicy::as_str);
            tx.execute(sql, params![tenant.as_str(), change.name, clones])?;
            note(tx, &change.note)
        })
    }

    fn subscriptions_page(
        &self,
        tenant: &TenantId,
        below: Option<u32>,
        limit: u32,
    ) -> Result<Vec<VersionListed>, StorageError> {
        self.read(|tx| {
            tenants::row(tx, tenant)?;
            subscriptions::page(tx, tenant, below, limit)
        })
    }

    fn devices_page(&self, query: &DeviceQuery, now: UnixSeconds) -> Result<Vec<DeviceListed>, StorageError> {
        self.read(|tx| retirement::page(tx, query, now))
    }

    fn codes_page(
        &self,
        tenant: &TenantId,
        after: Option<&Place>,
        limit: u32,
    ) -> Result<Vec<CodeListed>, StorageError> {
        self.read(|tx| codes(tx, tenant, after, limit))
    }

    fn quarantine_page(&self, query: &QuarantineQuery) -> Result<Vec<QuarantineRow>, StorageError> {
        self.read(|tx| quarantine::page(tx, query))
    }

    fn quarantined(&self, id: i64) -> Result<Option<QuarantineRow>, StorageError> {
        self.read(|tx| quarantine::one(tx, id))
    }

    fn corrections_page(
        &self,
        tenant: &TenantId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<CorrectionRow>, StorageError> {
        self.read(|tx| corrections::page(tx, tenant, after, limit))
    }
}

fn codes(
    tx: &Connection,
    tenant: &TenantId,
    after: Option<&Place>,
    limit: u32,
) -> Result<Vec<CodeListed>, StorageError> {
    tenants::row(tx, tenant)?;
    let sql =
        "SELECT c.*, (SELECT count(*) FROM code_redemptions r WHERE r.code_sha256 = c.code_sha256) AS used
               FROM activation_codes c
               WHERE tenant = ?1 AND (?2 IS NULL OR (created_at, lower(hex(code_sha256))) > (?2, ?3))
               ORDER BY created_at, code_sha256 LIMIT ?4";
    let mut statement = tx.prepare_cached(sql)?;
    let place = after.map(|place| (place.at, place.id.as_str())).unzip();
    let mut rows = statement.query(params![tenant.as_str(), place.0, place.1, limit])?;
    let mut listed = Vec::new();
    while let Some(row) = rows.next()? {
        listed.push(CodeListed {
            code_sha256: bytes32(row, "code_sha256")?,
            tier: columns::tier(row)?,
            uses: uint32(row, "uses")?,
            used: uint32(row, "used")?,
            expires_at: seconds(row, "expires_at")?,
            created_at: seconds(row, "created_at")?,
        });
    }
    Ok(listed)
}
