//! Rows to stumble over. Each is an ordinary row but for the values that are named; whether SQLite lets them through
//! was tried, not read.

mod events;
mod others;

use crate::cell::Cell;
use crate::manifest::{Fate, FileRows, Trapped, camera_name};
use crate::moments::END_MS;
use rusqlite::{Connection, params_from_iter};

/// A value for a column.
pub(crate) type Setting = (&'static str, Cell);

/// One row to stumble over.
#[derive(Debug, Clone)]
pub(crate) struct Snare {
    pub(crate) trap: &'static str,
    pub(crate) fate: Fate,
    pub(crate) table: &'static str,
    pub(crate) settings: Vec<Setting>,
}

/// Those that may lie in any telemetry file.
pub(crate) fn anywhere() -> Vec<Snare> {
    let mut all = events::properties();
    all.extend(events::texts());
    all.extend(events::classes());
    all.extend(events::moments());
    all.extend(others::frames());
    all.extend(others::summaries());
    all
}

/// Those with ids so large or so small that the ids after them are no ordinary ones: at the end of one file.
pub(crate) fn at_the_end() -> Vec<Snare> {
    let mut all = events::references();
    all.extend(events::ids());
    all.extend(others::ids());
    all
}

/// One of 50 million bytes.
pub(crate) fn big_blob() -> Snare {
    // Not zeros alone, which would be compressed away.
    let bytes = (0..50_000_000_u32).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    held(FRAMES, BIG_BLOB, vec![("thumbnail", Cell::Blob(bytes))])
}

/// The trap of the one BLOB of 50 million bytes, in installations that have it.
pub(crate) const BIG_BLOB: &str = "thumbnail_of_50_mb";
/// The first event of each file has the id of the first event of every other file.
pub(crate) const IDS_RESTART: &str = "ids_restart";
/// The first event of a file whose camera is not configured any more.
pub(crate) const UNCONFIGURED: &str = "camera_without_configuration";

const EVENTS: &str = "telemetry_events";
const FRAMES: &str = "frames";

fn held(table: &'static str, trap: &'static str, settings: Vec<Setting>) -> Snare {
    Snare { trap, fate: Fate::Held, table, settings }
}

fn rejected(table: &'static str, trap: &'static str, settings: Vec<Setting>) -> Snare {
    Snare { trap, fate: Fate::Rejected, table, settings }
}

/// Lays one of them; `number` keeps its key apart from those of other rows.
pub(crate) fn lay(
    connection: &Connection,
    snare: Snare,
    (camera, number): (&str, i64),
    counted: &mut FileRows,
) -> rusqlite::Result<Trapped> {
    let mut row = ordinary(snare.table, camera, number);
    for (column, value) in snare.settings {
        match row.iter_mut().find(|(name, _)| *name == column) {
            Some((_, cell)) => *cell = value,
            None => row.push((column, value)),
        }
    }
    let columns: Vec<_> = row.iter().map(|(name, _)| *name).collect();
    let places = vec!["?"; row.len()].join(", ");
    let sql = format!("INSERT INTO {} ({}) VALUES ({places})", snare.table, columns.join(", "));
    connection.prepare_cached(&sql)?.execute(params_from_iter(row.iter().map(|(_, cell)| cell)))?;
    let rowid = connection.last_insert_rowid();
    // As it was stored: a number in a column of text is text.
    let sql = format!("SELECT camera_id FROM {} WHERE rowid = ?", snare.table);
    let camera =
        connection.prepare_cached(&sql)?.query_row([rowid], |row| Ok(camera_name(row.get_ref(0)?)))?;
    counted.add(snare.table, &camera, 1);
    Ok(Trapped {
        file: counted.file.clone(),
        table: snare.table.to_owned(),
        rowid,
        trap: snare.trap.to_owned(),
        fate: snare.fate,
    })
}

/// What the row would be if nothing was wrong with it.
fn ordinary(table: &str, camera: &str, number: i64) -> Vec<Setting> {
    let key = Cell::text(format!("trap-{number}"));
    let moment = Cell::Int(END_MS - number * 61_000);
    let mut row = vec![("camera_id", Cell::text(camera))];
    row.extend(match table {
        EVENTS => vec![
            ("timestamp", moment.clone()),
            ("event_type", Cell::Int(0)),
            ("source_id", Cell::text("object_detector")),
            ("properties", Cell::text(r#"{"class_name":"person","track_id":7}"#)),
            ("created_at", moment),
        ],
        FRAMES => vec![
            ("timestamp", moment.clone()),
            ("thumbnail", Cell::Blob(vec![0xff, 0xd8, 0xff, 0xd9])),
            ("width", Cell::Int(320)),
            ("height", Cell::Int(180)),
            ("created_at", moment),
        ],
        "analytics_summary" => {
            vec![("summary_key", key), ("summary_value", Cell::text("{}")), ("last_updated", moment)]
        }
        "time_series_buckets" => vec![
            ("bucket_timestamp", moment.clone()),
            ("bucket_size", Cell::Int(60_000)),
            ("event_type", Cell::Int(0)),
            ("class_name", key),
            ("event_count", Cell::Int(1)),
            ("last_updated", moment),
        ],
        "class_distribution" => vec![
            ("class_name", key),
            ("event_type", Cell::Int(0)),
            ("total_count", Cell::Int(1)),
            ("last_updated", moment),
        ],
        "dwell_times" => vec![
            ("track_id", key),
            ("class_name", Cell::text("person")),
            ("first_seen", Cell::Int(END_MS - 9000)),
            ("last_seen", Cell::Int(END_MS)),
            ("last_updated", moment),
        ],
        _ => vec![
            ("event_type", Cell::Int(1000 + number)),
            ("total_count", Cell::Int(1)),
            ("last_updated", moment),
        ],
    });
    row
}
