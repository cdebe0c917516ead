//! What usage needs of a transaction beside single statements.

use super::StorageError;
use super::connection::{Tx, Values};
use bytes::Bytes;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{CopyInSink, Portal, Row};

/// Rows of a walk that are in memory at once: a record has some hundred bytes, and one of sums some ten thousand.
const WALK_ROWS: i32 = 256;

/// The rows of a question, some at a time, so that others can be asked in between and whoever has enough stops.
pub(super) struct Walk {
    portal: Portal,
    rows: std::vec::IntoIter<Row>,
    ended: bool,
}

impl Walk {
    /// The next row.
    pub(super) async fn next(&mut self, tx: &Tx<'_>) -> Result<Option<Row>, StorageError> {
        if let Some(row) = self.rows.next() {
            return Ok(Some(row));
        }
        if self.ended {
            return Ok(None);
        }
        let rows = tx.0.query_portal(&self.portal, WALK_ROWS).await?;
        self.ended = i32::try_from(rows.len()).is_ok_and(|count| count < WALK_ROWS);
        self.rows = rows.into_iter();
        Ok(self.rows.next())
    }
}

impl Tx<'_> {
    /// Asks what may have many rows.
    pub(super) async fn walk(&self, sql: &str, values: Values<'_>) -> Result<Walk, StorageError> {
        let statement = self.0.prepare_cached(sql).await?;
        let portal = self.0.bind(&statement, values).await?;
        Ok(Walk { portal, rows: Vec::new().into_iter(), ended: false })
    }

    /// Asks once, with a plan for these very values.
    pub(super) async fn once(
        &self,
        sql: &str,
        values: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, StorageError> {
        Ok(self.0.query_typed(sql, values).await?)
    }

    /// Where many rows go in.
    pub(super) async fn copy_in(&self, sql: &str) -> Result<CopyInSink<Bytes>, StorageError> {
        let statement = self.0.prepare_cached(sql).await?;
        Ok(self.0.copy_in(&statement).await?)
    }
}
