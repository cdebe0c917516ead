//! What is looked up page by page.

use super::books::{corrections, quarantine};
use super::columns::{self, bytes32, parsed, seconds, uint32};
use super::connection::Tx;
use super::{PostgresStorage, StorageError, locks, note, retirement, subscriptions, tenants};
use crate::storage::{
    CodeListed, CorrectionRow, DeviceListed, DeviceQuery, Directory, Place, Plan, QuarantineQuery,
    QuarantineRow, TenantChange, TenantRow, VersionListed,
};
use brink_license::{DeviceId, TenantId, UnixSeconds};
use tokio_postgres::Row;

impl Directory for PostgresStorage {
    fn tenant_of(&self, device: &DeviceId) -> Result<Option<TenantId>, StorageError> {
        self.read(async |tx| {
            let found = tx.optional("SELECT tenant FROM devices WHERE id = $1", &[&device.as_str()]).await?;
            found.as_ref().map(|row| parsed(row, "tenant")).transpose()
        })
    }

    fn tenants_page(&self, after: Option<&TenantId>, limit: u32) -> Result<Vec<TenantRow>, StorageError> {
        self.read(async |tx| tenants::page(tx, after, limit).await)
    }

    fn change_tenant(
        &self,
        tenant: &TenantId,
        plan: Plan<'_, TenantRow, TenantChange>,
    ) -> Result<(), StorageError> {
        self.write(async |tx| {
            locks::tenant(tx, tenant).await?;
            let row = tenants::row(tx, tenant).await?;
            let Some(change) = plan(&row) else { return Ok(()) };
            let sql =
                "UPDATE tenants SET name = coalesce($2, name), clones = coalesce($3, clones) WHERE id = $1";
            let clones = change.clones.map(crate::storage::ClonePolicy::as_str);
            tx.execute(sql, &[&tenant.as_str(), &change.name, &clones]).await?;
            note(tx, &change.note).await
        })
    }

    fn subscriptions_page(
        &self,
        tenant: &TenantId,
        below: Option<u32>,
        limit: u32,
    ) -> Result<Vec<VersionListed>, StorageError> {
        self.read(async |tx| {
            tenants::row(tx, tenant).await?;
            subscriptions::page(tx, tenant, below, limit).await
        })
    }

    fn devices_page(&self, query: &DeviceQuery, now: UnixSeconds) -> Result<Vec<DeviceListed>, StorageError> {
        self.read(async |tx| retirement::page(tx, query, now).await)
    }

    fn codes_page(
        &self,
        tenant: &TenantId,
        after: Option<&Place>,
        limit: u32,
    ) -> Result<Vec<CodeListed>, StorageError> {
        self.read(async |tx| codes(tx, tenant, after, limit).await)
    }

    fn quarantine_page(&self, query: &QuarantineQuery) -> Result<Vec<QuarantineRow>, StorageError> {
        self.read(async |tx| quarantine::page(tx, query).await)
    }

    fn quarantined(&self, id: i64) -> Result<Option<QuarantineRow>, StorageError> {
        self.read(async |tx| quarantine::one(tx, id).await)
    }

    fn corrections_page(
        &self,
        tenant: &TenantId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<CorrectionRow>, StorageError> {
        self.read(async |tx| corrections::page(tx, tenant, after, limit).await)
    }
}

async fn codes(
    tx: &Tx<'_>,
    tenant: &TenantId,
    after: Option<&Place>,
    limit: u32,
) -> Result<Vec<CodeListed>, StorageError> {
    tenants::row(tx, tenant).await?;
    let sql = "SELECT code_sha256, tier, uses, expires_at, created_at,
                 (SELECT count(*) FROM code_redemptions r WHERE r.code_sha256 = c.code_sha256) AS used
               FROM activation_codes c
               WHERE tenant = $1
                 AND ($2::bigint IS NULL OR (created_at, encode(code_sha256, 'hex') COLLATE \"C\") > ($2, $3::text))
               ORDER BY created_at, code_sha256 LIMIT $4";
    let (at, id) = after.map(|place| (place.at, place.id.as_str())).unzip();
    let rows = tx.rows(sql, &[&tenant.as_str(), &at, &id, &i64::from(limit)]).await?;
    rows.iter().map(code).collect()
}

fn code(row: &Row) -> Result<CodeListed, StorageError> {
    Ok(CodeListed {
        code_sha256: bytes32(row, "code_sha256")?,
        tier: columns::tier(row)?,
        uses: uint32(row, "uses")?,
        used: uint32(row, "used")?,
        expires_at: seconds(row, "expires_at")?,
        created_at: seconds(row, "created_at")?,
    })
}
