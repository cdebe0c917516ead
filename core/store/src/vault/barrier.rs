//! sled 0.34.7 behind a panic barrier, made durable.
//!
//! Measured: a flipped byte in sled's `db` file panics more often than it is reported, and its `flush` does not survive
//! a power cut. So every call goes through [`calmly`], and every write is followed by a sync of the files themselves.

use super::VaultDamage;
use crate::crash::{Point, reached};
use std::collections::BTreeMap;
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

/// Values are cut into chunks of this size. sled puts what is above a quarter of a segment, 128 KiB, into files of its
/// own, which it neither syncs nor always removes; and it splits a page by its number of entries, which is 16, not by
/// their size. So a whole page of chunks stays below that.
const CHUNK_BYTES: usize = 4096;
/// Between a key and its chunk's number. No key holds it.
const END_OF_KEY: u8 = 0;

/// An open sled directory. After a panic nothing is asked of it any more.
pub(super) struct Cell {
    db: Option<sled::Db>,
    dir: PathBuf,
}

/// A key and its value.
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
        let mut entries: Vec<Entry> = Vec::new();
        for (chunk_key, chunk) in self.chunks(prefix)? {
            let end = chunk_key.iter().position(|byte| *byte == END_OF_KEY).unwrap_or(chunk_key.len());
            match entries.last_mut() {
                Some((key, value)) if *key == chunk_key[..end] => value.extend(chunk),
                Some(_) | None => entries.push((chunk_key[..end].to_vec(), chunk)),
            }
        }
        Ok(entries)
    }

    /// One value.
    pub(super) fn value(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, VaultDamage> {
        let chunks = self.chunks(&chunk_prefix(key))?;
        let any = !chunks.is_empty();
        Ok(any.then(|| chunks.into_iter().flat_map(|(_, chunk)| chunk).collect()))
    }

    fn chunks(&mut self, prefix: &[u8]) -> Result<Vec<Entry>, VaultDamage> {
        self.ask("read it", |db| {
            db.scan_prefix(prefix)
                .map(|chunk| chunk.map(|(key, value)| (key.to_vec(), value.to_vec())))
                .collect()
        })
    }

    /// Writes and removes together, durable when this returns.
    pub(super) fn write(&mut self, puts: Vec<Entry>, removals: Vec<Vec<u8>>) -> Result<(), VaultDamage> {
        let mut batch = sled::Batch::default();
        for (key, value) in puts {
            let mut held: BTreeMap<_, _> = self.chunks(&chunk_prefix(&key))?.into_iter().collect();
            for (number, chunk) in (0u32..).zip(value.chunks(CHUNK_BYTES)) {
                let chunk_key = [&chunk_prefix(&key)[..], &number.to_be_bytes()].concat();
                // Most of what is deposited has not changed since the last time.
                if held.remove(&chunk_key).as_deref() != Some(chunk) {
                    batch.insert(chunk_key, chunk);
                }
            }
            held.into_keys().for_each(|surplus| batch.remove(surplus));
        }
        for key in removals {
            self.chunks(&chunk_prefix(&key))?.into_iter().for_each(|(chunk_key, _)| batch.remove(chunk_key));
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

    /// fsync of the files by descriptors of our own.
    fn sync(&self, names: &[&str]) -> Result<(), VaultDamage> {
        for name in names {
            let synced = File::open(self.dir.join(name)).and_then(|file| file.sync_all());
            synced.map_err(|error| VaultDamage::of_io("sync it", &error))?;
        }
        Ok(())
    }
}

/// What the keys of a value's chunks start with.
fn chunk_prefix(key: &[u8]) -> Vec<u8> {
    [key, &[END_OF_KEY]].concat()
}

/// Waits until nobody holds sled's own lock.
///
/// Whoever opens a vault is the one writer, so the holder can only be a thread of an earlier sled in this process that
/// has not ended yet: sled ends them some time after its destructor returns.
pub(super) fn await_release(db: &Path) -> Result<(), VaultDamage> {
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
