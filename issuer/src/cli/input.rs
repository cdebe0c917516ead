//! The one place that reads files that people name: no more of one than may be.

use super::error::CliError;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// One byte more than is allowed, so that whoever reads the bytes sees and says that it is too large, and nothing is cut.
pub(super) fn read_bounded(path: &Path, bytes_max: usize) -> Result<Vec<u8>, CliError> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|error| CliError::File { path: path.to_owned(), error })
}
