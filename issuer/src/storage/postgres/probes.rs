//! What readiness, metrics and backups ask of the database.

use super::DatabaseUrl;
use super::columns::{column, optional_seconds, uint};
use super::{PostgresStorage, StorageError, migrate};
use crate::storage::{Holdings, Pool, Probes};

impl Probes for PostgresStorage {
    fn probe(&self) -> Result<(), StorageError> {
        self.wait(async { migrate::check(&*self.client().await?).await })
    }

    fn pool(&self) -> Pool {
        let status = self.pool.status();
        let in_use = status.size.saturating_sub(status.available);
        Pool { max: status.max_size, in_use, waiting: status.waiting }
    }

    fn holdings(&self) -> Result<Holdings, StorageError> {
        let sql = "
            SELECT (SELECT coalesce(max(version), 0)::bigint FROM refinery_schema_history) AS schema,
                   (SELECT count(*) FROM tenants) AS tenants, (SELECT count(*) FROM devices) AS devices,
                   (SELECT count(*) FROM licences) AS licences, (SELECT count(*) FROM usage_records) AS usage_records,
                   (SELECT count(*) FROM audit) AS audit_lines, (SELECT max(exchanged_at) FROM devices) AS last_exchange_at";
        self.read(async |tx| {
            let row = tx.one(sql, &[]).await?;
            Ok(Holdings {
                schema: column(&row, "schema")?,
                tenants: uint(&row, "tenants")?,
                devices: uint(&row, "devices")?,
                licences: uint(&row, "licences")?,
                usage_records: uint(&row, "usage_records")?,
                audit_lines: uint(&row, "audit_lines")?,
                last_exchange_at: optional_seconds(&row, "last_exchange_at")?,
            })
        })
    }
}

impl PostgresStorage {
    /// The newest schema that this program knows.
    pub(crate) fn newest_schema() -> Result<i64, StorageError> {
        migrate::newest_known()
    }

    /// Whether a database has no table of anybody's: what a backup may be restored into.
    pub(crate) fn is_empty(url: &DatabaseUrl) -> Result<bool, StorageError> {
        let sql = "SELECT count(*) AS tables FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
                     AND n.nspname NOT LIKE 'pg_toast%'";
        let tables = Self::reach(url)?.read(async |tx| uint(&tx.one(sql, &[]).await?, "tables"))?;
        Ok(tables == 0)
    }
}
