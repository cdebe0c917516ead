//! `brink-issuer migrate`.

use super::error::CliError;
use super::opening::Target;
use super::output::Output;
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct Migrate {
    #[command(flatten)]
    pub(super) target: Target,
}

impl Migrate {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let (before, after) = self.target.data.place()?.migrate()?;
        let document = serde_json::json!({ "before": before, "after": after });
        let line = if before == after {
            format!("the database has schema {after} already")
        } else {
            format!("the database went from schema {before} to schema {after}")
        };
        Ok(output.result(self.target.json, &document, &line)?)
    }
}
