//! Whether a file is the one that was transferred under its name before, by the rows that both ends still have.

use super::cell::{self, Origin};
use super::error::TransferError;
use super::ledger::Reached;
use super::load::Loader;
use super::snapshot::Snapshot;
use super::tables::Table;
use super::verify::ends::Target;
use std::collections::BTreeMap;

/// Rows that are looked for on both ends, the latest first: most of the time the first is there.
const LOOKED_AT_MAX: usize = 100;

/// Refuses another file. Where none of the rows that were copied is left, nobody can tell, and it is refused unless `trusted`
/// or nothing came behind them.
pub(super) async fn check(
    loader: &mut Loader,
    snapshot: &Snapshot,
    origin: &Origin,
    (known, trusted): (&BTreeMap<String, Reached>, bool),
) -> Result<(), TransferError> {
    let replaced = |what: String| Err(TransferError::Replaced { path: snapshot.path.clone(), what });
    let (mut is_known, mut has_more) = (false, false);
    for table in snapshot.tables()?.into_iter().filter(|table| table.grows) {
        let Some(last) = known.get(table.name).and_then(|reached| reached.last) else { continue };
        let (end, name) = (snapshot.highest(table.name)?, table.name);
        if end < last {
            return replaced(format!("its {name} end at {end}, and were copied to {last}"));
        }
        has_more |= end > last;
        match common(loader, snapshot, (table, origin), last).await? {
            Some((_, true)) => is_known = true,
            Some((row, false)) => {
                return replaced(format!("row {row} of its {name} is not the one that was copied"));
            }
            None => {}
        }
    }
    if has_more && !is_known && !trusted {
        return replaced("none of the rows that were copied is left in it".to_owned());
    }
    Ok(())
}

/// The latest row up to `last` that both ends have, and whether it is the same.
async fn common(
    loader: &mut Loader,
    snapshot: &Snapshot,
    (table, origin): (&'static Table, &Origin),
    last: i64,
) -> Result<Option<(i64, bool)>, TransferError> {
    let here = latest(snapshot, (table, origin), last).map_err(|error| snapshot.fault(&error))?;
    for (row, id, digest) in here {
        let mut there = Target::begin(loader.client().await?, (table, (id, id))).await?;
        // One that is not there was refused by the server, or has left it.
        if let Some(there) = there.next(None).await? {
            return Ok(Some((row, there.content == Ok(digest))));
        }
    }
    Ok(None)
}

/// Rows of the file that PostgreSQL can hold, the latest first: number, number among all files, digest.
fn latest(
    snapshot: &Snapshot,
    (table, origin): (&'static Table, &Origin),
    last: i64,
) -> rusqlite::Result<Vec<(i64, i64, cell::RowDigest)>> {
    let columns: Vec<_> = table.sources().collect();
    let sql = format!(
        "SELECT {} FROM {} WHERE rowid <= ?1 ORDER BY rowid DESC LIMIT {LOOKED_AT_MAX}",
        columns.join(", "),
        table.name
    );
    let (mut statement, mut found) = (snapshot.conn.prepare(&sql)?, Vec::new());
    let mut rows = statement.query([last])?;
    while let Some(row) = rows.next()? {
        if let Ok(cells) = table.convert(row, origin)? {
            found.push((row.get(0)?, cells.id(), cell::digest(cells.as_slice())));
        }
    }
    Ok(found)
}
