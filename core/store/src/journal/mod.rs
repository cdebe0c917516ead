//! `journal/journal.db`: what the agent and every host write together. Today that is one row, the clock's marks.
//!
//! The agent alone makes the file. Whoever ticks moves the marks inside one `BEGIN IMMEDIATE`, from the row that is
//! kept, so that the same seconds are counted once however many processes run.

mod keeper;

pub use keeper::{ClockKeeper, Kept, Learned};

use crate::durable::{directory_of, exists};
use crate::{Layout, StoreError};
use brink_license::clock::Marks;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior, params};
use rustix::fs::statvfs;
use sha2::{Digest, Sha256};
use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

const FILE: &str = "journal.db";
/// Hosts are members of the directory's group.
const FILE_MODE: u32 = 0o660;
const MIGRATIONS: [&str; 1] = [include_str!("../../../../migrations/edge/journal/0001_clock.sql")];
const VERSION: i64 = MIGRATIONS.len() as i64;
/// A ticker waits this long for another process's commit and then goes on from memory until its next turn.
const BUSY: Duration = Duration::from_millis(200);
/// `PRAGMA synchronous`: FULL, without which a commit does not survive a power cut.
const SYNCHRONOUS_FULL: i64 = 2;
/// A page of SQLite's. Where blocks are smaller, a full disk can take away a part of the page of its index that is mapped, and
/// whoever touches it is killed (SIGBUS, seen on ext4 with blocks of 1 KiB). Nothing is kept there rather.
const BLOCK_BYTES_MIN: u64 = 4096;
const CLOCK_LABEL: &[u8] = b"brink/clock/v1\0";

/// Why the journal could not be used. Checks go on from memory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalFault {
    /// There is none, or this user may not reach it.
    #[error("cannot use the journal: {0}")]
    Unusable(String),
    /// It says what it cannot say.
    #[error("the journal is damaged: {0}")]
    Damaged(String),
}

impl From<rusqlite::Error> for JournalFault {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TypeMismatch) => {
                JournalFault::Damaged(error.to_string())
            }
            _ => JournalFault::Unusable(error.to_string()),
        }
    }
}

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    conn: Connection,
    /// Which file it is, to notice that another took its name.
    inode: (u64, u64),
}

impl Journal {
    /// Where it is in a journal directory.
    #[must_use]
    pub fn path(directory: &Path) -> PathBuf {
        directory.join(FILE)
    }

    /// Makes the journal of a device that has none; only the agent does. One that is damaged is set aside first.
    /// Answers what was wrong with it.
    pub fn ensure(layout: &Layout) -> Result<Option<JournalFault>, StoreError> {
        let path = Self::path(&layout.journal());
        if !exists(&path)? {
            make(&path)?;
            return Ok(None);
        }
        match Self::open(&layout.journal()) {
            Ok(_) => Ok(None),
            Err(fault @ JournalFault::Unusable(_)) => Ok(Some(fault)),
            Err(fault @ JournalFault::Damaged(_)) => {
                set_aside(&path)?;
                make(&path)?;
                Ok(Some(fault))
            }
        }
    }

    /// Opens the journal of a directory.
    pub fn open(directory: &Path) -> Result<Self, JournalFault> {
        let path = Self::path(directory);
        let inode = inode_of(&path)?;
        check_blocks(directory)?;
        let conn = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        conn.busy_timeout(BUSY)?;
        let mode: String = conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        conn.pragma_update(None, "synchronous", "FULL")?;
        conn.pragma_update(None, "trusted_schema", false)?;
        let synchronous: i64 = conn.pragma_query_value(None, "synchronous", |row| row.get(0))?;
        let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match (mode.as_str(), synchronous, version) {
            ("wal", SYNCHRONOUS_FULL, VERSION) => Ok(Self { conn, inode }),
            ("wal", SYNCHRONOUS_FULL, newer) if newer > VERSION => Err(JournalFault::Unusable(format!(
                "it has version {newer}, this program writes {VERSION}: update it"
            ))),
            _ => Err(JournalFault::Damaged("its header".into())),
        }
    }

    /// The marks that are kept, for somebody who must leave no trace.
    #[must_use]
    pub fn glimpse(directory: &Path) -> Option<Marks> {
        kept_in(&open_for_a_look(&Self::path(directory)).ok()?).ok()?.0
    }

    /// What is wrong with it, without leaving a trace.
    pub fn examine(directory: &Path) -> Result<(), JournalFault> {
        let path = Self::path(directory);
        inode_of(&path)?;
        let conn = open_for_a_look(&path)?;
        let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version > VERSION {
            return Err(JournalFault::Unusable(format!("it has version {version}: update this program")));
        }
        let verdict: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if version != VERSION || verdict != "ok" {
            return Err(JournalFault::Damaged("its structure".into()));
        }
        kept_in(&conn)?.1.map_or(Ok(()), Err)
    }

    /// Whether the file with its name is still this one.
    #[must_use]
    pub fn is_current(&self, directory: &Path) -> bool {
        inode_of(&Self::path(directory)).is_ok_and(|inode| inode == self.inode)
    }

    /// Changes the kept marks in one transaction: `change` gets what is kept, if it is sound, and answers what is to be
    /// kept from now on. Durable when this returns.
    pub fn change_marks<T>(
        &mut self,
        change: impl FnOnce(Option<Marks>) -> (Marks, T),
    ) -> Result<(T, Option<JournalFault>), JournalFault> {
        let transaction = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (kept, fault) = kept_in(&transaction)?;
        let (marks, answer) = change(kept);
        let bytes = marks.to_bytes();
        transaction.execute(
            "INSERT INTO clock (one, marks, sha256) VALUES (1, ?1, ?2)
             ON CONFLICT (one) DO UPDATE SET marks = excluded.marks, sha256 = excluded.sha256",
            params![bytes, digest_of(&bytes)],
        )?;
        transaction.commit()?;
        Ok((answer, fault))
    }
}

/// Refuses a file system whose full disk would kill this process, and with it a host's cameras.
fn check_blocks(directory: &Path) -> Result<(), JournalFault> {
    match statvfs(directory) {
        Ok(found) if found.f_bsize < BLOCK_BYTES_MIN => Err(JournalFault::Unusable(format!(
            "its file system has blocks of {} bytes, and {BLOCK_BYTES_MIN} are needed",
            found.f_bsize
        ))),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Without a log beside it nobody is writing, and then the file is read as if it could not change; with one, everything
/// that reading needs is there already.
fn open_for_a_look(path: &Path) -> Result<Connection, rusqlite::Error> {
    let directory = directory_of(path);
    if path.with_extension("db-wal").exists() && check_blocks(directory).is_ok() {
        return Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(crate::state::immutable_uri(path), flags)
}

/// The row, if it is sound, and otherwise why not.
fn kept_in(conn: &Connection) -> Result<(Option<Marks>, Option<JournalFault>), rusqlite::Error> {
    let row = conn.query_row("SELECT marks, sha256 FROM clock", [], |row| {
        Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?))
    });
    Ok(match row.optional()? {
        None => (None, None),
        Some((bytes, digest)) if digest == digest_of(&bytes) => (Marks::from_bytes(&bytes), None),
        Some(_) => (None, Some(JournalFault::Damaged("the clock's marks".into()))),
    })
}

fn digest_of(marks: &[u8]) -> [u8; 32] {
    Sha256::new_with_prefix(CLOCK_LABEL).chain_update(marks).finalize().into()
}

fn inode_of(path: &Path) -> Result<(u64, u64), JournalFault> {
    let looked = path.metadata().map_err(|e| JournalFault::Unusable(format!("{}: {e}", path.display())))?;
    Ok((looked.dev(), looked.ino()))
}

/// Makes the file complete under another name first, so that no host meets half of it.
fn make(path: &Path) -> Result<(), StoreError> {
    let unfinished = path.with_extension("db.new");
    if exists(&unfinished)? {
        std::fs::remove_file(&unfinished).map_err(StoreError::io(&unfinished, "remove it"))?;
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&unfinished);
    let file = file.map_err(StoreError::io(&unfinished, "create it"))?;
    // The umask may have taken bits away.
    let set = file.set_permissions(Permissions::from_mode(FILE_MODE));
    set.map_err(StoreError::io(&unfinished, "set its mode"))?;
    let filled = || -> Result<(), rusqlite::Error> {
        let conn = Connection::open_with_flags(&unfinished, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        conn.pragma_update(None, "synchronous", "FULL")?;
        MIGRATIONS.iter().try_for_each(|migration| conn.execute_batch(migration))?;
        conn.pragma_update(None, "user_version", VERSION)?;
        conn.close().map_err(|(_, error)| error)
    };
    filled().map_err(|error| StoreError::Unstorable { what: "the journal", problem: error.to_string() })?;
    crate::durable::rename(&unfinished, path)
}

/// Renames a damaged journal, with what SQLite keeps beside it, to the next free `journal.db.damaged-N`.
fn set_aside(path: &Path) -> Result<(), StoreError> {
    let free = (1..).map(|number: u64| path.with_extension(format!("db.damaged-{number}")));
    for aside in free {
        if exists(&aside)? {
            continue;
        }
        for suffix in ["-wal", "-shm"] {
            let beside = |path: &Path| {
                let mut name = path.as_os_str().to_owned();
                name.push(suffix);
                PathBuf::from(name)
            };
            if exists(&beside(path))? {
                crate::durable::rename(&beside(path), &beside(&aside))?;
            }
        }
        return crate::durable::rename(path, &aside);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
