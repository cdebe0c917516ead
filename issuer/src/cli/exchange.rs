//! `brink-issuer exchange`: the file form of an exchange or an activation.

use super::error::CliError;
use super::opening::{PassphraseSource, Target};
use super::output::Output;
use brink_license::exchange::REQUEST_BYTES_MAX;
use clap::Args;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct Exchange {
    #[command(flatten)]
    pub(super) target: Target,
    /// The request that the device exported
    #[arg(long = "in", value_name = "REQ")]
    request: PathBuf,
    /// Where to write the answer for the device to import
    #[arg(long = "out", value_name = "RESP")]
    response: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

impl Exchange {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let request = read_bounded(&self.request).map_err(|error| failed(&self.request, error))?;
        let issuer = self.target.data.issuer(&self.passphrase)?;
        let refused = |refusal| CliError::Refused { path: self.request.clone(), refusal };
        let answer = issuer.answer(&request, None).map_err(refused)?;
        write_whole(&self.response, &answer).map_err(|error| failed(&self.response, error))?;
        let document = serde_json::json!({ "in": self.request, "out": self.response, "bytes": answer.len() });
        let lines = format!("the answer is in {}; import it on the device", self.response.display());
        Ok(output.result(self.target.json, &document, &lines)?)
    }
}

fn failed(path: &Path, error: io::Error) -> CliError {
    CliError::File { path: path.to_owned(), error }
}

/// One byte more than is allowed, so that the decoder sees and says that it is too large.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(REQUEST_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The whole file or none of it: a half-written answer on a stick would be carried to the device. It holds the next
/// ratchet, so only its owner may read it.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(format!(".{}.partial", std::process::id()));
    let partial = path.with_file_name(name);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        // Its name survives a power cut only once the directory is synced.
        File::open(folder)?.sync_all()
    })();
    written.inspect_err(|_| drop(fs::remove_file(&partial)))
}
