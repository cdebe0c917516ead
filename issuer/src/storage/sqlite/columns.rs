//! How SQLite hands a column over.

pub(super) use crate::storage::columns::{
    bytes32, column, damaged, enforce_text, int, kind, kind_text, moment, optional_seconds, parsed, seconds,
    status, tenant, tier, tier_text, uint, uint32,
};

use super::StorageError;
use crate::amount::Amount;
use crate::storage::columns::Columns;
use rusqlite::Row;
use rusqlite::types::{FromSql, ValueRef};

fn value<'r>(row: &'r Row<'_>, name: &str) -> Result<ValueRef<'r>, StorageError> {
    row.get_ref(name).map_err(|e| damaged(name, e))
}

impl Columns for Row<'_> {
    fn integer(&self, name: &str) -> Result<Option<i64>, StorageError> {
        value(self, name)?.as_i64_or_null().map_err(|e| damaged(name, e))
    }

    fn text(&self, name: &str) -> Result<Option<&str>, StorageError> {
        value(self, name)?.as_str_or_null().map_err(|e| damaged(name, e))
    }

    fn blob(&self, name: &str) -> Result<Option<&[u8]>, StorageError> {
        value(self, name)?.as_blob_or_null().map_err(|e| damaged(name, e))
    }

    fn flag(&self, name: &str) -> Result<bool, StorageError> {
        bool::column_result(value(self, name)?).map_err(|e| damaged(name, e))
    }

    /// SQLite has no integers of 128 bits: big-endian, so that they sort.
    fn units(&self, name: &str) -> Result<u128, StorageError> {
        column(self, name).map(u128::from_be_bytes)
    }

    fn amount(&self, name: &str) -> Result<Amount, StorageError> {
        Amount::from_bytes(column(self, name)?).ok_or_else(|| damaged(name, "more than 38 digits"))
    }
}
