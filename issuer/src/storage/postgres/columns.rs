//! How PostgreSQL hands a column over.

pub(super) use crate::storage::columns::{
    bytes32, column, damaged, enforce_text, int, kind, kind_text, moment, optional_seconds, parsed, seconds,
    status, tenant, tier, tier_text, uint, uint32,
};

use super::StorageError;
use crate::amount::Amount;
use crate::storage::columns::Columns;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

/// A column of a type that PostgreSQL alone has.
pub(super) fn own<'r, T: FromSql<'r>>(row: &'r Row, name: &str) -> Result<T, StorageError> {
    row.try_get(name).map_err(|e| damaged(name, e))
}

impl Columns for Row {
    fn integer(&self, name: &str) -> Result<Option<i64>, StorageError> {
        own(self, name)
    }

    fn text(&self, name: &str) -> Result<Option<&str>, StorageError> {
        own(self, name)
    }

    fn blob(&self, name: &str) -> Result<Option<&[u8]>, StorageError> {
        own(self, name)
    }

    fn flag(&self, name: &str) -> Result<bool, StorageError> {
        own(self, name)
    }

    /// Its numbers of any length travel as text.
    fn units(&self, name: &str) -> Result<u128, StorageError> {
        parsed(self, name)
    }

    fn amount(&self, name: &str) -> Result<Amount, StorageError> {
        Amount::of_units(parsed(self, name)?).ok_or_else(|| damaged(name, "more than 38 digits"))
    }
}
