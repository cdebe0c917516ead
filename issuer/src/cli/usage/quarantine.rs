//! `brink-issuer usage quarantine`.

use crate::calendar::rfc3339;
use crate::cli::EXIT_CODES;
use crate::cli::error::CliError;
use crate::cli::opening::Target;
use crate::cli::output::Output;
use crate::cli::table::Table;
use crate::reports::quarantine::Replayed;
use crate::storage::{QuarantineRow, QuarantineScope};
use brink_license::{DeviceId, TenantId, UnixSeconds};
use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Value, json};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Quarantine {
    /// Show what is in no sum, and why
    #[command(after_help = EXIT_CODES)]
    List(List),
    /// Judge it once more, by the catalogue of today, and put it into the sums if it passes
    #[command(after_help = EXIT_CODES)]
    Replay(Replay),
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").required(true).args(["id", "all"])))]
pub(in crate::cli) struct Replay {
    #[command(flatten)]
    target: Target,
    /// This number of the quarantine
    #[arg(long, value_name = "N")]
    id: Option<i64>,
    /// Everything that is in quarantine
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("whose").required(true).args(["tenant", "device"])))]
pub(in crate::cli) struct List {
    #[command(flatten)]
    target: Target,
    /// Of this tenant
    #[arg(long, value_name = "T")]
    tenant: Option<TenantId>,
    /// Of this device
    #[arg(long, value_name = "DEV")]
    device: Option<DeviceId>,
    /// Show what was replayed as well
    #[arg(long)]
    replayed: bool,
}

impl Quarantine {
    pub(super) const fn target(&self) -> &Target {
        match self {
            Quarantine::List(list) => &list.target,
            Quarantine::Replay(replay) => &replay.target,
        }
    }

    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        match self {
            Quarantine::List(list) => list.run(output),
            Quarantine::Replay(replay) => replay.run(output),
        }
    }
}

impl List {
    fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let scope = match (self.tenant, self.device) {
            (Some(tenant), _) => QuarantineScope::Tenant(tenant),
            (None, Some(device)) => QuarantineScope::Device(device),
            (None, None) => return Err(CliError::usage("give --tenant or --device")),
        };
        let rows = self.target.data.admin()?.quarantine(&scope, self.replayed)?;
        let document = json!({ "quarantine": rows.iter().map(document).collect::<Vec<_>>() });
        let heading = ["number", "device", "epoch", "record", "at", "reason", "why", "replayed"];
        let heading: Vec<_> = heading.map(str::to_owned).into();
        let table = Table { numbers_from: heading.len(), heading, rows: rows.iter().map(cells).collect() };
        let text =
            if rows.is_empty() { "nothing is in quarantine".to_owned() } else { table.lines().join("\n") };
        Ok(output.result(self.target.json, &document, &text)?)
    }
}

impl Replay {
    fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let admin = self.target.data.admin()?;
        if let Some(id) = self.id {
            let sums = admin.replay_usage(id)?;
            let document = json!({ "replayed": [{ "id": id, "sums": sums }], "refused": [] });
            let text = format!("number {id} left the quarantine, and is in {sums} sums");
            return Ok(output.result(self.target.json, &document, &text)?);
        }
        let (mut replayed, mut refused, mut lines) = (Vec::new(), Vec::new(), Vec::new());
        for Replayed { id, outcome } in admin.replay_all_usage()? {
            match outcome {
                Ok(sums) => replayed.push(json!({ "id": id, "sums": sums })),
                // What failed has to be seen to, and may be asked again: what passed is in the sums.
                Err(error) if error.is_failure() => return Err(error.into()),
                Err(error) => {
                    let text = error.to_string();
                    refused.push(json!({ "id": id, "code": error.code(), "why": text }));
                    lines.push(text);
                }
            }
        }
        let counts = (replayed.len(), refused.len());
        lines.push(format!("{} left the quarantine, {} stay", counts.0, counts.1));
        let document = json!({ "replayed": replayed, "refused": refused });
        Ok(output.result(self.target.json, &document, &lines.join("\n"))?)
    }
}

fn event(row: &QuarantineRow) -> String {
    rfc3339(UnixSeconds::new(row.record.event_ms.div_euclid(1000)))
}

fn document(row: &QuarantineRow) -> Value {
    let record = &row.record;
    json!({
        "id": row.id, "tenant": record.tenant, "device": record.device, "epoch": record.epoch, "seq": record.seq,
        "from_seq": record.from_seq, "event_time": event(row), "reason": row.reason, "detail": row.detail,
        "at": rfc3339(row.at), "replayed_at": row.replayed_at.map(rfc3339),
    })
}

fn cells(row: &QuarantineRow) -> Vec<String> {
    let record = &row.record;
    let numbers = if record.from_seq == record.seq {
        record.seq.to_string()
    } else {
        format!("{} to {}", record.from_seq, record.seq)
    };
    vec![
        row.id.to_string(),
        record.device.to_string(),
        record.epoch.to_string(),
        numbers,
        event(row),
        row.reason.clone(),
        row.detail.clone(),
        row.replayed_at.map(rfc3339).unwrap_or_default(),
    ]
}
