//! The raw export: every record as it came, for whoever adds up again what we say.
//!
//! It is streamed: memory holds one group of rows, however many there are. In CSV numbers are decimals and moments RFC
//! 3339; in Parquet they are decimals and timestamps.

mod csv;
mod parquet;

pub use csv::csv_line;

use super::period::{Bound, begins};
use super::raw::{RawRow, rows};
use super::{BooksError, walk};
use crate::admin::Admin;
use crate::storage::RecordScope;
use brink_license::TenantId;
use chrono_tz::Tz;
use std::io::Write;

/// What to export.
#[derive(Clone, Debug)]
pub struct ExportOrder {
    /// Of this tenant alone.
    pub tenant: Option<TenantId>,
    /// Used from here on; a day is the tenant's, or of UTC without one.
    pub from: Option<Bound>,
    /// Used before.
    pub to: Option<Bound>,
}

/// In which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180.
    Csv,
    /// Apache Parquet.
    Parquet,
}

/// What the columns are called, in their order, in either form.
const COLUMNS: [&str; 15] = [
    "tenant",
    "device",
    "epoch",
    "seq",
    "from_seq",
    "kind",
    "meter",
    "resource",
    "quantity",
    "count",
    "event_time",
    "received_at",
    "quarter",
    "quarantined",
    "reason",
];

/// Takes rows and ends the file.
trait Sheet {
    fn row(&mut self, row: RawRow) -> Result<(), BooksError>;
    fn end(&mut self) -> Result<(), BooksError>;
}

impl Admin {
    /// Writes every record of an order; answers how many rows.
    pub fn export_usage(
        &self,
        order: &ExportOrder,
        format: Format,
        out: &mut (dyn Write + Send),
    ) -> Result<u64, BooksError> {
        let zone = match &order.tenant {
            Some(tenant) => self.storage.tenant_row(tenant)?.zone,
            None => Tz::UTC,
        };
        let bound = |bound: Option<Bound>, open| bound.map_or(Ok(open), |bound| bound.quarter(zone));
        let quarters = bound(order.from, i64::MIN)?..bound(order.to, i64::MAX)?;
        let scope = RecordScope { tenant: order.tenant.clone(), device: None };
        let mut sheet: Box<dyn Sheet + '_> = match format {
            Format::Csv => Box::new(csv::CsvSheet::begin(out)?),
            Format::Parquet => Box::new(parquet::ParquetSheet::begin(out)?),
        };
        let mut count = 0;
        walk(
            |record| {
                let within = |row: &RawRow| quarters.contains(&row.quarter);
                for row in rows(record, &self.catalog.meters).into_iter().filter(within) {
                    sheet.row(row)?;
                    count += 1;
                }
                Ok(())
            },
            |take| self.storage.usage_records(&scope, take),
        )?;
        sheet.end()?;
        Ok(count)
    }
}

/// In milliseconds since 1970.
const fn quarter_ms(row: &RawRow) -> i64 {
    begins(row.quarter).as_i64().saturating_mul(1000)
}
