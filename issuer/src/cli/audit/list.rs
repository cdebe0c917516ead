//! `brink-issuer audit list`.

use super::{LIMIT_DEFAULT, LIMIT_MAX, Of, moment};
use crate::audit::shown;
use crate::calendar::rfc3339;
use crate::cli::error::CliError;
use crate::cli::opening::Target;
use crate::cli::output::Output;
use crate::cli::table::Table;
use crate::reports::period::Bound;
use crate::storage::{AuditEntry, AuditQuery};
use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    of: Of,
    /// On this alone: a device, a tenant, a key
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
    /// Of this action alone, for example licence.mint
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// From this day (UTC) or instant on
    #[arg(long, value_name = "DATE")]
    from: Option<Bound>,
    /// Before this day (UTC) or instant
    #[arg(long, value_name = "DATE")]
    to: Option<Bound>,
    /// At most so many lines, the newest
    #[arg(long, value_name = "N", default_value_t = LIMIT_DEFAULT, value_parser = clap::value_parser!(u32).range(1..=LIMIT_MAX))]
    limit: u32,
}

impl List {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let query = AuditQuery {
            whose: self.of.whose(),
            subject: self.subject,
            action: self.action,
            from: self.from.map(moment),
            to: self.to.map(moment),
            before: None,
            limit: self.limit,
        };
        let lines = self.target.data.storage()?.audit_lines(&query)?;
        let document = serde_json::json!({ "audit": lines.iter().map(shown).collect::<Vec<_>>() });
        let heading: Vec<_> =
            ["at", "tenant", "line", "actor", "action", "subject", "particulars"].map(str::to_owned).into();
        let table = Table { numbers_from: heading.len(), heading, rows: lines.iter().map(cells).collect() };
        let text = if lines.is_empty() { "no such line".to_owned() } else { table.lines().join("\n") };
        Ok(output.result(self.target.json, &document, &text)?)
    }
}

fn cells(line: &AuditEntry) -> Vec<String> {
    vec![
        rfc3339(line.at),
        line.tenant.as_ref().map(ToString::to_string).unwrap_or_default(),
        line.seq.map(|seq| seq.to_string()).unwrap_or_default(),
        line.actor.clone(),
        line.action.clone(),
        line.subject.clone(),
        line.detail.clone(),
    ]
}
