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
const ATTEMPTS: u32 = 6;
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

/// One question: by itself, or in the transaction that its storage stands inside of.
pub(super) enum Question<'q, 't> {
    /// On a connection of its own.
    Alone(&'q Object),
    /// As a part.
    Part(&'q Tx<'t>),
}

impl Asks for Question<'_, '_> {
    async fn first(&self, sql: &str, values: Values<'_>) -> Result<Option<Row>, StorageError> {
        match self {
            Self::Alone(client) => {
                let statement = client.prepare_cached(sql).await?;
                Ok(client.query(&statement, values).await?.into_iter().next())
            }
            Self::Part(tx) => tx.optional(sql, values).await,
        }
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
        work: impl AsyncFn(&Question<'_, '_>) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        if let Some(inside) = &self.inside {
            return self.part(inside, &mut async |tx: &Tx<'_>| work(&Question::Part(tx)).await);
        }
        self.tried(|| self.wait(async { work(&Question::Alone(&self.client().await?)).await }))
    }

    /// Reads what one moment of the database holds.
    pub(super) fn read<T>(
        &self,
        mut work: impl AsyncFnMut(&Tx<'_>) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        if let Some(inside) = &self.inside {
            return self.part(inside, &mut work);
        }
        self.tried(|| self.wait(self.read_once(&mut work)))
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

    /// Begins it again for as long as that is worth it.
    pub(super) fn tried<T>(
        &self,
        mut once: impl FnMut() -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        for attempt in 1..ATTEMPTS {
            match once() {
                Err(error) if failure::may_be_tried_again(&error) => {
                    self.wait(pause(attempt))?;
                }
                done => return done,
            }
        }
        once().map_err(failure::given_up)
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
        self.tried(|| self.wait(self.write_once(&mut work)))
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

async fn pause(attempt: u32) -> Result<(), StorageError> {
    let longest = FIRST_PAUSE * 2_u32.saturating_pow(attempt - 1);
    // Without random numbers everybody waits for the whole of it.
    let part = crate::secret::random::<1>().map_or(u8::MAX, |byte| byte[0]);
    tokio::time::sleep(longest / 2 + longest / 2 * u32::from(part) / u32::from(u8::MAX)).await;
    Ok(())
}
