//! `brink-issuer device`.

mod clock_reset;
mod evidence;
mod list;
mod reactivate;
mod retire;

use super::EXIT_CODES;
use super::error::CliError;
use super::opening::Target;
use super::output::Output;
use crate::admin::CodeOrder;
use crate::calendar::rfc3339;
use crate::code::{CodeEnd, HOURS_DEFAULT};
use crate::reports::period::PeriodError;
use crate::storage::Tier;
use brink_license::TenantId;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(super) enum Device {
    /// Make an activation code; prints it once
    #[command(after_help = EXIT_CODES)]
    Code(Code),
    /// List a tenant's devices: where they stand, when they were last seen, what they hold until when
    #[command(after_help = EXIT_CODES)]
    List(list::List),
    /// Take a device out of service for good; its cameras are free at once, its seats when its lease is over
    #[command(after_help = EXIT_CODES)]
    Retire(retire::Retire),
    /// Retire a device and put another in its place, with its cameras, seats and share of the quotas
    #[command(after_help = EXIT_CODES)]
    Replace(retire::Replace),
    /// Give a device to another tenant, who pays for it from the next day on; prints the code that activates it there
    #[command(after_help = EXIT_CODES)]
    Transfer(retire::Transfer),
    /// Make a code that activates a device anew, with another key; prints it once. Every copy of the old key is refused
    #[command(after_help = EXIT_CODES)]
    Reactivate(reactivate::Reactivate),
    /// Show what was seen of copies of a device: both requests, their proofs, counters, boots and times
    #[command(after_help = EXIT_CODES)]
    Evidence(evidence::Evidence),
    /// Answer a device's clock challenge, so that it may set its mark of time back
    #[command(after_help = EXIT_CODES)]
    ClockReset(clock_reset::ClockReset),
}

#[derive(Debug, Args)]
pub(super) struct Code {
    #[command(flatten)]
    target: Target,
    /// The tenant whose devices it will activate
    #[arg(long, value_name = "T")]
    tenant: TenantId,
    /// The class of the devices
    #[arg(long, value_enum, default_value_t = Tier::Basic)]
    tier: Tier,
    /// Devices that the code activates, 1 to 10000
    #[arg(long, value_name = "N", default_value_t = 1)]
    uses: u32,
    /// Hours until the code expires, at most 2160
    #[arg(long, value_name = "H", default_value_t = HOURS_DEFAULT, conflicts_with = "until")]
    expires_hours: u32,
    /// Until when the code may be spent, at most 90 days ahead: a moment like 2026-03-01T18:00:00+01:00, or a day of the
    /// tenant, which counts to its end
    #[arg(long, value_name = "T")]
    until: Option<String>,
}

impl Device {
    pub(super) const fn target(&self) -> &Target {
        match self {
            Device::Code(code) => &code.target,
            Device::List(list) => &list.target,
            Device::Retire(retire) => &retire.target,
            Device::Replace(replace) => &replace.target,
            Device::Transfer(transfer) => &transfer.target,
            Device::Reactivate(reactivate) => &reactivate.target,
            Device::Evidence(evidence) => &evidence.target,
            Device::ClockReset(reset) => &reset.target,
        }
    }

    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        match self {
            Device::Code(code) => code.run(output),
            Device::List(list) => list.run(output),
            Device::Retire(retire) => retire.run(output),
            Device::Replace(replace) => replace.run(output),
            Device::Transfer(transfer) => transfer.run(output),
            Device::Reactivate(reactivate) => reactivate.run(output),
            Device::Evidence(evidence) => evidence.run(output),
            Device::ClockReset(reset) => reset.run(output),
        }
    }
}

impl Code {
    fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let (tier, uses) = (self.tier, self.uses);
        let expires = match &self.until {
            Some(text) => CodeEnd::Until(text.parse().map_err(|error| until_error(&error))?),
            None => CodeEnd::Hours(self.expires_hours),
        };
        let order = CodeOrder { tenant: self.tenant, tier, uses, expires };
        let made = self.target.data.admin()?.create_code(&order)?;
        let expires_at = rfc3339(made.expires_at);
        let first = made.devices.first();
        let document = serde_json::json!({
            "code": made.code.reveal(), "device": first, "devices": made.devices, "tenant": order.tenant,
            "tier": tier, "uses": uses, "expires_at": expires_at,
        });
        let devices: Vec<&str> = made.devices.iter().map(brink_license::DeviceId::as_str).collect();
        let lines = format!(
            "code {}, shown this once, expires {expires_at}\nactivates {}",
            made.code.reveal(),
            devices.join(" ")
        );
        Ok(output.result(self.target.json, &document, &lines)?)
    }
}

fn until_error(error: &PeriodError) -> CliError {
    CliError::usage(format!("--until: {error}"))
}
