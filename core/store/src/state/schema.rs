//! Making, opening and migrating `state.db`. Its version is SQLite's `user_version`.

use super::fault::{Damage, Fault};
use super::seal;
use crate::StoreError;
use crate::durable::{directory_of, exists, rename, sync_directory};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::fs::OpenOptions;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// In the order of their versions: the first makes version 1 out of nothing.
const MIGRATIONS: [&str; 6] = [
    include_str!("../../../../migrations/edge/state/0001_first.sql"),
    include_str!("../../../../migrations/edge/state/0002_notices.sql"),
    include_str!("../../../../migrations/edge/state/0003_seats.sql"),
    include_str!("../../../../migrations/edge/state/0004_clock_challenge.sql"),
    include_str!("../../../../migrations/edge/state/0005_settled.sql"),
    include_str!("../../../../migrations/edge/state/0006_sent_hash.sql"),
];
/// The version that this program writes.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;
/// Readers without the lock and the writer wait for each other this long.
const BUSY: Duration = Duration::from_secs(5);
/// `PRAGMA synchronous`: FULL, without which a commit does not survive a power cut.
const SYNCHRONOUS_FULL: i64 = 2;

/// Makes the file with its first content, or not at all: it gets its name when it is complete.
pub(super) fn create(
    path: &Path,
    first_content: impl FnOnce(&Connection) -> Result<(), Fault>,
) -> Result<(), StoreError> {
    let unfinished = with_suffix(path, ".new");
    for leftover in [unfinished.clone(), with_suffix(&unfinished, "-journal")] {
        if exists(&leftover)? {
            std::fs::remove_file(&leftover).map_err(StoreError::io(&leftover, "remove it"))?;
        }
    }
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished);
    drop(made.map_err(StoreError::io(&unfinished, "create it"))?);
    fill(&unfinished, first_content).map_err(|fault| fault.at(&unfinished, "make it"))?;
    sync_directory(directory_of(path))?;
    rename(&unfinished, path)
}

fn fill(path: &Path, first_content: impl FnOnce(&Connection) -> Result<(), Fault>) -> Result<(), Fault> {
    let mut conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    migrate(&transaction, 0)?;
    first_content(&transaction)?;
    seal::renew(&transaction)?;
    transaction.commit()?;
    // A rollback journal until here, so that one file is the whole database when it is renamed.
    conn.close().map_err(|(_, error)| error.into())
}

/// Opens an existing file for writing, checks it and brings it to this version.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    open_for_writing(path).map_err(|fault| fault.at(path, "open it"))
}

fn open_for_writing(path: &Path) -> Result<Connection, Fault> {
    let mut conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.busy_timeout(BUSY)?;
    let mode: String = conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "trusted_schema", false)?;
    // Ratchets that were used are wiped, not left in free pages.
    conn.pragma_update(None, "secure_delete", true)?;
    let synchronous: i64 = conn.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    if mode != "wal" || synchronous != SYNCHRONOUS_FULL {
        return Err(Damage("journal mode").into());
    }
    check_content(&conn)?;
    let version = version_of(&conn, path)?;
    if version < VERSION {
        let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        migrate(&transaction, version)?;
        seal::renew(&transaction)?;
        transaction.commit()?;
    }
    Ok(conn)
}

/// Opens an existing file for a look.
pub(super) fn open_read_only(path: &Path) -> Result<Connection, StoreError> {
    let open = || {
        let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        conn.busy_timeout(BUSY)?;
        conn.pragma_update(None, "trusted_schema", false)?;
        version_of(&conn, path)?;
        Ok(conn)
    };
    open().map_err(|fault: Fault| fault.at(path, "open it"))
}

/// Opens an existing file that nobody is writing, without making anything beside it.
pub(super) fn open_unchanging(path: &Path) -> Result<Connection, StoreError> {
    let open = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        let conn = Connection::open_with_flags(immutable_uri(path), flags)?;
        conn.pragma_update(None, "trusted_schema", false)?;
        version_of(&conn, path)?;
        Ok(conn)
    };
    open().map_err(|fault: Fault| fault.at(path, "open it"))
}

/// The path as a URI of SQLite's (sqlite.org/uri.html), with every byte escaped that could mean something else there.
pub(crate) fn immutable_uri(path: &Path) -> String {
    let mut uri = String::from(if path.is_absolute() { "file://" } else { "file:" });
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/.-_".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri + "?immutable=1"
}

/// The file is small, so its structure is checked whenever it is opened.
fn check_content(conn: &Connection) -> Result<(), Fault> {
    let verdict: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(Damage("structure").into()) }
}

/// The version of the content, which a program that only looks may meet before the next writer has migrated it.
pub(super) fn version(conn: &Connection) -> Result<i64, Fault> {
    Ok(conn.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

fn version_of(conn: &Connection, path: &Path) -> Result<i64, Fault> {
    let version = version(conn)?;
    match version {
        1..=VERSION => Ok(version),
        newer if newer > VERSION => {
            Err(StoreError::StateNewer { path: path.to_owned(), version: newer, known: VERSION }.into())
        }
        _ => Err(Damage("version").into()),
    }
}

fn migrate(conn: &Connection, from: i64) -> Result<(), Fault> {
    let done = usize::try_from(from).unwrap_or(0);
    for migration in &MIGRATIONS[done..] {
        conn.execute_batch(migration)?;
    }
    Ok(conn.pragma_update(None, "user_version", VERSION)?)
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
