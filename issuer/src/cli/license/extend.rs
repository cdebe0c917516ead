//! `brink-issuer license extend`.

use crate::calendar::rfc3339;
use crate::cli::error::CliError;
use crate::cli::opening::{PassphraseSource, Target};
use crate::cli::output::{Output, write_whole};
use crate::extension::{EXTENSION_DAYS, Extended, ExtensionOrder};
use brink_license::DeviceId;
use brink_license::token::TypedExtension;
use clap::{ArgGroup, Args};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("form").required(true).args(["out", "text"])))]
pub(crate) struct Extend {
    #[command(flatten)]
    pub(super) target: Target,
    /// The device
    #[arg(long, value_name = "DEV")]
    device: DeviceId,
    /// Days from now, 1 to 14
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(i64::from(*EXTENSION_DAYS.start())..=i64::from(*EXTENSION_DAYS.end())))]
    days: u32,
    /// Why, for the audit
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Where to write the file for `brink-edge accept` on the device
    #[arg(long, value_name = "F")]
    out: Option<PathBuf>,
    /// Show five lines to read out instead, for `brink-edge accept --text -`
    #[arg(long)]
    text: bool,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

impl Extend {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let actor = self.target.data.admin()?.actor;
        let issuer = self.target.data.issuer(&self.passphrase)?;
        let order = ExtensionOrder { device: self.device.clone(), days: self.days, reason: self.reason };
        let Extended { extension, typed } = issuer.extend(&order, &actor)?;
        let (claims, until) = (extension.claims(), rfc3339(extension.claims().until));
        if let Some(path) = &self.out {
            let failed = |error| CliError::File { path: path.clone(), error };
            write_whole(path, extension.token().as_bytes()).map_err(failed)?;
        }
        let lines = typed.as_ref().filter(|_| self.text).map(TypedExtension::lines);
        let document = serde_json::json!({
            "device": self.device, "number": claims.number, "until": until, "out": self.out, "text": lines,
        });
        let head = format!("device {}: extension {} until {until}", self.device, claims.number);
        let rest = match (&self.out, &lines) {
            (Some(path), _) => format!("next: brink-edge accept {} on the device", path.display()),
            (None, Some(lines)) => {
                format!("next, on the device: brink-edge accept --text -\n\n{}", lines.join("\n"))
            }
            // It is recorded, and goes along with the device's next answer.
            (None, None) => "it does not fit into lines: give --out".to_owned(),
        };
        Ok(output.result(self.target.json, &document, &format!("{head}\n{rest}"))?)
    }
}
