//! How devices fare.

use super::columns::{column, seconds, uint};
use super::{PostgresStorage, StorageError};
use crate::storage::readers;
use crate::storage::{DeviceFacts, FleetBooks, NewestKeyset};
use brink_license::DeviceId;
use std::collections::HashMap;

/// A few steps in indexes whose keys begin with the device.
const FACTS: &str = "
    SELECT d.id, d.code_expires_at, d.agent_version, d.reported_keyset,
      (SELECT l.iat FROM licences l WHERE l.device = d.id AND l.epoch = d.epoch ORDER BY l.seq DESC LIMIT 1) AS minted_at,
      (SELECT coalesce(sum(greatest(c.reported_seq - c.seq, 0)), 0)::bigint FROM usage_cursors c
       WHERE c.device = d.id AND c.forked_at IS NULL) AS behind,
      (SELECT max(c.received_at) FROM usage_cursors c WHERE c.device = d.id) AS told_ms,
      (SELECT c.forked_at FROM usage_cursors c WHERE c.device = d.id AND c.epoch = d.epoch) AS forked_ms,
      coalesce((SELECT c.recoveries FROM usage_cursors c WHERE c.device = d.id AND c.epoch = d.epoch), 0) AS recoveries,
      (SELECT max(r.at) FROM reactions r WHERE r.device = d.id
         AND r.reason IN ('CLONE_SUSPECTED', 'STALE_COUNTER', 'KEY_REPLACED')) AS suspected_at
    FROM devices d WHERE d.id = ANY($1)";

impl FleetBooks for PostgresStorage {
    fn device_facts(&self, devices: &[DeviceId]) -> Result<Vec<DeviceFacts>, StorageError> {
        let ids: Vec<&str> = devices.iter().map(DeviceId::as_str).collect();
        self.read(async |tx| {
            let rows = tx.rows(FACTS, &[&ids]).await?;
            let mut known = HashMap::with_capacity(rows.len());
            for row in &rows {
                known.insert(column::<&str>(row, "id")?, readers::facts(row)?);
            }
            let fact = |device: &DeviceId| {
                known.remove(device.as_str()).ok_or_else(|| StorageError::UnknownDevice(device.clone()))
            };
            devices.iter().map(fact).collect()
        })
    }

    fn newest_keyset(&self) -> Result<NewestKeyset, StorageError> {
        let sql = "SELECT version, recorded_at FROM manifests ORDER BY version DESC LIMIT 1";
        self.read(async |tx| {
            let row = tx.one(sql, &[]).await?;
            Ok(NewestKeyset { version: uint(&row, "version")?, published_at: seconds(&row, "recorded_at")? })
        })
    }
}
