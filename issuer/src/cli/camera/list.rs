//! `brink-issuer camera list`.

use crate::cli::error::CliError;
use crate::cli::opening::Target;
use crate::cli::output::Output;
use crate::clock::{Clock, SystemClock};
use crate::storage::SeatConflict;
use brink_license::{DeviceId, Slug};
use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    pub(super) target: Target,
    /// The device
    #[arg(long, value_name = "DEV")]
    device: DeviceId,
}

impl List {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let storage = self.target.data.storage()?;
        let view = storage.device(&self.device, SystemClock.now())?;
        let known = storage.seats(&self.device)?;
        let named = view.cameras.iter().map(|row| (&row.camera, &row.packs, true));
        let seated = known.cameras.iter().map(|row| (&row.camera, &row.packs, false));
        let all: Vec<_> = named.chain(seated).collect();
        let cameras: Vec<_> = all
            .iter()
            .map(|(camera, packs, named)| serde_json::json!({ "camera": camera, "packs": packs, "named": named }))
            .collect();
        let document =
            serde_json::json!({ "device": self.device, "cameras": cameras, "conflicts": known.conflicts });
        let line = |(camera, packs, named): &(_, &Vec<Slug>, bool)| {
            let packs: Vec<_> = packs.iter().map(Slug::as_str).collect();
            let how = if *named { "by name" } else { "on an unnamed seat" };
            format!(
                "{camera} {how}, packs: {}",
                if packs.is_empty() { "none".to_owned() } else { packs.join(", ") }
            )
        };
        let lines: Vec<_> = all.iter().map(line).chain(known.conflicts.iter().map(conflict)).collect();
        Ok(output.result(self.target.json, &document, &lines.join("\n"))?)
    }
}

/// What is said of a camera that two devices have.
pub(in crate::cli) fn conflict(conflict: &SeatConflict) -> String {
    let SeatConflict { camera, device, named } = conflict;
    let how = if *named { "assigned by name to" } else { "on an unnamed seat of" };
    format!("conflict: {camera} sits on an unnamed seat here and is {how} device {device} as well")
}
