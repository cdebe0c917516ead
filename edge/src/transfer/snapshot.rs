//! A safe copy of a file, and whether it is one that is known.
//!
//! A file is never written to. It is copied in one read transaction by SQLite's backup interface, which a program that writes
//! meanwhile neither notices nor disturbs, and the copy is what is read.

use super::error::TransferError;
use super::source::SourceFile;
use super::tables::{TABLES, Table};
use brink_store::machine;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What each SQLite database begins with (SQLite, "Database File Format", 1.3.1).
const MAGIC: &[u8] = b"SQLite format 3\0";
/// What the name of a copy ends with.
const COPY: &str = ".copy";
/// All of a path but what is plain in a URI (SQLite, "URI Filenames").
const PATH_ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'_').remove(b'-');
/// Schemas that are known have no version.
const VERSION_KNOWN: i64 = 0;

/// Where copies lie, and how long a file that another program holds is waited for.
#[derive(Clone, Debug)]
pub(super) struct Room {
    /// The work directory.
    pub(super) work: PathBuf,
    /// For a lock to go.
    pub(super) busy: Duration,
}

impl Room {
    /// The name of a copy that nobody has.
    fn fresh(&self) -> PathBuf {
        let copy = self.work.join(format!("{}.{}{COPY}", std::process::id(), machine::boottime_millis()));
        remove(&copy);
        copy
    }
}

/// A copy that nobody else may read.
fn copy_private(from: &Path, to: &Path) -> std::io::Result<()> {
    let mut to = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    std::io::copy(&mut fs::File::open(from)?, &mut to).map(drop)
}

/// A file as it was at one moment. The copy is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// To read from.
    pub(super) conn: Connection,
    /// The original, for messages.
    pub(super) path: PathBuf,
    /// Whether there was anything in it at all.
    pub(super) is_empty: bool,
    /// None for a look at the original itself.
    copy: Option<PathBuf>,
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        if let Some(copy) = &self.copy {
            remove(copy);
        }
    }
}

fn remove(copy: &Path) {
    for suffix in ["", "-journal", "-wal", "-shm"] {
        // What is not there needs not go; what cannot go is replaced by the next.
        let _ = fs::remove_file(beside(copy, suffix));
    }
}

/// Makes the work directory, and removes the copies of transfers that were killed.
pub(super) fn prepare(work: &Path) -> Result<(), TransferError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(work)
        .map_err(TransferError::io(work, "make it"))?;
    for entry in fs::read_dir(work).map_err(TransferError::io(work, "list it"))? {
        let path = entry.map_err(TransferError::io(work, "list it"))?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let process = name.strip_suffix(COPY).and_then(|rest| rest.split_once('.')?.0.parse::<u32>().ok());
        if process.is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists()) {
            remove(&path);
        }
    }
    Ok(())
}

/// Beside a file while somebody writes to it, or after somebody was killed at it.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// What changes when somebody writes: of the file, and of the logs beside it, the length and when it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Traces([Option<(u64, i64, i64)>; 3]);

impl Traces {
    /// Of a file as it is now.
    pub(super) fn of(path: &Path) -> Result<Self, TransferError> {
        let found = path.metadata().map_err(TransferError::io(path, "look at it"))?;
        let of = |found: &fs::Metadata| (found.len(), found.mtime(), found.mtime_nsec());
        let log = |suffix: &str| beside(path, suffix).metadata().ok().as_ref().map(of);
        Ok(Self([Some(of(&found)), log("-wal"), log("-journal")]))
    }

    /// Whether nobody has it open for writing, and nobody was killed at it.
    const fn are_still(&self) -> bool {
        self.0[1].is_none() && self.0[2].is_none()
    }
}

/// Opens a file for reading. `still`: as one that nobody writes to, which leaves nothing beside it.
fn open(path: &Path, still: bool, busy: Duration) -> Result<Connection, TransferError> {
    let mut begun = [0; 16];
    let mut file = fs::File::open(path).map_err(TransferError::io(path, "open it"))?;
    let read = std::io::Read::read(&mut file, &mut begun).map_err(TransferError::io(path, "read it"))?;
    if read > 0 && begun[..read] != MAGIC[..read] {
        return Err(TransferError::NotSqlite(path.to_owned()));
    }
    let of = |error: rusqlite::Error| TransferError::of_sqlite(path, &error);
    let mut name = OsString::from("file:");
    name.push(percent_encoding::percent_encode(path.as_os_str().as_bytes(), PATH_ESCAPED).to_string());
    name.push(if still { "?immutable=1" } else { "" });
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let conn = Connection::open_with_flags(name, flags).map_err(of)?;
    conn.busy_timeout(busy).map_err(of)?;
    Ok(conn)
}

impl Snapshot {
    /// Copies a file into the work directory and looks whether the copy is whole.
    pub(super) fn of(file: &SourceFile, room: &Room) -> Result<Self, TransferError> {
        let before = Traces::of(&file.path)?;
        if before.are_still() {
            let copied = Self::copied(file, room, true);
            // Nobody has begun to write meanwhile: what was copied is of one moment.
            if Traces::of(&file.path)? == before {
                return copied;
            }
        }
        match Self::copied(file, room, false) {
            // A log that only whoever may write can take up: where nobody is at it, it is taken up beside.
            Err(TransferError::Io { .. }) if !before.are_still() => Self::with_logs(file, room, before),
            copied => copied,
        }
    }

    /// Copies the file with its logs as they lie, and lets SQLite take them up in the copy.
    fn with_logs(file: &SourceFile, room: &Room, before: Traces) -> Result<Self, TransferError> {
        let copy = room.fresh();
        for suffix in ["", "-wal", "-journal"] {
            let (from, to) = (beside(&file.path, suffix), beside(&copy, suffix));
            if from.exists() {
                copy_private(&from, &to).map_err(TransferError::io(&file.path, "copy it"))?;
            }
        }
        if Traces::of(&file.path)? != before {
            remove(&copy);
            return Err(TransferError::Locked(file.path.clone()));
        }
        let conn = Connection::open(&copy).map_err(|error| TransferError::of_sqlite(&file.path, &error))?;
        let mut snapshot = Self { conn, path: file.path.clone(), is_empty: false, copy: Some(copy) };
        let set =
            snapshot.conn.execute_batch("PRAGMA synchronous = OFF; PRAGMA ignore_check_constraints = ON");
        set.map_err(|error| snapshot.of_copy(&error, &room.work))?;
        snapshot.examine(&room.work)?;
        Ok(snapshot)
    }

    fn copied(file: &SourceFile, room: &Room, still: bool) -> Result<Self, TransferError> {
        let work = &room.work;
        let copy = room.fresh();
        let source = open(&file.path, still, room.busy)?;
        let doing = "make a copy there";
        // Addresses of cameras have passwords in them, which the original may hide. What SQLite makes beside it is as hidden.
        let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&copy);
        made.map_err(|reason| TransferError::Io { path: work.to_owned(), doing, reason })?;
        let target = Connection::open(&copy).map_err(|error| TransferError::Io {
            path: work.to_owned(),
            doing,
            reason: std::io::Error::other(error),
        })?;
        let mut snapshot = Self { conn: target, path: file.path.clone(), is_empty: false, copy: Some(copy) };
        // What the checks of a table refuse lies there all the same, and is no damage: each row is looked at by itself.
        // The copy is nobody's if the machine loses its power.
        let quick = snapshot.conn.execute_batch(
            "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF; PRAGMA ignore_check_constraints = ON",
        );
        quick.map_err(|error| snapshot.of_copy(&error, work))?;
        // All pages in one step are of one moment.
        let copied = Backup::new(&source, &mut snapshot.conn).and_then(|backup| backup.step(-1));
        match copied {
            Ok(StepResult::Done) => {}
            Ok(_) => return Err(TransferError::Locked(snapshot.path.clone())),
            Err(error) => return Err(snapshot.of_copy(&error, work)),
        }
        drop(source);
        snapshot.examine(work)?;
        Ok(snapshot)
    }

    /// Looks at the original itself, which others may write to meanwhile.
    pub(super) fn glance(file: &SourceFile, busy: Duration) -> Result<Self, TransferError> {
        let still = Traces::of(&file.path)?.are_still();
        let conn = open(&file.path, still, busy)?;
        let mut snapshot = Self { conn, path: file.path.clone(), is_empty: false, copy: None };
        snapshot.count_tables()?;
        Ok(snapshot)
    }

    /// Another connection to the same copy, for another thread.
    pub(super) fn again(&self) -> Result<Connection, TransferError> {
        let path = self.copy.as_deref().unwrap_or(&self.path);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(path, flags).map_err(|error| self.fault(&error))
    }

    fn of_copy(&self, error: &rusqlite::Error, work: &Path) -> TransferError {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => {
                TransferError::NoRoom { work: work.to_owned(), path: self.path.clone() }
            }
            Some(_) | None => self.fault(error),
        }
    }

    /// What SQLite said while it read.
    pub(super) fn fault(&self, error: &rusqlite::Error) -> TransferError {
        TransferError::of_sqlite(&self.path, error)
    }

    fn examine(&mut self, work: &Path) -> Result<(), TransferError> {
        let verdict = self.conn.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
        let verdict = verdict.map_err(|error| self.of_copy(&error, work))?;
        if verdict != "ok" {
            return Err(TransferError::Corrupt { path: self.path.clone(), problem: verdict });
        }
        self.count_tables()
    }

    fn count_tables(&mut self) -> Result<(), TransferError> {
        let tables =
            self.conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0));
        self.is_empty = tables.map_err(|error| self.fault(&error))? == 0;
        Ok(())
    }

    /// Names of a query's first column.
    fn names(&self, sql: &str) -> Result<Vec<String>, TransferError> {
        let of = |error: rusqlite::Error| self.fault(&error);
        let mut found = self.conn.prepare(sql).map_err(of)?;
        let names = found.query_map([], |row| row.get::<_, String>(0)).map_err(of)?;
        names.collect::<Result<_, _>>().map_err(of)
    }

    fn columns(&self, table: &str) -> Result<Vec<String>, TransferError> {
        self.names(&format!("SELECT name FROM pragma_table_xinfo('{table}')"))
    }

    /// Refuses what a later program made: whatever nobody here knows would be left behind.
    fn refuse_newer(&self, known: &[(&str, Vec<&str>)]) -> Result<(), TransferError> {
        let newer = |what: String| Err(TransferError::Newer { path: self.path.clone(), what });
        let version: i64 = self
            .conn
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(|error| self.fault(&error))?;
        if version != VERSION_KNOWN {
            return newer(format!("its schema has version {version}"));
        }
        for table in self.names(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
        )? {
            let Some((_, columns)) = known.iter().find(|(name, _)| *name == table) else {
                return newer(format!("it has a table {table}"));
            };
            let unknown =
                self.columns(&table)?.into_iter().find(|column| !columns.contains(&column.as_str()));
            if let Some(column) = unknown {
                return newer(format!("its table {table} has a column {column}"));
            }
        }
        Ok(())
    }

    /// Refuses a table whose rows have no number, or another than their `id` says: frames are found by it.
    fn refuse_unnumbered(&self, table: &str) -> Result<(), TransferError> {
        // An `INTEGER PRIMARY KEY` is the number itself, and alone needs no index.
        let sql = "
            SELECT EXISTS (SELECT 1 FROM pragma_table_list(?1) WHERE wr)
                OR EXISTS (SELECT 1 FROM pragma_table_xinfo(?1) WHERE name = 'id' AND pk <> 1)
                OR EXISTS (SELECT 1 FROM pragma_table_xinfo(?1) WHERE name = 'id')
                    AND EXISTS (SELECT 1 FROM pragma_index_list(?1) WHERE origin = 'pk')";
        let is_unnumbered = self.conn.query_row(sql, [table], |row| row.get::<_, bool>(0));
        if is_unnumbered.map_err(|error| self.fault(&error))? {
            let what = format!("rows of its table {table} are not numbered by an INTEGER PRIMARY KEY");
            return Err(TransferError::Schema { path: self.path.clone(), what });
        }
        Ok(())
    }

    /// The tables of a telemetry file that are there: a program that never wrote some made none.
    pub(super) fn tables(&self) -> Result<Vec<&'static Table>, TransferError> {
        let known: Vec<_> = TABLES
            .iter()
            .map(|table| {
                // The number under its own name, and what SQLite computes by itself.
                let columns = table.sources().chain(["id", "dwell_time_ms"]).collect();
                (table.name, columns)
            })
            .collect();
        self.refuse_newer(&known)?;
        let mut present = Vec::new();
        for table in &TABLES {
            let columns = self.columns(table.name)?;
            if columns.is_empty() {
                continue;
            }
            let lacking =
                table.sources().find(|name| *name != "rowid" && !columns.iter().any(|column| column == name));
            if let Some(column) = lacking {
                let what = format!("its table {} has no column {column}", table.name);
                return Err(TransferError::Schema { path: self.path.clone(), what });
            }
            self.refuse_unnumbered(table.name)?;
            present.push(table);
        }
        if present.is_empty() && !self.is_empty {
            let what = "it has none of the tables of telemetry".to_owned();
            return Err(TransferError::Schema { path: self.path.clone(), what });
        }
        Ok(present)
    }

    /// Refuses a configuration that is none.
    pub(super) fn check_configuration(&self) -> Result<(), TransferError> {
        self.refuse_newer(&[
            ("config", vec!["key", "value", "updated_at"]),
            ("camera_config", vec!["camera_id", "config", "updated_at"]),
        ])?;
        let tables =
            self.names("SELECT name FROM sqlite_schema WHERE name IN ('config', 'camera_config')")?;
        if tables.len() < 2 && !self.is_empty {
            let what = "it has no tables config and camera_config".to_owned();
            return Err(TransferError::Schema { path: self.path.clone(), what });
        }
        tables.iter().try_for_each(|table| self.refuse_unnumbered(table))
    }

    /// How many rows a table has.
    pub(super) fn count(&self, table: &str) -> Result<u64, TransferError> {
        let count =
            self.conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0));
        count.map(i64::unsigned_abs).map_err(|error| self.fault(&error))
    }

    /// The highest number that a table ever gave, whether the row is still there or not.
    pub(super) fn highest(&self, table: &str) -> Result<i64, TransferError> {
        let of = |error: rusqlite::Error| self.fault(&error);
        let has = "SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_sequence'";
        let present: i64 = self
            .conn
            .query_row(&format!("SELECT coalesce(max(rowid), 0) FROM {table}"), [], |row| row.get(0))
            .map_err(of)?;
        if self.conn.query_row(has, [], |row| row.get::<_, i64>(0)).map_err(of)? == 0 {
            return Ok(present);
        }
        let given = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?1";
        let given: i64 = self.conn.query_row(given, [table], |row| row.get(0)).map_err(of)?;
        Ok(present.max(given))
    }
}
