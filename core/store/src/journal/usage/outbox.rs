//! What a request says of usage: where the chains stand, and the next records of the oldest that is not settled.

use super::super::{Journal, JournalFault};
use super::append::now_in;
use super::base::{base, before};
use super::error::UsageError;
use super::reach::parts;
use super::rows::{self, Tip};
use crate::state::Settled;
use brink_license::DeviceId;
use brink_license::usage::{
    BATCH_BYTES_MAX, CHAINS_MAX, Chain, ChainReport, Entry, Genesis, Head, Moment, RECORDS_MAX, Record,
};
use rusqlite::Connection;
use std::path::Path;

/// What there is to say, before the device has signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbox {
    /// Every clock now.
    pub at: Moment,
    /// Where the chains stand, the oldest first.
    pub chains: Vec<ChainReport>,
    /// The next records, if any are not settled.
    pub batch: Option<Unsent>,
    /// There are others behind these.
    pub more: bool,
}

/// Records in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsent {
    /// Their chain.
    pub genesis: Genesis,
    /// The bytes of each.
    pub records: Vec<Vec<u8>>,
    /// Where the chain stands with the last of them.
    pub head: Head,
    /// When they were read: whatever is recorded later is not among them.
    pub read_at: Moment,
}

/// What is not settled yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many records.
    pub records: u64,
    /// There are more: counting ended.
    pub or_more: bool,
    /// When the oldest that an exchange would carry was recorded, by the guarded time in milliseconds.
    pub oldest_ms: Option<i64>,
}

impl Backlog {
    /// Where counting ends for whoever looks often.
    pub const COUNT_MAX: u64 = 1_000_000;
}

impl Journal {
    /// What to send of this device, with at most `records_max` records.
    pub(crate) fn outbox(
        directory: &Path,
        (device, settled): (&DeviceId, &[Settled]),
        records_max: usize,
    ) -> Result<Outbox, UsageError> {
        let journal = super::open(directory)?;
        let look = journal.conn.unchecked_transaction().map_err(JournalFault::from)?;
        // What is read is fixed here, and nothing of it was recorded after the clocks are read.
        let chains = reportable(&look, device, settled)?;
        let at = now_in(&look)?;
        let waiting = waiting(&look, &chains)?;
        let mut open = waiting.into_iter();
        let oldest = open.next();
        if let Some((number, _, settled)) = oldest
            && parts(&look, *number, settled)?
        {
            let problem = format!("usage chain {number} is an earlier copy that went on");
            return Err(UsageError::Damaged(problem));
        }
        let records_max = if oldest.is_some_and(|(_, _, settled)| settled.stuck) { 1 } else { records_max };
        let batch = oldest.map(|open| batch(&look, open, (records_max, at))).transpose()?;
        let ends = |(_, tip, _): &Open| batch.as_ref().is_none_or(|batch| batch.head.seq == tip.head.seq);
        let more = open.next().is_some() || oldest.is_some_and(|oldest| !ends(oldest));
        let report = |(number, tip, settled): &(i64, Tip, Settled)| report(&look, *number, tip, settled);
        let chains = chains.iter().map(report).collect::<Result<_, _>>()?;
        Ok(Outbox { at, chains, batch, more })
    }

    /// How much of this device is not settled; counts up to `count_max`.
    pub fn backlog(
        directory: &Path,
        (device, settled): (&DeviceId, &[Settled]),
        count_max: u64,
    ) -> Result<Backlog, UsageError> {
        let journal = super::open(directory)?;
        let look = journal.conn.unchecked_transaction().map_err(JournalFault::from)?;
        let mut backlog = Backlog::default();
        let chains = reportable(&look, device, settled)?;
        for (number, _, settled) in &chains {
            let left = count_max.saturating_sub(backlog.records);
            backlog.records += rows::count_after(&look, *number, settled.cursor.seq, left)?;
        }
        if let Some((number, _, settled)) = waiting(&look, &chains)?.first() {
            let first = rows::after(&look, *number, settled.cursor.seq, 1)?;
            let first = first.first().and_then(|first| Record::from_bytes(&first.bytes).ok());
            backlog.oldest_ms = first.map(|first| first.at.est_ms);
        }
        backlog.or_more = backlog.records >= count_max;
        Ok(backlog)
    }
}

type Open = (i64, Tip, Settled);

/// The chains of this device that have any record here, and the one in use: of one that is settled an issuer whose database
/// was put back may want some again. Those of another device, which this one was once, are not its to settle.
fn reportable(conn: &Connection, device: &DeviceId, settled: &[Settled]) -> Result<Vec<Open>, JournalFault> {
    let tips = rows::tips(conn)?.into_iter().collect::<Result<Vec<_>, _>>()?;
    let used = tips.last().map(|(number, _)| *number);
    let of = |(number, tip): (i64, Tip)| {
        let settled = Settled::of(&tip.genesis, settled);
        (number, tip, settled)
    };
    let mut open = Vec::new();
    for (number, tip, settled) in tips.into_iter().map(of) {
        let is_ours = tip.genesis.device == *device;
        if is_ours && (used == Some(number) || rows::first_record(conn, number)?.is_some()) {
            open.push((number, tip, settled));
        }
    }
    if open.len() > CHAINS_MAX {
        // The rest follows when these are settled.
        let used = open.pop();
        open.truncate(CHAINS_MAX - 1);
        open.extend(used);
    }
    Ok(open)
}

/// The chains of which there is something to send, the oldest first. Of an earlier one that is stuck nothing is ever taken; of
/// the one in use a record tells when that has changed. What an issuer that was put back has lost may not be here any more.
fn waiting<'o>(conn: &Connection, chains: &'o [Open]) -> Result<Vec<&'o Open>, JournalFault> {
    let used = chains.last().map(|(number, _, _)| *number);
    let mut waiting = Vec::new();
    for open @ (number, tip, settled) in chains {
        if settled.stuck && used != Some(*number) {
            continue;
        }
        if rows::has_after(conn, *number, settled.cursor.seq)? {
            waiting.push(open);
        } else if tip.head.seq > settled.cursor.seq && !has_left(conn, *number, tip.head)? {
            return Err(JournalFault::Damaged(format!("usage chain {number} does not reach its end")));
        }
    }
    Ok(waiting)
}

fn report(conn: &Connection, number: i64, tip: &Tip, settled: &Settled) -> Result<ChainReport, JournalFault> {
    let first = rows::first_record(conn, number)?.and_then(|first| Record::from_bytes(&first.bytes).ok());
    let kept_from = first.map_or_else(|| tip.head.seq.saturating_add(1), |first| first.first());
    let Tip { genesis, head, recoveries, .. } = tip;
    let Genesis { epoch, jkt, .. } = *genesis;
    let settled = settled.cursor.seq;
    Ok(ChainReport { epoch, jkt, head: *head, kept_from, settled, recoveries: *recoveries })
}

/// Whether a chain begins here behind this record.
fn has_left(conn: &Connection, number: i64, head: Head) -> Result<bool, JournalFault> {
    Ok(base(conn, number)?.is_some_and(|base| base.head == head))
}

/// The records behind the cursor, as far as they follow each other. Where the first of them is no record, the journal is
/// damaged; one further behind is found by the next request.
fn batch(
    conn: &Connection,
    (number, tip, settled): &Open,
    (records_max, mut read_at): (usize, Moment),
) -> Result<Unsent, JournalFault> {
    let found = rows::after(conn, *number, settled.cursor.seq, records_max.min(RECORDS_MAX))?;
    let first = found.first().ok_or_else(|| JournalFault::Damaged(format!("usage chain {number}")))?;
    let record = first.record().ok_or_else(|| first.damaged(*number))?;
    let begun = before(&record);
    // What stands between it and the cursor has left, or was removed.
    let is_next = matches!(record.entry, Entry::Recover(_)) || begun.seq <= settled.cursor.seq;
    if !is_next && !has_left(conn, *number, begun)? {
        return Err(first.damaged(*number));
    }
    let mut chain = Chain::resume(tip.genesis.clone(), begun, None);
    let (mut records, mut bytes) = (Vec::with_capacity(found.len()), 0);
    for kept in found {
        bytes += kept.bytes.len();
        let is_room = bytes <= BATCH_BYTES_MAX || records.is_empty();
        let Some(record) = is_room.then(|| kept.admit(&mut chain)).flatten() else { break };
        // Of a clock that was ahead and was put right: nothing of it was recorded after this.
        read_at.est_ms = read_at.est_ms.max(record.at.est_ms);
        records.push(kept.bytes);
    }
    if records.is_empty() {
        return Err(JournalFault::Damaged(format!(
            "the records behind {} of usage chain {number}",
            begun.seq
        )));
    }
    Ok(Unsent { genesis: tip.genesis.clone(), records, head: chain.head(), read_at })
}
