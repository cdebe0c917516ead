//! `brink-issuer audit export`.

use super::Of;
use crate::audit::export;
use crate::cli::error::CliError;
use crate::cli::opening::Target;
use crate::cli::output::{Output, write_streamed};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct Export {
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    of: Of,
    /// Where to write it
    #[arg(long, value_name = "F")]
    out: PathBuf,
}

impl Export {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let (storage, whose) = (self.target.data.storage()?, self.of.whose());
        let lines = write_streamed(&self.out, |file| export(&*storage, &whose, file))
            .map_err(|error| CliError::of_file(&self.out, error))?;
        let document = serde_json::json!({ "out": self.out, "lines": lines });
        let text = format!("{lines} lines in {}", self.out.display());
        Ok(output.result(self.target.json, &document, &text)?)
    }
}
