//! Transactions: how they begin, end, and are tried again.
//!
//! Tried again is only what cannot have happened: a transaction that lost against another (40001, 40P01), and one whose
//! connection broke before COMMIT was sent. Where the answer to a COMMIT is lost nobody knows, and that is said.

use super::{PostgresStorage, StorageError, failure};
use deadpool_postgres::{Object, Transaction};
use std::time::Duration;
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Row};

/// How often a transaction is begun at most, and how long it waits before the second time; each further wait is twice as
/// long, and each is shortened at random so that those who met once do not meet again. Half a second together.
pub(super) const ATTEMPTS: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(15);

/// Values of one statement, by `$1` and so on.
pub(super) type Values<'v> = &'v [&'v (dyn ToSql + Sync)];

/// One transaction. Statements are prepared once for each connection. An error ends it: whatever follows fails as well, and
/// what was done is rolled back.
pub(super) struct Tx<'t>(pub(super) Transaction<'t>);

/// Where one question is asked: in a transaction, or by itself, which spares its beginning and its end.
pub(super) trait Asks {
    /// The first row, if there is one.
    async fn first(&self, sql: &str, values: Values<'_>) -> Result<Option<Row>, StorageError>;
}

impl Asks for Tx<'_> {
    async fn first(&self, sql: &str, values: Values<'_>) -> Result<Option<Row>, StorageError> {
        self.optional(sql, values).await
    }
}

impl Asks for Object {
    async fn first(&self, sql: &str, values: Values<'_>) -> Result<Option<Row>, StorageError> {
        let statement = self.prepare_cached(sql).await?;
        Ok(self.query(&statement, values).await?.into_iter().next())
    }
}

impl Tx<'_> {
    /// All rows.
    pub(super) async fn rows(&self, sql: &str, values: Values<'_>) -> Result<Vec<Row>, StorageError> {
        let statement = self.0.prepare_cached(sql).await?;
        Ok(self.0.query(&statement, values).await?)
    }

    /// The first row, if there is one.
    pub(super) async fn optional(&self, sql: &str, values: Values<'_>) -> Result<Option<Row>, StorageError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// The row of a query that has one whatever it finds.
    pub(super) async fn one(&self, sql: &str, values: Values<'_>) -> Result<Row, StorageError> {
        let row = self.optional(sql, values).await?;
        row.ok_or_else(|| super::columns::damaged("an aggregate", "gave no row"))
    }

    /// Changes rows; answers how many.
    pub(super) async fn execute(&self, sql: &str, values: Values<'_>) -> Result<u64, StorageError> {
        let statement = self.0.prepare_cached(sql).await?;
        Ok(self.0.execute(&statement, values).await?)
    }
}

impl PostgresStorage {
    /// Reads with one statement.
    pub(super) fn ask<T>(
        &self,
        work: impl AsyncFn(&Object) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let once = async || work(&self.client().await?).await;
        self.wait(async {
            for attempt in 1..ATTEMPTS {
                match once().await {
                    Err(error) if failure::may_be_tried_again(&error) => pause(attempt).await,
                    done => return done,
                }
            }
            once().await.map_err(failure::given_up)
        })
    }

    /// Reads what one moment of the database holds.
    pub(super) fn read<T>(
        &self,
        mut work: impl AsyncFnMut(&Tx<'_>) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        if let Some(inside) = &self.inside {
            return self.part(inside, &mut work);
        }
        self.wait(async {
            for attempt in 1..ATTEMPTS {
                match self.read_once(&mut work).await {
                    Err(error) if failure::may_be_tried_again(&error) => pause(attempt).await,
                    done => return done,
                }
            }
            self.read_once(&mut work).await.map_err(failure::given_up)
        })
    }

    /// The same for what hands rows over as they come, which nobody can take back: it is not tried again. It may take as
    /// long as its taker does.
    pub(super) fn read_through<T>(
        &self,
        mut work: impl AsyncFnMut(&Tx<'_>) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        const NO_HURRY: &str =
            "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";
        if let Some(inside) = &self.inside {
            return self.part(inside, &mut work);
        }
        self.wait(async {
            self.read_once(&mut async |tx: &Tx<'_>| {
                tx.0.batch_execute(NO_HURRY).await?;
                work(tx).await
            })
            .await
            .map_err(failure::given_up)
        })
    }

    /// Nobody waits for the end: dropped, the transaction is rolled back, which for a reader is the same.
    async fn read_once<T>(
        &self,
        work: &mut impl AsyncFnMut(&Tx<'_>) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let mut client = self.client().await?;
        let begin = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead);
        let tx = Tx(begin.read_only(true).start().await?);
        work(&tx).await
    }

    /// Changes all of it or nothing. `work` may run more than once; the last run counts.
    pub(super) fn write<T>(
        &self,
        mut work: impl AsyncFnMut(&Tx<'_>) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        if let Some(inside) = &self.inside {
            return self.part(inside, &mut work);
        }
        self.wait(async {
            for attempt in 1..ATTEMPTS {
                match self.write_once(&mut work).await {
                    Err(error) if failure::may_be_tried_again(&error) => pause(attempt).await,
                    done => return done,
                }
            }
            self.write_once(&mut work).await.map_err(failure::given_up)
        })
    }

    async fn write_once<T>(
        &self,
        work: &mut impl AsyncFnMut(&Tx<'_>) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let mut client = self.client().await?;
        let begin = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted);
        let tx = Tx(begin.start().await?);
        match work(&tx).await {
            Ok(done) => tx.0.commit().await.map_err(failure::of_commit).map(|()| done),
            // Its locks are gone before anybody hears of it.
            Err(error) => {
                let _ = tx.0.rollback().await;
                Err(error)
            }
        }
    }
}

pub(super) async fn pause(attempt: u32) {
    let longest = FIRST_PAUSE * 2_u32.saturating_pow(attempt - 1);
    // Without random numbers everybody waits for the whole of it.
    let part = crate::secret::random::<1>().map_or(u8::MAX, |byte| byte[0]);
    tokio::time::sleep(longest / 2 + longest / 2 * u32::from(part) / u32::from(u8::MAX)).await;
}
