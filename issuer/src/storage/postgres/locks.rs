//! The locks that rules rest on. Everybody takes them in one order: the tenant, devices by id; then whoever writes usage its
//! cursors, and whoever writes the audit the head of its chain. `NO KEY`: a foreign key that only looks goes on looking.

use super::StorageError;
use super::columns::parsed;
use super::connection::Tx;
use brink_license::{DeviceId, TenantId};

/// Whoever decides on seats, quotas, subscriptions, cameras or codes of a tenant.
pub(super) async fn tenant(tx: &Tx<'_>, id: &TenantId) -> Result<(), StorageError> {
    let sql = "SELECT 1 FROM tenants WHERE id = $1 FOR NO KEY UPDATE";
    let found = tx.optional(sql, &[&id.as_str()]).await?;
    found.map(drop).ok_or_else(|| StorageError::UnknownTenant(id.clone()))
}

/// The tenant of a device, which a device keeps.
pub(super) async fn tenant_of(tx: &Tx<'_>, id: &DeviceId) -> Result<TenantId, StorageError> {
    let sql =
        "SELECT t.id FROM devices d JOIN tenants t ON t.id = d.tenant WHERE d.id = $1 FOR NO KEY UPDATE OF t";
    let found = tx.optional(sql, &[&id.as_str()]).await?;
    parsed(&found.ok_or_else(|| StorageError::UnknownDevice(id.clone()))?, "id")
}

/// Devices, behind the lock of their tenants.
pub(super) async fn devices(tx: &Tx<'_>, ids: &[&DeviceId]) -> Result<(), StorageError> {
    let texts: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
    let sql = "SELECT id FROM devices WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";
    let found = tx.rows(sql, &[&texts]).await?;
    let absent = ids.iter().find(|id| !found.iter().any(|row| row.get::<_, &str>(0) == id.as_str()));
    absent.map_or(Ok(()), |id| Err(StorageError::UnknownDevice((*id).clone())))
}

/// Whoever adds a manifest.
pub(super) async fn issuer(tx: &Tx<'_>) -> Result<(), StorageError> {
    tx.optional("SELECT 1 FROM issuer WHERE id = 1 FOR NO KEY UPDATE", &[]).await.map(drop)
}
