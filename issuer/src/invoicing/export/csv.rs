//! CSV: a row for each line and one for each tax, of any number of documents, so that a pivot table adds them up. Of a
//! document the column `net` adds up to its net, and `tax` to its tax. Whoever needs why a line is that much reads JSON.

use crate::billing::Kind;
use crate::calendar::rfc3339;
use crate::invoicing::document::{Credited, Document, DocumentLine, DocumentTax};
use crate::reports::export::csv_line;
use brink_license::UnixSeconds;
use chrono::NaiveDate;

const DOCUMENT_COLUMNS: [&str; 16] = [
    "id",
    "number",
    "document_kind",
    "status",
    "credits",
    "tenant",
    "buyer",
    "currency",
    "timezone",
    "issued_on",
    "due_on",
    "paid_at",
    "paid_by",
    "voided_at",
    "period_from",
    "period_to",
];

/// `to` is the first day after, as everywhere in files.
const ROW_COLUMNS: [&str; 22] = [
    "row",
    "key",
    "revision",
    "kind",
    "price",
    "catalogue",
    "description",
    "line_period_from",
    "line_period_to",
    "days_from",
    "days_to",
    "quantity",
    "unit_days",
    "period_days",
    "unit_price",
    "per",
    "net",
    "tax_rate",
    "tax_reason",
    "tax_on",
    "base",
    "tax",
];

/// The first line of a file.
#[must_use]
pub fn head() -> String {
    csv_line(&DOCUMENT_COLUMNS.iter().chain(&ROW_COLUMNS).map(|name| (*name).to_owned()).collect::<Vec<_>>())
}

/// The rows of one document.
#[must_use]
pub fn rows(document: &Document) -> String {
    let shared = document_cells(document);
    let lines = document.lines.iter().map(|line| line_cells(document, line));
    let taxes = document.taxes.iter().map(|tax| tax_cells(document, tax));
    lines.chain(taxes).map(|cells| csv_line(&[&shared[..], &cells[..]].concat())).collect()
}

/// A whole file.
#[must_use]
pub fn table<'d>(documents: impl IntoIterator<Item = &'d Document>) -> String {
    documents.into_iter().fold(head(), |file, document| file + &rows(document))
}

fn document_cells(document: &Document) -> [String; DOCUMENT_COLUMNS.len()] {
    let day = |day: Option<NaiveDate>| day.map(|day| day.to_string()).unwrap_or_default();
    let moment = |at: Option<UnixSeconds>| at.map(rfc3339).unwrap_or_default();
    let credited = |credits: &Credited| credits.number.clone().unwrap_or_else(|| credits.id.clone());
    [
        document.id.clone(),
        document.number.clone().unwrap_or_default(),
        document.kind.as_str().to_owned(),
        document.status.as_str().to_owned(),
        document.credits.as_ref().map(credited).unwrap_or_default(),
        document.tenant.as_str().to_owned(),
        document.buyer.as_ref().map(|buyer| buyer.legal_name.clone()).unwrap_or_default(),
        document.currency.code().to_owned(),
        document.timezone.clone(),
        day(document.issued_on),
        day(document.due_on),
        moment(document.paid_at),
        document.paid_by.clone().unwrap_or_default(),
        moment(document.voided_at),
        document.period.from.to_string(),
        document.period.to.to_string(),
    ]
}

fn line_cells(document: &Document, line: &DocumentLine) -> [String; ROW_COLUMNS.len()] {
    let none = String::new;
    [
        "line".to_owned(),
        line.key.to_string(),
        line.revision.to_string(),
        line_kind_word(line.kind).to_owned(),
        line.price.to_string(),
        line.catalogue.to_string(),
        line.description.clone(),
        line.period.from.to_string(),
        line.period.to.to_string(),
        line.days.from.to_string(),
        line.days.to.to_string(),
        line.quantity.clone(),
        line.unit_days.map(|days| days.to_string()).unwrap_or_default(),
        line.period_days.map(|days| days.to_string()).unwrap_or_default(),
        line.unit_price.as_ref().map(|price| price.amount.to_string()).unwrap_or_default(),
        line.unit_price.as_ref().map(|price| price.per.to_string()).unwrap_or_default(),
        document.money(line.net_minor),
        none(),
        none(),
        none(),
        none(),
        none(),
    ]
}

fn tax_cells(document: &Document, tax: &DocumentTax) -> [String; ROW_COLUMNS.len()] {
    // Of a line alone are the columns between.
    let mut cells = [const { String::new() }; ROW_COLUMNS.len()];
    let [row, .., rate, reason, on, base, minor] = &mut cells;
    *row = "tax".to_owned();
    *rate = tax.rate.clone();
    *reason = tax.reason.as_deref().unwrap_or_default().to_owned();
    *on = tax.on.as_deref().map(|prices| prices.join(" ")).unwrap_or_default();
    *base = document.money(tax.base_minor);
    *minor = document.money(tax.tax_minor);
    cells
}

const fn line_kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Recurring => "recurring",
        Kind::Usage => "usage",
        Kind::Adjustment => "adjustment",
        Kind::Credit => "credit",
        Kind::Discount => "discount",
    }
}
