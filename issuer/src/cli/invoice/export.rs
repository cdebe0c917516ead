//! `brink-issuer invoice export`: documents as files for other programs and for people, or at Stripe. Nothing is changed here.

use crate::calendar::local_day;
use crate::cli::error::CliError;
use crate::cli::opening::{Catalogs, Target};
use crate::cli::output::{Output, write_whole};
use crate::cli::progress::Progress;
use crate::invoicing::Invoicing;
use crate::invoicing::document::{Document, Status};
use crate::invoicing::export::journal::WalletEntry;
use crate::invoicing::export::{csv, journal, json, pdf};
use crate::invoicing::stripe::{self, Known, Pushed, StripeClient, StripeError};
use crate::place::read_secret;
use crate::secret::Redacted;
use crate::storage::{DocumentQuery, WalletRow};
use brink_license::TenantId;
use chrono::NaiveDate;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(in crate::cli) struct Export {
    #[command(flatten)]
    pub(super) target: Target,
    /// Numbers or ids
    #[arg(value_name = "INVOICE", required_unless_present_any = ["all", "tenant"])]
    invoices: Vec<String>,
    /// Everything that was issued to this tenant
    #[arg(long, value_name = "T", conflicts_with = "invoices")]
    tenant: Option<TenantId>,
    /// Everything that was issued
    #[arg(long, conflicts_with_all = ["invoices", "tenant"])]
    all: bool,
    /// Of periods that begin on or after this day
    #[arg(long, value_name = "DAY", conflicts_with = "invoices")]
    from: Option<NaiveDate>,
    /// Of periods that begin before this day
    #[arg(long, value_name = "DAY", conflicts_with = "invoices")]
    to: Option<NaiveDate>,
    /// As what
    #[arg(long, value_enum)]
    format: Format,
    /// The file to write; of several PDFs the directory that they go into; standard output unless said otherwise
    #[arg(long, value_name = "F", required_if_eq("format", "pdf"))]
    out: Option<PathBuf>,
    /// A file of mode 0600 whose only line is the secret key of Stripe
    #[arg(long, value_name = "F", required_if_eq("format", "stripe"))]
    stripe_key_file: Option<PathBuf>,
    /// The customer at Stripe that this tenant is; found or made unless said
    #[arg(long, value_name = "ID", requires = "tenant")]
    stripe_customer: Option<String>,
    /// Where Stripe is
    #[arg(long, value_name = "URL", default_value = stripe::STRIPE_URL)]
    stripe_url: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object a line, which has everything
    Json,
    /// A row for each line and tax, for spreadsheets
    Csv,
    /// A double-entry journal for hledger, with payments, voids and wallets
    Journal,
    /// A page for people, with the fonts in it
    Pdf,
    /// Customers, items, invoices and credit notes at Stripe
    Stripe,
}

impl Export {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let invoicing = self.target.data.invoicing(&Catalogs::default())?;
        let documents = self.documents(&invoicing)?;
        match self.format {
            Format::Json => self.text(output, &documents, &json::lines(&documents)?),
            Format::Csv => self.text(output, &documents, &csv::table(&documents)),
            Format::Journal => {
                let wallets = self.wallets(&invoicing, &documents)?;
                self.text(output, &documents, &journal::write(&documents, &wallets)?)
            }
            Format::Pdf => self.pdf(output, &documents),
            Format::Stripe => self.stripe(output, &invoicing, &documents),
        }
    }

    fn documents(&self, invoicing: &Invoicing) -> Result<Vec<Document>, CliError> {
        if !self.invoices.is_empty() {
            return self.invoices.iter().map(|name| Ok(invoicing.storage.document(name)?)).collect();
        }
        let query = DocumentQuery {
            tenant: self.tenant.clone(),
            from: self.from,
            to: self.to,
            ..DocumentQuery::default()
        };
        let mut documents = invoicing.storage.documents(&query)?;
        documents.retain(|document| document.status != Status::Draft);
        Ok(documents)
    }

    /// Without a file the export itself is the result.
    fn text(&self, output: &mut Output<'_>, documents: &[Document], text: &str) -> Result<(), CliError> {
        let Some(path) = &self.out else { return Ok(output.text(text)?) };
        write(path, text.as_bytes())?;
        self.said(output, documents, vec![path.clone()])
    }

    fn pdf(&self, output: &mut Output<'_>, documents: &[Document]) -> Result<(), CliError> {
        let out = self.out.as_deref().unwrap_or(Path::new("."));
        let mut written = Vec::new();
        for document in documents {
            let path = if out.is_dir() {
                out.join(format!("{}.pdf", document.name().replace('/', "-")))
            } else {
                out.to_owned()
            };
            if documents.len() > 1 && !out.is_dir() {
                let problem =
                    format!("{} is no directory, and there are {} documents", out.display(), documents.len());
                return Err(CliError::usage(format!("{problem}; make the directory, or export one")));
            }
            write(&path, &pdf::write(document)?)?;
            written.push(path);
        }
        self.said(output, documents, written)
    }

    fn stripe(
        &self,
        output: &mut Output<'_>,
        invoicing: &Invoicing,
        documents: &[Document],
    ) -> Result<(), CliError> {
        let path = self.stripe_key_file.as_deref().unwrap_or(Path::new(""));
        let client = StripeClient::new(&self.stripe_url, key(path)?)?;
        let mut progress = Progress::begin(documents.len() as u64);
        let (mut pushed, mut failed) = (Vec::new(), Vec::new());
        for document in documents {
            let known = Known { customer: self.stripe_customer.as_deref(), now: invoicing.clock.now() };
            match stripe::push(&client, document, &known) {
                Ok(there) => pushed.push((document, there)),
                // Nobody is there, so that no other comes through either.
                Err(error) if error.is_passing() => return Err(error.into()),
                Err(error) => failed.push((document, error)),
            }
            progress.step();
        }
        progress.end();
        let of_one = |(document, pushed): &(&Document, Pushed)| {
            json!({ "document": document.name(), "customer": pushed.customer, "invoice": pushed.invoice,
                "credit_note": pushed.credit_note, "status": pushed.status, "changes": pushed.changes })
        };
        let all: Vec<Value> = pushed.iter().map(of_one).collect();
        let line = |(document, pushed): &(&Document, Pushed)| {
            let there = if pushed.changes == 0 { "was there already" } else { "is there" };
            let at = pushed.credit_note.as_ref().unwrap_or(&pushed.invoice);
            format!("{} {there} as {at} of {}", document.name(), pushed.customer)
        };
        let mut lines: Vec<String> = pushed.iter().map(line).collect();
        let told = |(document, error): &(&Document, StripeError)| json!({ "document": document.name(), "code": error.code(), "message": error.to_string(), "mend": error.mend() });
        let refused: Vec<Value> = failed.iter().map(told).collect();
        lines.extend(failed.iter().map(|(document, error)| {
            format!("{}: {}: {error}; {}", document.name(), error.code(), error.mend())
        }));
        let said = json!({ "pushed": all, "failed": refused });
        output.result(self.target.json, &said, &lines.join("\n"))?;
        if failed.is_empty() {
            return Ok(());
        }
        let what = "documents could not be brought to Stripe";
        Err(CliError::SomeFailed { failed: failed.len(), of: documents.len(), what })
    }

    /// What was put into wallets by hand, on the days that are asked for.
    fn wallets(&self, invoicing: &Invoicing, documents: &[Document]) -> Result<Vec<WalletEntry>, CliError> {
        let mut tenants: Vec<TenantId> = documents.iter().map(|document| document.tenant.clone()).collect();
        tenants.extend(self.tenant.clone());
        if self.all {
            tenants.extend(invoicing.storage.tenants()?.into_iter().map(|tenant| tenant.id));
        }
        tenants.sort_unstable();
        tenants.dedup();
        let is_asked =
            |on: NaiveDate| self.from.is_none_or(|from| from <= on) && self.to.is_none_or(|to| on < to);
        let mut found = Vec::new();
        for tenant in tenants {
            let row = invoicing.storage.tenant_row(&tenant)?;
            let entries = invoicing.storage.wallet(&tenant)?;
            let by_hand = entries.into_iter().filter(|entry| entry.document.is_none());
            let entry = |entry: WalletRow| WalletEntry {
                at: local_day(entry.at, row.zone),
                minor: entry.minor,
                tenant: tenant.clone(),
                currency: row.currency,
                reason: entry.reason,
            };
            found.extend(by_hand.map(entry).filter(|entry| is_asked(entry.at)));
        }
        Ok(found)
    }

    fn said(
        &self,
        output: &mut Output<'_>,
        documents: &[Document],
        files: Vec<PathBuf>,
    ) -> Result<(), CliError> {
        let names: Vec<&str> = documents.iter().map(Document::name).collect();
        let line = match files.as_slice() {
            [one] => format!("{} documents in {}", documents.len(), one.display()),
            files => format!("{} documents in {} files", documents.len(), files.len()),
        };
        Ok(output.result(self.target.json, &json!({ "documents": names, "files": files }), &line)?)
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    write_whole(path, bytes).map_err(|error| CliError::File { path: path.to_owned(), error })
}

fn key(path: &Path) -> Result<Redacted, CliError> {
    Ok(Redacted::new(read_secret(path)?.to_string()))
}
