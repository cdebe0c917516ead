//! What a comparison found.

use super::super::Failed;
use serde::Serialize;
use std::collections::BTreeMap;

/// Everything.
#[derive(Debug, Default, Serialize)]
pub struct Verified {
    /// By file.
    pub files: Vec<FileVerified>,
    /// Files that could not be compared.
    pub failed: Vec<Failed>,
    /// Files that were transferred and are not here any more.
    pub gone: Vec<FileGone>,
    /// Rows with the number of a file that the database itself does not know.
    pub unknown_rows: u64,
}

/// A file that was transferred and is not here.
#[derive(Debug, Serialize)]
pub struct FileGone {
    /// Its name.
    pub name: String,
    /// Rows of it that are in the database, or set aside there.
    pub rows: u64,
}

/// A file.
#[derive(Debug, Serialize)]
pub struct FileVerified {
    /// Its name.
    pub name: String,
    /// By table.
    pub tables: BTreeMap<String, TableFound>,
}

/// A table of a file.
#[derive(Debug, Default, Serialize)]
pub struct TableFound {
    /// Rows that are the same on both ends.
    pub equal: u64,
    /// Rows that PostgreSQL cannot hold, and that are set aside there.
    pub rejected: u64,
    /// Rows of the file that are not in the database.
    pub only_in_source: u64,
    /// Rows of the database that are not in the file.
    pub only_in_target: u64,
    /// Rows that are on both ends and not the same.
    pub differing: u64,
    /// Rows that should be set aside and are not, or the other way round, or for another reason.
    pub rejects_differing: u64,
    /// Rows of events and frames that are in the database, or set aside there, and stood before the first row that the file
    /// still has: retention took them out of it.
    pub removed: u64,
    /// By camera.
    pub cameras: BTreeMap<String, CameraFound>,
    /// The first that differ, in words.
    pub first: Vec<String>,
}

/// A camera in a table of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CameraFound {
    /// Rows of the file that PostgreSQL can hold.
    pub source_rows: u64,
    /// Rows of the database.
    pub target_rows: u64,
    /// The sum of the digests of the file's rows, 128 bits in hexadecimal.
    #[serde(serialize_with = "hexadecimal")]
    pub source_digest: u128,
    /// The sum of the digests of the database's rows.
    #[serde(serialize_with = "hexadecimal")]
    pub target_digest: u128,
}

fn hexadecimal<S: serde::Serializer>(digest: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format!("{digest:032x}"))
}

impl TableFound {
    /// How many rows differ in any way, but for those that were removed.
    #[must_use]
    pub const fn differences(&self) -> u64 {
        self.only_in_source + self.only_in_target + self.differing + self.rejects_differing
    }
}

/// Over all files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Rows that are the same on both ends.
    pub rows: u64,
    /// Rows that are set aside.
    pub rejected: u64,
    /// Rows that differ in any way, but for those that were removed.
    pub differences: u64,
    /// Rows that retention took out of the files since.
    pub removed: u64,
}

impl Verified {
    /// Over all files.
    #[must_use]
    pub fn sums(&self) -> Sums {
        let tables = self.files.iter().flat_map(|file| file.tables.values());
        let differences = self.unknown_rows + self.gone.iter().map(|gone| gone.rows).sum::<u64>();
        tables.fold(Sums { differences, ..Sums::default() }, |sums, table| Sums {
            rows: sums.rows + table.equal,
            rejected: sums.rejected + table.rejected,
            differences: sums.differences + table.differences(),
            removed: sums.removed + table.removed,
        })
    }
}
