//! `brink-issuer init`.

use super::error::CliError;
use super::opening::{PassphraseSource, Target};
use super::output::Output;
use crate::clock::{Clock, SystemClock};
use crate::founding::{Founded, found_on};
use brink_license::IssuerName;
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct Init {
    #[command(flatten)]
    pub(super) target: Target,
    /// The issuer's name, which every document carries and every device pins: a-z, 0-9 and ._:/-
    #[arg(long)]
    issuer: IssuerName,
    /// Plaintext keys and a single root, for issuers whose name starts with dev- only
    #[arg(long, conflicts_with_all = ["passphrase_file", "passphrase_fd"])]
    dev: bool,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

const DEV_WARNING: &str = "\
*****************************************************************************************
*** DEVELOPMENT ISSUER: its private keys lie in the clear and one root signs alone.   ***
*** Whoever can read this directory can mint any licence. Never use it in production. ***
*****************************************************************************************";

impl Init {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let data = self.target.data.directory();
        let passphrase = self.passphrase.read()?;
        let (place, keys) = (self.target.data.place()?, (self.dev, passphrase.as_ref()));
        let founded = found_on(&data, self.issuer, keys, &place, SystemClock.now())?;
        if self.dev {
            output.warn(DEV_WARNING)?;
        } else {
            output.warn(&move_roots_offline(&founded))?;
        }
        let anchor = &founded.anchor;
        let document = serde_json::json!({
            "issuer": anchor.issuer(),
            "data": data.path(),
            "trust": data.trust(),
            "threshold": anchor.threshold(),
            "roots": anchor.roots(),
            "root_key_files": founded.root_files,
            "admin_key": founded.admin_key.reveal(),
        });
        let lines = format!(
            "issuer {} is ready in {}\ndevices are provisioned with {}\nadmin key, shown this once: {}",
            anchor.issuer(),
            data.path().display(),
            data.trust().display(),
            founded.admin_key.reveal()
        );
        Ok(output.result(self.target.json, &document, &lines)?)
    }
}

fn move_roots_offline(founded: &Founded) -> String {
    let files: Vec<String> = founded.root_files.iter().map(|path| format!("  {}", path.display())).collect();
    format!(
        "Move the root keys offline now, each with its .pub file and to a place of its own; {} of {} sign together, and \
         serving needs none of them:\n{}",
        founded.anchor.threshold(),
        files.len(),
        files.join("\n")
    )
}
