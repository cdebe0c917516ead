//! The old configuration: its keys, and its cameras, which were one JSON each, as rows of the tables that took their place.
//!
//! Owns the tables `config`, `cameras`, `camera_components`, `line_zones` and `polygon_zones` as far as they came out of an old
//! file. Called by the transfer's run and its comparison; what is in other programs' rows it reads, and never writes.
//!
//! ```text
//! SQLite -> Configuration (pure) -> settle: what other programs' rows leave of it -> load:    written where it differs
//!                                                                                 -> compare: held against what is there
//! ```

pub(super) mod camera;
pub(super) mod compare;
pub(super) mod dump;
mod keys;
pub(super) mod load;
mod rows;
mod settle;
mod target;
mod view;
mod zones;

use super::cell::{Origin, Reason};
use super::error::TransferError;
use super::rejects::Reject;
use super::snapshot::Snapshot;
use rows::{Part, Row};
use zones::Zone;

const KEYS: [&str; 4] = ["rowid", "key", "value", "updated_at"];
const CAMERAS: [&str; 4] = ["rowid", "camera_id", "config", "updated_at"];

/// Everything that a configuration holds, as it goes to a database in which nobody else has a row.
#[derive(Debug, Default)]
pub(super) struct Configuration {
    keys: Vec<Key>,
    cameras: Vec<Camera>,
    /// Rows that PostgreSQL cannot hold.
    rejects: Vec<Reject>,
}

/// A key.
#[derive(Debug)]
struct Key {
    row: Row,
    /// What becomes of it where another program has the key.
    taken: Reject,
}

/// A camera.
#[derive(Debug)]
struct Camera {
    id: String,
    row: Row,
    components: Vec<Row>,
    zones: Vec<Zone>,
    /// Zones that are none.
    rejects: Vec<Reject>,
    /// What becomes of it where another program has the camera.
    taken: Reject,
}

impl Configuration {
    /// Reads a file, in the order of its keys: neither saving a camera anew nor SQLite's VACUUM changes which of two zones with
    /// one id keeps it.
    pub(super) fn read(snapshot: &Snapshot, origin: &Origin) -> Result<Self, TransferError> {
        let mut configuration = Self::default();
        if !snapshot.is_empty {
            configuration.fill(&snapshot.conn, origin).map_err(|error| snapshot.fault(&error))?;
        }
        Ok(configuration)
    }

    fn fill(&mut self, conn: &rusqlite::Connection, origin: &Origin) -> rusqlite::Result<()> {
        let mut statement =
            conn.prepare("SELECT rowid, key, value, updated_at FROM config ORDER BY key, rowid")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let reject = |why| Reject::of(Part::Config.name(), row, &KEYS, why);
            match keys::read(row, origin)? {
                Ok(key) => self.keys.push(Key { row: key, taken: reject((Reason::Taken, "key"))? }),
                Err(why) => self.rejects.push(reject(why)?),
            }
        }
        let mut statement = conn.prepare(
            "SELECT rowid, camera_id, config, updated_at FROM camera_config ORDER BY camera_id, rowid",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            match camera::columns(row, origin)?.and_then(|written| camera::unpack(written, origin)) {
                Ok(unpacked) => self.cameras.push(Camera::of(row, unpacked)?),
                Err(why) => self.rejects.push(Reject::of(Part::Cameras.name(), row, &CAMERAS, why)?),
            }
        }
        Ok(())
    }
}

impl Camera {
    fn of(row: &rusqlite::Row<'_>, unpacked: camera::Unpacked) -> rusqlite::Result<Self> {
        let mut rejects = Vec::new();
        for fault in unpacked.faults {
            let why = (fault.reason, fault.place.as_str());
            let reject = Reject::of(fault.part.name(), row, &CAMERAS, why)?;
            rejects.push(Reject { part: fault.number, ..reject });
        }
        Ok(Self {
            id: unpacked.camera.owner(),
            row: unpacked.camera,
            components: unpacked.components,
            zones: unpacked.zones,
            rejects,
            taken: Reject::of(Part::Cameras.name(), row, &CAMERAS, (Reason::Taken, "camera_id"))?,
        })
    }
}

#[cfg(test)]
mod tests;
