//! `brink-issuer legacy`: clients of the billing API of before Brink.

use super::EXIT_CODES;
use super::error::CliError;
use super::opening::Target;
use super::output::Output;
use super::table::Table;
use crate::calendar::rfc3339;
use crate::legacy::{LegacyPolicyEdit, LegacyStanding};
use crate::storage::{Contact, LegacyDevice, LegacyPolicy};
use brink_license::{DeviceId, TenantId, UnixSeconds};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

#[derive(Debug, Subcommand)]
pub(super) enum Legacy {
    /// Show or set what old clients of a customer may do by themselves
    #[command(after_help = EXIT_CODES)]
    Policy(Policy),
    /// List the devices that old clients are behind: since when they are online, and with how many cameras
    #[command(after_help = EXIT_CODES)]
    Devices(Devices),
    /// When one of them was heard of, the newest stretch first
    #[command(after_help = EXIT_CODES)]
    Contacts(Contacts),
}

#[derive(Debug, Args)]
pub(super) struct Policy {
    #[command(flatten)]
    target: Target,
    /// The tenant
    #[arg(long, value_name = "T")]
    tenant: TenantId,
    /// A camera that nobody has assigned takes a free seat with its first question; on unless said otherwise
    #[arg(long, value_enum)]
    auto_seat: Option<Switch>,
    /// A customer that never bought anything gets its trial with the first camera that asks; off unless said otherwise
    #[arg(long, value_enum)]
    auto_trial: Option<Switch>,
    /// Old clients are told no, whatever is bought; off unless said otherwise
    #[arg(long, value_enum)]
    suspended: Option<Switch>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Switch {
    /// Yes
    On,
    /// No
    Off,
}

impl From<Switch> for bool {
    fn from(switch: Switch) -> Self {
        matches!(switch, Switch::On)
    }
}

#[derive(Debug, Args)]
pub(super) struct Devices {
    #[command(flatten)]
    target: Target,
    /// The tenant
    #[arg(long, value_name = "T")]
    tenant: TenantId,
    /// Only those that are offline, or were never heard of
    #[arg(long)]
    offline: bool,
}

#[derive(Debug, Args)]
pub(super) struct Contacts {
    #[command(flatten)]
    target: Target,
    /// The device, as `legacy devices` lists it
    #[arg(long, value_name = "DEV")]
    device: DeviceId,
}

impl Legacy {
    pub(super) const fn target(&self) -> &Target {
        match self {
            Legacy::Policy(policy) => &policy.target,
            Legacy::Devices(devices) => &devices.target,
            Legacy::Contacts(contacts) => &contacts.target,
        }
    }

    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        match self {
            Legacy::Policy(policy) => policy.run(output),
            Legacy::Devices(devices) => devices.run(output),
            Legacy::Contacts(contacts) => contacts.run(output),
        }
    }
}

impl Policy {
    fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let edit = LegacyPolicyEdit {
            auto_seat: self.auto_seat.map(Into::into),
            auto_trial: self.auto_trial.map(Into::into),
            suspended: self.suspended.map(Into::into),
        };
        let admin = self.target.data.admin()?;
        let policy = if edit == LegacyPolicyEdit::default() {
            admin.legacy_policy(&self.tenant)?
        } else {
            admin.change_legacy_policy(&self.tenant, edit)?
        };
        let word = |on| if on { "on" } else { "off" };
        let LegacyPolicy { auto_seat, auto_trial, suspended } = policy;
        let line = format!(
            "tenant {}: auto-seat {}, auto-trial {}, suspended {}",
            self.tenant,
            word(auto_seat),
            word(auto_trial),
            word(suspended)
        );
        let mut document = json!(policy);
        document["tenant"] = json!(self.tenant);
        Ok(output.result(self.target.json, &document, &line)?)
    }
}

impl Devices {
    fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let admin = self.target.data.admin()?;
        let now = admin.clock.now();
        let mut devices = admin.legacy_devices(&self.tenant)?;
        devices.retain(|device| !self.offline || LegacyStanding::of(device, now) != LegacyStanding::Online);
        let documents: Vec<Value> = devices.iter().map(|device| document(device, now)).collect();
        let heading =
            ["device", "name", "key", "standing", "since", "tier", "cameras seated", "cameras running"];
        let row = |device: &LegacyDevice| {
            let said = |of: fn(&Contact) -> String| device.contact.as_ref().map_or_else(|| "-".into(), of);
            vec![
                device.device.to_string(),
                // What somebody typed: quoted, so that it cannot pass for another part of the line.
                format!("{:?}", device.name),
                device.api_key.to_string(),
                LegacyStanding::of(device, now).as_str().into(),
                since(device, now).map_or_else(|| "-".into(), rfc3339),
                said(|contact| format!("{:?}", contact.tier).to_lowercase()),
                device.cameras.to_string(),
                said(|contact| contact.cameras.to_string()),
            ]
        };
        let table = Table {
            heading: heading.map(str::to_owned).to_vec(),
            rows: devices.iter().map(row).collect(),
            numbers_from: 6,
        };
        Ok(output.result(self.target.json, &json!({ "devices": documents }), &table.lines().join("\n"))?)
    }
}

fn since(device: &LegacyDevice, now: UnixSeconds) -> Option<UnixSeconds> {
    match LegacyStanding::of(device, now) {
        LegacyStanding::Online => device.contact.map(|contact| contact.from),
        LegacyStanding::Offline(at) => Some(at),
        LegacyStanding::Never => None,
    }
}

fn document(device: &LegacyDevice, now: UnixSeconds) -> Value {
    json!({
        "device": device.device, "name": device.name, "key": device.api_key, "made_at": rfc3339(device.made_at),
        "standing": LegacyStanding::of(device, now).as_str(), "since": since(device, now).map(rfc3339),
        "cameras_seated": device.cameras, "contact": device.contact.as_ref().map(stretch),
    })
}

fn stretch(contact: &Contact) -> Value {
    json!({
        "from": rfc3339(contact.from), "last": rfc3339(contact.last), "until": rfc3339(contact.until()),
        "beats": contact.beats, "interval_seconds": contact.interval_seconds, "tier": contact.tier,
        "cameras": contact.cameras,
    })
}

impl Contacts {
    fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let contacts = self.target.data.admin()?.contacts(&self.device)?;
        let document =
            json!({ "device": self.device, "contacts": contacts.iter().map(stretch).collect::<Vec<_>>() });
        let line = |contact: &Contact| {
            format!(
                "{} to {}: {} heartbeats, {} cameras, online until {}",
                rfc3339(contact.from),
                rfc3339(contact.last),
                contact.beats,
                contact.cameras,
                rfc3339(contact.until())
            )
        };
        let lines: Vec<String> = contacts.iter().map(line).collect();
        Ok(output.result(self.target.json, &document, &lines.join("\n"))?)
    }
}
