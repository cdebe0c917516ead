//! `brink-issuer audit seal`.

use crate::audit::Due;
use crate::cli::error::CliError;
use crate::cli::opening::{PassphraseSource, Target};
use crate::cli::output::{Output, write_whole};
use crate::storage::Whose;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct Seal {
    #[command(flatten)]
    pub(super) target: Target,
    /// Where to write the newest head of every chain, one a line, to be kept where this database is not
    #[arg(long, value_name = "F")]
    out: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

impl Seal {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let issuer = self.target.data.issuer(&self.passphrase)?;
        let sealed = issuer.seal_audit(Due::Now)?;
        let heads = self.target.data.storage()?.newest_seals(&Whose::All)?;
        let text: String = heads.iter().map(|head| format!("{}\n", head.token)).collect();
        if let Some(path) = &self.out {
            let failed = |error| CliError::File { path: path.clone(), error };
            write_whole(path, text.as_bytes()).map_err(failed)?;
        }
        let document = serde_json::json!({ "sealed": sealed, "heads": heads.len(), "out": self.out });
        let next = match &self.out {
            Some(path) => {
                format!("{} heads in {}; keep it where this database is not", heads.len(), path.display())
            }
            None => "next: audit seal --out F, and keep F where this database is not".to_owned(),
        };
        Ok(output.result(self.target.json, &document, &format!("{sealed} chains sealed\n{next}"))?)
    }
}
