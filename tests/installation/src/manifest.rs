//! What an installation holds, so that a test can hold a transfer against it.

use crate::Error;
use rusqlite::types::ValueRef;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

const NAME: &str = "manifest.json";

/// Everything that was made, also in `manifest.json` of the installation's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// What it was made from.
    pub seed: u64,
    /// The configuration first, then the telemetry in the order of its names.
    pub files: Vec<FileRows>,
    /// Rows that were made to be stumbled over; what is true of a whole file is said of its first event.
    pub traps: Vec<Trapped>,
}

/// The rows of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRows {
    /// Its path below the installation's folder, with `/`.
    pub file: String,
    /// By table; a table without rows has an entry too.
    pub tables: BTreeMap<String, Rows>,
}

/// The rows of one table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// All of them.
    pub total: u64,
    /// Those of each camera, by [`camera_name`]; none for `config`, which has no cameras.
    pub cameras: BTreeMap<String, u64>,
}

/// One row that was made to be stumbled over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Trapped {
    /// Its file, as in [`FileRows::file`].
    pub file: String,
    /// Its table.
    pub table: String,
    /// Its rowid, which is its `id` where there is one.
    pub rowid: i64,
    /// What is wrong with it, by its name in `trap/` or `configuration.rs`.
    pub trap: String,
    /// What becomes of it.
    pub fate: Fate,
}

/// Whether PostgreSQL can hold each value of a row in a column of the type that the table declares: `INTEGER` as `bigint`
/// (`event_type`, `width` and `height` as `integer`, `created_at` as `timestamptz`), `TEXT` as `text`, JSON as `jsonb`,
/// `BLOB` as `bytea`, each only where SQLite stored it in that class, and no NULL in a key. An `id` or `frame_id` has to be
/// in 1 to 2^40 - 1 besides, because the number of its file goes above it. It says nothing of what a transfer makes of a
/// camera without a name, nor of a zone whose id another camera has too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It can.
    Held,
    /// It cannot.
    Rejected,
}

impl Manifest {
    /// The one of an installation that was made before.
    ///
    /// # Errors
    /// If there is none, or it is not readable.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(NAME);
        let text = std::fs::read(&path).map_err(|error| Error::file(&path, error))?;
        Ok(serde_json::from_slice(&text)?)
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<(), Error> {
        let path = folder.join(NAME);
        std::fs::write(&path, serde_json::to_vec_pretty(self)?).map_err(|error| Error::file(&path, error))
    }

    /// The rows of one table in all files.
    #[must_use]
    pub fn rows(&self, table: &str) -> u64 {
        self.files.iter().filter_map(|file| file.tables.get(table)).map(|rows| rows.total).sum()
    }

    /// The rows of one table, in all files, that PostgreSQL cannot hold.
    #[must_use]
    pub fn rejected(&self, table: &str) -> u64 {
        let of_table = self.traps.iter().filter(|one| one.table == table && one.fate == Fate::Rejected);
        of_table.count() as u64
    }
}

impl FileRows {
    pub(crate) fn new(file: String, tables: &[&str]) -> Self {
        Self { file, tables: tables.iter().map(|name| ((*name).to_owned(), Rows::default())).collect() }
    }

    /// `count` more rows of a camera.
    pub(crate) fn add(&mut self, table: &str, camera: &str, count: u64) {
        if count == 0 {
            return;
        }
        let rows = self.tables.entry(table.to_owned()).or_default();
        rows.total += count;
        *rows.cameras.entry(camera.to_owned()).or_default() += count;
    }

    /// One more row of a table that knows no cameras.
    pub(crate) fn add_plain(&mut self, table: &str) {
        self.tables.entry(table.to_owned()).or_default().total += 1;
    }
}

/// How a manifest spells a stored camera: text as it is, anything else by its class and its bytes: `null`, `blob:6361`,
/// `text:63ff`.
#[must_use]
pub fn camera_name(stored: ValueRef<'_>) -> String {
    match stored {
        ValueRef::Null => "null".to_owned(),
        ValueRef::Integer(number) => format!("integer:{number}"),
        ValueRef::Real(number) => format!("real:{number}"),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => format!("text:{}", hex(bytes)),
        },
        ValueRef::Blob(bytes) => format!("blob:{}", hex(bytes)),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
