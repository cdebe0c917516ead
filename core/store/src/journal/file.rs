//! The file itself, which the agent alone makes, migrates, and replaces when it is damaged.

use super::header::says_wal;
use super::usage::{self, Known};
use super::{Journal, JournalFault, MIGRATIONS, QUOTAS_SINCE, VERSION};
use crate::durable::{exists, remove_if_there, rename};
use crate::{Layout, StoreError};
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Hosts are members of the directory's group.
const FILE_MODE: u32 = 0o660;
/// Journals that were set aside and are kept for a person to look at.
const ASIDE_KEPT: u64 = 3;
/// The agent waits this long for whoever is writing: hosts wait no longer for each other.
const BUSY: Duration = Duration::from_secs(5);

impl Journal {
    /// Makes the journal of a device that has none and brings an earlier one to this version; only the agent does. What a
    /// damaged one still has goes over into a new one, and itself is set aside. `known` is whom the device is already: a
    /// journal that is absent then was lost. Answers what was wrong with it.
    pub(crate) fn ensure(layout: &Layout, known: Option<&Known>) -> Result<Option<JournalFault>, StoreError> {
        let path = Self::path(&layout.journal());
        if !exists(&path)? {
            let mended = mended(&path);
            if !exists(&mended)? {
                complete(&path, &mended, |new| known.map_or(Ok(()), |known| usage::lost(new, known)))?;
            }
            // A log whose file is gone would be taken for the new one's.
            set_aside(&path)?;
            rename(&mended, &path)?;
            return Ok(None);
        }
        // Of a mending that was interrupted before its turn: the journal has gone on since.
        remove_if_there(&mended(&path))?;
        let opened = match Self::open(&layout.journal()) {
            Err(JournalFault::NotYet { .. }) => migrate(&path).and_then(|()| Self::open(&layout.journal())),
            opened => opened,
        };
        let look = |journal: Self| usage::check(&journal.conn).and_then(|()| usage::probe(&journal.conn));
        let opened = if says_wal(&path) { opened } else { Err(JournalFault::Damaged("its header".into())) };
        match opened.and_then(look) {
            Ok(()) => Ok(None),
            Err(fault @ (JournalFault::Unusable(_) | JournalFault::NotYet { .. })) => Ok(Some(fault)),
            Err(fault @ JournalFault::Damaged(_)) => replace(&path, known, fault).map(Some),
        }
    }

    /// The same for one in which whoever read further has found damage.
    pub(crate) fn set_aside(
        layout: &Layout,
        known: Option<&Known>,
        fault: JournalFault,
    ) -> Result<JournalFault, StoreError> {
        replace(&Self::path(&layout.journal()), known, fault)
    }
}

/// Puts a new journal in the place of a damaged one. Nobody can write to the damaged one meanwhile, and who waits for that
/// finds another file under its name: nothing is acknowledged that is only in what was set aside.
fn replace(path: &Path, known: Option<&Known>, fault: JournalFault) -> Result<JournalFault, StoreError> {
    let old = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE);
    let old = old.or_else(|_| Connection::open_in_memory()).map_err(|error| unstorable(&error))?;
    let begun = old
        .busy_timeout(BUSY)
        .and_then(|()| Transaction::new_unchecked(&old, TransactionBehavior::Immediate));
    // Where its damage is why nobody can write to it, that is as good as having locked it.
    let is_unwritable = |error: &rusqlite::Error| error.sqlite_error_code() == Some(ErrorCode::ReadOnly);
    let begun = match begun {
        Err(error) if is_unwritable(&error) => Err(JournalFault::Damaged(error.to_string())),
        begun => begun.map_err(JournalFault::from),
    };
    let _locked = match begun {
        Err(JournalFault::Unusable(problem)) => {
            return Ok(JournalFault::Unusable(format!("{fault}, and it cannot be set aside: {problem}")));
        }
        begun => begun,
    };
    let mended = mended(path);
    complete(path, &mended, |new| usage::mend(&old, new, known))?;
    set_aside(path)?;
    rename(&mended, path)?;
    Ok(fault)
}

fn mended(path: &Path) -> PathBuf {
    path.with_extension("db.mended")
}

fn unstorable(problem: &dyn std::fmt::Display) -> StoreError {
    StoreError::Unstorable { what: "the journal", problem: problem.to_string() }
}

/// Brings an earlier version to this one, in one transaction.
fn migrate(path: &Path) -> Result<(), JournalFault> {
    let mut conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.busy_timeout(BUSY)?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let done = usize::try_from(version).unwrap_or_default();
    MIGRATIONS.iter().skip(done).try_for_each(|migration| transaction.execute_batch(migration))?;
    if done < QUOTAS_SINCE {
        // Nothing was lost: what was used is counted from its records.
        usage::settle(&transaction)?;
    }
    transaction.pragma_update(None, "user_version", VERSION.max(version))?;
    Ok(transaction.commit()?)
}

/// Makes the file complete under other names first, so that no host meets half of it.
fn complete(
    path: &Path,
    as_name: &Path,
    content: impl FnOnce(&Connection) -> Result<(), super::UsageError>,
) -> Result<(), StoreError> {
    let unfinished = path.with_extension("db.new");
    for leftover in [unfinished.clone(), path.with_extension("db.new-journal")] {
        remove_if_there(&leftover)?;
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&unfinished);
    let file = file.map_err(StoreError::io(&unfinished, "create it"))?;
    // The umask may have taken bits away.
    let set = file.set_permissions(Permissions::from_mode(FILE_MODE));
    set.map_err(StoreError::io(&unfinished, "set its mode"))?;
    fill(&unfinished, content).map_err(|error| unstorable(&error))?;
    rename(&unfinished, as_name)
}

fn fill(
    unfinished: &Path,
    content: impl FnOnce(&Connection) -> Result<(), super::UsageError>,
) -> Result<(), super::UsageError> {
    let database = |error: rusqlite::Error| JournalFault::from(error);
    let mut conn =
        Connection::open_with_flags(unfinished, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(database)?;
    conn.pragma_update(None, "synchronous", "FULL").map_err(database)?;
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(database)?;
    MIGRATIONS.iter().try_for_each(|migration| transaction.execute_batch(migration)).map_err(database)?;
    usage::settle(&transaction)?;
    content(&transaction)?;
    // Nothing takes the journal's name that would be set aside again.
    usage::check(&transaction)?;
    transaction.pragma_update(None, "user_version", VERSION).map_err(database)?;
    transaction.commit().map_err(database)?;
    // A rollback journal until here, so that one file is the whole database when it is renamed.
    conn.close().map_err(|(_, error)| database(error).into())
}

/// Renames a journal to the next free `journal.db.damaged-N`, and what SQLite keeps beside it after it: where that is
/// interrupted, the file is absent and the rest is done by whoever makes the next.
fn set_aside(path: &Path) -> Result<(), StoreError> {
    let number = newest_aside(path)?.saturating_add(1);
    for (from, to) in with_beside(path).into_iter().zip(with_beside(&aside(path, number))) {
        if exists(&from)? {
            rename(&from, &to)?;
        }
    }
    forget_earlier(number, path)
}

fn aside(path: &Path, number: u64) -> PathBuf {
    path.with_extension(format!("db.damaged-{number}"))
}

/// A database, and what SQLite keeps beside it.
fn with_beside(path: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    })
}

/// The number of the journal that was set aside last; 0 for none. A name with a number that cannot be counted on from is
/// somebody else's.
fn newest_aside(path: &Path) -> Result<u64, StoreError> {
    let directory = crate::durable::directory_of(path);
    let listing = std::fs::read_dir(directory).map_err(StoreError::io(directory, "list it"))?;
    let names = listing.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let number = |name: String| {
        let number = name.strip_prefix("journal.db.damaged-")?;
        number.trim_end_matches("-wal").trim_end_matches("-shm").parse::<u32>().ok()
    };
    Ok(names.filter_map(number).max().map_or(0, u64::from))
}

/// A disk that spoils one journal after the other is not filled with them: the newest stay.
fn forget_earlier(newest: u64, path: &Path) -> Result<(), StoreError> {
    let Some(gone) = newest.checked_sub(ASIDE_KEPT) else { return Ok(()) };
    for number in (1..=gone).rev() {
        let earlier = aside(path, number);
        if !exists(&earlier)? && number < gone {
            break;
        }
        with_beside(&earlier).iter().try_for_each(|file| remove_if_there(file))?;
    }
    Ok(())
}
