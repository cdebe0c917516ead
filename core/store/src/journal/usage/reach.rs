//! Whether the journal is the one of which receipts, requests and the anchor speak, or an earlier copy that was put back.

use super::super::{Journal, JournalFault};
use super::append::{Appender, begin};
use super::base;
use super::error::UsageError;
use super::known::Known;
use super::rows::{self, Kept, Tip};
use crate::state::Settled;
use brink_license::usage::{Genesis, Hash, Head, Record};
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;

/// What came of comparing the journal with what is known beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    /// It has everything, or nobody knows more.
    Known,
    /// It was shorter: a record says so, and it goes on behind what is known.
    WasShorter,
    /// It has other records under numbers that were sent: an earlier copy was put back and went on.
    Differs,
}

impl Journal {
    /// Where the journal is shorter than what is known of it, an earlier copy was put back: it goes on above.
    pub(crate) fn reach(directory: &Path, known: &Known) -> Result<Reached, UsageError> {
        let journal = super::open(directory)?;
        let look = journal.conn.unchecked_transaction().map_err(JournalFault::from)?;
        match compare(&look, known)? {
            Reached::WasShorter => drop(look),
            reached @ (Reached::Known | Reached::Differs) => return Ok(reached),
        }
        let transaction = begin(&journal, directory)?;
        let reached = compare(&transaction, known)?;
        if let (Reached::WasShorter, Some((chain, tip))) = (reached, used(&transaction, known)?) {
            let mut appender = Appender::new(&transaction, chain, tip)?;
            appender.recover_behind(known)?;
            appender.finish()?;
            transaction.commit().map_err(JournalFault::from)?;
        }
        Ok(reached)
    }

    /// Where the chain of this activation stands, if the journal can be read.
    pub(crate) fn head_of(directory: &Path, genesis: &Genesis) -> Option<Head> {
        let journal = super::open(directory).ok()?;
        super::mend::check(&journal.conn).ok()?;
        let (_, tip) = rows::tip(&journal.conn).ok()??;
        (tip.genesis == *genesis).then_some(tip.head)
    }
}

fn used(conn: &Connection, known: &Known) -> Result<Option<(i64, Tip)>, JournalFault> {
    Ok(rows::tip(conn)?.filter(|(_, tip)| tip.genesis == known.genesis))
}

fn compare(conn: &Connection, known: &Known) -> Result<Reached, JournalFault> {
    for tip in rows::tips(conn)? {
        let (chain, tip) = tip?;
        if let Some(settled) = known.of(&tip.genesis)
            && parts(conn, chain, settled)?
        {
            return Ok(Reached::Differs);
        }
    }
    let Some((chain, Tip { head, .. })) = used(conn, known)? else { return Ok(Reached::Known) };
    let differs = known.last().map(|last| is_other(conn, chain, last)).transpose()? == Some(true);
    Ok(if differs || head.seq < known.reached() { Reached::WasShorter } else { Reached::Known })
}

/// Whether a chain has other records under numbers that the issuer has or may have.
pub(super) fn parts(conn: &Connection, chain: i64, settled: &Settled) -> Result<bool, JournalFault> {
    Ok(is_other(conn, chain, settled.cursor)? || parting(conn, chain, settled)?.is_some())
}

/// Where an earlier copy went on otherwise than what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parting {
    /// Below this number everything is as it was sent.
    pub(super) below: u64,
    /// Behind this number nothing was ever sent.
    pub(super) sent: u64,
}

/// Whether an earlier copy went on otherwise than what was sent, and where. The record that was sent last tells whether; where
/// that is not here, and to tell from which record on, time does. What time cannot tell may be anything behind the cursor.
pub(super) fn parting(
    conn: &Connection,
    chain: i64,
    settled: &Settled,
) -> Result<Option<Parting>, JournalFault> {
    let is_other = match settled.last() {
        Some(last) => link_at(conn, chain, last.seq)?.map(|found| found != last.hash),
        None => None,
    };
    if is_other == Some(false) {
        return Ok(None);
    }
    let told = first_after(conn, chain, settled)?;
    let told = told.map(|first| Parting { below: first, sent: first.saturating_sub(1) });
    let unknown = Parting { below: settled.cursor.seq.saturating_add(1), sent: settled.reached() };
    Ok(told.or(is_other.map(|_| unknown)))
}

/// Whether the chain has another record under a number that is known.
pub(super) fn is_other(conn: &Connection, chain: i64, known: Head) -> Result<bool, JournalFault> {
    Ok(link_at(conn, chain, known.seq)?.is_some_and(|found| found != known.hash))
}

/// The link of one record of a chain, if it is here under its own number or was the last to leave.
pub(super) fn link_at(conn: &Connection, chain: i64, seq: u64) -> Result<Option<Hash>, JournalFault> {
    let text = "SELECT seq, bytes, hash FROM records WHERE chain = ?1 AND seq = ?2";
    let mut found = conn.prepare_cached(text)?;
    let Some(kept) = found.query_row(params![chain, rows::key_of(seq)?], Kept::of_row).optional()? else {
        let base = base::base(conn, chain)?;
        return Ok(base.filter(|base| base.head.seq == seq).map(|base| base.head.hash));
    };
    // A damaged row is no other record.
    let record = kept.record().ok_or_else(|| kept.damaged(chain))?;
    Ok(Some(record.link(&kept.bytes)))
}

/// The first record under a number that was sent which was recorded after everything that ever was, as all that follow it
/// were.
fn first_after(conn: &Connection, chain: i64, settled: &Settled) -> Result<Option<u64>, JournalFault> {
    let text = "SELECT seq, bytes, hash FROM records WHERE chain = ?1 AND seq <= ?2 ORDER BY seq DESC";
    let mut found = conn.prepare_cached(text)?;
    let mut rows = found.query(params![chain, rows::key_of(settled.reached())?])?;
    let mut first = None;
    while let Some(row) = rows.next()? {
        // What is damaged says nothing of when it was recorded.
        let Some(record) = Kept::of_row(row)?.record() else { continue };
        if !settled.is_before(&record.at) {
            break;
        }
        first = Some(Record::first(&record));
    }
    Ok(first)
}
