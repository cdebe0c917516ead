//! Upkeep, on a connection of its own: it may take longer than a change of a licence may wait.

use super::super::Retention;
use crate::database::upkeep::{drop_months, partitions, refresh};
use crate::database::{Database, DatabaseError};
use brink_store::machine::boottime_seconds;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Between two times that the views are summed up anew.
const VIEWS_SECONDS: i64 = 300;
/// Between two times that months are made ahead, and dropped.
const MONTHS_SECONDS: i64 = 86_400;
/// For all of it.
const UPKEEP_MAX: Duration = Duration::from_secs(600);

/// What is done from time to time.
pub(super) struct Upkeep {
    database: Database,
    retention: Retention,
    running: Option<JoinHandle<()>>,
    views_at: Option<i64>,
    months_at: Option<i64>,
}

impl Upkeep {
    pub(super) fn new(database: &Database, retention: Retention) -> Self {
        Self { database: database.clone(), retention, running: None, views_at: None, months_at: None }
    }

    /// Begins what is due, if the last is done. `now` is the guarded time in seconds.
    pub(super) fn mind(&mut self, now: i64) {
        if self.running.as_ref().is_some_and(|running| !running.is_finished()) {
            return;
        }
        let at = boottime_seconds();
        let is_due = |last: Option<i64>, pause: i64| last.is_none_or(|last| at >= last.saturating_add(pause));
        let (views, months) = (is_due(self.views_at, VIEWS_SECONDS), is_due(self.months_at, MONTHS_SECONDS));
        if !views && !months {
            return;
        }
        self.views_at = Some(at);
        if months {
            self.months_at = Some(at);
        }
        let (database, retention) = (self.database.clone(), months.then_some(self.retention));
        self.running = Some(tokio::spawn(async move {
            match tokio::time::timeout(UPKEEP_MAX, work(&database, (now, retention))).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(code = error.code(), %error, "the mirror's tables were not kept up")
                }
                Err(_) => tracing::warn!("keeping the mirror's tables up takes too long"),
            }
        }));
    }
}

async fn work(database: &Database, (now, retention): (i64, Option<Retention>)) -> Result<(), DatabaseError> {
    let connection = database.checked().await?;
    // A view of many rows takes longer than a statement that somebody waits for.
    connection.batch_execute("SET statement_timeout = '5min'").await?;
    if let Some(retention) = retention {
        partitions(&connection, now).await?;
        for (table, days) in retention.tables() {
            let dropped = drop_months(&connection, table, days).await?;
            tracing::info!(table, days, dropped, "months that nobody wants any more");
        }
    }
    refresh(&connection).await?;
    // Whoever gets it next waits no longer than before.
    drop(deadpool_postgres::Object::take(connection));
    Ok(())
}
