//! `brink-issuer invoice list`, `show` and `explain`.

use crate::cli::error::CliError;
use crate::cli::opening::{Catalogs, Target};
use crate::cli::output::{Output, write_whole};
use crate::cli::table::Table;
use crate::invoicing::document::{Document, DocumentLine, Status};
use crate::storage::DocumentQuery;
use brink_license::TenantId;
use chrono::NaiveDate;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    pub(super) target: Target,
    /// Of this tenant alone
    #[arg(long, value_name = "T")]
    tenant: Option<TenantId>,
    /// That stand so
    #[arg(long, value_enum)]
    status: Option<StatusArg>,
    /// Of periods that begin on or after this day
    #[arg(long, value_name = "DAY")]
    from: Option<NaiveDate>,
    /// Of periods that begin before this day
    #[arg(long, value_name = "DAY")]
    to: Option<NaiveDate>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StatusArg {
    /// Without a number
    Draft,
    /// Owed
    Issued,
    /// Paid
    Paid,
    /// Taken back
    Void,
}

impl From<StatusArg> for Status {
    fn from(argument: StatusArg) -> Self {
        match argument {
            StatusArg::Draft => Self::Draft,
            StatusArg::Issued => Self::Issued,
            StatusArg::Paid => Self::Paid,
            StatusArg::Void => Self::Void,
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    #[command(flatten)]
    pub(super) target: Target,
    /// The number or the id
    #[arg(value_name = "INVOICE")]
    invoice: String,
    /// Draw what it came from as SVG as well: the highest quantity of each day, and what was used
    #[arg(long, value_name = "F")]
    plot: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Explain {
    #[command(flatten)]
    pub(super) target: Target,
    /// The number or the id
    #[arg(value_name = "INVOICE")]
    invoice: String,
    /// Lines of this price or key alone
    #[arg(long, value_name = "KEY")]
    line: Option<String>,
}

impl List {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let query = DocumentQuery {
            tenant: self.tenant,
            status: self.status.map(Into::into),
            from: self.from,
            to: self.to,
            ..DocumentQuery::default()
        };
        let documents = self.target.data.storage()?.documents(&query)?;
        let heading =
            ["number", "id", "kind", "status", "tenant", "period", "due on", "currency", "total", "due"];
        let row = |document: &Document| {
            vec![
                document.number.clone().unwrap_or_else(|| "-".into()),
                document.id.clone(),
                document.kind.title().to_lowercase(),
                document.status.as_str().into(),
                document.tenant.to_string(),
                document.period.from.to_string(),
                document.due_on.map_or_else(|| "-".into(), |day| day.to_string()),
                document.currency.to_string(),
                document.money(document.totals.total_minor),
                document.money(document.totals.due_minor),
            ]
        };
        let table = Table {
            heading: heading.map(str::to_owned).to_vec(),
            rows: documents.iter().map(row).collect(),
            numbers_from: 8,
        };
        let all: Vec<Value> = documents.iter().map(summary).collect();
        Ok(output.result(self.target.json, &json!({ "documents": all }), &table.lines().join("\n"))?)
    }
}

impl Show {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let explained = self.target.data.invoicing(&Catalogs::default())?.explain(&self.invoice)?;
        if let Some(path) = &self.plot {
            let written = write_whole(path, explained.chart().svg().as_bytes());
            written.map_err(|error| CliError::File { path: path.clone(), error })?;
        }
        let document = explained.document;
        let heading = ["line", "kind", "from", "to", "quantity", "unit days", "at", "net"];
        let row = |line: &DocumentLine| {
            let price = line.unit_price.as_ref().map(ToString::to_string);
            vec![
                line.key.to_string(),
                serde_json::json!(line.kind).as_str().unwrap_or_default().to_owned(),
                line.days.from.to_string(),
                line.days.to.to_string(),
                line.quantity.clone(),
                line.unit_days.map(|days| days.to_string()).unwrap_or_default(),
                price.unwrap_or_default(),
                document.money(line.net_minor),
            ]
        };
        let mut rows: Vec<Vec<String>> = document.lines.iter().map(row).collect();
        let mut sum = |name: String, minor: i64| {
            let mut row = vec![String::new(); 8];
            row[0] = name;
            row[7] = document.money(minor);
            rows.push(row);
        };
        sum("net".into(), document.totals.net_minor);
        for tax in &document.taxes {
            sum(format!("tax {}", tax.rate), tax.tax_minor);
        }
        sum("total".into(), document.totals.total_minor);
        if document.totals.from_wallet_minor != 0 {
            sum("wallet".into(), -document.totals.from_wallet_minor);
        }
        sum("due".into(), document.totals.due_minor);
        let table = Table { heading: heading.map(str::to_owned).to_vec(), rows, numbers_from: 4 };
        let mut lines = vec![line(&document)];
        lines.extend(table.lines());
        lines.extend(document.lacks.iter().map(|lack| format!("lacks: {lack}")));
        lines.extend(self.plot.map(|path| format!("drawn in {}", path.display())));
        Ok(output.result(self.target.json, &document, &lines.join("\n"))?)
    }
}

impl Explain {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let explained = self.target.data.invoicing(&Catalogs::default())?.explain(&self.invoice)?;
        let lines = explained.lines(self.line.as_deref()).join("\n");
        Ok(output.result(self.target.json, &explained.json(), &lines)?)
    }
}

/// A document in a list.
pub(super) fn summary(document: &Document) -> Value {
    let totals = document.totals;
    json!({
        "id": document.id, "number": document.number, "kind": document.kind, "status": document.status,
        "credits": document.credits, "tenant": document.tenant, "period": document.period, "currency": document.currency,
        "net": document.money(totals.net_minor), "tax": document.money(totals.tax_minor),
        "total": document.money(totals.total_minor), "wallet": document.money(totals.from_wallet_minor),
        "due": document.money(totals.due_minor), "issued_on": document.issued_on, "due_on": document.due_on,
        "lines": document.lines.len(),
    })
}

/// The same in one line.
pub(super) fn line(document: &Document) -> String {
    let number = document.number.as_deref().map(|number| format!(" {number}")).unwrap_or_default();
    let credits = document.credits.as_ref();
    let credits =
        credits.map(|of| format!(" for {}", of.number.as_deref().unwrap_or(&of.id))).unwrap_or_default();
    format!(
        "{}{number}{credits} ({}), {}: {} {} of {} lines, {} due",
        document.kind.title().to_lowercase(),
        document.id,
        document.status.as_str(),
        document.money(document.totals.total_minor),
        document.currency,
        document.lines.len(),
        document.money(document.totals.due_minor),
    )
}
