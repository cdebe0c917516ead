//! Parquet: columns with their own types, group by group.

use super::{RawRow, Sheet, quarter_ms};
use crate::reports::BooksError;
use parquet::column::writer::ColumnWriterImpl;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, FixedLenByteArray, FixedLenByteArrayType, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::io::Write;
use std::sync::Arc;

/// Rows of a group: some megabytes with every name at its usual length, and still few groups for a month.
const GROUP_ROWS: usize = 32_768;

/// A quantity is below 10^38, so that 16 bytes and a precision of 38 hold it.
const SCHEMA: &str = "message usage {
  REQUIRED BYTE_ARRAY tenant (STRING);
  REQUIRED BYTE_ARRAY device (STRING);
  REQUIRED INT64 epoch;
  REQUIRED INT64 seq;
  REQUIRED INT64 from_seq;
  REQUIRED BYTE_ARRAY kind (STRING);
  OPTIONAL BYTE_ARRAY meter (STRING);
  OPTIONAL BYTE_ARRAY resource (STRING);
  OPTIONAL FIXED_LEN_BYTE_ARRAY (16) quantity (DECIMAL(38,12));
  OPTIONAL INT64 count;
  REQUIRED INT64 event_time (TIMESTAMP(MILLIS,true));
  REQUIRED INT64 received_at (TIMESTAMP(MILLIS,true));
  REQUIRED INT64 quarter (TIMESTAMP(MILLIS,true));
  REQUIRED BOOLEAN quarantined;
  OPTIONAL BYTE_ARRAY reason (STRING);
}";

impl From<ParquetError> for BooksError {
    fn from(error: ParquetError) -> Self {
        if let ParquetError::External(error) = error {
            return match error.downcast::<std::io::Error>() {
                Ok(error) => Self::Write(*error),
                Err(other) => Self::Write(std::io::Error::other(other)),
            };
        }
        Self::Write(std::io::Error::other(error))
    }
}

type Out<'w> = &'w mut (dyn Write + Send);
type Group<'g, 'w> = SerializedRowGroupWriter<'g, Out<'w>>;

pub(super) struct ParquetSheet<'w> {
    file: SerializedFileWriter<Out<'w>>,
    rows: Vec<RawRow>,
}

impl<'w> ParquetSheet<'w> {
    pub(super) fn begin(out: Out<'w>) -> Result<Self, BooksError> {
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        let properties = Arc::new(WriterProperties::builder().build());
        let file = SerializedFileWriter::new(out, schema, properties)?;
        Ok(Self { file, rows: Vec::new() })
    }

    /// Column after column, in the order of the schema.
    fn write_group(&mut self) -> Result<(), BooksError> {
        let rows = std::mem::take(&mut self.rows);
        let mut group = self.file.next_row_group()?;
        texts(&mut group, &rows, |row| row.tenant.as_str())?;
        texts(&mut group, &rows, |row| row.device.as_str())?;
        numbers(&mut group, &rows, |row| i64::from(row.epoch))?;
        numbers(&mut group, &rows, |row| number(row.seq))?;
        numbers(&mut group, &rows, |row| number(row.from_seq))?;
        texts(&mut group, &rows, |row| row.kind)?;
        let used = |row: &RawRow| row.used.clone();
        optional::<ByteArrayType>(&mut group, &rows, |row| Some(used(row)?.meter.as_str().into()))?;
        optional::<ByteArrayType>(&mut group, &rows, |row| Some(used(row)?.resource?.as_str().into()))?;
        optional::<FixedLenByteArrayType>(&mut group, &rows, |row| {
            let bytes = row.used.as_ref()?.quantity.to_bytes().to_vec();
            Some(FixedLenByteArray::from(ByteArray::from(bytes)))
        })?;
        optional::<Int64Type>(&mut group, &rows, |row| Some(row.used.as_ref()?.count))?;
        numbers(&mut group, &rows, |row| row.event_ms)?;
        numbers(&mut group, &rows, |row| row.received_ms)?;
        numbers(&mut group, &rows, quarter_ms)?;
        let quarantined: Vec<bool> = rows.iter().map(|row| row.quarantined.is_some()).collect();
        column::<BoolType>(&mut group, |column| column.write_batch(&quarantined, None, None))?;
        optional::<ByteArrayType>(&mut group, &rows, |row| Some(row.quarantined.as_deref()?.into()))?;
        group.close()?;
        Ok(())
    }
}

impl Sheet for ParquetSheet<'_> {
    fn row(&mut self, row: RawRow) -> Result<(), BooksError> {
        self.rows.push(row);
        if self.rows.len() < GROUP_ROWS { Ok(()) } else { self.write_group() }
    }

    fn end(&mut self) -> Result<(), BooksError> {
        if !self.rows.is_empty() {
            self.write_group()?;
        }
        self.file.finish()?;
        Ok(self.file.inner_mut().flush()?)
    }
}

/// No number that is on record comes near the end of a signed one: SQLite holds them so.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn column<T: DataType>(
    group: &mut Group<'_, '_>,
    write: impl FnOnce(&mut ColumnWriterImpl<'_, T>) -> Result<usize, ParquetError>,
) -> Result<(), BooksError> {
    let absent = || ParquetError::General("the schema has fewer columns than rows have values".into());
    let mut next = group.next_column()?.ok_or_else(absent)?;
    write(next.typed::<T>())?;
    Ok(next.close()?)
}

fn texts(
    group: &mut Group<'_, '_>,
    rows: &[RawRow],
    text: impl Fn(&RawRow) -> &str,
) -> Result<(), BooksError> {
    let values: Vec<ByteArray> = rows.iter().map(|row| text(row).into()).collect();
    column::<ByteArrayType>(group, |column| column.write_batch(&values, None, None))
}

fn numbers(
    group: &mut Group<'_, '_>,
    rows: &[RawRow],
    number: impl Fn(&RawRow) -> i64,
) -> Result<(), BooksError> {
    let values: Vec<i64> = rows.iter().map(number).collect();
    column::<Int64Type>(group, |column| column.write_batch(&values, None, None))
}

/// Values of those rows that have one; a level of 1 says which.
fn optional<T: DataType>(
    group: &mut Group<'_, '_>,
    rows: &[RawRow],
    value: impl Fn(&RawRow) -> Option<T::T>,
) -> Result<(), BooksError> {
    let values: Vec<Option<T::T>> = rows.iter().map(value).collect();
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let values: Vec<T::T> = values.into_iter().flatten().collect();
    column::<T>(group, |column| column.write_batch(&values, Some(&levels), None))
}
