//! `brink-issuer device clock-reset`.

use crate::calendar::rfc3339;
use crate::cli::error::CliError;
use crate::cli::input::read_bounded;
use crate::cli::opening::{PassphraseSource, Target};
use crate::cli::output::{Output, write_whole};
use brink_license::exchange::REQUEST_BYTES_MAX;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct ClockReset {
    #[command(flatten)]
    pub(super) target: Target,
    /// The file that `brink-edge clock challenge` wrote
    #[arg(long, value_name = "F")]
    challenge: PathBuf,
    /// Where to write the answer, for `brink-edge accept`
    #[arg(long, value_name = "G")]
    out: PathBuf,
    /// Why, for the audit
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

impl ClockReset {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let bytes = read_bounded(&self.challenge, REQUEST_BYTES_MAX)?;
        let actor = self.target.data.admin()?.actor;
        let issuer = self.target.data.issuer(&self.passphrase)?;
        let refused = |refusal| CliError::Refused { path: self.challenge.clone(), refusal };
        let answered = issuer.reset_clock(&bytes, self.reason.as_deref(), &actor).map_err(refused)?;
        let failed = |error| CliError::File { path: self.out.clone(), error };
        write_whole(&self.out, answered.reset.token.as_bytes()).map_err(failed)?;
        let (challenge, server_time) = (&answered.challenge, rfc3339(answered.reset.iat));
        let (wall, now) = (rfc3339(challenge.wall), rfc3339(challenge.device_time));
        let document = serde_json::json!({
            "device": challenge.device, "wall": wall, "device_time": now, "clock_flags": challenge.clock_flags,
            "server_time": server_time, "answered_before": answered.again, "out": self.out,
        });
        let flags = match challenge.clock_flags.as_slice() {
            [] => "no flags".to_owned(),
            flags => flags.join(", "),
        };
        let before = if answered.again { ", the same as before" } else { "" };
        let lines = format!(
            "device {}: its clock said {wall}, it took {now} for now ({flags})\nthe answer says {server_time}{before}\nnext: \
             brink-edge accept {} on the device, once, before it is started again and within three days of the challenge",
            challenge.device,
            self.out.display()
        );
        Ok(output.result(self.target.json, &document, &lines)?)
    }
}
