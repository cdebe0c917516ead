//! `journal/journal.db`: what the agent and every host write together: the clock's marks, one row, and usage.
//!
//! The agent alone makes the file, brings it to this version, and puts another in the place of a damaged one (`file`). Whoever ticks moves the marks inside one `BEGIN IMMEDIATE`, from the row that is
//! kept, so that the same seconds are counted once however many processes run.

mod file;
mod header;
mod keeper;
mod usage;

pub use keeper::{ClockKeeper, Kept, Learned};
pub(crate) use usage::{Act, Aside, Came, Known, Reached, Request, Terms, UsageWriter};
pub use usage::{
    Backlog, BookFault, ChainPlace, ChainSummary, Copied, Outbox, Recorded, Shrunk, Traced, Unsent,
    UsageBook, UsageError, Walked,
};

use crate::durable::directory_of;
use brink_license::clock::Marks;
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params,
};
use rustix::fs::statvfs;
use sha2::{Digest, Sha256};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const FILE: &str = "journal.db";
/// In the order of their versions: the first makes version 1 out of nothing.
const MIGRATIONS: [&str; 4] = [
    include_str!("../../../../migrations/edge/journal/0001_clock.sql"),
    include_str!("../../../../migrations/edge/journal/0002_usage.sql"),
    include_str!("../../../../migrations/edge/journal/0003_quotas.sql"),
    include_str!("../../../../migrations/edge/journal/0004_settlement.sql"),
];
/// The version that brought quotas.
const QUOTAS_SINCE: usize = 3;
const VERSION: i64 = MIGRATIONS.len() as i64;
/// SHA-256 of what the migrations make. Each process compares it at every opening, so that it is not made for that; a test makes it.
const SCHEMA_SHA256: [u8; 32] = [
    0x6c, 0xef, 0xde, 0xca, 0x2d, 0x94, 0xd2, 0xde, 0xb2, 0x98, 0x32, 0xd8, 0x77, 0xe9, 0x8a, 0x62, 0x0d,
    0x29, 0xe1, 0xb2, 0xbc, 0x66, 0x9f, 0x97, 0x3a, 0x06, 0x6c, 0xe5, 0x74, 0xb8, 0x49, 0x19,
];
/// A ticker waits this long for another process's commit and then goes on from memory until its next turn.
const BUSY: Duration = Duration::from_millis(200);
/// `PRAGMA synchronous`: FULL, without which a commit does not survive a power cut.
const SYNCHRONOUS_FULL: i64 = 2;
/// A page of SQLite's. Where blocks are smaller, a full disk can take away a part of the page of its index that is mapped, and
/// whoever touches it is killed (SIGBUS, seen on ext4 with blocks of 1 KiB). Nothing is kept there rather.
pub const BLOCK_BYTES_MIN: u64 = 4096;
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
    /// An earlier program made it, and the agent of this one has not run yet.
    #[error(
        "the journal has version {version}, and its agent has not brought it to {wanted} yet: start the agent"
    )]
    NotYet {
        /// Found.
        version: i64,
        /// Needed.
        wanted: i64,
    },
}

impl From<rusqlite::Error> for JournalFault {
    fn from(error: rusqlite::Error) -> Self {
        let is_of_content = matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::Utf8Error(..)
        );
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TypeMismatch) => {
                JournalFault::Damaged(error.to_string())
            }
            _ if is_of_content => JournalFault::Damaged(error.to_string()),
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

    /// Opens the journal of a directory.
    pub fn open(directory: &Path) -> Result<Self, JournalFault> {
        Self::open_within(directory, BUSY)
    }

    /// The same, waiting this long where another process opens or closes it.
    fn open_within(directory: &Path, busy: Duration) -> Result<Self, JournalFault> {
        let path = Self::path(directory);
        let inode = inode_of(&path)?;
        check_blocks(directory)?;
        let conn = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        conn.busy_timeout(busy)?;
        let mode: String = conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        conn.pragma_update(None, "synchronous", "FULL")?;
        conn.pragma_update(None, "trusted_schema", false)?;
        let synchronous: i64 = conn.pragma_query_value(None, "synchronous", |row| row.get(0))?;
        if (mode.as_str(), synchronous) != ("wal", SYNCHRONOUS_FULL) {
            return Err(JournalFault::Damaged("its header".into()));
        }
        check_version(&conn)?;
        // SQLite itself refuses to grow the file beyond its limit.
        let pages = usage::bytes_max(&conn)? / BLOCK_BYTES_MIN;
        conn.pragma_update(None, "max_page_count", i64::try_from(pages).unwrap_or(i64::MAX))?;
        Ok(Self { conn, inode })
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
        check_version(&conn)?;
        let verdict: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if verdict != "ok" {
            return Err(JournalFault::Damaged("its structure".into()));
        }
        kept_in(&conn)?.1.map_or(Ok(()), Err)?;
        usage::check(&conn)
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
        keep_marks(&transaction, &marks)?;
        transaction.commit()?;
        Ok((answer, fault))
    }
}

/// Whether this program made it. A version is believed only with a schema that goes with it: SQLite notices no flipped bit in
/// either.
fn check_version(conn: &Connection) -> Result<(), JournalFault> {
    let _moment = moment(conn)?;
    let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let schema: [u8; 32] = Sha256::digest(schema_of(conn)?).into();
    match (schema == SCHEMA_SHA256, version) {
        (true, VERSION) => Ok(()),
        (false, newer) if newer > VERSION => Err(JournalFault::Unusable(format!(
            "it has version {newer}, this program writes {VERSION}: update it"
        ))),
        (false, 1..VERSION) => Err(JournalFault::NotYet { version, wanted: VERSION }),
        (true, _) => Err(JournalFault::Damaged("its header".into())),
        (false, _) => Err(JournalFault::Damaged("its schema".into())),
    }
}

/// What is read until this is dropped is of one moment: others write meanwhile. Inside a transaction that is so anyway.
fn moment(conn: &Connection) -> Result<Option<Transaction<'_>>, rusqlite::Error> {
    conn.is_autocommit().then(|| conn.unchecked_transaction()).transpose()
}

fn schema_of(conn: &Connection) -> rusqlite::Result<String> {
    // What ANALYZE makes says nothing of ours.
    let text = "SELECT type, name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%'
                ORDER BY type, name";
    let mut found = conn.prepare(text)?;
    let rows = found.query_map([], |row| {
        let (kind, name, sql): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(format!("{kind} {name}: {sql}\n"))
    })?;
    rows.collect()
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
    let mut found = conn.prepare_cached("SELECT marks, sha256 FROM clock")?;
    let row = found.query_row([], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?)));
    Ok(match row.optional()? {
        None => (None, None),
        Some((bytes, digest)) if digest == digest_of(&bytes) => (Marks::from_bytes(&bytes), None),
        Some(_) => (None, Some(JournalFault::Damaged("the clock's marks".into()))),
    })
}

fn keep_marks(conn: &Connection, marks: &Marks) -> Result<(), rusqlite::Error> {
    let bytes = marks.to_bytes();
    conn.execute(
        "INSERT INTO clock (one, marks, sha256) VALUES (1, ?1, ?2)
         ON CONFLICT (one) DO UPDATE SET marks = excluded.marks, sha256 = excluded.sha256",
        params![bytes, digest_of(&bytes)],
    )?;
    Ok(())
}

fn digest_of(marks: &[u8]) -> [u8; 32] {
    Sha256::new_with_prefix(CLOCK_LABEL).chain_update(marks).finalize().into()
}

fn inode_of(path: &Path) -> Result<(u64, u64), JournalFault> {
    let looked = path.metadata().map_err(|e| JournalFault::Unusable(format!("{}: {e}", path.display())))?;
    Ok((looked.dev(), looked.ino()))
}

#[cfg(test)]
mod tests;
