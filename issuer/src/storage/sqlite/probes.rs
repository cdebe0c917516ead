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
    match error.kind() {
        io::ErrorKind::NotFound => StorageError::Missing { path: path.to_owned() },
        _ => StorageError::Engine(Box::new(error)),
    }
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
