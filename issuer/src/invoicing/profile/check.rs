//! What any profile has to keep: sizes, texts and decimals. Called by the profiles alone.

use crate::billing::Exact;
use crate::invoicing::document::Party;
use crate::invoicing::error::InvoiceError;
use crate::objects::Object;
use brink_license::usage::Quantity;
use serde::Deserialize;

/// Largest profile: hundreds of discounts.
pub const PROFILE_BYTES_MAX: usize = 256 * 1024;
/// Longest text of a line: what a page has room for.
const TEXT_CHARS_MAX: usize = 200;
/// Lines of an address or of remarks.
const LINES_MAX: usize = 10;
/// Longest time to pay.
const DUE_DAYS_MAX: u32 = 365;
/// Discounts and taxes of one tenant.
const ENTRIES_MAX: usize = 200;

/// Reads what people wrote.
pub(super) fn read<T: for<'de> Deserialize<'de>>(text: &[u8]) -> Result<T, InvoiceError> {
    let refused = |path: String, problem: String| {
        let mend = "write it as docs/OPERATING.md shows, decimals in quotes".to_owned();
        InvoiceError::Profile { path, problem, mend }
    };
    if text.len() > PROFILE_BYTES_MAX {
        return Err(refused(".".into(), format!("has more than {PROFILE_BYTES_MAX} bytes")));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let Object(found) = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| refused(error.path().to_string(), error.inner().to_string()))?;
    deserializer.end().map_err(|error| refused(".".into(), error.to_string()))?;
    Ok(found)
}

pub(super) fn refused(path: impl Into<String>, problem: &str, mend: &str) -> InvoiceError {
    InvoiceError::Profile { path: path.into(), problem: problem.into(), mend: mend.into() }
}

pub(super) fn check_text(path: &str, text: &str) -> Result<(), InvoiceError> {
    let is_text = !text.trim().is_empty()
        && text.chars().count() <= TEXT_CHARS_MAX
        && !text.chars().any(char::is_control);
    if is_text {
        return Ok(());
    }
    Err(refused(
        path,
        &format!("has not 1 to {TEXT_CHARS_MAX} characters that can be shown"),
        "write another text",
    ))
}

pub(super) fn check_lines(path: &str, lines: &[String], least: usize) -> Result<(), InvoiceError> {
    if lines.len() < least || lines.len() > LINES_MAX {
        let problem = format!("has not {least} to {LINES_MAX} lines");
        return Err(refused(path, &problem, "write one text a line"));
    }
    lines.iter().enumerate().try_for_each(|(index, line)| check_text(&format!("{path}[{index}]"), line))
}

pub(super) fn check_due(days: u32) -> Result<(), InvoiceError> {
    if days <= DUE_DAYS_MAX {
        return Ok(());
    }
    Err(refused("due_days", "is more than a year", "write how many days there are to pay, 0 to 365"))
}

pub(super) fn check_party(party: &Party) -> Result<(), InvoiceError> {
    check_text("legal_name", &party.legal_name)?;
    check_lines("address", &party.address, 1)?;
    check_text("tax_id", &party.tax_id)?;
    party.email.iter().try_for_each(|email| check_text("email", email))?;
    check_lines("remarks", &party.remarks, 0)
}

pub(super) fn check_count(path: &str, count: usize) -> Result<(), InvoiceError> {
    if count <= ENTRIES_MAX {
        return Ok(());
    }
    Err(refused(path, &format!("has more than {ENTRIES_MAX} entries"), "leave out what counts no more"))
}

pub(super) fn decimal(text: &str) -> Option<Exact> {
    Quantity::parse(text).ok().map(Exact::from)
}
