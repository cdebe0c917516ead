//! `brink-issuer quote`: rates a file, without an issuer or a database.

use super::error::CliError;
use super::input::read_bounded;
use super::opening::Catalogs;
use super::output::Output;
use super::table::Table;
use crate::billing::quote::{FILE_BYTES_MAX, quote};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct Quote {
    /// What to rate, as JSON
    #[arg(long, value_name = "F")]
    file: PathBuf,
    #[command(flatten)]
    catalogs: Catalogs,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

impl Quote {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let catalogs = self.catalogs.read()?;
        let text = read_bounded(&self.file, FILE_BYTES_MAX)?;
        let refused = |error| CliError::Quote { path: self.file.clone(), error };
        let quote = quote(&text, &catalogs).map_err(refused)?;
        let (heading, rows) = quote.table();
        let period = &quote.period;
        let mut lines = vec![format!(
            "from {} to {} in {}, {} days of {}, catalogue {}",
            period.from,
            period.to,
            quote.currency,
            period.length(),
            period.zone.name(),
            quote.catalogue
        )];
        lines.extend(Table { heading, rows, numbers_from: 2 }.lines());
        Ok(output.result(self.json, &quote.document(), &lines.join("\n"))?)
    }
}
