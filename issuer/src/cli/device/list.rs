//! `brink-issuer device list`.

use crate::calendar::rfc3339;
use crate::cli::error::CliError;
use crate::cli::opening::Target;
use crate::cli::output::Output;
use crate::fleet::{self, Alert, FleetDevice, FleetQuery, SILENT_HOURS, SILENT_HOURS_DEFAULT};
use crate::storage::{DeviceListed, DeviceQuery, DeviceStatus, PastEpoch, Place};
use brink_license::{TenantId, UnixSeconds};
use clap::Args;

/// Most devices of one page: what a program reads at once.
const LIMIT_MAX: i64 = 100_000;

#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    pub(super) target: Target,
    /// The tenant
    #[arg(long, value_name = "T")]
    tenant: TenantId,
    /// Those alone that stand so
    #[arg(long, value_name = "S", value_enum)]
    state: Option<DeviceStatus>,
    /// Those alone that somebody should look at for this; give it more than once for any of several
    #[arg(long, value_name = "A", value_enum)]
    alert: Vec<Alert>,
    /// Hours without a word after which a device is silent
    #[arg(long, value_name = "H", default_value_t = SILENT_HOURS_DEFAULT)]
    silent_hours: u32,
    /// At most so many, the oldest first; `next` says how to go on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=LIMIT_MAX))]
    limit: Option<u32>,
    /// Behind this place, as `next` said
    #[arg(long, value_name = "PLACE")]
    after: Option<String>,
}

impl List {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        if !SILENT_HOURS.contains(&self.silent_hours) {
            let (min, max) = (SILENT_HOURS.start(), SILENT_HOURS.end());
            let problem = format!("--silent-hours {} is out of bounds: {min} to {max}", self.silent_hours);
            return Err(CliError::usage(format!("{problem}; choose a number within these bounds")));
        }
        let after = self.after.as_deref().map(place).transpose()?;
        let devices = DeviceQuery {
            status: self.state,
            after,
            limit: self.limit,
            ..DeviceQuery::all(self.tenant.clone())
        };
        let query = FleetQuery { devices, alerts: self.alert, silent_hours: self.silent_hours };
        let admin = self.target.data.admin()?;
        let now = admin.clock.now();
        let page = fleet::list(&*admin.storage, &query, now)?;
        let devices: Vec<_> = page.devices.iter().map(|device| document(device, now)).collect();
        let next = page.next.as_ref().map(|place| format!("{}.{}", place.at, place.id));
        let document = serde_json::json!({ "tenant": self.tenant, "devices": devices, "next": next });
        let mut lines: Vec<_> = page.devices.iter().map(|device| line(device, now)).collect();
        lines.extend(next.map(|next| format!("there may be more: --after {next}")));
        Ok(output.result(self.target.json, &document, &lines.join("\n"))?)
    }
}

/// A place as it was said.
fn place(text: &str) -> Result<Place, CliError> {
    let read =
        text.split_once('.').and_then(|(at, id)| Some(Place { at: at.parse().ok()?, id: id.to_owned() }));
    read.ok_or_else(|| CliError::usage("--after is no place of this list; give what `next` said"))
}

fn document(device: &FleetDevice, now: UnixSeconds) -> serde_json::Value {
    let FleetDevice { listed, facts, alerts } = device;
    serde_json::json!({
        "device": listed.device, "status": listed.status, "tier": listed.tier, "replaced_by": listed.replaced_by,
        "cameras": listed.cameras, "seated": listed.seated, "last_seen_at": listed.last_seen_at.map(rfc3339), "epoch": listed.epoch,
        "licence_seq": listed.licence_seq, "reported_seq": listed.reported_seq,
        "expires_at": listed.exp.map(rfc3339), "ends_at": listed.ends_at.map(rfc3339), "extended_until": listed.extended_until.map(rfc3339),
        "seats_held": listed.seats_held, "held_until": held_until(listed), "overlap": listed.overlap,
        "reactivation_due_since": listed.reactivate_from.map(rfc3339),
        "past_epochs": listed.past.iter().map(past_document).collect::<Vec<_>>(),
        "created_at": rfc3339(listed.created_at), "code_expires_at": rfc3339(facts.code_expires_at),
        "agent_version": facts.agent_version, "keyset_version": facts.keyset_version,
        "lag": {
            "seconds": silence(listed, now), "licences": device.licences_behind(), "usage_records": facts.usage_behind,
            "usage_told_at": facts.usage_told_at.map(rfc3339),
        },
        "alerts": alerts,
    })
}

/// Seconds since it was last heard of.
fn silence(listed: &DeviceListed, now: UnixSeconds) -> Option<i64> {
    listed.last_seen_at.map(|seen| now.since(seen).max(0))
}

fn past_document(past: &PastEpoch) -> serde_json::Value {
    serde_json::json!({
        "epoch": past.epoch, "jkt": past.jkt, "seats_held": past.seats, "held_until": rfc3339(past.until),
        "overlap": past.overlap,
    })
}

fn held_until(listed: &DeviceListed) -> Option<String> {
    (listed.seats_held > 0).then(|| rfc3339(listed.held_until))
}

fn line(device: &FleetDevice, now: UnixSeconds) -> String {
    let FleetDevice { listed, facts, alerts } = device;
    let status = listed.status.as_str();
    let moment = |moment: Option<_>| moment.map_or_else(|| "never".to_owned(), rfc3339);
    let seated = match listed.seated {
        0 => String::new(),
        seated => format!(" and {seated} on unnamed seats"),
    };
    let mut line = format!(
        "{} {status}, {} cameras{seated}, last seen {}",
        listed.device,
        listed.cameras,
        moment(listed.last_seen_at)
    );
    if let Some(seq) = listed.licence_seq {
        let (exp, ends) = (moment(listed.exp), moment(listed.ends_at));
        line.push_str(&format!(
            ", licence seq {seq} (it holds {}) until {exp}, ends {ends}",
            listed.reported_seq
        ));
    }
    if let Some(until) = listed.extended_until {
        line.push_str(&format!(", extended until {}", rfc3339(until)));
    }
    if let Some(by) = &listed.replaced_by {
        line.push_str(&format!(", replaced by {by}"));
    }
    if let Some(until) = held_until(listed).filter(|_| listed.status == crate::storage::DeviceStatus::Retired)
    {
        let what = if listed.overlap { "that may run twice" } else { "kept" };
        line.push_str(&format!(", {} seats {what} until {until}", listed.seats_held));
    }
    if let Some(since) = listed.reactivate_from {
        line.push_str(&format!(", refused since {} until it is activated anew", rfc3339(since)));
    }
    for past in &listed.past {
        let what = if past.overlap { "that may run twice" } else { "kept" };
        let (epoch, until) = (past.epoch, rfc3339(past.until));
        line.push_str(&format!(", {} seats of epoch {epoch} {what} until {until}", past.seats));
    }
    if let Some(version) = &facts.agent_version {
        line.push_str(&format!(", agent {version}"));
    }
    if facts.usage_behind > 0 {
        line.push_str(&format!(", {} records of usage not settled", facts.usage_behind));
    }
    if !alerts.is_empty() {
        let hours = silence(listed, now).map_or(0, |seconds| seconds / 3600);
        let words: Vec<_> = alerts.iter().map(|alert| word(*alert, hours)).collect();
        line.push_str(&format!(" [{}]", words.join(", ")));
    }
    line
}

/// The word of an alert, and of silence how long it has lasted.
fn word(alert: Alert, hours: i64) -> String {
    let word = serde_json::to_value(alert).ok();
    let word = word.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    if alert == Alert::Silent { format!("{word} for {hours} h") } else { word }
}
