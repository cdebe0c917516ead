//! How devices fare.

use super::columns::{seconds, uint};
use super::{SqliteStorage, StorageError};
use crate::storage::readers;
use crate::storage::{DeviceFacts, FleetBooks, NewestKeyset};
use brink_license::DeviceId;
use rusqlite::{Connection, Row, params};

impl FleetBooks for SqliteStorage {
    fn device_facts(&self, devices: &[DeviceId]) -> Result<Vec<DeviceFacts>, StorageError> {
        self.read(|tx| devices.iter().map(|device| facts(tx, device)).collect())
    }

    fn newest_keyset(&self) -> Result<NewestKeyset, StorageError> {
        self.read(|tx| {
            let sql = "SELECT version, recorded_at FROM manifests ORDER BY version DESC LIMIT 1";
            tx.prepare_cached(sql)?.query_row([], |row| Ok(newest(row)))?
        })
    }
}

fn newest(row: &Row<'_>) -> Result<NewestKeyset, StorageError> {
    Ok(NewestKeyset { version: uint(row, "version")?, published_at: seconds(row, "recorded_at")? })
}

/// A few steps in indexes whose keys begin with the device.
fn facts(tx: &Connection, device: &DeviceId) -> Result<DeviceFacts, StorageError> {
    let sql = "
        SELECT d.code_expires_at, d.agent_version, d.reported_keyset,
          (SELECT l.iat FROM licences l WHERE l.device = d.id AND l.epoch = d.epoch ORDER BY l.seq DESC LIMIT 1) AS minted_at,
          (SELECT coalesce(sum(max(c.reported_seq - c.seq, 0)), 0) FROM usage_cursors c
           WHERE c.device = d.id AND c.forked_at IS NULL) AS behind,
          (SELECT max(c.received_at) FROM usage_cursors c WHERE c.device = d.id) AS told_ms,
          (SELECT c.forked_at FROM usage_cursors c WHERE c.device = d.id AND c.epoch = d.epoch) AS forked_ms,
          coalesce((SELECT c.recoveries FROM usage_cursors c WHERE c.device = d.id AND c.epoch = d.epoch), 0) AS recoveries,
          (SELECT max(r.at) FROM reactions r WHERE r.device = d.id
             AND r.reason IN ('CLONE_SUSPECTED', 'STALE_COUNTER', 'KEY_REPLACED')) AS suspected_at
        FROM devices d WHERE d.id = ?1";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![device.as_str()])?;
    let row = rows.next()?.ok_or_else(|| StorageError::UnknownDevice(device.clone()))?;
    readers::facts(row)
}
