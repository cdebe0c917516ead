//! Connections, each with what durability rests on asserted.

use super::StorageError;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// How long a writer waits for another one: far above any transaction here, below a client's patience.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to a file that is there.
pub(super) fn connect(path: &Path) -> Result<Connection, StorageError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    set(&connection, "journal_mode", "wal", "wal")?;
    set(&connection, "synchronous", "full", "2")?;
    set(&connection, "foreign_keys", "on", "1")?;
    // A damaged file must not be able to call functions through its schema.
    set(&connection, "trusted_schema", "off", "0")?;
    Ok(connection)
}

/// Sets a pragma and reads back that it took.
pub(super) fn set(
    connection: &Connection,
    pragma: &'static str,
    value: &str,
    expected: &str,
) -> Result<(), StorageError> {
    connection.pragma_update(None, pragma, value)?;
    let found = connection.pragma_query_value(None, pragma, |row| row.get::<_, rusqlite::types::Value>(0))?;
    let found = match found {
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Text(text) => text,
        rusqlite::types::Value::Null | rusqlite::types::Value::Real(_) | rusqlite::types::Value::Blob(_) => {
            String::new()
        }
    };
    if found == expected {
        return Ok(());
    }
    Err(StorageError::Unsafe { setting: pragma, found })
}
