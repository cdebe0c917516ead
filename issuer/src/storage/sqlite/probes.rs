//! Whether the database answers, whether it is still the file that was opened, and what it holds.

use super::columns::{damaged, optional_seconds};
use super::{SqliteStorage, StorageError, migrate};
use crate::storage::{Holdings, Pool, Probes};
use rusqlite::{Connection, OpenFlags};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, TryLockError};

/// A file by its name, and by what no other file has.
#[derive(Debug)]
pub(super) struct Opened {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Opened {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn at(path: &Path) -> Result<Self, StorageError> {
        let metadata = fs::metadata(path).map_err(|e| failed(path, e))?;
        Ok(Self { path: path.to_owned(), device: metadata.dev(), inode: metadata.ino() })
    }

    /// A backup that was put in its place goes unnoticed by whoever has the old one open.
    pub(super) fn check(&self) -> Result<(), StorageError> {
        let now = Self::at(&self.path)?;
        if (now.device, now.inode) == (self.device, self.inode) {
            return Ok(());
        }
        Err(StorageError::Replaced { path: self.path.clone() })
    }
}

fn failed(path: &Path, error: io::Error) -> StorageError {
    if error.kind() == io::ErrorKind::NotFound {
        return StorageError::Missing { path: path.to_owned() };
    }
    StorageError::Engine(Box::new(error))
}

/// Rows of a table; 0 where an older schema has none of that name.
fn count(tx: &Connection, table: &'static str) -> Result<u64, StorageError> {
    let known = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    if tx.query_row(known, [table], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(0);
    }
    let count: i64 = tx.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

impl SqliteStorage {
    /// Writes everything, as of one moment, into a file that is empty. Others read and write meanwhile.
    pub(crate) fn write_into(&self, path: &str) -> Result<(), StorageError> {
        self.lock().execute("VACUUM INTO ?1", [path])?;
        Ok(())
    }

    /// Opens a file that somebody calls a backup, and changes nothing in it: its pages and references have to be sound, and
    /// its schema one that this program knows or can bring up to date.
    pub(crate) fn examine(path: &Path) -> Result<Self, StorageError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        // A damaged file must not be able to call functions through its schema.
        connection.pragma_update(None, "trusted_schema", "off")?;
        let sound: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        if sound != "ok" {
            return Err(damaged("the file", sound));
        }
        let astray = "SELECT count(*) FROM pragma_foreign_key_check";
        if connection.query_row(astray, [], |row| row.get::<_, i64>(0))? > 0 {
            return Err(damaged("the file", "rows refer to rows that are absent"));
        }
        match migrate::check(&connection) {
            Err(StorageError::Damaged { .. }) if migrate::schema_version(&connection)? > 0 => {}
            Err(StorageError::Damaged { .. }) => return Err(damaged("the file", "it is no issuer's")),
            checked => checked?,
        }
        let opened = Opened::at(path)?;
        let (connection, waiting) = (Mutex::new(connection), AtomicUsize::new(0));
        Ok(Self { connection, waiting, opened, is_inside: false })
    }
}

impl Probes for SqliteStorage {
    fn probe(&self) -> Result<(), StorageError> {
        self.opened.check()?;
        self.read(migrate::check)
    }

    /// One connection, which is at work while somebody holds it.
    fn pool(&self) -> Pool {
        let in_use = match self.connection.try_lock() {
            Ok(_) | Err(TryLockError::Poisoned(_)) => 0,
            Err(TryLockError::WouldBlock) => 1,
        };
        Pool { max: 1, in_use, waiting: self.waiting.load(Ordering::Relaxed) }
    }

    fn holdings(&self) -> Result<Holdings, StorageError> {
        self.read(|tx| {
            let last = "SELECT max(exchanged_at) AS last FROM devices";
            Ok(Holdings {
                schema: migrate::schema_version(tx)?,
                tenants: count(tx, "tenants")?,
                devices: count(tx, "devices")?,
                licences: count(tx, "licences")?,
                usage_records: count(tx, "usage_records")?,
                audit_lines: count(tx, "audit")?,
                last_exchange_at: tx.query_row(last, [], |row| Ok(optional_seconds(row, "last")))??,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::http::Readiness;
    use crate::storage::ClonePolicy;
    use crate::testkit::{Bench, TENANT};
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    async fn lacks(readiness: &Readiness) -> String {
        readiness.report().await.lacks()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_file_that_is_not_the_one_that_was_opened_makes_no_process_ready() {
        let bench = Bench::on_sqlite();
        let readiness = Readiness::of(Arc::clone(&bench.issuer));
        assert_eq!(lacks(&readiness).await, "");
        let (database, aside) = (bench.data.database(), bench.data.database().with_extension("aside"));
        std::fs::rename(&database, &aside).unwrap();
        assert_eq!(lacks(&readiness).await, "DATABASE_MISSING");
        std::fs::copy(&aside, &database).unwrap();
        assert_eq!(lacks(&readiness).await, "DATABASE_REPLACED");
        let made = bench.admin.set_policy(&TENANT.parse().unwrap(), ClonePolicy::Suspend).unwrap_err();
        assert!(made.to_string().contains("is not the file that this process has open"), "{made}");
        std::fs::rename(&aside, &database).unwrap();
        assert_eq!(lacks(&readiness).await, "");
        bench.sql(
            "INSERT INTO refinery_schema_history VALUES (99, 'later', '2026-01-01T00:00:00Z', '1')",
            &[],
        );
        assert_eq!(lacks(&readiness).await, "DATABASE_NEWER");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_database_that_hangs_is_not_waited_for_and_takes_one_thread_however_often_it_is_asked() {
        let bench = Bench::on_sqlite();
        let readiness = Readiness::within(Arc::clone(&bench.issuer), Duration::from_millis(50));
        let (storage, (holds, held), (free, freed)) =
            (Arc::clone(&bench.issuer.storage), mpsc::channel(), mpsc::channel::<()>());
        let holder = std::thread::spawn(move || {
            let plan = &mut |_: &crate::storage::TenantRow| {
                holds.send(()).unwrap();
                let _ = freed.recv();
                None
            };
            storage.set_policy(&TENANT.parse().unwrap(), plan).unwrap();
        });
        held.recv().unwrap();
        for _ in 0..3 {
            assert_eq!(lacks(&readiness).await, "DATABASE_SLOW");
        }
        let pool = bench.issuer.storage.pool();
        assert_eq!((pool.in_use, pool.waiting), (1, 1), "{pool:?}");
        drop(free);
        holder.join().unwrap();
        // The look that hung ends now, and the next one may begin.
        while !lacks(&readiness).await.is_empty() {}
        assert_eq!(bench.issuer.storage.pool().in_use, 0);
    }
}
