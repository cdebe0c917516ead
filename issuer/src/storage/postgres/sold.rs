//! What was sold over time: what cameras had, and how long devices were there.

use super::{PostgresStorage, StorageError, tenants};
use crate::storage::sold::{camera_event, device_life};
use crate::storage::{CameraEvent, DeviceLife, SoldBooks};
use brink_license::TenantId;

/// The instant of what is recorded of a camera `c`: never before what was recorded of it last. Needs the instant behind it.
pub(super) const FROM: &str = "greatest((SELECT h.at FROM camera_history h
    WHERE h.tenant = c.tenant AND h.camera = c.camera ORDER BY h.seq DESC LIMIT 1), ";

impl SoldBooks for PostgresStorage {
    fn camera_history(&self, tenant: &TenantId) -> Result<Vec<CameraEvent>, StorageError> {
        self.read(async |tx| {
            tenants::row(tx, tenant).await?;
            let sql =
                "SELECT camera, at, device, packs FROM camera_history WHERE tenant = $1 ORDER BY at, seq";
            tx.rows(sql, &[&tenant.as_str()]).await?.iter().map(camera_event).collect()
        })
    }

    fn device_lives(&self, tenant: &TenantId) -> Result<Vec<DeviceLife>, StorageError> {
        self.read(async |tx| {
            tenants::row(tx, tenant).await?;
            let sql = "
                SELECT d.id, d.tier, d.retired_at,
                  (SELECT t.billed_from FROM device_transfers t WHERE t.device = d.id) AS billed_from,
                  coalesce((SELECT r.redeemed_at FROM code_redemptions r WHERE r.device = d.id), d.activated_at) AS began
                FROM devices d WHERE d.tenant = $1 AND d.activated_at IS NOT NULL ORDER BY began, d.id";
            tx.rows(sql, &[&tenant.as_str()]).await?.iter().map(device_life).collect()
        })
    }
}
