//! The tables of an old telemetry file, and where each of their columns goes.

use super::cell::{self, Cell, Kind, Origin, Reason};
use rusqlite::Row;

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    /// In SQLite; empty for one that nothing is read for.
    pub(super) source: &'static str,
    /// In PostgreSQL.
    pub(super) target: &'static str,
    /// What it takes.
    pub(super) kind: Kind,
}

/// A table.
#[derive(Debug)]
pub(super) struct Table {
    /// The same on both ends.
    pub(super) name: &'static str,
    /// Rows are only ever added: what is here already is not read again. Of any other table the whole is replaced.
    pub(super) grows: bool,
    /// The row's number comes first.
    pub(super) columns: &'static [Column],
}

/// The most columns of one.
pub(super) const COLUMNS_MAX: usize = 11;

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { source: name, target: name, kind }
}

const fn derived(target: &'static str, kind: Kind) -> Column {
    Column { source: "", target, kind }
}

const ID: Column = Column { source: "rowid", target: "id", kind: Kind::Id };
const CAMERA: Column = column("camera_id", Kind::Camera);
const TENANT: Column = derived("tenant_id", Kind::Tenant);

/// Every table that is known, in the order in which they are copied.
pub(super) const TABLES: [Table; 7] = [
    Table {
        name: "frames",
        grows: true,
        columns: &[
            ID,
            CAMERA,
            column("timestamp", Kind::Big),
            column("thumbnail", Kind::Bytes),
            column("width", Kind::IntOrNull),
            column("height", Kind::IntOrNull),
            column("created_at", Kind::Created(2)),
            derived("size_bytes", Kind::SizeOf(3)),
            TENANT,
        ],
    },
    Table {
        name: "telemetry_events",
        grows: true,
        columns: &[
            ID,
            CAMERA,
            column("timestamp", Kind::Big),
            column("event_type", Kind::Int),
            column("source_id", Kind::Text),
            column("properties", Kind::Json),
            column("frame_id", Kind::FrameId),
            column("created_at", Kind::Created(2)),
            TENANT,
        ],
    },
    Table {
        name: "analytics_summary",
        grows: false,
        columns: &[
            ID,
            CAMERA,
            column("summary_key", Kind::Text),
            column("summary_value", Kind::Json),
            column("last_updated", Kind::BigOrNull),
            TENANT,
        ],
    },
    Table {
        name: "time_series_buckets",
        grows: false,
        columns: &[
            ID,
            CAMERA,
            column("bucket_timestamp", Kind::Big),
            column("bucket_size", Kind::Big),
            column("event_type", Kind::Int),
            column("class_name", Kind::TextOrNull),
            column("event_count", Kind::BigOrNull),
            column("last_updated", Kind::BigOrNull),
            TENANT,
        ],
    },
    Table {
        name: "class_distribution",
        grows: false,
        columns: &[
            ID,
            CAMERA,
            column("class_name", Kind::TextOrNull),
            column("event_type", Kind::Int),
            column("total_count", Kind::BigOrNull),
            column("last_updated", Kind::BigOrNull),
            TENANT,
        ],
    },
    Table {
        name: "dwell_times",
        grows: false,
        columns: &[
            ID,
            CAMERA,
            column("track_id", Kind::TextOrNull),
            column("class_name", Kind::TextOrNull),
            column("first_seen", Kind::BigOrNull),
            column("last_seen", Kind::BigOrNull),
            column("detection_count", Kind::BigOrNull),
            column("last_updated", Kind::BigOrNull),
            TENANT,
        ],
    },
    Table {
        name: "event_type_counts",
        grows: false,
        columns: &[
            ID,
            CAMERA,
            column("event_type", Kind::Int),
            column("total_count", Kind::BigOrNull),
            column("recent_count_24h", Kind::BigOrNull),
            column("last_updated", Kind::BigOrNull),
            column("last_24h_updated", Kind::BigOrNull),
            TENANT,
        ],
    },
];

/// A row on its way: as many cells as its table has columns.
#[derive(Debug)]
pub(super) struct Cells<'v> {
    cells: [Cell<'v>; COLUMNS_MAX],
    len: usize,
}

impl<'v> Cells<'v> {
    /// The cells.
    pub(super) fn as_slice(&self) -> &[Cell<'v>] {
        &self.cells[..self.len]
    }

    /// The row's number among those of all files.
    pub(super) fn id(&self) -> i64 {
        match self.cells[0] {
            Cell::Big(id) => id,
            Cell::Null | Cell::Text(_) | Cell::Int(_) | Cell::Json(_) | Cell::Bytes(_) | Cell::Moment(_) => 0,
        }
    }

    /// The camera that the row is about.
    pub(super) fn camera(&self) -> &'v str {
        match self.cells[1] {
            Cell::Text(camera) => camera,
            Cell::Null | Cell::Big(_) | Cell::Int(_) | Cell::Json(_) | Cell::Bytes(_) | Cell::Moment(_) => "",
        }
    }

    /// When the row was made, in microseconds since 2000; `None` in a table that has no such column.
    pub(super) fn created(&self) -> Option<i64> {
        self.as_slice().iter().find_map(|cell| match cell {
            Cell::Moment(moment) => Some(*moment),
            Cell::Null | Cell::Big(_) | Cell::Int(_) | Cell::Text(_) | Cell::Json(_) | Cell::Bytes(_) => None,
        })
    }
}

impl Table {
    /// Columns that are read, in their order.
    pub(super) fn sources(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(|column| column.source).filter(|name| !name.is_empty())
    }

    /// Rows from a number on, in their order.
    pub(super) fn select(&self) -> String {
        let columns: Vec<_> = self.sources().collect();
        format!("SELECT {} FROM {} WHERE rowid >= ?1 ORDER BY rowid", columns.join(", "), self.name)
    }

    /// Columns that are written, in their order.
    pub(super) fn targets(&self) -> String {
        let columns: Vec<_> = self.columns.iter().map(|column| column.target).collect();
        columns.join(", ")
    }

    /// A row of [`Table::select`]; or why PostgreSQL cannot hold it, and in which column.
    pub(super) fn convert<'v>(
        &self,
        row: &'v Row<'_>,
        origin: &'v Origin,
    ) -> rusqlite::Result<Result<Cells<'v>, (Reason, &'static str)>> {
        let mut cells = Cells { cells: [Cell::Null; COLUMNS_MAX], len: 0 };
        let mut read = 0;
        for (at, column) in self.columns.iter().enumerate() {
            let value = if column.source.is_empty() {
                rusqlite::types::ValueRef::Null
            } else {
                read += 1;
                row.get_ref(read - 1)?
            };
            match cell::convert(column.kind, value, &cells.cells[..at], origin) {
                Ok(cell) => cells.cells[at] = cell,
                Err(reason) => return Ok(Err((reason, column.target))),
            }
            cells.len += 1;
        }
        Ok(Ok(cells))
    }

    /// A row that PostgreSQL sent, field by field.
    pub(super) fn decode<'v>(&self, fields: &[Option<&'v [u8]>]) -> Option<Cells<'v>> {
        let mut cells = Cells { cells: [Cell::Null; COLUMNS_MAX], len: self.columns.len() };
        for (at, (column, field)) in self.columns.iter().zip(fields).enumerate() {
            cells.cells[at] = cell::decode(column.kind, *field)?;
        }
        (fields.len() == self.columns.len()).then_some(cells)
    }
}
