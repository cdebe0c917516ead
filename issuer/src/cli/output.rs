//! The one place that writes results: on the terminal, and as files to carry.

use super::error::CliError;
use serde::Serialize;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Where results and warnings go.
pub(super) struct Output<'w> {
    out: &'w mut dyn Write,
    err: &'w mut dyn Write,
}

impl<'w> Output<'w> {
    pub(super) fn new(out: &'w mut dyn Write, err: &'w mut dyn Write) -> Self {
        Self { out, err }
    }

    /// One JSON document, or lines for people.
    pub(super) fn result(&mut self, json: bool, document: &impl Serialize, lines: &str) -> io::Result<()> {
        if json {
            serde_json::to_writer_pretty(&mut *self.out, document)?;
            writeln!(self.out)?;
        } else {
            writeln!(self.out, "{lines}")?;
        }
        self.out.flush()
    }

    /// Why nothing was done: for people on standard error, and for a program as one document beside it.
    pub(super) fn refusal(&mut self, json: bool, error: &CliError) -> io::Result<()> {
        let (message, mend) = error.told();
        if json {
            // The members are the device's.
            let report = serde_json::json!({ "code": error.code(), "message": message, "mend": mend });
            writeln!(self.out, "{:#}", serde_json::json!({ "error": report }))?;
            self.out.flush()?;
        }
        match mend {
            Some(mend) => writeln!(self.err, "brink-issuer: {message}; {mend}"),
            None => writeln!(self.err, "brink-issuer: {message}"),
        }
    }

    /// Text as it is, with its own ends of lines.
    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// For a document that is too long to be held.
    pub(super) fn stream(&mut self) -> &mut dyn Write {
        &mut *self.out
    }

    /// A line that a waiting program reads.
    pub(super) fn line(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.out, "{line}")?;
        self.out.flush()
    }

    /// What a person must not overlook, beside the result.
    pub(super) fn warn(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.err, "{text}")
    }
}

/// Writes a whole file or none: half of one on a stick would be carried to the device. An answer holds the next ratchet,
/// so only its owner may read it.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_streamed(path, |file| file.write_all(bytes))
}

/// The same for what is written piece by piece: it has its name once it is whole and on the disk.
pub(super) fn write_streamed<T, E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut (dyn Write + Send)) -> Result<T, E>,
) -> Result<T, E> {
    let mut name = path.file_name().ok_or(io::Error::from(io::ErrorKind::InvalidInput))?.to_owned();
    name.push(format!(".{}.partial", std::process::id()));
    let partial = path.with_file_name(name);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = (|| {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
        let mut file = BufWriter::new(file);
        let done = write(&mut file)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&partial, path)?;
        // Its name survives a power cut only once the directory is synced.
        File::open(folder)?.sync_all()?;
        Ok(done)
    })();
    written.inspect_err(|_| drop(fs::remove_file(&partial)))
}
