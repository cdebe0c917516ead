//! `brink-issuer license revocations`.

use crate::calendar::rfc3339;
use crate::cli::error::CliError;
use crate::cli::opening::{PassphraseSource, Target};
use crate::cli::output::{Output, write_whole};
use brink_license::TenantId;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Revocations {
    #[command(flatten)]
    pub(super) target: Target,
    /// Whose licences
    #[arg(long, value_name = "T")]
    tenant: TenantId,
    /// Where to write the list, for `brink-edge accept` on any device of the tenant
    #[arg(long = "out", value_name = "F")]
    out: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

impl Revocations {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let actor = self.target.data.admin()?.actor;
        let issuer = self.target.data.issuer(&self.passphrase)?;
        let issued = issuer.list_revoked(&self.tenant, &actor)?;
        let failed = |error| CliError::File { path: self.out.clone(), error };
        write_whole(&self.out, issued.list.token.as_bytes()).map_err(failed)?;
        let until = rfc3339(issued.list.until);
        let document = serde_json::json!({
            "tenant": self.tenant, "version": issued.list.version, "licences": issued.named,
            "issued_before": issued.again, "until": until, "out": self.out,
        });
        let before = if issued.again { ", the same as before" } else { "" };
        let lines = format!(
            "list {} of tenant {}: {} licences, of use until {until}{before}\nnext: brink-edge accept {} on each \
             device; whatever exchanges gets it by itself",
            issued.list.version,
            self.tenant,
            issued.named,
            self.out.display()
        );
        Ok(output.result(self.target.json, &document, &lines)?)
    }
}
