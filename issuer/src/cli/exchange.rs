//! `brink-issuer exchange`: the file form of an exchange or an activation.

use super::error::CliError;
use super::opening::{PassphraseSource, Target};
use super::output::{Output, write_whole};
use brink_license::exchange::REQUEST_BYTES_MAX;
use clap::Args;
use std::fs::File;
use std::io::{self, Read};
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
pub(super) fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(REQUEST_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
