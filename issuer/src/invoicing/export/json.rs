//! JSON: the document as it is, and beside every amount in minor units the decimal in its currency, for whoever reads it
//! without knowing how many digits the currency has. Members stand in the order of [`Document`].

use super::ExportError;
use crate::billing::money;
use crate::currency::Currency;
use crate::invoicing::document::Document;
use serde::{Deserialize, Serialize};
use serde_json::ser::Formatter;
use std::io::{self, Write};

/// What the form is called; a change that a reader could trip over gets another number.
pub const FORMAT: &str = "brink.invoice/1";

#[derive(Serialize)]
struct Formatted<'d> {
    format: &'static str,
    #[serde(flatten)]
    document: &'d Document,
}

#[derive(Deserialize)]
struct Format {
    format: String,
}

/// Why a text is no document.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is no JSON, or lacks something.
    #[error("it is not a document: {0}")]
    Json(#[from] serde_json::Error),
    /// Of a form that this program does not read.
    #[error("its format is {0:?}, and this program reads {FORMAT}")]
    Format(String),
}

/// One object on a line of its own.
pub fn line(document: &Document) -> Result<String, ExportError> {
    let unwritten = |error: String| ExportError::Json { document: document.name().to_owned(), error };
    let mut bytes = Vec::new();
    let decimals = Decimals { currency: document.currency, key: Vec::new(), in_key: false };
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, decimals);
    let formatted = Formatted { format: FORMAT, document };
    formatted.serialize(&mut serializer).map_err(|error| unwritten(error.to_string()))?;
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(|error| unwritten(error.to_string()))
}

/// A line for each.
pub fn lines<'d>(documents: impl IntoIterator<Item = &'d Document>) -> Result<String, ExportError> {
    documents.into_iter().map(line).collect()
}

/// Reads one object. The minor units count; the decimals are for people.
pub fn read(text: &str) -> Result<Document, ReadError> {
    let Format { format } = serde_json::from_str(text)?;
    if format != FORMAT {
        return Err(ReadError::Format(format.chars().take(64).collect()));
    }
    Ok(serde_json::from_str(text)?)
}

/// What the decimal beside a member in minor units is called; `None` for any other member.
fn decimal_of(key: &str) -> Option<&str> {
    match key {
        // Of a reason, whose names say what they are and not in what.
        "minor" => Some("amount"),
        "desired" => Some("desired_amount"),
        "before" => Some("before_amount"),
        _ => key.strip_suffix("_minor"),
    }
}

/// Writes compactly, and behind a whole number whose member is in minor units another member with the decimal. As text is
/// written, and not in a tree of values: that would sort members or not, as some other crate of the build likes it.
struct Decimals {
    currency: Currency,
    key: Vec<u8>,
    in_key: bool,
}

impl Formatter for Decimals {
    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.key.clear();
        self.in_key = true;
        if first { Ok(()) } else { writer.write_all(b",") }
    }

    fn end_object_key<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.in_key = false;
        Ok(())
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if self.in_key {
            self.key.extend_from_slice(fragment.as_bytes());
        }
        writer.write_all(fragment.as_bytes())
    }

    fn write_i64<W: ?Sized + Write>(&mut self, writer: &mut W, value: i64) -> io::Result<()> {
        write!(writer, "{value}")?;
        match std::str::from_utf8(&self.key).ok().and_then(decimal_of) {
            Some(name) => write!(writer, ",\"{name}\":\"{}\"", money::show(value, self.currency)),
            None => Ok(()),
        }
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        // What stands in a list has no name.
        self.key.clear();
        writer.write_all(b"[")
    }
}
