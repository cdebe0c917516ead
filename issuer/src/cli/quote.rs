//! `brink-issuer quote`: rates a file, without an issuer or a database.

use super::error::CliError;
use super::output::Output;
use super::table::Table;
use crate::billing::quote::{FILE_BYTES_MAX, quote};
use crate::catalog::{Catalog, CatalogError, Versions};
use clap::Args;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct Quote {
    /// What to rate, as JSON
    #[arg(long, value_name = "F")]
    file: PathBuf,
    /// A catalogue in place of the program's own; several are versions, and the one of the period counts
    #[arg(long = "catalog", value_name = "C")]
    catalogs: Vec<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

impl Quote {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let catalogs = self.versions()?;
        let text = read(&self.file)?;
        let refused = |error| CliError::Quote { path: self.file.clone(), error };
        let quote = quote(&text, &catalogs).map_err(refused)?;
        let heading = ["price", "kind", "quantity", "days", "at", "net"].map(str::to_owned).to_vec();
        let rows = quote.rows().into_iter().map(|row| row.to_vec()).collect();
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

    fn versions(&self) -> Result<Versions, CliError> {
        if self.catalogs.is_empty() {
            return Ok(Versions::new(vec![Catalog::embedded()?])?);
        }
        let read = |path: &PathBuf| {
            let refused = |error| CliError::CatalogFile { path: path.clone(), error };
            let text = String::from_utf8(read(path)?);
            let text = text.map_err(|error| refused(CatalogError::Toml(error.to_string())))?;
            Catalog::parse(&text).map_err(refused)
        };
        Ok(Versions::new(self.catalogs.iter().map(read).collect::<Result<_, _>>()?)?)
    }
}

/// One byte more than is allowed, so that it is refused and not cut.
fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|error| CliError::File { path: path.to_owned(), error })
}
