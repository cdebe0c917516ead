//! Rows of what is invoiced, for both databases, and how its words and days stand in columns.

use super::StorageError;
use super::columns::{Columns, bytes32, column, damaged, parsed, seconds, uint, uint32};
use super::invoices::{BillingEvidence, ClosingRow, CostRow, ProfileRow, WalletRow};
use crate::amount::Amount;
use crate::invoicing::document::{Days, Document, Status};
use brink_license::UnixSeconds;
use chrono::NaiveDate;

fn status(row: &impl Columns) -> Result<Status, StorageError> {
    let text: &str = column(row, "status")?;
    [Status::Draft, Status::Issued, Status::Paid, Status::Void]
        .into_iter()
        .find(|status| status.as_str() == text)
        .ok_or_else(|| damaged("status", "no such status"))
}

fn day(row: &impl Columns, name: &str) -> Result<NaiveDate, StorageError> {
    let text: &str = column(row, name)?;
    crate::calendar::parse_date(text).ok_or_else(|| damaged(name, "no day"))
}

fn optional(row: &impl Columns, name: &str) -> Result<Option<UnixSeconds>, StorageError> {
    Ok(column::<Option<i64>>(row, name)?.map(UnixSeconds::new))
}

/// A document: as it was drafted or issued, and where it stands now.
pub(super) fn document(row: &impl Columns) -> Result<Document, StorageError> {
    let body: &str = column(row, "body")?;
    let document: Document = serde_json::from_str(body).map_err(|e| damaged("invoices.body", e))?;
    Ok(Document {
        status: status(row)?,
        number: column(row, "number")?,
        paid_at: optional(row, "paid_at")?,
        paid_by: column(row, "paid_by")?,
        voided_at: optional(row, "voided_at")?,
        ..document
    })
}

/// As it is kept.
pub(super) fn body(document: &Document) -> Result<String, StorageError> {
    serde_json::to_string(document).map_err(|e| StorageError::Engine(Box::new(e)))
}

/// The newest period that a line of a document belongs to.
pub(super) fn newest_from(document: &Document) -> NaiveDate {
    document.lines.iter().map(|line| line.period.from).max().unwrap_or(document.period.from)
}

pub(super) fn profile(row: &impl Columns) -> Result<ProfileRow, StorageError> {
    Ok(ProfileRow {
        revision: uint32(row, "revision")?,
        body: column(row, "body")?,
        set_at: seconds(row, "set_at")?,
        set_by: column(row, "set_by")?,
    })
}

pub(super) fn closing(row: &impl Columns) -> Result<ClosingRow, StorageError> {
    Ok(ClosingRow {
        period: Days { from: day(row, "period_from")?, to: day(row, "period_to")? },
        at: seconds(row, "at")?,
        by: column(row, "by")?,
    })
}

pub(super) fn wallet_entry(row: &impl Columns) -> Result<WalletRow, StorageError> {
    Ok(WalletRow {
        seq: uint(row, "seq")?,
        at: seconds(row, "at")?,
        minor: column(row, "minor")?,
        document: column(row, "invoice")?,
        reason: column(row, "reason")?,
        actor: column(row, "actor")?,
    })
}

pub(super) fn cost(row: &impl Columns) -> Result<CostRow, StorageError> {
    let amount: &str = column(row, "amount")?;
    Ok(CostRow {
        on: day(row, "day")?,
        meter: parsed(row, "meter")?,
        amount: Amount::parse(amount).map_err(|e| damaged("usage_costs.amount", e))?,
        reason: column(row, "reason")?,
        actor: column(row, "actor")?,
        at: seconds(row, "at")?,
    })
}

/// What is found under its digest, and has it.
pub(super) fn evidence(row: &impl Columns) -> Result<BillingEvidence, StorageError> {
    let found = BillingEvidence { digest: bytes32(row, "digest")?, body: column(row, "body")? };
    if crate::secret::sha256(found.body.as_bytes()) != found.digest {
        return Err(damaged("billing_evidence.body", "another digest"));
    }
    Ok(found)
}
