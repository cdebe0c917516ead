//! What makes room: records that the issuer has and nobody will ask for again leave; and where that is not enough, many
//! records that were never sent become one with their sums. Nothing that is not settled is ever dropped.

use super::super::{Journal, JournalFault};
use super::append::begin;
use super::base::{self, Base};
use super::error::UsageError;
use super::known::Known;
use super::reach::parts;
use super::rows::{self, Kept, Tip};
use crate::state::Settled;
use brink_license::usage::{Chain, Entry, Folding, Record};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::path::Path;

/// How long settled records are kept, so that an issuer whose database was put back can ask for them again.
const KEPT_MS: i64 = 35 * 86_400_000;
/// Most bytes of a journal whose agent was not told another number.
pub(in super::super) const BYTES_MAX: u64 = 1 << 30;
/// From this part of the limit on room is made, down to the second.
const FULL_PERCENT: u64 = 80;
const ENOUGH_PERCENT: u64 = 60;
/// Records of one transaction: whoever records meanwhile waits for it, some tens of milliseconds.
const CHUNK: usize = 4096;
/// Transactions of one turn.
const TURNS_MAX: usize = 64;
/// A fold of fewer records would hardly be smaller than they are.
const FOLD_MIN: usize = 32;
/// The newest records stay as they are: they are sent soon, and folds of few records save little.
const LEFT_UNFOLDED: u64 = 1000;

/// What one turn has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shrunk {
    /// Settled records that left.
    pub pruned: u64,
    /// Records that became sums.
    pub folded: u64,
    /// Bytes in use, and the most that there may be.
    pub bytes: u64,
    /// The limit.
    pub bytes_max: u64,
}

/// The bytes that the file may have.
pub(in super::super) fn bytes_max(conn: &Connection) -> Result<u64, JournalFault> {
    let found = conn.query_row("SELECT bytes_max FROM limits WHERE one = 1", [], |row| row.get::<_, i64>(0));
    Ok(found.optional()?.map_or(BYTES_MAX, i64::unsigned_abs))
}

/// The bytes in use: pages that were emptied are used again.
fn bytes_used(conn: &Connection) -> Result<u64, JournalFault> {
    let pragma = |name: &str| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let used = pragma("page_count")?.saturating_sub(pragma("freelist_count")?);
    Ok(used.saturating_mul(pragma("page_size")?).unsigned_abs())
}

impl Journal {
    /// Sets how many bytes the file may have.
    pub(crate) fn limit(directory: &Path, bytes_max: u64) -> Result<(), UsageError> {
        let journal = super::open(directory)?;
        let transaction = begin(&journal, directory)?;
        let value = i64::try_from(bytes_max).unwrap_or(i64::MAX);
        let put = "INSERT INTO limits (one, bytes_max) VALUES (1, ?1)
                   ON CONFLICT (one) DO UPDATE SET bytes_max = excluded.bytes_max";
        transaction.execute(put, params![value]).map_err(JournalFault::from)?;
        transaction.commit().map_err(|error| JournalFault::from(error).into())
    }

    /// Makes room. `now_ms` is the guarded time.
    pub(crate) fn shrink(directory: &Path, known: &Known, now_ms: i64) -> Result<Shrunk, UsageError> {
        let journal = super::open(directory)?;
        let mut shrunk = Shrunk { bytes_max: bytes_max(&journal.conn)?, ..Shrunk::default() };
        let part = |percent: u64| shrunk.bytes_max / 100 * percent;
        let (full, enough) = (part(FULL_PERCENT), part(ENOUGH_PERCENT));
        let is_full = bytes_used(&journal.conn)? >= full;
        for _ in 0..TURNS_MAX {
            let transaction = begin(&journal, directory)?;
            let is_short = is_full && bytes_used(&transaction)? > enough;
            let before = if is_short { i64::MAX } else { now_ms.saturating_sub(KEPT_MS) };
            let pruned = prune(&transaction, &known.settled, before)?;
            let folded = if pruned == 0 && is_short { fold(&transaction, known)? } else { 0 };
            transaction.commit().map_err(JournalFault::from)?;
            shrunk.pruned += pruned;
            shrunk.folded += folded;
            if pruned == 0 && folded == 0 {
                break;
            }
        }
        shrunk.bytes = bytes_used(&journal.conn)?;
        Ok(shrunk)
    }
}

fn chains(conn: &Connection, settled: &[Settled]) -> Result<Vec<(i64, Tip, Settled)>, JournalFault> {
    let of = |tip: rows::Read| {
        let (number, tip) = tip?;
        let settled = Settled::of(&tip.genesis, settled);
        Ok((number, tip, settled))
    };
    rows::tips(conn)?.into_iter().map(of).collect()
}

/// Removes a chunk of settled records from before a moment; answers how many.
fn prune(tx: &Transaction<'_>, settled: &[Settled], before_ms: i64) -> Result<u64, JournalFault> {
    for (number, tip, settled) in chains(tx, settled)? {
        // What an earlier copy went on with is not settled, whatever its numbers say.
        if parts(tx, number, &settled)? {
            continue;
        }
        let (mut chain, recoveries) = base::beginning(tx, number, &tip.genesis)?;
        let begun = chain.head().seq;
        let mut gone = 0;
        let found = rows::after(tx, number, begun, CHUNK)?;
        if found.is_empty() && begun < settled.cursor.seq.min(tip.head.seq) {
            return Err(JournalFault::Damaged(format!("usage chain {number} does not reach its end")));
        }
        for kept in found {
            if kept.seq > settled.cursor.seq {
                break;
            }
            let record = kept.record().ok_or_else(|| kept.damaged(number))?;
            if record.at.est_ms >= before_ms {
                break;
            }
            chain.admit(&kept.bytes).map_err(|_| kept.damaged(number))?;
            gone += 1;
        }
        if gone > 0 {
            rows::remove(tx, number, (begun.saturating_add(1), chain.head().seq))?;
            base::put_base(tx, number, &Base::of(&chain, recoveries))?;
            return Ok(gone);
        }
    }
    Ok(0)
}

/// Puts sums in the place of the oldest records that were never sent; answers how many records they stand for.
fn fold(tx: &Transaction<'_>, known: &Known) -> Result<u64, JournalFault> {
    for (number, tip, _) in chains(tx, &known.settled)? {
        let sent = known.sent(&tip.genesis);
        let (mut chain, _) = base::beginning(tx, number, &tip.genesis)?;
        let newest = newest_folded(tx, number)?;
        let mut folding = Folding::default();
        'chain: loop {
            let chunk = rows::after(tx, number, chain.head().seq, CHUNK)?;
            if chunk.is_empty() {
                break;
            }
            for kept in chunk {
                let record = kept.admit(&mut chain).ok_or_else(|| kept.damaged(number))?;
                let may_be = kept.seq > sent && kept.seq <= newest;
                if may_be && taken(&mut folding, &chain, (&record, &kept)) {
                    continue;
                }
                if folding.len() >= FOLD_MIN {
                    break 'chain;
                }
                // Too few in a row to be worth it.
                folding = Folding::default();
                if may_be {
                    taken(&mut folding, &chain, (&record, &kept));
                }
            }
        }
        if folding.len() >= FOLD_MIN {
            return replaced(tx, number, folding);
        }
    }
    Ok(0)
}

fn taken(folding: &mut Folding, chain: &Chain, (record, kept): (&Record, &Kept)) -> bool {
    let Entry::Usage(usage) = &record.entry else { return false };
    chain.totals().get(&usage.meter).is_some_and(|after| folding.take(record, &kept.bytes, after))
}

fn replaced(tx: &Transaction<'_>, number: i64, folding: Folding) -> Result<u64, JournalFault> {
    let stands_for = folding.len() as u64;
    let Some(record) = folding.fold() else { return Ok(0) };
    rows::remove(tx, number, (record.first(), record.seq))?;
    rows::put_record(tx, number, record.seq, &record.to_bytes())?;
    Ok(stands_for)
}

/// The number up to which records may be folded.
fn newest_folded(conn: &Connection, number: i64) -> Result<u64, JournalFault> {
    let text = "SELECT seq FROM records WHERE chain = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2";
    let left = i64::try_from(LEFT_UNFOLDED).unwrap_or(i64::MAX);
    let found = conn.query_row(text, params![number, left], |row| row.get::<_, i64>(0));
    Ok(found.optional()?.map_or(0, i64::unsigned_abs))
}
