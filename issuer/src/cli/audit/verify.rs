//! `brink-issuer audit verify`.

use crate::audit::check;
use crate::cli::error::CliError;
use crate::cli::opening::Target;
use crate::cli::output::Output;
use crate::keys::{KeysError, load_keyset};
use brink_license::keyset::manifests_to_publish;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct Verify {
    #[command(flatten)]
    pub(super) target: Target,
    /// Heads that `audit seal` wrote and that were kept elsewhere, one a line: a chain without one of them was cut short
    #[arg(long, value_name = "F")]
    kept: Vec<PathBuf>,
}

impl Verify {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let storage = self.target.data.storage()?;
        let mut kept = Vec::new();
        for path in &self.kept {
            let failed = |error| CliError::File { path: path.clone(), error };
            let text = std::fs::read_to_string(path).map_err(failed)?;
            kept.extend(text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned));
        }
        let manifests = manifests_to_publish(&storage.manifests()?).map_err(KeysError::Manifest)?;
        let keyset = load_keyset(&self.target.data.directory(), &storage.issuer()?, &manifests)?;
        let checked = check(&*storage, &keyset, &kept)?;
        for finding in &checked.findings {
            let whose =
                finding.tenant.as_ref().map_or("the issuer".to_owned(), |tenant| format!("tenant {tenant}"));
            output.warn(&format!("{} in the chain of {whose}: {}", finding.code, finding.detail))?;
        }
        if !checked.is_sound() {
            return Err(CliError::Unsound(checked.differences));
        }
        let document = serde_json::json!({
            "sound": true, "chains": checked.chains, "lines": checked.lines, "earlier_lines": checked.earlier,
            "documents": checked.documents, "seals": checked.seals, "kept": kept.len(),
        });
        let text = format!(
            "sound: {} lines in {} chains, {} from before, {} signed documents each in its line, {} seals",
            checked.lines, checked.chains, checked.earlier, checked.documents, checked.seals
        );
        Ok(output.result(self.target.json, &document, &text)?)
    }
}
