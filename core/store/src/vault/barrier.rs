//! sled 0.34.7 behind a panic barrier, made durable.
//!
//! Measured: a flipped byte in sled's `db` file panics more often than it is reported, and its `flush` does not survive
//! a power cut. So every call goes through [`calmly`], and every write is followed by a sync of the files themselves.

use super::VaultDamage;
use crate::crash::{Point, reached};
use std::fs::{File, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// sled's default would be 1 GiB. The vault holds a few documents.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// How long an earlier sled of this process may take to let go: five seconds.
const RELEASE_LOOKS_MAX: u32 = 500;
const RELEASE_PAUSE: Duration = Duration::from_millis(10);

/// An open sled directory. After a panic nothing is asked of it any more.
pub(super) struct Cell {
    db: Option<sled::Db>,
    dir: PathBuf,
}

/// A value or its absence, by key.
pub(super) type Entry = (Vec<u8>, Vec<u8>);

impl Cell {
    /// Opens or makes the directory.
    pub(super) fn open(dir: &Path) -> Result<Self, VaultDamage> {
        let made = std::fs::DirBuilder::new().mode(0o700).recursive(true).create(dir);
        made.map_err(|error| VaultDamage::of_io("make its directory", &error))?;
        await_release(&dir.join("db"))?;
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(CACHE_BYTES)
            .use_compression(false)
            .print_profile_on_drop(false)
            .flush_every_ms(None);
        let db = calmly("open it", || config.open())?;
        let cell = Self { db: Some(db), dir: dir.to_owned() };
        cell.sync(&["conf", "db"])?;
        Ok(cell)
    }

    /// Every entry whose key starts with `prefix`, in the order of the keys.
    pub(super) fn entries(&mut self, prefix: &[u8]) -> Result<Vec<Entry>, VaultDamage> {
        self.ask("read it", |db| {
            db.scan_prefix(prefix)
                .map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())))
                .collect()
        })
    }

    /// One value.
    pub(super) fn value(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, VaultDamage> {
        self.ask("read it", |db| db.get(key).map(|value| value.map(|value| value.to_vec())))
    }

    /// Writes and removes together, durable when this returns.
    pub(super) fn write(&mut self, puts: Vec<Entry>, removals: Vec<Vec<u8>>) -> Result<(), VaultDamage> {
        let mut batch = sled::Batch::default();
        for (key, value) in puts {
            batch.insert(key, value);
        }
        for key in removals {
            batch.remove(key);
        }
        self.ask("write to it", |db| db.apply_batch(batch))?;
        reached(Point::VaultInserted);
        self.ask("flush it", |db| db.flush().map(drop))?;
        self.sync(&["db"])?;
        reached(Point::VaultSynced);
        Ok(())
    }

    fn ask<T>(
        &mut self,
        doing: &'static str,
        question: impl FnOnce(&sled::Db) -> sled::Result<T>,
    ) -> Result<T, VaultDamage> {
        let Some(db) = &self.db else { return Err(VaultDamage::Panicked { doing }) };
        let answer = calmly(doing, || question(db));
        if matches!(answer, Err(VaultDamage::Panicked { .. })) {
            // Whatever state it is in, its destructor must not run: it would flush.
            std::mem::forget(self.db.take());
        }
        answer
    }

    /// fsync of the files by descriptors of our own, then of the directories: sled writes large values into files of
    /// their own and syncs neither them nor any directory.
    fn sync(&self, names: &[&str]) -> Result<(), VaultDamage> {
        let sync = |path: &Path| {
            let synced = File::open(path).and_then(|file| file.sync_all());
            synced.map_err(|error| VaultDamage::of_io("sync it", &error))
        };
        for name in names {
            sync(&self.dir.join(name))?;
        }
        let blobs = self.dir.join("blobs");
        let mut any = false;
        if let Ok(listing) = std::fs::read_dir(&blobs) {
            for blob in listing {
                sync(&blob.map_err(|error| VaultDamage::of_io("list its blobs", &error))?.path())?;
                any = true;
            }
        }
        if any { sync(&blobs) } else { Ok(()) }
    }
}

/// Waits until nobody holds sled's own lock.
///
/// Whoever opens a vault is the one writer, so the holder can only be a thread of an earlier sled in this process that
/// has not ended yet: sled ends them some time after its destructor returns.
fn await_release(db: &Path) -> Result<(), VaultDamage> {
    let Ok(file) = File::open(db) else { return Ok(()) };
    for _ in 0..RELEASE_LOOKS_MAX {
        match file.try_lock() {
            // Dropping the file gives the lock back.
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => std::thread::park_timeout(RELEASE_PAUSE),
            Err(TryLockError::Error(error)) => return Err(VaultDamage::of_io("lock it", &error)),
        }
    }
    Err(VaultDamage::Busy)
}

impl Drop for Cell {
    fn drop(&mut self) {
        let db = self.db.take();
        // A panic here would be one in a destructor; the files are synced, so nothing is lost by ignoring it.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(db)));
    }
}

/// The barrier: a panic inside of sled becomes damage of the vault.
fn calmly<T>(doing: &'static str, call: impl FnOnce() -> sled::Result<T>) -> Result<T, VaultDamage> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(error))) => Err(VaultDamage::of_io(doing, &error)),
        Ok(Err(error)) => Err(VaultDamage::Sled { doing, problem: error.to_string() }),
        Err(_) => Err(VaultDamage::Panicked { doing }),
    }
}
