//! Both ends' rows as fields of text, for files that people and their tools compare.

use super::Configuration;
use super::rows::{Part, Value};
use super::settle::Occupied;
use crate::database::DatabaseError;
use crate::transfer::cell::{Origin, PG_EPOCH_MS};
use crate::transfer::error::TransferError;
use crate::transfer::snapshot::Snapshot;
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

/// What is to come of them where nobody else has a row, with the columns of [`dump_target`].
pub(in crate::transfer) fn dump_unpacked(configuration: &Configuration) -> Vec<Dumped> {
    let settled = configuration.settle(Occupied::default());
    let all = || settled.keys.iter().chain(settled.cameras.iter().flat_map(|camera| &camera.rows));
    let of = |part: Part| {
        let rows = all().filter(|row| row.part == part);
        let rows = rows.map(|row| row.values.iter().map(written).collect()).collect();
        Dumped { table: part.name(), header: header(part), rows }
    };
    Part::ALL.map(of).into()
}

fn header(part: Part) -> Vec<&'static str> {
    part.columns().iter().map(|(name, _)| *name).collect()
}

/// As PostgreSQL writes it in UTC; JSON as it was written.
fn written(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Text(text) | Value::Json(text) => text.clone(),
        Value::Int(number) => number.to_string(),
        Value::Moment(moment) => moment_of(*moment),
        Value::Fixed(bytes) => match bytes[..] {
            [is] => (is != 0).to_string(),
            _ => match <[u8; 8]>::try_from(&bytes[..]) {
                Ok(double) => f64::from_be_bytes(double).to_string(),
                Err(_) => uuid_of(bytes),
            },
        },
    })
}

fn moment_of(moment: i64) -> String {
    use chrono::{DateTime, Datelike};
    let at = moment.checked_add(PG_EPOCH_MS * 1000).and_then(DateTime::from_timestamp_micros);
    let Some(at) = at else { return moment.to_string() };
    let (year, era) = if at.year() > 0 { (at.year(), "") } else { (1 - at.year(), " BC") };
    format!("{year:04}-{}+00{era}", at.format("%m-%d %H:%M:%S"))
}

fn uuid_of(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let ends = [8, 12, 16, 20, digits.len()];
    let groups = [0, 8, 12, 16, 20].into_iter().zip(ends).filter_map(|(from, to)| digits.get(from..to));
    groups.collect::<Vec<_>>().join("-")
}

/// What came of them, as PostgreSQL writes it, in the order of keys, cameras and numbers.
pub(in crate::transfer) async fn dump_target(
    client: &Client,
    origin: &Origin,
) -> Result<Vec<Dumped>, DatabaseError> {
    let mut dumped = Vec::new();
    for part in Part::ALL {
        let header = header(part);
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
