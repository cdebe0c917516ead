//! `brink-issuer subscription history`.

use super::shown;
use crate::admin::AdminError;
use crate::calendar::rfc3339;
use crate::cli::error::CliError;
use crate::cli::opening::Target;
use crate::cli::output::Output;
use crate::cli::table::Table;
use crate::storage::SubscriptionRow;
use crate::timeline::{At, Timeline, TimelineError};
use brink_license::TenantId;
use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct History {
    #[command(flatten)]
    pub(super) target: Target,
    /// The tenant
    #[arg(long, value_name = "T")]
    tenant: TenantId,
    /// Say what is in force then: a day of the tenant, or an instant like 2026-03-01T00:15:00+01:00; now unless said otherwise
    #[arg(long, value_name = "T")]
    at: Option<At>,
}

impl History {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let (tenant, admin) = (&self.tenant, self.target.data.admin()?);
        let view = admin.storage.timeline(tenant)?;
        let at = self.at.unwrap_or_default().instant(admin.clock.now(), view.tenant.zone);
        let at = at.map_err(|error| AdminError::from(TimelineError::At(error)))?;
        let timeline = Timeline::new(&view.versions);
        let in_force = timeline.in_force(at);
        let said = match in_force {
            Some(row) => format!("in force at {}: {}", rfc3339(at), shown::terms(row)),
            None => format!("nothing in force at {}", rfc3339(at)),
        };
        let document = |row| {
            let mut document = shown::document(tenant, row);
            document["superseded_by"] = serde_json::json!(timeline.superseded_by(row));
            document
        };
        let documents: Vec<_> = view.versions.iter().map(document).collect();
        let document = serde_json::json!({
            "tenant": tenant, "at": rfc3339(at),
            "in_force": in_force.map(|row| shown::document(tenant, row)), "versions": documents,
        });
        let mut lines = table(timeline, &view.versions).lines();
        lines.push(said);
        Ok(output.result(self.target.json, &document, &lines.join("\n"))?)
    }
}

fn table(timeline: Timeline<'_>, versions: &[SubscriptionRow]) -> Table {
    let heading = ["version", "effective", "recorded", "by", "what", "terms", "superseded by"];
    let row = |row: &SubscriptionRow| {
        let what = match row.made.of() {
            Some(of) => format!("{} of {of}", row.made.as_str()),
            None => row.made.as_str().to_owned(),
        };
        vec![
            row.version.to_string(),
            rfc3339(row.effective_at),
            rfc3339(row.set_at),
            row.set_by.as_ref().map_or_else(|| "-".to_owned(), |actor| actor.0.clone()),
            what,
            shown::terms(row),
            timeline.superseded_by(row).map_or_else(|| "-".to_owned(), |by| by.to_string()),
        ]
    };
    Table {
        heading: heading.map(str::to_owned).to_vec(),
        rows: versions.iter().map(row).collect(),
        numbers_from: usize::MAX,
    }
}
