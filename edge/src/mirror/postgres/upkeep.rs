//! Upkeep, on a connection of its own: it may take longer than a change of a licence may wait.

use super::super::Retention;
use super::Taken;
use crate::database::upkeep::{drop_months, partitions, refresh};
use crate::database::{Database, DatabaseError};
use brink_store::machine::boottime_seconds;
use deadpool_postgres::Object;
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

async fn work(database: &Database, due: (i64, Option<Retention>)) -> Result<(), DatabaseError> {
    // Its settings are its own, and one that is given up may be in the middle of a statement: the mirror never gets it.
    let taken = Taken(Some(database.checked().await?));
    match &taken.0 {
        Some(connection) => keep_up(connection, due).await,
        None => Ok(()),
    }
}

async fn keep_up(
    connection: &Object,
    (now, retention): (i64, Option<Retention>),
) -> Result<(), DatabaseError> {
    // A view of many rows takes longer than a statement that somebody waits for.
    connection.batch_execute("SET statement_timeout = '5min'").await?;
    if let Some(retention) = retention {
        partitions(connection, now).await?;
        for (table, days) in retention.tables() {
            let dropped = drop_months(connection, table, days).await?;
            tracing::info!(table, days, dropped, "months that nobody wants any more");
        }
    }
    refresh(connection).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::tests::{migrated, wait};
    use brink_databases::{ask, run};

    #[test]
    fn months_are_made_ahead_by_both_clocks_and_dropped_where_somebody_said_so() {
        let (fresh, database) = migrated();
        let url = fresh.url();
        run(
            &url,
            "SELECT create_monthly_partitions('usage_events', '2020-01-01', '2020-02-01');
             SELECT create_monthly_partitions('frames', '2020-01-01', '2020-01-31');
             INSERT INTO usage_events (tenant_id, event_type, unit, event_time) VALUES ('t', 'sms', '', '2020-01-05')",
        );
        let said = |sql: &str| ask(&url, sql)[0][0].clone().unwrap_or_default();
        let months = "SELECT count(*) FROM pg_class WHERE relname ~ '_y20..m..$' AND relkind = 'r'";
        wait(work(&database, (1_900_000_000, Some(Retention::default())))).unwrap();
        assert_eq!(said("SELECT count(*) FROM usage_events_y2020m01"), "1", "nobody said that anything goes");
        assert_eq!(
            said("SELECT to_regclass('usage_events_y2030m06') IS NOT NULL"),
            "t",
            "by the device's clock"
        );
        run(
            &url,
            "INSERT INTO usage_events (tenant_id, event_type, unit, quantity) VALUES ('t', 'sms', '', 2)",
        );
        let before: u32 = said(months).parse().unwrap();
        let retention = Retention { usage_days: Some(400), ..Retention::default() };
        wait(work(&database, (1_900_000_000, Some(retention)))).unwrap();
        assert_eq!(said("SELECT to_regclass('usage_events_y2020m01') IS NULL"), "t");
        assert_eq!(said("SELECT to_regclass('frames_y2020m01') IS NOT NULL"), "t", "of another table");
        assert_eq!(said(months).parse::<u32>().unwrap(), before - 2);
        assert_eq!(said("SELECT total_quantity FROM tenant_usage_summary"), "2");
    }

    #[test]
    fn a_connection_of_the_upkeep_comes_back_to_nobody_however_it_ends() {
        let (fresh, database) = migrated();
        wait(async {
            work(&database, (1_900_000_000, None)).await.unwrap();
            run(&fresh.url(), "DROP MATERIALIZED VIEW tenant_usage_summary");
            work(&database, (1_900_000_000, None)).await.unwrap_err();
            let given_up = tokio::time::timeout(Duration::from_millis(5), work(&database, (0, None)));
            drop(given_up.await);
            for _ in 0..3 {
                let connection = database.connection().await.unwrap();
                let row = connection.query_one("SHOW statement_timeout", &[]).await.unwrap();
                assert_eq!(row.get::<_, String>(0), "30s");
            }
        });
    }
}
