//! The move of the old SQLite files to PostgreSQL, without losing a row and without copying one twice.
//!
//! Owns reading those files and comparing both ends; called by `brink-edge transfer` alone. It sees no licence, no key and
//! nothing of the device directory.
//!
//! ```text
//! source + snapshot (safe copies) -> tables + cell + json (what PostgreSQL can hold) -> read (chunks) -> load (COPY, checkpoints)
//!                             -> configuration (cameras, components, zones)                                    |
//!                             -> verify (both ways, row by row) <--------------------------------------- PostgreSQL
//! ```

mod cell;
mod configuration;
mod copy;
mod dump;
mod error;
mod identity;
mod json;
mod ledger;
mod load;
mod plan;
mod progress;
mod read;
mod rejects;
mod report;
mod run;
mod snapshot;
mod source;
mod tables;
mod verify;

pub use error::TransferError;
pub use plan::{FilePlan, Plan, ROLL_BACK, Target, plan};
pub use report::{FileReport, Report, TableReport, report};
pub use run::{FileRan, Ran, TableRan, dry_run, follow, run};
pub use verify::{CameraFound, FileGone, FileVerified, Sums, TableFound, Verified, verify};

use serde::Serialize;
use snapshot::Room;
use source::SourceFile;
use std::path::PathBuf;
use std::time::Duration;

/// What becomes of a camera's JSON: how many rows and faults, and `None` where PostgreSQL cannot hold it. For probes that try
/// whatever an old file may hold.
#[doc(hidden)]
#[must_use]
pub fn probe_camera(text: &str) -> Option<[usize; 2]> {
    configuration::camera::probe(text)
}

/// The digest of what PostgreSQL keeps of a JSON text, or the word for why it cannot hold it. For probes.
#[doc(hidden)]
pub fn probe_json(text: &str) -> Result<[u8; 16], &'static str> {
    json::digest(text).map_err(json::JsonFault::as_str)
}

/// Which files, and where copies of them may lie.
#[derive(Clone, Debug)]
pub struct Files {
    /// The configuration.
    pub config_db: Option<PathBuf>,
    /// Where the telemetry files are.
    pub telemetry_dir: Option<PathBuf>,
    /// For copies to read from: as much room as the largest file.
    pub work: PathBuf,
    /// How long a file that another program holds is waited for.
    pub busy: Duration,
    /// Whether a file is believed to be the one of its name where none of its old rows is left to tell.
    pub trust_names: bool,
    /// What rows that say none are given.
    pub tenant: Option<String>,
}

impl Files {
    /// Makes the work directory and finds the files.
    fn begin(&self) -> Result<Vec<SourceFile>, TransferError> {
        snapshot::prepare(&self.work)?;
        self.found()
    }

    fn room(&self) -> Room {
        Room { work: self.work.clone(), busy: self.busy }
    }

    fn found(&self) -> Result<Vec<SourceFile>, TransferError> {
        source::discover(self.config_db.as_deref(), self.telemetry_dir.as_deref())
    }
}

/// A file that did not go through.
#[derive(Clone, Debug, Serialize)]
pub struct Failed {
    /// Its name.
    pub name: String,
    /// A stable code.
    pub code: &'static str,
    /// What was wrong.
    pub message: String,
    /// What helps.
    pub mend: String,
}

impl Failed {
    fn of(file: &SourceFile, error: &TransferError) -> Self {
        Self { name: file.name.clone(), code: error.code(), message: error.to_string(), mend: error.mend() }
    }
}

#[cfg(test)]
mod tests;
