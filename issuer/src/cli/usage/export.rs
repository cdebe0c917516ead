//! `brink-issuer usage export`.

use crate::cli::error::CliError;
use crate::cli::opening::Target;
use crate::cli::output::{Output, write_streamed};
use crate::reports::export::{ExportOrder, Format};
use crate::reports::period::Bound;
use brink_license::TenantId;
use clap::{ArgAction, Args};
use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct Export {
    #[command(flatten)]
    pub(super) target: Target,
    /// Every record as it came; nothing else is exported yet
    #[arg(long, required = true, action = ArgAction::SetTrue)]
    raw: bool,
    /// This tenant alone
    #[arg(long, value_name = "T")]
    tenant: Option<TenantId>,
    /// Used from this day on, of the tenant, or of UTC without one; or from this instant
    #[arg(long, value_name = "DATE")]
    from: Option<Bound>,
    /// Used before this day or instant
    #[arg(long, value_name = "DATE")]
    to: Option<Bound>,
    /// Where to write it; the name's end says the format, .csv or .parquet
    #[arg(long, value_name = "F")]
    out: PathBuf,
}

impl Export {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let order = ExportOrder { tenant: self.tenant, from: self.from, to: self.to };
        let (admin, path) = (self.target.data.admin()?, &self.out);
        let format = match path.extension().and_then(OsStr::to_str) {
            Some("csv") => Format::Csv,
            Some("parquet") => Format::Parquet,
            Some(_) | None => {
                let problem = format!(
                    "--out {}: the name says no format; end it with .csv or .parquet",
                    path.display()
                );
                return Err(CliError::usage(problem));
            }
        };
        let write = |file: &mut (dyn Write + Send)| admin.export_usage(&order, format, file);
        let rows = write_streamed(path, write).map_err(|error| CliError::of_file(path, error))?;
        let document = serde_json::json!({ "out": self.out, "rows": rows });
        let text = format!("{rows} rows in {}", self.out.display());
        Ok(output.result(self.target.json, &document, &text)?)
    }
}
