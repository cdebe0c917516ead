//! `brink-issuer invoice close-period`.

use crate::cli::error::CliError;
use crate::cli::opening::{Catalogs, Target};
use crate::cli::output::Output;
use crate::cli::progress::Progress;
use crate::invoicing::document::{Document, Status};
use crate::invoicing::{Closed, InvoiceError, Invoicing};
use crate::storage::DocumentQuery;
use brink_license::TenantId;
use chrono::NaiveDate;
use clap::Args;
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(in crate::cli) struct ClosePeriod {
    #[command(flatten)]
    pub(super) target: Target,
    /// Of this tenant
    #[arg(long, value_name = "T", required_unless_present = "all")]
    tenant: Option<TenantId>,
    /// Of every tenant; one that fails holds up no other
    #[arg(long, conflicts_with = "tenant")]
    all: bool,
    /// Up to the period that this day lies in; up to the last that is over unless said otherwise
    #[arg(long, value_name = "DAY")]
    through: Option<NaiveDate>,
    /// Close the last closed period once more: what was discarded since, or came late, is drafted at once
    #[arg(long, conflicts_with = "through")]
    again: bool,
    /// Issue the drafts at once, also those of an earlier run
    #[arg(long)]
    issue: bool,
    /// Say what the next period of each tenant would come to, and record nothing
    #[arg(long, conflicts_with_all = ["issue", "again"])]
    dry_run: bool,
    /// A version of the catalogue may have another text than periods were closed by: that one was wrong
    #[arg(long)]
    accept_catalog: bool,
    #[command(flatten)]
    catalogs: Catalogs,
}

/// What is said of tenants that failed.
const NOT_CLOSED: &str = "tenants could not be closed";

/// What came of one tenant.
struct Outcome {
    tenant: TenantId,
    closed: Vec<Closed>,
    issued: Vec<Document>,
    failed: Option<InvoiceError>,
}

impl Outcome {
    /// Drafts that an earlier run had left, and that this one issued.
    fn issued_of_earlier(&self) -> impl Iterator<Item = &Document> {
        let is_new =
            |id: &str| self.closed.iter().flat_map(|closed| &closed.documents).any(|new| new.id == id);
        self.issued.iter().filter(move |issued| !is_new(&issued.id))
    }
}

/// Every draft of a tenant, the oldest first: also what a run that was broken off had closed and not issued yet.
fn issue_drafts(
    invoicing: &Invoicing,
    tenant: &TenantId,
    issued: &mut Vec<Document>,
) -> Result<(), InvoiceError> {
    let query = DocumentQuery {
        tenant: Some(tenant.clone()),
        status: Some(Status::Draft),
        ..DocumentQuery::default()
    };
    for draft in invoicing.storage.documents(&query)? {
        issued.push(invoicing.issue(&draft.id)?);
    }
    Ok(())
}

impl ClosePeriod {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let accepts_catalogs = self.accept_catalog;
        let invoicing = Invoicing { accepts_catalogs, ..self.target.data.invoicing(&self.catalogs)? };
        if let Some(tenant) = &self.tenant {
            let mut outcome = self.one(&invoicing, tenant);
            if outcome.closed.is_empty()
                && outcome.issued.is_empty()
                && let Some(error) = outcome.failed.take()
            {
                return Err(error.into());
            }
            self.say(output, std::slice::from_ref(&outcome))?;
            return outcome
                .failed
                .map_or(Ok(()), |_| Err(CliError::SomeFailed { failed: 1, of: 1, what: NOT_CLOSED }));
        }
        let tenants = invoicing.storage.tenants()?;
        let mut progress = Progress::begin(tenants.len() as u64);
        let mut outcomes = Vec::with_capacity(tenants.len());
        for tenant in tenants {
            let outcome = self.one(&invoicing, &tenant.id);
            progress.step();
            // A customer that never bought anything owes nothing.
            if !matches!(outcome.failed, Some(InvoiceError::NothingSold(_))) {
                outcomes.push(outcome);
            }
        }
        progress.end();
        self.say(output, &outcomes)?;
        let failed = outcomes.iter().filter(|outcome| outcome.failed.is_some()).count();
        if failed == 0 {
            Ok(())
        } else {
            Err(CliError::SomeFailed { failed, of: outcomes.len(), what: NOT_CLOSED })
        }
    }

    fn one(&self, invoicing: &Invoicing, tenant: &TenantId) -> Outcome {
        let mut outcome =
            Outcome { tenant: tenant.clone(), closed: Vec::new(), issued: Vec::new(), failed: None };
        loop {
            let closed = if self.dry_run {
                invoicing.preview(tenant, self.through)
            } else if self.again {
                invoicing.close_again(tenant)
            } else {
                invoicing.close_next(tenant, self.through)
            };
            match closed {
                Ok(Some(closed)) => outcome.closed.push(closed),
                Ok(None) => break,
                Err(error) => {
                    outcome.failed = Some(error);
                    break;
                }
            }
            // Either of them answers the same again.
            if self.dry_run || self.again {
                break;
            }
        }
        if self.issue {
            // What could not be closed keeps back nothing that is.
            let issued = issue_drafts(invoicing, tenant, &mut outcome.issued);
            outcome.failed = outcome.failed.or(issued.err());
        }
        outcome
    }

    fn say(&self, output: &mut Output<'_>, outcomes: &[Outcome]) -> Result<(), CliError> {
        let documents: Vec<Value> = outcomes.iter().map(|outcome| self.document(outcome)).collect();
        let mut lines: Vec<String> = outcomes.iter().flat_map(|outcome| self.lines(outcome)).collect();
        if lines.is_empty() {
            lines.push("every period that is over is closed".to_owned());
        }
        Ok(output.result(self.target.json, &json!({ "tenants": documents }), &lines.join("\n"))?)
    }

    fn document(&self, outcome: &Outcome) -> Value {
        let as_now = |document: &Document| {
            let issued = outcome.issued.iter().find(|issued| issued.id == document.id);
            super::show::summary(issued.unwrap_or(document))
        };
        let closed: Vec<Value> = outcome
            .closed
            .iter()
            .map(|closed| {
                let documents: Vec<Value> = closed.documents.iter().map(as_now).collect();
                json!({ "period": closed.period, "documents": documents, "lacks": closed.lacks })
            })
            .collect();
        let failed = outcome
            .failed
            .as_ref()
            .map(|error| json!({ "code": error.code(), "message": error.to_string(), "mend": error.mend() }));
        let earlier: Vec<Value> = outcome.issued_of_earlier().map(super::show::summary).collect();
        json!({
            "tenant": outcome.tenant, "closed": closed, "issued_of_earlier": earlier, "error": failed, "dry_run": self.dry_run,
        })
    }

    fn lines(&self, outcome: &Outcome) -> Vec<String> {
        let mut lines = Vec::new();
        for closed in &outcome.closed {
            let verb = if self.dry_run { "would be closed" } else { "is closed" };
            let (from, to) = (closed.period.from, closed.period.to);
            lines.push(format!("tenant {}: {from} to {to} {verb}", outcome.tenant));
            for document in &closed.documents {
                let issued = outcome.issued.iter().find(|issued| issued.id == document.id);
                lines.push(format!("  {}", super::show::line(issued.unwrap_or(document))));
            }
            lines.extend(closed.lacks.iter().map(|lack| format!("  lacks: {lack}")));
        }
        for issued in outcome.issued_of_earlier() {
            let name = super::show::line(issued);
            lines.push(format!("tenant {}: drafted before: {name}", outcome.tenant));
        }
        if let Some(error) = &outcome.failed {
            let mend = error.mend().map(|mend| format!("; {mend}")).unwrap_or_default();
            lines.push(format!("tenant {}: {}: {error}{mend}", outcome.tenant, error.code()));
        }
        lines
    }
}
