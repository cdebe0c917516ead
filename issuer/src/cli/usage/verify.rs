//! `brink-issuer usage verify`.

use crate::calendar::rfc3339;
use crate::cli::error::CliError;
use crate::cli::opening::Target;
use crate::cli::output::Output;
use brink_license::DeviceId;
use clap::Args;
use std::fmt::Write as _;

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
            "sums": sound.sums, "dropped_before": sound.dropped_before.map(rfc3339),
        });
        let mut text = format!(
            "sound: {} records of {} devices in {} chains, and the {} sums that they come to",
            sound.records, sound.devices, sound.chains, sound.sums
        );
        if let Some(before) = sound.dropped_before {
            let _ = write!(
                text,
                "\nrecords that came before {} were dropped when their time was over; sums of quarters before that are not less \
                 than what is left of them, and chains go on from what their devices signed",
                rfc3339(before)
            );
        }
        Ok(output.result(self.target.json, &document, &text)?)
    }
}
