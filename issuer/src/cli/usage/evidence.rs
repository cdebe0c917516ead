//! `brink-issuer usage evidence`.

use crate::cli::error::CliError;
use crate::cli::opening::Target;
use crate::cli::output::{Output, write_streamed};
use brink_license::DeviceId;
use clap::Args;
use std::io::Write;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct Evidence {
    #[command(flatten)]
    pub(super) target: Target,
    /// The device
    #[arg(long, value_name = "DEV")]
    device: DeviceId,
    /// Where to write the document, instead of printing it
    #[arg(long, value_name = "F")]
    out: Option<PathBuf>,
}

impl Evidence {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let admin = self.target.data.admin()?;
        let Some(path) = &self.out else {
            admin.usage_evidence(&self.device, output.stream())?;
            return Ok(());
        };
        let write = |file: &mut (dyn Write + Send)| admin.usage_evidence(&self.device, file);
        let written = write_streamed(path, write).map_err(|error| CliError::of_file(path, error))?;
        let document = serde_json::json!({
            "device": self.device, "out": path, "statements": written.statements, "records": written.records,
            "partial": written.partial,
        });
        let mut text = format!(
            "device {}: {} batches with {} records, each signed by the device and acknowledged by the issuer, in {}",
            self.device,
            written.statements,
            written.records,
            path.display()
        );
        if written.partial > 0 {
            text.push_str(&format!(
                "\nof {} batches some records are not on record any more: their digests cannot be computed again",
                written.partial
            ));
        }
        Ok(output.result(self.target.json, &document, &text)?)
    }
}
