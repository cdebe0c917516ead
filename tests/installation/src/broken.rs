//! Files that are no sound telemetry files, one for each way in which they are not. Each function makes one in a folder
//! that exists and says where.

use crate::Error;
use crate::schema;
use fastrand::Rng;
use rusqlite::{Connection, params};
use std::path::{Path, PathBuf};

const PAGE: usize = 4096;
const ROWS: i64 = 500;

/// One page of events in the middle is overwritten: rows before it can be read.
///
/// # Errors
/// If the file cannot be written, like all of these.
pub fn corrupt(folder: &Path) -> Result<PathBuf, Error> {
    let path = sound(folder, "corrupt", "")?;
    let page = leaf_in_the_middle(&path).map_err(|error| Error::database(&path, error))?;
    let mut bytes = read(&path)?;
    let begin = (page - 1) * PAGE;
    bytes[begin..begin + PAGE].fill(0xa5);
    write(&path, &bytes)
}

/// The second half is missing, in the middle of a page.
///
/// # Errors
/// See [`corrupt`].
pub fn truncated(folder: &Path) -> Result<PathBuf, Error> {
    let path = sound(folder, "truncated", "")?;
    let mut bytes = read(&path)?;
    bytes.truncate(bytes.len() / 2 / PAGE * PAGE + PAGE / 3);
    write(&path, &bytes)
}

/// Whole pages of bytes that look like chance, as those of an encrypted file do.
///
/// # Errors
/// See [`corrupt`].
pub fn encrypted_like(folder: &Path) -> Result<PathBuf, Error> {
    let mut bytes = vec![0; 16 * PAGE];
    Rng::with_seed(0xe1).fill(&mut bytes);
    write(&named(folder, "encrypted"), &bytes)
}

/// No byte. SQLite takes it for a database without tables.
///
/// # Errors
/// See [`corrupt`].
pub fn empty(folder: &Path) -> Result<PathBuf, Error> {
    write(&named(folder, "empty"), b"")
}

/// As a later version might write it: columns and a table that nobody knows, and `PRAGMA user_version` is 99.
///
/// # Errors
/// See [`corrupt`].
pub fn newer_schema(folder: &Path) -> Result<PathBuf, Error> {
    let newer = "
        ALTER TABLE telemetry_events ADD COLUMN confidence REAL;
        ALTER TABLE frames ADD COLUMN storage_key TEXT DEFAULT 'local';
        CREATE TABLE event_embeddings (event_id INTEGER PRIMARY KEY, embedding BLOB NOT NULL);
        INSERT INTO event_embeddings (event_id, embedding) VALUES (1, x'00010203');
        PRAGMA user_version = 99;";
    sound(folder, "newer", newer)
}

/// Text, under the name of a database.
///
/// # Errors
/// See [`corrupt`].
pub fn not_a_database(folder: &Path) -> Result<PathBuf, Error> {
    let text = "This is the log of a device and no database.\n".repeat(200);
    write(&named(folder, "text"), text.as_bytes())
}

/// Without its frames and its dwell times.
///
/// # Errors
/// See [`corrupt`].
pub fn missing_table(folder: &Path) -> Result<PathBuf, Error> {
    sound(folder, "incomplete", "DROP TABLE frames; DROP TABLE dwell_times;")
}

/// Events without their `properties`.
///
/// # Errors
/// See [`corrupt`].
pub fn missing_column(folder: &Path) -> Result<PathBuf, Error> {
    let older = "
        DROP TABLE telemetry_events;
        CREATE TABLE telemetry_events (id INTEGER PRIMARY KEY, camera_id TEXT, timestamp INTEGER);
        INSERT INTO telemetry_events (camera_id, timestamp) VALUES ('older', 1748736000000);";
    sound(folder, "older", older)
}

fn named(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("telemetry_{name}.db"))
}

/// A sound file with some events, to which `then` is done; nothing of it stays in a log.
fn sound(folder: &Path, name: &str, then: &str) -> Result<PathBuf, Error> {
    let path = named(folder, name);
    let fill = |connection: &Connection| -> rusqlite::Result<()> {
        connection.execute_batch(schema::PRODUCT_PRAGMAS)?;
        connection.execute_batch(schema::TELEMETRY_TABLES)?;
        connection.execute_batch("BEGIN")?;
        let sql = "INSERT INTO telemetry_events (camera_id, timestamp, event_type, source_id, properties, created_at)
                   VALUES (?1, ?2, 0, 'object_detector', '{\"class_name\":\"person\"}', ?2)";
        let mut insert = connection.prepare(sql)?;
        for row in 0..ROWS {
            insert.execute(params![name, crate::moments::END_MS - row * 1000])?;
        }
        connection.execute_batch("COMMIT")?;
        connection.execute_batch(then)
    };
    let connection = Connection::open(&path).map_err(|error| Error::database(&path, error))?;
    fill(&connection).map_err(|error| Error::database(&path, error))?;
    connection.close().map_err(|(_, error)| Error::database(&path, error))?;
    Ok(path)
}

fn leaf_in_the_middle(path: &Path) -> rusqlite::Result<usize> {
    let connection = Connection::open(path)?;
    let sql = "SELECT pageno FROM dbstat WHERE name = 'telemetry_events' AND pagetype = 'leaf' ORDER BY path";
    let mut statement = connection.prepare(sql)?;
    let pages = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<u32>>>()?;
    pages.get(pages.len() / 2).map(|page| *page as usize).ok_or(rusqlite::Error::QueryReturnedNoRows)
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| Error::file(path, error))
}

fn write(path: &Path, bytes: &[u8]) -> Result<PathBuf, Error> {
    std::fs::write(path, bytes).map_err(|error| Error::file(path, error))?;
    Ok(path.to_owned())
}
