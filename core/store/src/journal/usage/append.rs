//! Appending to the chain in use, inside somebody's transaction.

use super::super::{Journal, JournalFault, inode_of, kept_in};
use super::error::UsageError;
use super::known::Known;
use super::rows::{self, Tip};
use super::settle::doubt;
use crate::machine;
use brink_license::clock::Marks;
use brink_license::usage::{
    Entry, Fold, FoldSum, Head, MeterTotal, Moment, QUARTER_MS, QuantityError, Record, Recovery, SEQ_MAX,
    Usage,
};
use brink_license::{Slug, UnixSeconds};
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::time::Duration;

/// Whoever writes waits at most this long for the others: a commit takes milliseconds, on a bad disk hundreds of them.
pub(super) const WAIT: Duration = Duration::from_millis(WAIT_MS);
const WAIT_MS: u64 = 5000;
/// The end of the year 9999: no clock makes a number above it.
const CLOCK_MS_MAX: u64 = 253_402_300_799_999;
/// Longest pause between two attempts, in milliseconds: about one commit.
const PAUSE_MS_MAX: u64 = 16;

/// Begins a transaction that writes. Others are waited for with pauses of random length, so that two who ask at the same
/// moment do not meet again. Looks at the file once nobody else can write: one that was set aside takes no record.
pub(super) fn begin<'j>(journal: &'j Journal, directory: &Path) -> Result<Transaction<'j>, UsageError> {
    journal.conn.busy_timeout(Duration::ZERO).map_err(JournalFault::from)?;
    let until = machine::boottime_millis().saturating_add(WAIT_MS.cast_signed());
    let random = RandomState::new();
    for attempt in 0u64.. {
        match Transaction::new_unchecked(&journal.conn, TransactionBehavior::Immediate) {
            Ok(transaction) => {
                let inode = inode_of(&Journal::path(directory))?;
                return if inode == journal.inode { Ok(transaction) } else { Err(UsageError::SetAside) };
            }
            Err(error) if error.sqlite_error_code() != Some(ErrorCode::DatabaseBusy) => {
                return Err(JournalFault::from(error).into());
            }
            Err(_) if machine::boottime_millis() >= until => break,
            Err(_) => {
                let pause = 1 + random.hash_one(attempt) % PAUSE_MS_MAX;
                std::thread::park_timeout(Duration::from_millis(pause));
            }
        }
    }
    Err(UsageError::Busy)
}

/// One transaction's view of the chain in use.
pub(super) struct Appender<'c> {
    conn: &'c Connection,
    chain: i64,
    pub(super) tip: Tip,
    at: Moment,
    /// Of the meters that were used: read once, written once.
    totals: Vec<(Slug, Option<MeterTotal>)>,
}

impl<'c> Appender<'c> {
    /// Goes on with a chain, now.
    pub(super) fn new(conn: &'c Connection, chain: i64, tip: Tip) -> Result<Self, UsageError> {
        Ok(Self { conn, chain, tip, at: now_in(conn)?, totals: Vec::new() })
    }

    /// The clocks of what is recorded.
    pub(super) const fn at(&self) -> Moment {
        self.at
    }

    /// It is at least this late: somebody knows more than the kept marks.
    pub(super) fn not_before(&mut self, known: UnixSeconds) {
        self.at.est_ms = self.at.est_ms.max(known.as_i64().saturating_mul(1000));
    }

    /// Records a use: its number and what its meter has come to. A total that would overflow leaves no trace.
    pub(super) fn usage(
        &mut self,
        usage: Usage,
    ) -> Result<Result<(u64, Usage), QuantityError>, JournalFault> {
        let place = self.place_of(&usage.meter)?;
        let before = self.totals.get(place).and_then(|(_, total)| total.as_ref());
        let amount = (usage.quantity, usage.count);
        let after = match MeterTotal::with(before, amount, self.at.est_ms) {
            Ok(after) => after,
            Err(error) => return Ok(Err(error)),
        };
        let usage = Usage { total: after.total, ..usage };
        let seq = self.tip.head.seq.saturating_add(1);
        self.link(seq, Entry::Usage(usage.clone()))?;
        if let Some((_, total)) = self.totals.get_mut(place) {
            *total = Some(after);
        }
        Ok(Ok((seq, usage)))
    }

    /// Where the total of a meter is.
    fn place_of(&mut self, meter: &Slug) -> Result<usize, JournalFault> {
        if let Some(place) = self.totals.iter().position(|(known, _)| known == meter) {
            return Ok(place);
        }
        self.totals.push((meter.clone(), rows::total(self.conn, self.chain, meter)?));
        Ok(self.totals.len() - 1)
    }

    /// Nothing follows in this chain. Nor does anything in one that has no number left.
    pub(super) fn close(&mut self) -> Result<(), JournalFault> {
        match self.tip.head.seq {
            SEQ_MAX.. => Ok(()),
            last => self.link(last + 1, Entry::Close),
        }
    }

    /// Goes on after damage, with a number that no record of this chain can have had: above every one that was seen, and
    /// above the milliseconds since 1970, for no device writes a thousand records a second from then on. `known` is the
    /// last record that others know of; where the chain was shorter than that, it goes on from there.
    pub(super) fn recover(&mut self, seen: u64, known: Option<Head>) -> Result<(), JournalFault> {
        doubt(self.conn)?;
        let good = self.tip.head;
        let known = known.filter(|known| known.seq > good.seq);
        let seen = known.map_or(seen, |known| seen.max(known.seq));
        let clock = u64::try_from(self.at.est_ms).unwrap_or_default().min(CLOCK_MS_MAX);
        // Hosts may write the file, and a number that they made up is not to take all others away.
        let seen = if seen >= SEQ_MAX { good.seq } else { seen };
        let seq = seen.max(good.seq).saturating_add(1).max(clock);
        self.tip.recoveries = self.tip.recoveries.saturating_add(1);
        self.tip.head = known.unwrap_or(good);
        self.link(seq, Entry::Recover(Recovery { good, seen }))
    }

    /// The same above everything that is known of the chain beside the journal.
    pub(super) fn recover_behind(&mut self, known: &Known) -> Result<(), JournalFault> {
        self.recover(known.sent(&known.genesis), known.last())
    }

    /// Records once more what is known to have been recorded and not to have been sent, with the moment and the licence of
    /// then.
    pub(super) fn salvage(&mut self, record: &Record) -> Result<(), JournalFault> {
        match &record.entry {
            Entry::Usage(usage) => self.again(usage.clone(), (record, record.at)),
            Entry::Fold(fold) => sums_in_order(fold).into_iter().try_for_each(|(meter, sum)| {
                let then = sum.quarter.saturating_mul(QUARTER_MS);
                let before = record.at.est_ms.saturating_sub(then);
                let boottime_ms = record.at.boottime_ms.saturating_sub(before);
                let at = Moment { boot: record.at.boot, boottime_ms, wall_ms: then, est_ms: then };
                let count = u32::try_from(sum.count).unwrap_or(u32::MAX);
                let (meter, resource) = (meter.clone(), sum.resource.clone());
                let usage = Usage { meter, resource, quantity: sum.quantity, count, total: sum.quantity };
                self.again(usage, (record, at))
            }),
            Entry::Recover(_) | Entry::Close => Ok(()),
        }
    }

    /// Records a use as it was in another record: under the licence of then.
    fn again(&mut self, usage: Usage, (record, at): (&Record, Moment)) -> Result<(), JournalFault> {
        let now = std::mem::replace(&mut self.at, at);
        let licence = std::mem::replace(&mut self.tip.licence, record.licence.clone());
        let again = self.usage(usage);
        (self.at, self.tip.licence) = (now, licence);
        // A total beyond what can be counted is lost with the records before it.
        again.map(drop)
    }

    fn link(&mut self, seq: u64, entry: Entry) -> Result<(), JournalFault> {
        if seq > SEQ_MAX {
            return Err(JournalFault::Unusable(
                "its usage chain has no number left: activate the device anew".to_owned(),
            ));
        }
        let Tip { genesis, head, licence, .. } = &self.tip;
        let record = Record {
            device: genesis.device.clone(),
            epoch: genesis.epoch,
            seq,
            at: self.at,
            licence: licence.clone(),
            entry,
            prev: head.hash,
        };
        let hash = rows::put_record(self.conn, self.chain, seq, &record.to_bytes())?;
        self.tip.head = Head { seq, hash };
        Ok(())
    }

    /// Moves head and totals to where the chain stands now.
    pub(super) fn finish(self) -> Result<(), JournalFault> {
        for (meter, total) in &self.totals {
            if let Some(total) = total {
                rows::put_total(self.conn, self.chain, meter, total)?;
            }
        }
        rows::put_tip(self.conn, self.chain, &self.tip)
    }
}

/// By quarters of an hour: who books them believes no moment before the last.
fn sums_in_order(fold: &Fold) -> Vec<(&Slug, &FoldSum)> {
    let mut sums: Vec<_> = fold.named().collect();
    sums.sort_by_key(|(_, sum)| sum.quarter);
    sums
}

/// Every clock now; the guarded time goes on from the marks that all processes share, without moving them.
pub(super) fn now_in(conn: &Connection) -> Result<Moment, UsageError> {
    let (reading, wall_ms, boottime_ms) =
        machine::read_millis().map_err(|e| UsageError::Clock(e.to_string()))?;
    let marks = kept_in(conn).map_err(JournalFault::from)?.0;
    let guarded = marks.unwrap_or_else(|| Marks::new(UnixSeconds::default())).advance(&reading).now;
    // The part of a second is the wall clock's where that is believed.
    let part = if guarded == reading.wall { wall_ms } else { boottime_ms }.rem_euclid(1000);
    let est_ms = guarded.as_i64().saturating_mul(1000).saturating_add(part);
    Ok(Moment { boot: reading.boot, boottime_ms, wall_ms, est_ms })
}
