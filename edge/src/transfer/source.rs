//! The old files: which there are, and what they are called.

use super::error::TransferError;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What a telemetry file is called.
const PREFIX: &[u8] = b"telemetry_";
const WHOLE: &[u8] = b"telemetry.db";

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FileKind {
    /// Configuration: keys, and cameras as JSON.
    Configuration,
    /// Telemetry of one camera, or of all.
    Telemetry,
}

impl FileKind {
    /// As the target has it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            FileKind::Configuration => "configuration",
            FileKind::Telemetry => "telemetry",
        }
    }
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SourceFile {
    /// What it holds.
    pub(super) kind: FileKind,
    /// Its name, as it is known by in the target: one that is no UTF-8 begins with a
    /// `/`, and its bytes are written in hexadecimal behind a `%`.
    pub(super) name: String,
    /// Where it is.
    pub(super) path: PathBuf,
    /// The camera that it is named for.
    pub(super) camera: Option<String>,
}

impl SourceFile {
    fn new(kind: FileKind, path: PathBuf) -> Self {
        let bytes = path.file_name().unwrap_or_default().as_bytes().to_vec();
        let camera = bytes.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(b".db")).map(readable);
        // The logs of a file lie beside it, not beside a link to it. One that leads nowhere fails in its turn.
        let path = path.canonicalize().unwrap_or(path);
        Self { kind, name: readable(&bytes), path, camera }
    }
}

/// Bytes of a name as text; no two names become one.
fn readable(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        // No name of a file begins like this.
        Err(_) => std::iter::once("/".to_owned())
            .chain(bytes.iter().map(|byte| {
                if byte.is_ascii_graphic() && *byte != b'%' {
                    char::from(*byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            }))
            .collect(),
    }
}

/// The configuration, and each telemetry file of a directory, by name.
pub(super) fn discover(
    config_db: Option<&Path>,
    telemetry_dir: Option<&Path>,
) -> Result<Vec<SourceFile>, TransferError> {
    let mut found = Vec::new();
    if let Some(path) = config_db {
        path.symlink_metadata().map_err(TransferError::io(path, "look at it"))?;
        found.push(SourceFile::new(FileKind::Configuration, path.to_owned()));
    }
    if let Some(dir) = telemetry_dir {
        for entry in fs::read_dir(dir).map_err(TransferError::io(dir, "list it"))? {
            let path = entry.map_err(TransferError::io(dir, "list it"))?.path();
            let name = path.file_name().map(OsStr::as_bytes).unwrap_or_default();
            let is_one = name == WHOLE || name.starts_with(PREFIX) && name.ends_with(b".db");
            // A directory of that name is nobody's database. What cannot be looked at fails in its turn.
            if is_one && !path.metadata().is_ok_and(|found| !found.is_file()) {
                found.push(SourceFile::new(FileKind::Telemetry, path));
            }
        }
    }
    found.sort();
    Ok(found)
}
