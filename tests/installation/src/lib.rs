//! Installations of tAPI as a transfer meets them: a configuration, one telemetry file a camera, and in them the rows that
//! a transfer stumbles over. Everything comes from a seed, and a [`Manifest`] says what there is.
//!
//! ```text
//! FOLDER/tapi.db                       config, camera_config
//! FOLDER/data/telemetry_<camera>.db    seven tables, ids from 1 on in each file
//! FOLDER/data/telemetry.db             the same for rows of several cameras
//! FOLDER/manifest.json                 the rows of each file and table, and the snares among them
//! ```
//!
//! # Cameras
//!
//! What the product writes into `camera_config.config` is documented as "source, processors including zones, sinks" and no
//! further. This is the shape that is made here:
//!
//! ```text
//! {"id", "name", "tenant_id"?, "enabled",
//!  "source": {"type": "rtsp" | "file", "url", ...},
//!  "processors": [
//!    {"id", "type": "object_detection" | "tracking", "config": {...}},
//!    {"id", "type": "line_zone_manager", "config": {"zones": [
//!       {"id", "name", "start": {"x", "y"}, "end": {"x", "y"}, "direction", "classes": [], "trigger_distance"}]}},
//!    {"id", "type": "polygon_zone_manager", "config": {"zones": [
//!       {"id", "name", "polygon": [{"x", "y"}, ...], "type", "dwell_time_seconds"?, "classes"?, "trigger_threshold"?}]}}],
//!  "sinks": [{"id", "type": "database" | "file", "config": {...}}]}
//! ```
//!
//! Every third camera has its zones as an older version may have written them: directly in the processor (`"zones"`
//! beside `"type"`), lines as `start_x`, `start_y`, `end_x`, `end_y` with `enabled_classes`, polygons as `points` with
//! `zone_type`. Coordinates may have fractions.
//!
//! # Snares
//!
//! A [`Trapped`] row is one that was made to be stumbled over, with the [`Fate`] that it has in PostgreSQL. Its names stand
//! in `trap/` and `configuration.rs`.

pub mod broken;
mod cameras;
mod cell;
mod configuration;
mod event;
mod manifest;
mod moments;
mod plan;
mod schema;
mod summary;
mod telemetry;
mod trap;
mod writer;

pub use manifest::{Fate, FileRows, Manifest, Rows, Trapped, camera_name};
pub use plan::Plan;
pub use writer::{Writer, Written};

use std::path::{Path, PathBuf};

/// Why an installation could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder; an installation that is there already is such a one.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A database refused.
    #[error("{}: {error}", path.display())]
    Database {
        /// Which.
        path: PathBuf,
        /// Why.
        error: rusqlite::Error,
    },
    /// A manifest that is none.
    #[error("manifest.json: {0}")]
    Manifest(#[from] serde_json::Error),
    /// No file to write to.
    #[error("{}: no telemetry file to write to; make an installation there first", .0.display())]
    NothingToWriteTo(PathBuf),
    /// A thread that panicked.
    #[error("a thread ended before its work")]
    Thread,
}

impl Error {
    fn file(path: &Path, error: std::io::Error) -> Self {
        Self::File { path: path.to_owned(), error }
    }

    fn database(path: &Path, error: rusqlite::Error) -> Self {
        Self::Database { path: path.to_owned(), error }
    }
}
