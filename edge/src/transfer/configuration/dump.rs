//! Both ends' rows as fields of text, for files that people and their tools compare.

use super::rows::Part;
use crate::database::DatabaseError;
use crate::transfer::cell::Origin;
use crate::transfer::error::TransferError;
use crate::transfer::source::Snapshot;
use rusqlite::types::ValueRef;
use std::fmt::Write;
use tokio_postgres::Client;

/// The rows of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::transfer) struct Dumped {
    /// The table.
    pub(in crate::transfer) table: &'static str,
    /// Names of its columns.
    pub(in crate::transfer) header: Vec<&'static str>,
    /// As many fields as there are columns; none for NULL.
    pub(in crate::transfer) rows: Vec<Vec<Option<String>>>,
}

/// The old tables, every row of them, as SQLite has it: `config` and `camera_config`.
pub(in crate::transfer) fn dump_source(snapshot: &Snapshot) -> Result<Vec<Dumped>, TransferError> {
    let config = ("config", ["rowid", "key", "value", "updated_at"]);
    let cameras = ("camera_config", ["rowid", "camera_id", "config", "updated_at"]);
    [config, cameras]
        .into_iter()
        .map(|(table, header)| {
            let header = header.to_vec();
            let rows = if snapshot.is_empty { Ok(Vec::new()) } else { stored(snapshot, table, &header) };
            let rows = rows.map_err(|error| snapshot.fault(&error))?;
            Ok(Dumped { table, header, rows })
        })
        .collect()
}

fn stored(snapshot: &Snapshot, table: &str, header: &[&str]) -> rusqlite::Result<Vec<Vec<Option<String>>>> {
    let columns = header.join(", ");
    let mut statement =
        snapshot.conn.prepare(&format!("SELECT {columns} FROM {table} ORDER BY {}, rowid", header[1]))?;
    let rows =
        statement.query_map([], |row| (0..header.len()).map(|at| Ok(shown(row.get_ref(at)?))).collect())?;
    rows.collect()
}

/// Text as it is; what is no text as PostgreSQL writes bytes.
fn shown(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(format!("{number:?}")),
        ValueRef::Text(bytes) => {
            Some(std::str::from_utf8(bytes).map_or_else(|_| hexadecimal(bytes), str::to_owned))
        }
        ValueRef::Blob(bytes) => Some(hexadecimal(bytes)),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::from("\\x"), |mut text, byte| {
        // Into a string nothing fails.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What came of them, as PostgreSQL writes it, in the order of keys, cameras and numbers.
pub(in crate::transfer) async fn dump_target(
    client: &Client,
    origin: &Origin,
) -> Result<Vec<Dumped>, DatabaseError> {
    let mut dumped = Vec::new();
    for part in Part::ALL {
        let header: Vec<_> = part.columns().iter().map(|(name, _)| *name).collect();
        let fields: Vec<_> = header.iter().map(|name| format!("{name}::text")).collect();
        let order = match part {
            Part::Config => "key COLLATE \"C\"",
            Part::Cameras => "camera_id COLLATE \"C\"",
            Part::Components => "camera_id COLLATE \"C\", execution_order, id",
            Part::Lines | Part::Polygons => "camera_id COLLATE \"C\", zone_id COLLATE \"C\"",
        };
        let sql = format!(
            "SELECT {} FROM {} WHERE {} ORDER BY {order}",
            fields.join(", "),
            part.name(),
            part.ours()
        );
        let mut rows = Vec::new();
        for row in client.query(&sql, &[&origin.number]).await? {
            rows.push((0..header.len()).map(|at| row.try_get(at)).collect::<Result<_, _>>()?);
        }
        dumped.push(Dumped { table: part.name(), header, rows });
    }
    Ok(dumped)
}
