//! `brink-issuer usage verify`.

use crate::cli::error::CliError;
use crate::cli::opening::Target;
use crate::cli::output::Output;
use brink_license::DeviceId;
use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct Verify {
    #[command(flatten)]
    pub(super) target: Target,
    /// This device alone
    #[arg(long, value_name = "DEV")]
    device: Option<DeviceId>,
}

impl Verify {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let sound = self.target.data.admin()?.verify_usage(self.device.as_ref())?;
        let document = serde_json::json!({
            "sound": true, "devices": sound.devices, "chains": sound.chains, "records": sound.records,
            "sums": sound.sums,
        });
        let text = format!(
            "sound: {} records of {} devices in {} chains, and the {} sums that they come to",
            sound.records, sound.devices, sound.chains, sound.sums
        );
        Ok(output.result(self.target.json, &document, &text)?)
    }
}
