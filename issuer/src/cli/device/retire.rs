//! `brink-issuer device retire`, `device replace` and `device transfer`.

use crate::admin::MadeCode;
use crate::calendar::rfc3339;
use crate::cli::error::CliError;
use crate::cli::opening::Target;
use crate::cli::output::Output;
use crate::code::HOURS_DEFAULT;
use crate::retirement::{Moved, Retired, RetirementOrder, Successor};
use brink_license::{DeviceId, TenantId};
use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct Retire {
    #[command(flatten)]
    pub(super) target: Target,
    /// The device
    #[arg(long, value_name = "DEV")]
    device: DeviceId,
    /// Why, for the audit
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Replace {
    #[command(flatten)]
    pub(super) target: Target,
    /// The device that goes
    #[arg(long, value_name = "OLD")]
    device: DeviceId,
    /// The device that takes its place, if it is there already; else a new one is made, with its code
    #[arg(long, value_name = "DEV")]
    by: Option<DeviceId>,
    /// Hours until the new device's code expires, at most 2160
    #[arg(long, value_name = "H", default_value_t = HOURS_DEFAULT, conflicts_with = "by")]
    expires_hours: u32,
    /// The old device is lost for good: do not wait for its lease, until whose end its seats may run twice. Needs --reason
    #[arg(long)]
    accept_overlap: bool,
    /// Why, for the audit
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Transfer {
    #[command(flatten)]
    pub(super) target: Target,
    /// The device that goes
    #[arg(long, value_name = "DEV")]
    device: DeviceId,
    /// The tenant that it goes to
    #[arg(long, value_name = "T")]
    to: TenantId,
    /// Hours until the code expires that activates it there, at most 2160
    #[arg(long, value_name = "H", default_value_t = HOURS_DEFAULT)]
    expires_hours: u32,
    /// Why, for the audit
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Retire {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let order = RetirementOrder {
            device: self.device,
            successor: Successor::None,
            accept_overlap: false,
            reason: self.reason,
        };
        carry_out(&self.target, &order, output)
    }
}

impl Replace {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let expires_hours = self.expires_hours;
        let successor = self.by.map_or(Successor::New { expires_hours }, Successor::Existing);
        let (accept_overlap, reason) = (self.accept_overlap, self.reason);
        let order = RetirementOrder { device: self.device, successor, accept_overlap, reason };
        carry_out(&self.target, &order, output)
    }
}

impl Transfer {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let successor = Successor::Elsewhere { tenant: self.to, expires_hours: self.expires_hours };
        let order =
            RetirementOrder { device: self.device, successor, accept_overlap: false, reason: self.reason };
        carry_out(&self.target, &order, output)
    }
}

fn carry_out(target: &Target, order: &RetirementOrder, output: &mut Output<'_>) -> Result<(), CliError> {
    let (retired, made) = target.data.admin()?.retire(order)?;
    let mut document = serde_json::json!({
        "device": retired.device, "replaced_by": retired.replaced_by, "cameras": retired.cameras,
        "seats_held": retired.seats_held, "held_until": retired.held_until, "overlap": retired.overlap,
        "code": made.as_ref().map(|made| made.code.reveal()),
        "expires_at": made.as_ref().map(|made| rfc3339(made.expires_at)),
    });
    if let (Some(moved), Some(fields)) = (&retired.transfer, document.as_object_mut()) {
        fields.insert("transfer".into(), serde_json::json!(moved));
    }
    Ok(output.result(target.json, &document, &describe(&retired, made.as_ref()))?)
}

fn describe(retired: &Retired, made: Option<&MadeCode>) -> String {
    let Retired { device, cameras, seats_held, .. } = retired;
    let moved = match &retired.replaced_by {
        Some(by) => format!("its {} cameras are on device {by}", cameras.len()),
        None => format!("its {} cameras are free", cameras.len()),
    };
    let mut lines = vec![format!("device {device} is retired; {moved}")];
    lines.push(match &retired.held_until {
        None => "it holds no seats".to_owned(),
        Some(until) if retired.overlap => {
            format!("until {until} what it may still run on overlaps: {seats_held} seats may run twice")
        }
        Some(until) => {
            format!("until {until} it may still run on {seats_held} seats, which nobody else gets before")
        }
    });
    if let Some(moved) = &retired.transfer {
        let Moved { device: new, tenant, billed_from } = moved;
        lines.push(format!(
            "it becomes device {new} of tenant {tenant}, who pays for it from {billed_from} on"
        ));
    }
    if let Some(made) = made {
        let (code, expires_at) = (made.code.reveal(), rfc3339(made.expires_at));
        lines.push(format!("code {code}, shown this once, expires {expires_at}"));
        lines.push(
            "on the new machine: brink-edge activate; on one that starts over: brink-edge activate --again"
                .into(),
        );
    }
    lines.join("\n")
}
