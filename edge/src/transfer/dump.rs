//! Both ends as CSV (RFC 4180), one file for each table and end, with the same columns: for whoever does not believe us.
//!
//! Numbers of rows and frames are those of the old file on both ends, moments are milliseconds since 1970, a thumbnail is its
//! length and SHA-256. JSON and text are as each end has them; what is no text there is written in hexadecimal.

use super::cell::{Cell, Kind, ROW_MAX, ms_of};
use super::configuration::dump::Dumped;
use super::error::TransferError;
use super::tables::{TABLES, Table};
use rusqlite::Row;
use rusqlite::types::ValueRef;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

type Writers = BTreeMap<&'static str, BufWriter<File>>;

/// The files of a dump, open.
pub(super) struct Dump {
    directory: PathBuf,
    source: Mutex<Writers>,
    target: Mutex<Writers>,
}

impl Dump {
    /// Makes the directory and its files, empty.
    pub(super) fn begin(directory: &Path) -> Result<Self, TransferError> {
        std::fs::create_dir_all(directory).map_err(TransferError::io(directory, "make it"))?;
        let made = |end: &str| -> Result<Writers, TransferError> {
            let of = |table: &Table| {
                let path = directory.join(format!("{end}-{}.csv", table.name));
                let file = File::create(&path).and_then(|file| {
                    let mut file = BufWriter::new(file);
                    writeln!(file, "{}", header(table))?;
                    Ok(file)
                });
                Ok((table.name, file.map_err(TransferError::io(&path, "write it"))?))
            };
            TABLES.iter().map(of).collect()
        };
        let (source, target) = (Mutex::new(made("source")?), Mutex::new(made("target")?));
        Ok(Self { directory: directory.to_owned(), source, target })
    }

    /// A row of a file, as it lies there.
    pub(super) fn source(
        &self,
        table: &Table,
        (name, fate): (&str, &str),
        row: &Row<'_>,
        columns: &[&str],
    ) -> rusqlite::Result<()> {
        let mut line = format!("{},{}", quoted(name), quoted(fate));
        for at in 0..columns.len() {
            let field = match row.get_ref(at)? {
                ValueRef::Null => String::new(),
                ValueRef::Integer(number) => number.to_string(),
                ValueRef::Real(number) => format!("{number:?}"),
                ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                    Ok(text) if !bytes.contains(&0) => quoted(text),
                    Ok(_) | Err(_) => hexadecimal(bytes),
                },
                ValueRef::Blob(bytes) => bytes_field(bytes),
            };
            line.push(',');
            line.push_str(&field);
        }
        let written = write_line(&self.source, table, &line);
        written.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
    }

    /// A row of the database.
    pub(super) fn target(&self, table: &Table, name: &str, cells: &[Cell<'_>]) -> Result<(), TransferError> {
        let mut line = format!("{},copied", quoted(name));
        for (column, cell) in table.columns.iter().zip(cells).filter(|(column, _)| !column.source.is_empty())
        {
            let field = match cell {
                Cell::Null => String::new(),
                Cell::Big(id) if matches!(column.kind, Kind::Id | Kind::FrameId) => {
                    (id & ROW_MAX).to_string()
                }
                Cell::Big(number) => number.to_string(),
                Cell::Int(number) => number.to_string(),
                Cell::Text(text) | Cell::Json(text) => quoted(text),
                Cell::Bytes(bytes) => bytes_field(bytes),
                Cell::Moment(moment) => ms_of(*moment).to_string(),
            };
            line.push(',');
            line.push_str(&field);
        }
        write_line(&self.target, table, &line).map_err(TransferError::io(&self.directory, "write into it"))
    }

    /// Tables of one end at once, each in a file of its own.
    pub(super) fn whole(&self, end: &str, tables: &[Dumped]) -> Result<(), TransferError> {
        for Dumped { table, header, rows } in tables {
            let path = self.directory.join(format!("{end}-{table}.csv"));
            let field = |field: &Option<String>| field.as_deref().map_or_else(String::new, quoted);
            let lines = rows.iter().map(|row| row.iter().map(field).collect::<Vec<_>>().join(","));
            let all: Vec<_> = std::iter::once(header.join(",")).chain(lines).collect();
            std::fs::write(&path, all.join("\n") + "\n").map_err(TransferError::io(&path, "write it"))?;
        }
        Ok(())
    }

    /// Everything is on its disk.
    pub(super) fn finish(&self) -> Result<(), TransferError> {
        for end in [&self.source, &self.target] {
            let mut writers = end.lock().unwrap_or_else(PoisonError::into_inner);
            for writer in writers.values_mut() {
                writer.flush().map_err(TransferError::io(&self.directory, "write into it"))?;
            }
        }
        Ok(())
    }
}

fn header(table: &Table) -> String {
    let columns: Vec<_> = table.sources().collect();
    format!("file,fate,{}", columns.join(","))
}

fn write_line(end: &Mutex<Writers>, table: &Table, line: &str) -> io::Result<()> {
    let mut writers = end.lock().unwrap_or_else(PoisonError::into_inner);
    match writers.get_mut(table.name) {
        Some(writer) => writeln!(writer, "{line}"),
        None => Ok(()),
    }
}

/// An empty text is not nothing.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::from("\"0x");
    for byte in bytes {
        // Into a string nothing fails.
        let _ = write!(text, "{byte:02x}");
    }
    text.push('"');
    text
}

fn bytes_field(bytes: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    format!("\"{}:{}\"", bytes.len(), digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}
