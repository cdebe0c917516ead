//! `brink-issuer device list`.

use crate::calendar::rfc3339;
use crate::cli::error::CliError;
use crate::cli::opening::Target;
use crate::cli::output::Output;
use crate::storage::{DeviceListed, PastEpoch};
use brink_license::TenantId;
use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    pub(super) target: Target,
    /// The tenant
    #[arg(long, value_name = "T")]
    tenant: TenantId,
}

impl List {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let listed = self.target.data.admin()?.devices(&self.tenant)?;
        let devices: Vec<_> = listed.iter().map(document).collect();
        let document = serde_json::json!({ "tenant": self.tenant, "devices": devices });
        let lines: Vec<_> = listed.iter().map(line).collect();
        Ok(output.result(self.target.json, &document, &lines.join("\n"))?)
    }
}

fn document(listed: &DeviceListed) -> serde_json::Value {
    serde_json::json!({
        "device": listed.device, "status": listed.status, "tier": listed.tier, "replaced_by": listed.replaced_by,
        "cameras": listed.cameras, "seated": listed.seated, "last_seen_at": listed.last_seen_at.map(rfc3339), "epoch": listed.epoch,
        "licence_seq": listed.licence_seq, "reported_seq": listed.reported_seq,
        "expires_at": listed.exp.map(rfc3339), "ends_at": listed.ends_at.map(rfc3339), "extended_until": listed.extended_until.map(rfc3339),
        "seats_held": listed.seats_held, "held_until": held_until(listed), "overlap": listed.overlap,
        "reactivation_due_since": listed.reactivate_from.map(rfc3339),
        "past_epochs": listed.past.iter().map(past_document).collect::<Vec<_>>(),
    })
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

fn line(listed: &DeviceListed) -> String {
    let status = serde_json::to_value(listed.status).ok();
    let status = status.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default();
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
    line
}
