//! Partitions of the records of usage: made ahead, and dropped when their time is over.
//!
//! Each step is a transaction of its own under one advisory lock. A partition is attached, which holds up nobody who writes;
//! dropping one takes the whole table for a moment, and rather gives up than lets those who write wait for a long reader.

use super::columns::{column, int, own, uint};
use super::connection::Tx;
use super::{PostgresStorage, StorageError, usage};
use crate::storage::{Dropped, Upkeep, UpkeepOrder, Upkept};
use std::ops::Range;

/// The advisory lock of upkeep: "brink-up" in ASCII.
pub(super) const LOCK: i64 = 0x62_72_69_6e_6b_2d_75_70;
/// Days that have a partition before they come: as long as nobody looks after a server over the holidays.
const AHEAD_DAYS: i32 = 14;
/// Whoever writes is held up for as long as a step waits for its lock. Counting a partition may take minutes.
const SETTINGS: &str = "SET LOCAL lock_timeout = '500ms'; SET LOCAL statement_timeout = 0";

/// What became of a step.
enum Stepped<T> {
    /// Another process is at it.
    Elsewhere,
    /// Others used the table for too long.
    Postponed,
    /// Done.
    Done(T),
}

impl Upkeep for PostgresStorage {
    fn keep_up(&self, order: &UpkeepOrder) -> Result<Option<Upkept>, StorageError> {
        let today = usage::day_of(order.now.as_i64().saturating_mul(1000))?;
        let mut done = Upkept::default();
        match self.step(async |tx| adopt(tx, today).await)? {
            Stepped::Elsewhere => return Ok(None),
            Stepped::Postponed => done.postponed = true,
            Stepped::Done(adopted) => done.made.extend(adopted),
        }
        match self.step(async |tx| make_ahead(tx, today).await)? {
            Stepped::Elsewhere => return Ok(None),
            Stepped::Postponed => done.postponed = true,
            Stepped::Done(made) => done.made.extend(made),
        }
        let kept = order.raw_days.and_then(|days| i32::try_from(days).ok());
        let Some(end) = kept.map(|days| today.saturating_sub(days)) else { return Ok(Some(done)) };
        loop {
            match self.step(async |tx| drop_oldest(tx, end, order).await)? {
                Stepped::Done(Some(dropped)) => done.dropped.push(dropped),
                Stepped::Done(None) | Stepped::Elsewhere => return Ok(Some(done)),
                Stepped::Postponed => {
                    done.postponed = true;
                    return Ok(Some(done));
                }
            }
        }
    }
}

impl PostgresStorage {
    fn step<T>(
        &self,
        mut work: impl AsyncFnMut(&Tx<'_>) -> Result<T, StorageError>,
    ) -> Result<Stepped<T>, StorageError> {
        let stepped = self.write(async |tx| {
            let mine = "SELECT pg_try_advisory_xact_lock($1) AS mine";
            if !column::<bool>(&tx.one(mine, &[&LOCK]).await?, "mine")? {
                return Ok(Stepped::Elsewhere);
            }
            tx.0.batch_execute(SETTINGS).await?;
            work(tx).await.map(Stepped::Done)
        });
        match stepped {
            Err(StorageError::Busy) => Ok(Stepped::Postponed),
            stepped => stepped,
        }
    }
}

/// The partition of some days, which begins with the first and ends before the last.
struct Partition {
    name: String,
    days: Range<i32>,
}

/// All of them but the one for days without one, the oldest first.
async fn partitions(tx: &Tx<'_>) -> Result<Vec<Partition>, StorageError> {
    let sql = r"
        SELECT name, days[1]::integer AS from_day, days[2]::integer AS to_day
        FROM (SELECT c.relname::text AS name,
                     regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \((\d+)\) TO \((\d+)\)') AS days
              FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
              WHERE i.inhparent = 'usage_records'::regclass) p
        WHERE days IS NOT NULL ORDER BY 2";
    let rows = tx.rows(sql, &[]).await?;
    let partition = |row| Ok(Partition { name: column(row, "name")?, days: days(row)? });
    rows.iter().map(partition).collect()
}

fn days(row: &tokio_postgres::Row) -> Result<Range<i32>, StorageError> {
    Ok(own(row, "from_day")?..own(row, "to_day")?)
}

/// Days that nobody made a partition for lie together with others. Their table becomes that of its days up to today, and an
/// empty one takes its place; what an odd clock dated otherwise moves there. Nobody is let in meanwhile.
async fn adopt(tx: &Tx<'_>, today: i32) -> Result<Option<Range<i32>>, StorageError> {
    let sql = "SELECT min(received_day) AS first FROM usage_records_rest";
    let Some(first) = own::<Option<i32>>(&tx.one(sql, &[]).await?, "first")? else { return Ok(None) };
    let later = partitions(tx).await?.into_iter().map(|partition| partition.days);
    // Into a day that has a partition nothing goes astray, so that none begins before and ends behind it.
    let ends = later.map(|days| days.start).filter(|start| *start > first).min();
    let end = ends.unwrap_or(i32::MAX).min(today.saturating_add(1));
    if end <= first {
        return Ok(None);
    }
    let name = format!("usage_records_{first}_{end}");
    let sql = format!(
        "LOCK TABLE usage_records;
         ALTER TABLE usage_records DETACH PARTITION usage_records_rest;
         ALTER TABLE usage_records_rest RENAME TO {name};
         CREATE TABLE usage_records_rest (LIKE usage_records INCLUDING ALL);
         ALTER TABLE usage_records ATTACH PARTITION usage_records_rest DEFAULT;
         WITH odd AS (DELETE FROM {name} WHERE received_day >= {end} RETURNING *)
           INSERT INTO usage_records SELECT * FROM odd;
         ALTER TABLE usage_records ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({end})"
    );
    tx.0.batch_execute(&sql).await?;
    Ok(Some(first..end))
}

async fn make_ahead(tx: &Tx<'_>, today: i32) -> Result<Vec<Range<i32>>, StorageError> {
    let there = partitions(tx).await?;
    let resting = "SELECT DISTINCT received_day AS day FROM usage_records_rest";
    let resting = tx.rows(resting, &[]).await?;
    let resting = resting.iter().map(|row| own(row, "day")).collect::<Result<Vec<i32>, _>>()?;
    let is_made = |day: &i32| there.iter().any(|partition| partition.days.contains(day));
    let wanted =
        (today..=today.saturating_add(AHEAD_DAYS)).filter(|day| !is_made(day) && !resting.contains(day));
    let mut made = Vec::new();
    for day in wanted {
        let (name, end) = (format!("usage_records_{day}"), day.saturating_add(1));
        let sql = format!(
            "CREATE TABLE {name} (LIKE usage_records INCLUDING ALL);
             ALTER TABLE usage_records ATTACH PARTITION {name} FOR VALUES FROM ({day}) TO ({end})"
        );
        tx.0.batch_execute(&sql).await?;
        made.push(day..end);
    }
    Ok(made)
}

/// The fact and the deed in one transaction. The oldest goes first, so that one day says what is left.
async fn drop_oldest(tx: &Tx<'_>, end: i32, order: &UpkeepOrder) -> Result<Option<Dropped>, StorageError> {
    let Some(oldest) = partitions(tx).await?.into_iter().next() else { return Ok(None) };
    let Partition { name, days } = oldest;
    if days.end > end {
        return Ok(None);
    }
    let count = tx.0.query_one(&format!("SELECT count(*) AS records FROM {name}"), &[]).await?;
    let records = uint(&count, "records")?;
    let fact = "INSERT INTO usage_dropped (from_day, to_day, records, at) VALUES ($1, $2, $3, $4)";
    let at = order.now.as_i64().saturating_mul(1000);
    tx.execute(fact, &[&days.start, &days.end, &int(records), &at]).await?;
    tx.0.batch_execute(&format!("DROP TABLE {name}")).await?;
    Ok(Some(Dropped { days, records }))
}
