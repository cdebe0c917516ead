//! From a copy of a file to chunks that one transaction takes: rows as `COPY` wants them, and those that PostgreSQL cannot hold.
//! In a thread of its own, so that the next chunk is made while the server works on this one.

use super::cell::{self, Origin};
use super::error::TransferError;
use super::rejects::Reject;
use super::snapshot::Snapshot;
use super::tables::Table;
use rusqlite::Row;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Rows and bytes of one chunk: what a kill makes to be done again, and what both ends hold in memory at once.
const ROWS_MAX: usize = 20_000;
const BYTES_MAX: usize = 8 << 20;

/// What one transaction writes.
#[derive(Debug)]
pub(super) struct Chunk {
    /// Where to.
    pub(super) table: &'static Table,
    /// The rows, one behind the other.
    pub(super) encoded: Vec<u8>,
    /// Each row's number in its file, and where it ends in `encoded`.
    pub(super) rows: Vec<(i64, usize)>,
    /// Rows that PostgreSQL cannot hold.
    pub(super) rejects: Vec<Reject>,
    /// How many bytes those hold.
    aside: usize,
    /// The months that the rows lie in.
    pub(super) months: BTreeSet<i64>,
    /// The last row that was looked at; `None` where there is none.
    pub(super) last: Option<i64>,
    /// The first of its table in this pass.
    pub(super) is_first: bool,
    /// The last of it.
    pub(super) is_last: bool,
    /// Of the whole table, where it is one that is replaced.
    pub(super) digest: Option<Vec<u8>>,
}

impl Chunk {
    fn new(table: &'static Table, is_first: bool) -> Self {
        Self {
            table,
            encoded: Vec::new(),
            rows: Vec::new(),
            rejects: Vec::new(),
            aside: 0,
            months: BTreeSet::new(),
            last: None,
            is_first,
            is_last: false,
            digest: None,
        }
    }

    fn is_full(&self) -> bool {
        self.rows.len() + self.rejects.len() >= ROWS_MAX || self.encoded.len() + self.aside >= BYTES_MAX
    }

    /// How many rows were looked at.
    pub(super) fn looked_at(&self) -> u64 {
        (self.rows.len() + self.rejects.len()) as u64
    }
}

/// A table, and from which row on.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// The table.
    pub(super) table: &'static Table,
    /// The first number; the smallest there is for all of it.
    pub(super) from: i64,
    /// What was replaced before: where the table still has this digest, nothing is sent.
    pub(super) digest: Option<Vec<u8>>,
}

/// Goes through a table. `each` answers whether to go on.
pub(super) fn read(
    snapshot: &Snapshot,
    wanted: &Wanted,
    origin: &Origin,
    mut each: impl FnMut(Chunk) -> bool,
) -> Result<(), TransferError> {
    let table = wanted.table;
    let digest = if table.grows { None } else { Some(digest(snapshot, table, origin)?) };
    if digest.is_some() && digest == wanted.digest {
        return Ok(());
    }
    let mut chunk = Chunk::new(table, true);
    let went_on = walk(snapshot, (table, wanted.from), |row, columns| {
        let rowid = row.get::<_, i64>(0)?;
        match table.convert(row, origin)? {
            Ok(cells) => {
                cell::encode(cells.as_slice(), &mut chunk.encoded);
                chunk.rows.push((rowid, chunk.encoded.len()));
                chunk.months.extend(cells.created().map(cell::month_of));
            }
            Err(fault) => {
                let reject = Reject::of(table.name, row, columns, fault)?;
                chunk.aside += reject.content.len();
                chunk.rejects.push(reject);
            }
        }
        chunk.last = Some(rowid);
        Ok(!chunk.is_full() || each(std::mem::replace(&mut chunk, Chunk::new(table, false))))
    })?;
    if went_on {
        chunk.is_last = true;
        chunk.digest = digest;
        each(chunk);
    }
    Ok(())
}

/// Calls with each row from a number on, and the names of its columns, until the answer is no. Whether it never was.
pub(super) fn walk(
    snapshot: &Snapshot,
    (table, from): (&Table, i64),
    mut each: impl FnMut(&Row<'_>, &[&str]) -> rusqlite::Result<bool>,
) -> Result<bool, TransferError> {
    let of = |error: rusqlite::Error| snapshot.fault(&error);
    let columns: Vec<_> = table.sources().collect();
    let mut found = snapshot.conn.prepare(&table.select()).map_err(of)?;
    let mut rows = found.query([from]).map_err(of)?;
    while let Some(row) = rows.next().map_err(of)? {
        if !each(row, &columns).map_err(of)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Of everything in a table, rejected rows with it: how many there are, and the sum of their digests.
fn digest(snapshot: &Snapshot, table: &'static Table, origin: &Origin) -> Result<Vec<u8>, TransferError> {
    let (mut count, mut sum) = (0_u64, 0_u128);
    walk(snapshot, (table, i64::MIN), |row, columns| {
        let of = match table.convert(row, origin)? {
            Ok(cells) => cell::digest(cells.as_slice()),
            Err(fault) => of_reject(&Reject::of(table.name, row, columns, fault)?),
        };
        (count, sum) = (count + 1, sum.wrapping_add(of));
        Ok(true)
    })?;
    Ok([count.to_be_bytes().as_slice(), &sum.to_be_bytes()].concat())
}

fn of_reject(reject: &Reject) -> u128 {
    cell::shortened(Sha256::digest(&reject.content).into())
}

#[cfg(test)]
mod tests {
    use super::super::Files;
    use super::super::tables::TABLES;
    use super::*;
    use brink_installation::Plan;
    use rusqlite::Connection;

    #[test]
    fn a_chunk_is_full_of_what_is_set_aside_as_well() {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan { cameras: 1, rows: 100, traps: false, mixed: false, ..Plan::default() };
        plan.generate(folder.path()).unwrap();
        let data = folder.path().join("data");
        let files = Files {
            config_db: None,
            telemetry_dir: Some(data),
            work: folder.path().join("work"),
            busy: std::time::Duration::from_secs(5),
            trust_names: false,
            tenant: None,
        };
        let found = files.begin().unwrap();
        let conn = Connection::open(&found[0].path).unwrap();
        let large = "
            WITH RECURSIVE n(at) AS (VALUES (1) UNION ALL SELECT at + 1 FROM n WHERE at < 10)
            INSERT INTO frames (camera_id, timestamp, thumbnail) SELECT hex(zeroblob(2000)), 5, zeroblob(2000000) FROM n";
        conn.execute_batch(large).unwrap();
        drop(conn);
        let snapshot = Snapshot::of(&found[0], &files.room()).unwrap();
        let wanted = Wanted { table: &TABLES[0], from: i64::MIN, digest: None };
        let origin = Origin { number: 1, tenant: None };
        let (mut most, mut aside) = (0, 0);
        read(&snapshot, &wanted, &origin, |chunk| {
            aside += chunk.rejects.len();
            most = most.max(chunk.rejects.iter().map(|reject| reject.content.len()).sum());
            true
        })
        .unwrap();
        assert_eq!(aside, 10);
        assert!(most < BYTES_MAX + (5 << 20), "{most}");
    }
}
