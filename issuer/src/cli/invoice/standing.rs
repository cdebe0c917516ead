//! `brink-issuer invoice issue`, `pay`, `void` and `discard`.

use crate::cli::error::CliError;
use crate::cli::opening::{Catalogs, Target};
use crate::cli::output::Output;
use crate::cli::progress::Progress;
use crate::invoicing::document::{Document, DocumentKind, Status};
use crate::reports::period::Bound;
use crate::storage::DocumentQuery;
use brink_license::TenantId;
use clap::Args;
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(in crate::cli) struct Issue {
    #[command(flatten)]
    pub(super) target: Target,
    /// The id of a draft
    #[arg(value_name = "INVOICE", required_unless_present_any = ["all", "tenant"])]
    invoice: Option<String>,
    /// Every draft of this tenant
    #[arg(long, value_name = "T", conflicts_with = "invoice")]
    tenant: Option<TenantId>,
    /// Every draft
    #[arg(long, conflicts_with_all = ["invoice", "tenant"])]
    all: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Pay {
    #[command(flatten)]
    pub(super) target: Target,
    /// The number or the id
    #[arg(value_name = "INVOICE")]
    invoice: String,
    /// When it was paid: a day of the tenant, or an instant like 2026-03-01T12:30:00+01:00; now unless said otherwise
    #[arg(long, value_name = "T")]
    at: Option<Bound>,
    /// What the bank calls the payment
    #[arg(long, value_name = "TEXT")]
    by: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Void {
    #[command(flatten)]
    pub(super) target: Target,
    /// The number or the id
    #[arg(value_name = "INVOICE")]
    invoice: String,
    /// Why, for the audit
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Discard {
    #[command(flatten)]
    pub(super) target: Target,
    /// The id
    #[arg(value_name = "INVOICE")]
    invoice: String,
    /// Why, for the audit
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Issue {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let invoicing = self.target.data.invoicing(&Catalogs::default())?;
        let names = match &self.invoice {
            Some(name) => vec![name.clone()],
            None => {
                let tenant = self.tenant.clone();
                let query = DocumentQuery { tenant, status: Some(Status::Draft), ..DocumentQuery::default() };
                let mut drafts = invoicing.storage.documents(&query)?;
                // What a note credits is issued before it, and numbers follow the periods.
                drafts.sort_by_key(|draft| (draft.kind == DocumentKind::CreditNote, draft.period.from));
                drafts.into_iter().map(|draft| draft.id).collect()
            }
        };
        if let Some(name) = &self.invoice {
            let issued = invoicing.issue(name)?;
            let documents = json!({ "documents": [super::show::summary(&issued)], "failed": [] });
            return Ok(output.result(self.target.json, &documents, &super::show::line(&issued))?);
        }
        let (mut documents, mut failed, mut lines) = (Vec::new(), Vec::<Value>::new(), Vec::new());
        let mut progress = Progress::begin(names.len() as u64);
        for name in &names {
            match invoicing.issue(name) {
                Ok(issued) => {
                    documents.push(super::show::summary(&issued));
                    lines.push(super::show::line(&issued));
                }
                // One without a profile holds up no other.
                Err(error) => {
                    let (code, mend) = (error.code(), error.mend());
                    lines.push(format!("{name}: {code}: {error}; {}", mend.clone().unwrap_or_default()));
                    let told =
                        json!({ "id": name, "code": code, "message": error.to_string(), "mend": mend });
                    failed.push(told);
                }
            }
            progress.step();
        }
        progress.end();
        if names.is_empty() {
            lines.push("there are no drafts".to_owned());
        }
        let document = json!({ "documents": documents, "failed": failed });
        output.result(self.target.json, &document, &lines.join("\n"))?;
        if failed.is_empty() {
            return Ok(());
        }
        Err(CliError::SomeFailed {
            failed: failed.len(),
            of: names.len(),
            what: "drafts could not be issued",
        })
    }
}

impl Pay {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let invoicing = self.target.data.invoicing(&Catalogs::default())?;
        let paid = invoicing.pay(&self.invoice, self.at, self.by.as_deref())?;
        said(output, self.target.json, &paid)
    }
}

impl Void {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let invoicing = self.target.data.invoicing(&Catalogs::default())?;
        said(output, self.target.json, &invoicing.void(&self.invoice, &self.reason)?)
    }
}

impl Discard {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let invoicing = self.target.data.invoicing(&Catalogs::default())?;
        let gone = invoicing.discard(&self.invoice, &self.reason)?;
        let line =
            format!("the draft {} is discarded; `invoice close-period --again` drafts it anew", gone.id);
        Ok(output.result(self.target.json, &json!({ "discarded": super::show::summary(&gone) }), &line)?)
    }
}

fn said(output: &mut Output<'_>, json: bool, document: &Document) -> Result<(), CliError> {
    Ok(output.result(json, &super::show::summary(document), &super::show::line(document))?)
}
