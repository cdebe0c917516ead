//! A damaged journal: what is whole goes over into a new file, and a record says what is lost.

use super::super::{Journal, JournalFault, keep_marks, kept_in};
use super::append::{Appender, SEQ_MAX, begin};
use super::base::{likely_beginning, put_base};
use super::error::UsageError;
use super::outbox::link_at;
use super::quota_rows;
use super::rows::{self, Kept, Tip};
use super::settle::{doubt, settle};
use crate::state::Settled;
use brink_license::usage::{Genesis, Head, Record};
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;

/// Above every number that a row can have.
const SENT_ALL: u64 = i64::MAX.unsigned_abs();

/// Who the device is, and what the agent knows of its usage beside the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// Its activation.
    pub(crate) genesis: Genesis,
    /// How far each chain is settled, and sent.
    pub(crate) settled: Vec<Settled>,
    /// Where its chain stood once, as the anchor remembers.
    pub(crate) head: Option<Head>,
}

impl Known {
    fn settled(&self) -> Settled {
        Settled::of(&self.genesis, &self.settled)
    }

    /// Up to where a chain was ever sent. Of one that is not in use and of which nothing is known everything may have been.
    pub(super) fn sent(&self, genesis: &Genesis) -> u64 {
        let found = self.settled.iter().find(|of| of.epoch == genesis.epoch && of.jkt == genesis.jkt);
        match found {
            Some(settled) => settled.sent.max(settled.cursor.seq),
            None if *genesis == self.genesis => 0,
            None => SENT_ALL,
        }
    }

    /// The last record of its chain that is known to have been: acknowledged by the issuer, or remembered.
    fn last(&self) -> Option<Head> {
        let settled = self.settled().cursor;
        [Some(settled), self.head]
            .into_iter()
            .flatten()
            .filter(|head| (1..=SEQ_MAX).contains(&head.seq))
            .max_by_key(|head| head.seq)
    }
}

/// Compares what is kept twice, in a time that does not grow with the chain: head and last record, where the chain
/// begins, and every total.
pub(in super::super) fn check(conn: &Connection) -> Result<(), JournalFault> {
    let Some((chain, tip)) = rows::tip(conn)? else {
        let stray: Option<i64> =
            conn.query_row("SELECT chain FROM records LIMIT 1", [], |row| row.get(0)).optional()?;
        return stray
            .map_or(Ok(()), |chain| Err(JournalFault::Damaged(format!("usage chain {chain} has no head"))));
    };
    if tip.head.seq > SEQ_MAX {
        return Err(JournalFault::Damaged(format!("usage chain {chain} ends with number {}", tip.head.seq)));
    }
    let base = super::base::base(conn, chain)?;
    let is_end = match rows::last_record(conn, chain)? {
        Some(last) => {
            last.seq == tip.head.seq
                && last.is_whole()
                && link_at(conn, chain, last.seq)? == Some(tip.head.hash)
        }
        None => tip.head.seq == 0 || base.is_some_and(|base| base.head == tip.head),
    };
    if !is_end {
        return Err(JournalFault::Damaged(format!("the end of usage chain {chain}")));
    }
    rows::totals(conn, chain).map(drop)
}

/// Whether the chain has another record under a number that is known.
fn is_other(conn: &Connection, chain: i64, known: Head) -> Result<bool, JournalFault> {
    Ok(link_at(conn, chain, known.seq)?.is_some_and(|found| found != known.hash))
}

/// What came of comparing the journal with what is known beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    /// It has everything, or nobody knows more.
    Known,
    /// It was shorter: a record says so, and it goes on behind what is known.
    WasShorter,
    /// It has another record under a number that the issuer has: an earlier copy was put back and went on.
    Differs,
}

impl Journal {
    /// Where the journal is shorter than what is known of it, an earlier copy was put back: it goes on above, with what was
    /// recorded into that copy since.
    pub(crate) fn reach(directory: &Path, known: &Known) -> Result<Reached, UsageError> {
        let Some(last) = known.last() else { return Ok(Reached::Known) };
        let journal = super::open(directory)?;
        let look = |conn: &Connection| -> Result<Option<(i64, Tip)>, JournalFault> {
            Ok(rows::tip(conn)?.filter(|(_, tip)| tip.genesis == known.genesis))
        };
        let Some((chain, tip)) = look(&journal.conn)? else { return Ok(Reached::Known) };
        if is_other(&journal.conn, chain, known.settled().cursor)? {
            return Ok(Reached::Differs);
        }
        if tip.head.seq >= last.seq && !is_other(&journal.conn, chain, last)? {
            return Ok(Reached::Known);
        }
        let transaction = begin(&journal, directory)?;
        let Some((chain, tip)) = look(&transaction)? else { return Ok(Reached::Known) };
        let upto = tip.head.seq;
        let mut appender = Appender::new(&transaction, chain, tip)?;
        appender.recover(last.seq, Some(last))?;
        salvage_unsent(&transaction, (chain, upto), (&mut appender, known))?;
        appender.finish()?;
        transaction.commit().map_err(JournalFault::from)?;
        Ok(Reached::WasShorter)
    }

    /// Where the chain of this activation stands, if the journal can be read.
    pub(crate) fn head_of(directory: &Path, genesis: &Genesis) -> Option<Head> {
        let journal = super::open(directory).ok()?;
        check(&journal.conn).ok()?;
        let (_, tip) = rows::tip(&journal.conn).ok()??;
        (tip.genesis == *genesis).then_some(tip.head)
    }
}

/// Fills a new journal with what an old one still has. `known` is whom the device is: where its own chain cannot be
/// read to its end, a record says so.
pub(in super::super) fn mend(
    old: &Connection,
    new: &Connection,
    known: Option<&Known>,
) -> Result<(), UsageError> {
    carry_marks(old, new)?;
    carry_quotas(old, new)?;
    let readable = readable(old, known);
    let newest = readable.last().map(|(chain, _)| *chain);
    let is_whole =
        readable.last().is_some_and(|(_, tip)| known.is_none_or(|known| tip.genesis == known.genesis));
    for (chain, tip) in readable {
        Carrying { old, new, known }.over(chain, tip, newest == Some(chain))?;
    }
    match known {
        Some(known) if !is_whole => without_head(old, new, known),
        Some(_) | None => Ok(()),
    }
}

/// The clock's marks and the size: what is not usage.
fn carry_marks(old: &Connection, new: &Connection) -> Result<(), JournalFault> {
    if let Ok((Some(marks), _)) = kept_in(old) {
        keep_marks(new, &marks)?;
    }
    let limit = old.query_row("SELECT bytes_max FROM limits", [], |row| row.get::<_, i64>(0));
    if let Ok(limit) = limit {
        new.execute("INSERT INTO limits (one, bytes_max) VALUES (1, ?1)", params![limit])?;
    }
    Ok(())
}

/// Every chain with where it stands. One whose head cannot be read stands where its records say, as far as anybody knows the
/// activation that began it.
fn readable(old: &Connection, known: Option<&Known>) -> Vec<(i64, Tip)> {
    let mut tips: Vec<(i64, Tip)> = rows::tips(old).unwrap_or_default().into_iter().flatten().collect();
    let newest = rows::newest_chain(old).unwrap_or_default();
    for chain in rows::chains(old).unwrap_or_default() {
        // That of the one in use is told apart by who the device is.
        if newest == Some(chain) || tips.iter().any(|(number, _)| *number == chain) {
            continue;
        }
        if let Some(tip) = known.and_then(|known| headless(old, chain, known)) {
            tips.push((chain, tip));
        }
    }
    tips.sort_by_key(|(chain, _)| *chain);
    tips
}

/// A head of number 0 is none that a chain with records ends at: it goes on with a recovery, and its records are kept.
fn headless(old: &Connection, chain: i64, known: &Known) -> Option<Tip> {
    let first = Record::from_bytes(&rows::first_record(old, chain).ok()??.bytes).ok()?;
    let settled = known.settled.iter().find(|settled| settled.epoch == first.epoch)?;
    let genesis = Genesis { device: first.device, epoch: first.epoch, jkt: settled.jkt };
    Some(Tip::begin(genesis, None))
}

/// What was used of quotas, and whether the issuer knows of every loss.
fn carry_quotas(old: &Connection, new: &Connection) -> Result<(), JournalFault> {
    if quota_rows::carry_over(old, new)? { settle(new) } else { doubt(new) }
}

/// A device that is activated and whose journal is gone, or whose head is: its chain goes on above everything.
pub(in super::super) fn lost(new: &Connection, known: &Known) -> Result<(), UsageError> {
    let chain = rows::tip(new)?.map_or(1, |(chain, _)| chain.saturating_add(1));
    let mut appender = Appender::new(new, chain, Tip::begin(known.genesis.clone(), None))?;
    appender.recover(0, known.last())?;
    Ok(appender.finish()?)
}

/// Fills the place of a journal that is an earlier copy and went on by itself: other chains as they are, and of the one in use
/// what was recorded after the last that was ever sent. Before that nobody can tell what the issuer has.
pub(in super::super) fn leave(old: &Connection, new: &Connection, known: &Known) -> Result<(), UsageError> {
    carry_marks(old, new)?;
    carry_quotas(old, new)?;
    let mut used = None;
    for (chain, tip) in readable(old, Some(known)) {
        if tip.genesis == known.genesis {
            used = Some(chain);
        } else {
            Carrying { old, new, known: Some(known) }.over(chain, tip, false)?;
        }
    }
    let Some(chain) = used else { return lost(new, known) };
    let mut appender = Appender::new(new, chain, Tip::begin(known.genesis.clone(), None))?;
    appender.recover(0, known.last())?;
    salvage_unsent(old, (chain, u64::MAX), (&mut appender, known))?;
    Ok(appender.finish()?)
}

/// Records once more what stands at or below the settled number, or behind it in a chain that is not the settled one, and was
/// recorded after the last that was ever sent. `upto` is the last number that was there before.
fn salvage_unsent(
    from: &Connection,
    (chain, upto): (i64, u64),
    (appender, known): (&mut Appender<'_>, &Known),
) -> Result<(), UsageError> {
    let settled = known.settled();
    let is_other = is_other(from, chain, settled.cursor)?;
    each_record(from, chain, 0, |kept| {
        // In a copy that only lacks something, what is behind the cursor follows it and is sent from where it is.
        if kept.seq > upto || (kept.seq > settled.cursor.seq && !is_other) {
            return Ok(false);
        }
        let record = Record::from_bytes(&kept.bytes).ok().filter(|_| kept.is_whole());
        match record.filter(|record| settled.is_before(&record.at)) {
            Some(record) => appender.salvage(&record).map(|()| true),
            None => Ok(true),
        }
    })
}

/// The head of the chain in use is what is damaged; its records may be whole.
fn without_head(old: &Connection, new: &Connection, known: &Known) -> Result<(), UsageError> {
    let newest = old.query_row("SELECT max(chain) FROM records", [], |row| row.get::<_, Option<i64>>(0));
    let taken = rows::tip(new)?.map_or(0, |(chain, _)| chain);
    match newest {
        Ok(Some(chain)) if chain > taken => {
            let tip = Tip::begin(known.genesis.clone(), None);
            Carrying { old, new, known: Some(known) }.over(chain, tip, true)
        }
        Ok(_) | Err(_) => lost(new, known),
    }
}

/// From one file into the other.
#[derive(Clone, Copy)]
struct Carrying<'c> {
    old: &'c Connection,
    new: &'c Connection,
    known: Option<&'c Known>,
}

impl Carrying<'_> {
    /// The records of one chain down to the first that is not whole. A chain that does not end where its head says goes on
    /// with a recovery, and with every use behind the damage that can still be read; one that is not in use any more ends
    /// with it.
    fn over(self, chain: i64, tip: Tip, is_used: bool) -> Result<(), UsageError> {
        let (mut walked, base) = likely_beginning(self.old, chain, &tip.genesis);
        if let Some(base) = &base {
            put_base(self.new, chain, base)?;
        }
        each_record(self.old, chain, 0, |kept| {
            let is_whole = kept.is_whole() && walked.admit(&kept.bytes).is_ok();
            if is_whole {
                rows::put_record(self.new, chain, kept.seq, &kept.bytes)?;
            }
            Ok(is_whole)
        })?;
        if !walked.has_all_totals() {
            // Those whose records are all gone go on from what is written beside them.
            for (meter, total) in rows::totals(self.old, chain).unwrap_or_default() {
                rows::put_total(self.new, chain, &meter, &total)?;
            }
        }
        for (meter, total) in walked.totals() {
            rows::put_total(self.new, chain, meter, total)?;
        }
        let ends = walked.ends_at(tip.head).is_ok();
        let recoveries = base.map_or(0, |base| base.recoveries).saturating_add(walked.recoveries());
        let recoveries = u32::try_from(recoveries).unwrap_or(u32::MAX);
        let seen = tip.head.seq;
        let reached = Tip { head: walked.head(), recoveries, ..tip };
        let mut appender = Appender::new(self.new, chain, reached)?;
        if !ends && !walked.is_closed() {
            self.go_on(&mut appender, chain, seen)?;
            if !is_used {
                appender.close()?;
            }
        }
        Ok(appender.finish()?)
    }

    /// A recovery, and every use behind the damage that can still be read and was never sent: the issuer cannot have it.
    fn go_on(self, appender: &mut Appender<'_>, chain: i64, seen: u64) -> Result<(), UsageError> {
        let genesis = appender.tip.genesis.clone();
        let behind = appender.tip.head.seq;
        let sent = self.known.map_or(0, |known| known.sent(&genesis));
        let highest =
            self.old.query_row("SELECT max(seq) FROM records WHERE chain = ?1", [chain], |row| row.get(0));
        let highest = highest.map_or(0, |highest: Option<i64>| highest.unwrap_or_default().unsigned_abs());
        let known = self.known.filter(|known| known.genesis == genesis).and_then(Known::last);
        appender.recover(seen.max(highest), known)?;
        each_record(self.old, chain, behind.max(sent), |kept| {
            let record = Record::from_bytes(&kept.bytes).ok().filter(|_| kept.is_whole());
            // A row under another number than its own was moved here, and would count twice.
            record
                .filter(|record| record.seq == kept.seq)
                .map_or(Ok(()), |record| appender.salvage(&record))?;
            Ok(true)
        })?;
        Ok(())
    }
}

/// Hands out the records behind a number until `take` has enough, or the old file cannot be read any further.
fn each_record(
    old: &Connection,
    chain: i64,
    behind: u64,
    mut take: impl FnMut(Kept) -> Result<bool, JournalFault>,
) -> Result<(), UsageError> {
    let text = "SELECT seq, bytes, hash FROM records WHERE chain = ?1 AND seq > ?2 ORDER BY seq";
    let Ok(mut found) = old.prepare(text) else { return Ok(()) };
    let Ok(mut records) = found.query(params![chain, rows::key_of(behind)?]) else { return Ok(()) };
    while let Ok(Some(row)) = records.next() {
        let Ok(kept) = Kept::of_row(row) else { return Ok(()) };
        // What cannot be written is no damage of the old one.
        if !take(kept)? {
            return Ok(());
        }
    }
    Ok(())
}
