//! Whether the database answers, and whether it is still the file that was opened.

use super::{SqliteStorage, StorageError, migrate};
use crate::storage::{Pool, Probes};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::TryLockError;
use std::sync::atomic::Ordering;

/// A file by its name, and by what no other file has.
#[derive(Debug)]
pub(super) struct Opened {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Opened {
    pub(super) fn at(path: &Path) -> Result<Self, StorageError> {
        let metadata = fs::metadata(path).map_err(|e| failed(path, e))?;
        Ok(Self { path: path.to_owned(), device: metadata.dev(), inode: metadata.ino() })
    }

    /// A backup that was put in its place goes unnoticed by whoever has the old one open.
    fn check(&self) -> Result<(), StorageError> {
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

impl Probes for SqliteStorage {
    fn probe(&self) -> Result<(), StorageError> {
        self.opened.check()?;
        self.read(|tx| migrate::check(tx))
    }

    /// One connection, which is at work while somebody holds it.
    fn pool(&self) -> Pool {
        let in_use = match self.connection.try_lock() {
            Ok(_) | Err(TryLockError::Poisoned(_)) => 0,
            Err(TryLockError::WouldBlock) => 1,
        };
        Pool { max: 1, in_use, waiting: self.waiting.load(Ordering::Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use crate::http::Readiness;
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
