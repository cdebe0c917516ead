//! What a request says of usage: where the chains stand, and the next records of the oldest that is not settled.

use super::super::{Journal, JournalFault};
use super::append::now_in;
use super::base::before;
use super::error::UsageError;
use super::rows::{self, Kept, Tip};
use crate::state::Settled;
use brink_license::DeviceId;
use brink_license::usage::{
    BATCH_BYTES_MAX, CHAINS_MAX, Chain, ChainReport, Genesis, Head, Moment, RECORDS_MAX, Record,
};
use rusqlite::{Connection, OptionalExtension, params};
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
    /// When the oldest was recorded, by the guarded time in milliseconds.
    pub oldest_ms: Option<i64>,
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
        let at = now_in(&look)?;
        let chains = reportable(&look, device, settled)?;
        let used = chains.last().map(|(number, _, _)| *number);
        // Of an earlier chain that is stuck nothing is ever taken; of the one in use a record tells when that has changed.
        let mut open = chains.iter().filter(|(number, tip, settled)| {
            tip.head.seq > settled.cursor.seq && (!settled.stuck || used == Some(*number))
        });
        let oldest = open.next();
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
        for (number, tip, settled) in reportable(&look, device, settled)? {
            if tip.head.seq <= settled.cursor.seq {
                continue;
            }
            let left = count_max.saturating_sub(backlog.records);
            let records = rows::count_after(&look, number, settled.cursor.seq, left)?;
            backlog.records += records;
            if backlog.oldest_ms.is_none() {
                let first = rows::after(&look, number, settled.cursor.seq, 1)?;
                let first = first.first().and_then(|first| Record::from_bytes(&first.bytes).ok());
                backlog.oldest_ms = first.map(|first| first.at.est_ms);
            }
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

fn report(conn: &Connection, number: i64, tip: &Tip, settled: &Settled) -> Result<ChainReport, JournalFault> {
    let first = rows::first_record(conn, number)?.and_then(|first| Record::from_bytes(&first.bytes).ok());
    let kept_from = first.map_or_else(|| tip.head.seq.saturating_add(1), |first| first.first());
    let Tip { genesis, head, recoveries, .. } = tip;
    let Genesis { epoch, jkt, .. } = *genesis;
    let settled = settled.cursor.seq;
    Ok(ChainReport { epoch, jkt, head: *head, kept_from, settled, recoveries: *recoveries })
}

/// The records behind the cursor, as far as they follow each other. Where the first of them is no record, the journal is
/// damaged; one further behind is found by the next request.
fn batch(
    conn: &Connection,
    (number, tip, settled): &Open,
    (records_max, read_at): (usize, Moment),
) -> Result<Unsent, JournalFault> {
    let found = rows::after(conn, *number, settled.cursor.seq, records_max.min(RECORDS_MAX))?;
    let damaged = |seq: u64| JournalFault::Damaged(format!("record {seq} of usage chain {number}"));
    let Some(first) = found.first() else {
        return Err(damaged(tip.head.seq));
    };
    let first = Record::from_bytes(&first.bytes).map_err(|_| damaged(first.seq))?;
    let mut chain = Chain::resume(tip.genesis.clone(), before(&first), None);
    let (mut records, mut bytes) = (Vec::with_capacity(found.len()), 0);
    for Kept { seq, bytes: record, hash } in found {
        let is_sound = brink_license::usage::hash_of(&record)[..] == hash[..] && chain.admit(&record).is_ok();
        if !is_sound && records.is_empty() {
            return Err(damaged(seq));
        }
        bytes += record.len();
        if !is_sound || bytes > BATCH_BYTES_MAX {
            break;
        }
        records.push(record);
    }
    Ok(Unsent { genesis: tip.genesis.clone(), records, head: chain.head(), read_at })
}

/// The link of one record of a chain, if it is here under its own number.
pub(super) fn link_at(conn: &Connection, chain: i64, seq: u64) -> Result<Option<[u8; 32]>, JournalFault> {
    let text = "SELECT bytes FROM records WHERE chain = ?1 AND seq = ?2";
    let found = conn.query_row(text, params![chain, rows::key_of(seq)?], |row| row.get::<_, Vec<u8>>(0));
    let bytes = found.optional()?;
    Ok(bytes.and_then(|bytes| Record::from_bytes(&bytes).ok().map(|record| record.link(&bytes))))
}
