//! `brink-issuer usage correct` and `usage corrections`.

use crate::amount::Amount;
use crate::calendar::rfc3339;
use crate::cli::EXIT_CODES;
use crate::cli::error::CliError;
use crate::cli::opening::Target;
use crate::cli::output::Output;
use crate::cli::table::Table;
use crate::reports::correction::CorrectionOrder;
use crate::reports::period::begins;
use crate::storage::CorrectionRow;
use brink_license::{DeviceId, ResourceId, Slug, TenantId, UnixSeconds};
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(in crate::cli) struct Correct {
    #[command(flatten)]
    pub(super) target: Target,
    /// The tenant
    #[arg(long, value_name = "T")]
    tenant: TenantId,
    /// The device
    #[arg(long, value_name = "DEV")]
    device: DeviceId,
    /// The meter
    #[arg(long, value_name = "M")]
    meter: Slug,
    /// The camera, or what else used it
    #[arg(long, value_name = "R")]
    resource: Option<ResourceId>,
    /// When it was used, for example 2026-03-01T12:30:00+01:00
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    at: UnixSeconds,
    /// How much is added, or with a minus taken away: +12.5 or -3
    #[arg(long, value_name = "Q", allow_hyphen_values = true)]
    quantity: Amount,
    /// Why, for the audit
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Corrections {
    /// Show every correction of a tenant, the oldest first
    #[command(after_help = EXIT_CODES)]
    List(List),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    target: Target,
    /// The tenant
    #[arg(long, value_name = "T")]
    tenant: TenantId,
}

/// Whole seconds: what lies within one is in the same quarter of an hour.
fn instant(text: &str) -> Result<UnixSeconds, String> {
    let at = chrono::DateTime::parse_from_rfc3339(text)
        .map_err(|_| "write an instant like 2026-03-01T12:30:00+01:00".to_owned())?;
    Ok(UnixSeconds::new(at.timestamp()))
}

impl Correct {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let order = CorrectionOrder {
            tenant: self.tenant,
            device: self.device,
            meter: self.meter,
            resource: self.resource,
            at: self.at,
            quantity: self.quantity,
            reason: self.reason,
        };
        let done = self.target.data.admin()?.correct_usage(&order)?;
        let quarter = rfc3339(done.quarter);
        let document = serde_json::json!({
            "tenant": order.tenant, "device": order.device, "meter": done.meter, "resource": order.resource,
            "quarter": quarter, "quantity": order.quantity, "month": done.month, "before": done.before,
            "after": done.after,
        });
        let text = format!(
            "{:+} {} of device {} in the quarter from {quarter}\nthe {} of tenant {} in {} come to {}, and were {}",
            order.quantity,
            done.meter,
            order.device,
            done.meter,
            order.tenant,
            done.month,
            done.after,
            done.before
        );
        Ok(output.result(self.target.json, &document, &text)?)
    }
}

impl Corrections {
    pub(super) const fn target(&self) -> &Target {
        match self {
            Corrections::List(list) => &list.target,
        }
    }

    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        match self {
            Corrections::List(list) => list.run(output),
        }
    }
}

impl List {
    fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let rows = self.target.data.admin()?.corrections(&self.tenant)?;
        let corrections: Vec<_> = rows.iter().map(document).collect();
        let document = serde_json::json!({ "tenant": self.tenant, "corrections": corrections });
        let heading = ["number", "quarter", "device", "meter", "resource", "by", "reason", "quantity"];
        let heading: Vec<_> = heading.map(str::to_owned).into();
        let table =
            Table { numbers_from: heading.len() - 1, heading, rows: rows.iter().map(cells).collect() };
        let none = format!("nothing was corrected for tenant {}", self.tenant);
        let text = if rows.is_empty() { none } else { table.lines().join("\n") };
        Ok(output.result(self.target.json, &document, &text)?)
    }
}

fn document(row: &CorrectionRow) -> serde_json::Value {
    serde_json::json!({
        "id": row.id, "device": row.device, "meter": row.meter, "resource": row.resource,
        "quarter": rfc3339(begins(row.quarter)), "quantity": row.amount, "reason": row.reason, "actor": row.actor,
        "at": rfc3339(row.at),
    })
}

/// A reason is what somebody typed: quoted, so that it cannot pass for a column of this.
fn cells(row: &CorrectionRow) -> Vec<String> {
    vec![
        row.id.to_string(),
        rfc3339(begins(row.quarter)),
        row.device.to_string(),
        row.meter.to_string(),
        row.resource.clone(),
        row.actor.clone(),
        format!("{:?}", row.reason),
        format!("{:+}", row.amount),
    ]
}
