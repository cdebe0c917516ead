//! `brink-issuer device reactivate`.

use crate::admin::MadeCode;
use crate::calendar::rfc3339;
use crate::cli::error::CliError;
use crate::cli::opening::Target;
use crate::cli::output::Output;
use crate::code::HOURS_DEFAULT;
use crate::reactivation::{Reactivation, ReactivationOrder};
use crate::storage::DeviceStatus;
use brink_license::DeviceId;
use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct Reactivate {
    #[command(flatten)]
    pub(super) target: Target,
    /// The device
    #[arg(long, value_name = "DEV")]
    device: DeviceId,
    /// Hours until the code expires, at most 2160
    #[arg(long, value_name = "H", default_value_t = HOURS_DEFAULT)]
    expires_hours: u32,
    /// No copy runs any more: do not wait for the lease of the old key, until whose end its seats may run twice. Needs
    /// --reason
    #[arg(long)]
    accept_overlap: bool,
    /// Who decided, for the audit
    #[arg(long, value_name = "WHO")]
    by: Option<String>,
    /// Why, for the audit
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Reactivate {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let Self { target, device, expires_hours, accept_overlap, by, reason } = self;
        let order = ReactivationOrder { device, expires_hours, accept_overlap, by, reason };
        let (done, made) = target.data.admin()?.reactivate(&order)?;
        let document = serde_json::json!({
            "device": done.device, "status": done.status, "epoch": done.epoch, "seats_held": done.seats_held,
            "held_until": done.held_until, "overlap": done.overlap, "code": made.code.reveal(),
            "expires_at": rfc3339(made.expires_at),
        });
        Ok(output.result(target.json, &document, &describe(&done, &made))?)
    }
}

fn describe(done: &Reactivation, made: &MadeCode) -> String {
    let Reactivation { device, seats_held, .. } = done;
    let (code, expires_at) = (made.code.reveal(), rfc3339(made.expires_at));
    let mut lines = vec![
        format!("code {code}, shown this once, expires {expires_at}"),
        format!(
            "on the real device {device}: brink-edge activate --again --code CODE; it keeps its name and all that it has"
        ),
    ];
    lines.push(match &done.held_until {
        None => "its old key holds no seats".to_owned(),
        Some(until) if done.overlap => {
            format!("until {until} what the old key may still run on overlaps: {seats_held} seats may run twice")
        }
        Some(until) => format!(
            "until {until} the old key may still run on {seats_held} seats, which the new one does not get before; where \
             no copy runs any more: --accept-overlap --reason TEXT"
        ),
    });
    match done.status {
        DeviceStatus::Suspended | DeviceStatus::Revoked => lines.push(format!(
            "its licence is {}, which the code does not lift: brink-issuer license resume --device {device}",
            done.status.as_str()
        )),
        DeviceStatus::Pending | DeviceStatus::Active | DeviceStatus::Retired => {}
    }
    lines.join("\n")
}
