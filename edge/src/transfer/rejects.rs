//! Rows that PostgreSQL cannot hold: kept whole, as JSON that tells each value's storage class.

use super::cell::Reason;
use rusqlite::Row;
use rusqlite::types::ValueRef;
use std::fmt::Write;

/// A row, and why it is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reject {
    /// The table that it was meant for.
    pub(super) table: &'static str,
    /// Its number in its file.
    pub(super) rowid: i64,
    /// Which of the things that the row holds; 0 for the row itself.
    pub(super) part: i32,
    /// A stable word.
    pub(super) reason: &'static str,
    /// Where in the row, or what the server said.
    pub(super) detail: String,
    /// The camera, as far as it can be read.
    pub(super) camera: Option<String>,
    /// The whole row.
    pub(super) content: Vec<u8>,
}

impl Reject {
    /// A row of a query whose first column is its number.
    pub(super) fn of(
        table: &'static str,
        row: &Row<'_>,
        columns: &[&str],
        (reason, at): (Reason, &str),
    ) -> rusqlite::Result<Self> {
        let rowid = row.get::<_, i64>(0)?;
        let camera =
            columns.iter().position(|column| *column == "camera_id").map(|at| row.get_ref(at)).transpose()?;
        Ok(Self {
            table,
            rowid,
            part: 0,
            reason: reason.as_str(),
            detail: at.to_owned(),
            camera: camera.and_then(readable),
            content: content(row, columns)?,
        })
    }
}

/// As PostgreSQL's text holds it.
fn readable(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Text(text) | ValueRef::Blob(text) => {
            Some(String::from_utf8_lossy(text).replace('\0', "\u{fffd}"))
        }
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Null => None,
    }
}

/// `{"id": {"integer": 7}, "properties": {"text": ".."}, "thumbnail": {"blob_hex": ".."}}`
fn content(row: &Row<'_>, columns: &[&str]) -> rusqlite::Result<Vec<u8>> {
    let mut out = Vec::from(b"{");
    for (at, column) in columns.iter().enumerate() {
        let separator = if at == 0 { "" } else { ", " };
        out.extend(format!("{separator}\"{column}\": ").into_bytes());
        match row.get_ref(at)? {
            ValueRef::Null => out.extend(b"null"),
            ValueRef::Integer(number) => out.extend(format!("{{\"integer\": {number}}}").into_bytes()),
            // All of its bits: no decimal is longer than it needs to be.
            ValueRef::Real(number) => out.extend(format!("{{\"real\": \"{number:?}\"}}").into_bytes()),
            ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => {
                    out.extend(b"{\"text\": ");
                    out.extend(serde_json::to_vec(text).unwrap_or_default());
                    out.push(b'}');
                }
                Err(_) => hexadecimal(&mut out, "text_hex", bytes),
            },
            ValueRef::Blob(bytes) => hexadecimal(&mut out, "blob_hex", bytes),
        }
    }
    out.push(b'}');
    Ok(out)
}

fn hexadecimal(out: &mut Vec<u8>, class: &str, bytes: &[u8]) {
    let mut text = String::with_capacity(bytes.len() * 2 + 16);
    for byte in bytes {
        // Into a string nothing fails.
        let _ = write!(text, "{byte:02x}");
    }
    out.extend(format!("{{\"{class}\": \"{text}\"}}").into_bytes());
}
