//! CSV after RFC 4180: commas, lines that end with CRLF, quotes where a cell needs them.

use super::{COLUMNS, RawRow, Sheet, quarter_ms};
use crate::reports::BooksError;
use chrono::{DateTime, SecondsFormat, Utc};
use std::io::Write;

/// What a spreadsheet takes for the beginning of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// One line. A cell that a spreadsheet would compute gets an apostrophe in front, which makes it text there; a negative
/// number is none of these. Names can begin so: a camera is called what its operator calls it. Whoever needs names to
/// the byte reads JSON or Parquet.
#[must_use]
pub fn csv_line(cells: &[String]) -> String {
    let mut line = String::new();
    for (at, text) in cells.iter().enumerate() {
        if at > 0 {
            line.push(',');
        }
        cell(&mut line, text);
    }
    line.push_str("\r\n");
    line
}

fn cell(line: &mut String, text: &str) {
    let guard = if text.starts_with(FORMULA) && !is_number(text) { "'" } else { "" };
    if text.contains([',', '"', '\r', '\n']) {
        line.push('"');
        line.push_str(guard);
        line.push_str(&text.replace('"', "\"\""));
        line.push('"');
    } else {
        line.push_str(guard);
        line.push_str(text);
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all_digits(whole) && all_digits(part)
}

pub(super) struct CsvSheet<'w> {
    out: &'w mut (dyn Write + Send),
}

impl<'w> CsvSheet<'w> {
    pub(super) fn begin(out: &'w mut (dyn Write + Send)) -> Result<Self, BooksError> {
        out.write_all(csv_line(&COLUMNS.map(str::to_owned)).as_bytes())?;
        Ok(Self { out })
    }
}

impl Sheet for CsvSheet<'_> {
    fn row(&mut self, row: RawRow) -> Result<(), BooksError> {
        let quarter = moment(quarter_ms(&row));
        let used = row.used.as_ref();
        let cells = [
            row.tenant.to_string(),
            row.device.to_string(),
            row.epoch.to_string(),
            row.seq.to_string(),
            row.from_seq.to_string(),
            row.kind.to_owned(),
            used.map(|used| used.meter.to_string()).unwrap_or_default(),
            used.and_then(|used| used.resource.as_ref()).map(ToString::to_string).unwrap_or_default(),
            used.map(|used| used.quantity.to_string()).unwrap_or_default(),
            used.map(|used| used.count.to_string()).unwrap_or_default(),
            moment(row.event_ms),
            moment(row.received_ms),
            quarter,
            row.quarantined.is_some().to_string(),
            row.quarantined.unwrap_or_default(),
        ];
        Ok(self.out.write_all(csv_line(&cells).as_bytes())?)
    }

    fn end(&mut self) -> Result<(), BooksError> {
        Ok(self.out.flush()?)
    }
}

/// RFC 3339 in UTC, milliseconds.
fn moment(ms: i64) -> String {
    let at = DateTime::from_timestamp_millis(ms).unwrap_or(DateTime::<Utc>::MAX_UTC);
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_never_a_formula() {
        for (text, cell) in [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("a \"b\"", "\"a \"\"b\"\"\""),
            ("a\r\nb", "\"a\r\nb\""),
            ("=1+1", "'=1+1"),
            ("+49", "'+49"),
            ("@sum", "'@sum"),
            ("-7", "-7"),
            ("-0.5", "-0.5"),
            ("-7|x", "'-7|x"),
            ("-", "'-"),
            ("=\"x\"", "\"'=\"\"x\"\"\""),
        ] {
            assert_eq!(csv_line(&[text.to_owned()]), format!("{cell}\r\n"), "{text:?}");
        }
    }
}
