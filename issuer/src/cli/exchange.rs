//! `brink-issuer exchange`: the file form of an exchange or an activation.

use super::error::CliError;
use super::input::read_bounded;
use super::opening::{PassphraseSource, Target};
use super::output::{Output, write_whole};
use brink_license::exchange::REQUEST_BYTES_MAX;
use clap::Args;
use std::path::PathBuf;

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
        let request = read_bounded(&self.request, REQUEST_BYTES_MAX)?;
        let issuer = self.target.data.issuer(&self.passphrase)?;
        let refused = |refusal| CliError::Refused { path: self.request.clone(), refusal };
        let answer = issuer.answer(&request, None).map_err(refused)?;
        let failed = |error| CliError::File { path: self.response.clone(), error };
        write_whole(&self.response, &answer).map_err(failed)?;
        let document = serde_json::json!({ "in": self.request, "out": self.response, "bytes": answer.len() });
        let lines = format!("the answer is in {}; import it on the device", self.response.display());
        Ok(output.result(self.target.json, &document, &lines)?)
    }
}
