//! A journal that is damaged, or an earlier copy that went on: what is whole goes over into a new file, and a record says
//! what is lost.

use super::super::{JournalFault, keep_marks, kept_in, moment};
use super::append::Appender;
use super::base::{Base, likely_beginning, put_base};
use super::error::UsageError;
use super::known::Known;
use super::quota_rows;
use super::reach::{Parting, is_other, link_at, parting};
use super::rows::{self, Kept, Tip};
use super::settle::{doubt, settle};
use crate::state::Settled;
use brink_license::usage::{Chain, Genesis, Head, Record, SEQ_MAX};
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior, params};
use std::cell::RefCell;
use std::collections::HashSet;

/// A meter that nobody has.
const PROBED: &str = "probe-of-the-journal";
/// More than a page has.
const PROBE_BYTES: u32 = 5 * 4096;

/// Compares what is kept twice, in a time that does not grow with the chains: of each its head and last record, where it
/// begins, and every total.
pub(in super::super) fn check(conn: &Connection) -> Result<(), JournalFault> {
    let _moment = moment(conn)?;
    let tips = rows::tips(conn)?.into_iter().collect::<Result<Vec<_>, _>>()?;
    for (chain, tip) in &tips {
        check_chain(conn, *chain, tip)?;
    }
    let has_head = |chain: &i64| tips.iter().any(|(number, _)| number == chain);
    match rows::chains(conn)?.into_iter().find(|chain| !has_head(chain)) {
        Some(chain) => Err(JournalFault::Damaged(format!("usage chain {chain} has no head"))),
        None => Ok(()),
    }
}

/// Writes what a record would, and takes it back: some damage nobody meets who only reads. Where somebody else writes, that is
/// as good.
pub(in super::super) fn probe(conn: &Connection) -> Result<(), JournalFault> {
    let begun = Transaction::new_unchecked(conn, TransactionBehavior::Immediate);
    let transaction = match begun {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => return Ok(()),
        begun => begun?,
    };
    match write_everywhere(&transaction) {
        // A journal at its limit is no damage.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => Ok(()),
        // What is there breaks the table's own rules.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            Err(JournalFault::Damaged(error.to_string()))
        }
        probed => Ok(probed?),
    }
}

/// Each table as it is, and a record that takes pages of its own.
fn write_everywhere(transaction: &Connection) -> Result<(), rusqlite::Error> {
    for (table, column) in [
        ("heads", "head"),
        ("totals", "sums"),
        ("quotas", "spent"),
        ("quota_state", "state"),
        ("clock", "marks"),
        ("bases", "base"),
    ] {
        transaction.execute(&format!("UPDATE {table} SET {column} = {column}"), [])?;
    }
    let text = "INSERT INTO records (chain, seq, bytes, hash)
                SELECT max(chain), ?1, zeroblob(?2), zeroblob(32) FROM heads HAVING max(chain) IS NOT NULL";
    transaction.execute(text, params![SEQ_MAX.saturating_add(1).cast_signed(), PROBE_BYTES])?;
    let text = "INSERT INTO totals (chain, meter, sums, sha256)
                SELECT max(chain), ?1, x'', zeroblob(32) FROM heads HAVING max(chain) IS NOT NULL";
    transaction.execute(text, [PROBED])?;
    Ok(())
}

fn check_chain(conn: &Connection, chain: i64, tip: &Tip) -> Result<(), JournalFault> {
    if tip.head.seq > SEQ_MAX {
        return Err(JournalFault::Damaged(format!("usage chain {chain} ends with number {}", tip.head.seq)));
    }
    let base = super::base::base(conn, chain)?;
    let is_end = match rows::last_record(conn, chain)? {
        Some(last) => last.seq == tip.head.seq && link_at(conn, chain, last.seq)? == Some(tip.head.hash),
        None => tip.head.seq == 0 || base.is_some_and(|base| base.head == tip.head),
    };
    if !is_end {
        return Err(JournalFault::Damaged(format!("the end of usage chain {chain}")));
    }
    rows::totals(conn, chain).map(drop)
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
    let again = RefCell::default();
    let carrying = Carrying { old, new, known, again: &again };
    let mut readable = readable(old, known);
    let used = readable.pop_if(|(_, tip)| known.is_none_or(|known| tip.genesis == known.genesis));
    let mut elsewhere = Vec::new();
    for (chain, tip) in readable {
        let is_forgotten =
            |known: &Known| known.is_superseded(&tip.genesis) && known.sent(&known.genesis) == 0;
        if used.is_none() && known.is_some_and(is_forgotten) {
            elsewhere.push((tip.genesis, 0));
        } else {
            elsewhere.extend(carrying.earlier(chain, tip)?);
        }
    }
    match (used, known) {
        (Some((chain, tip)), _) => carrying.used(chain, tip, &elsewhere),
        (None, Some(known)) => carrying.without_head(known, &elsewhere),
        (None, None) => Ok(()),
    }
}

/// The clock's marks and the size: what is not usage.
fn carry_marks(old: &Connection, new: &Connection) -> Result<(), JournalFault> {
    if let Ok((Some(marks), _)) = kept_in(old) {
        keep_marks(new, &marks)?;
    }
    let limit = old.query_row("SELECT bytes_max FROM limits", [], |row| row.get::<_, i64>(0));
    if let Ok(limit) = limit {
        // One that no agent sets is damaged.
        new.execute("INSERT OR IGNORE INTO limits (one, bytes_max) VALUES (1, ?1)", params![limit])?;
    }
    Ok(())
}

/// Every chain with where it stands. One whose head cannot be read stands where its records say, as far as anybody knows the
/// activation that began it.
fn readable(old: &Connection, known: Option<&Known>) -> Vec<(i64, Tip)> {
    let mut tips: Vec<(i64, Tip)> = rows::tips(old).unwrap_or_default().into_iter().flatten().collect();
    let Some(known) = known else { return tips };
    let newest = rows::newest_chain(old).unwrap_or_default();
    for chain in rows::chains(old).unwrap_or_default() {
        let is_used = newest == Some(chain) && belongs(old, chain, &known.genesis);
        if is_used || tips.iter().any(|(number, _)| *number == chain) {
            continue;
        }
        let Some(tip) = headless(old, chain, known) else { continue };
        // Records whose key is damaged make no second chain of an activation: they are found by their own names.
        if tip.genesis != known.genesis && tips.iter().all(|(_, there)| there.genesis != tip.genesis) {
            tips.push((chain, tip));
        }
    }
    tips.sort_by_key(|(chain, _)| *chain);
    tips
}

/// A chain whose head cannot be read, by its first record that can. A head of number 0 is none that a chain with records ends
/// at: it goes on with a recovery, and its records are kept.
fn headless(old: &Connection, chain: i64, known: &Known) -> Option<Tip> {
    let first = first_readable(old, chain)?;
    let of =
        |settled: &Settled| Genesis { device: first.device.clone(), epoch: first.epoch, jkt: settled.jkt };
    let mut likely = known.settled.iter().filter(|settled| settled.epoch == first.epoch).map(of);
    let begins = |genesis: &Genesis| first.first() > 1 || genesis.prev() == first.prev;
    likely.find(begins).map(|genesis| Tip::begin(genesis, None))
}

/// Whether a chain is of this activation, by its first record that can be read; where there is none, nobody knows better.
fn belongs(old: &Connection, chain: i64, genesis: &Genesis) -> bool {
    first_readable(old, chain)
        .is_none_or(|first| first.device == genesis.device && first.epoch == genesis.epoch)
}

fn first_readable(old: &Connection, chain: i64) -> Option<Record> {
    let mut first = None;
    let looked = each_record(old, (chain, 0), |kept| {
        first = kept.record();
        Ok(first.is_none())
    });
    looked.ok().and(first)
}

/// What was used of quotas, and whether the issuer knows of every loss.
fn carry_quotas(old: &Connection, new: &Connection) -> Result<(), JournalFault> {
    if quota_rows::carry_over(old, new)? { settle(new) } else { doubt(new) }
}

/// A device that is activated and whose journal is gone: its chain goes on above everything.
pub(in super::super) fn lost(new: &Connection, known: &Known) -> Result<(), UsageError> {
    Ok(anew(new, known)?.finish()?)
}

fn anew<'c>(new: &'c Connection, known: &Known) -> Result<Appender<'c>, UsageError> {
    let chain = rows::tip(new)?.map_or(1, |(chain, _)| chain.saturating_add(1));
    let mut appender = Appender::new(new, chain, Tip::begin(known.genesis.clone(), None))?;
    appender.recover_behind(known)?;
    Ok(appender)
}

/// From one file into the other.
#[derive(Clone, Copy)]
struct Carrying<'c> {
    old: &'c Connection,
    new: &'c Connection,
    known: Option<&'c Known>,
    /// What was recorded once more, by epoch and number: whichever chain asks for it, once.
    again: &'c RefCell<HashSet<(u32, u64)>>,
}

/// Which part of a chain goes over as it is.
#[derive(Clone, Copy, Debug)]
struct Split {
    /// Records below this number, as far as they are whole.
    below: u64,
    /// Behind this number no record was ever sent: the issuer cannot have it.
    sent: u64,
    /// An earlier copy went on here.
    parts: bool,
}

/// An earlier activation, and the number behind which its records go on in the chain in use.
type Elsewhere = (Genesis, u64);

impl<'c> Carrying<'c> {
    /// The chain in use. One that does not end where its head says goes on with a recovery, and with every use behind that
    /// was never sent and can still be read.
    fn used(self, chain: i64, tip: Tip, elsewhere: &[Elsewhere]) -> Result<(), UsageError> {
        let split = self.split(chain, &tip.genesis);
        let (mut appender, seen) = self.walk(chain, tip, split.below)?;
        // Requests may have carried numbers that this file has not come to, and so may the anchor remember them.
        let sent = self.known.map_or(0, |known| known.sent(&known.genesis));
        let last = self.known.and_then(Known::last);
        let is_short = self.known.is_some_and(|known| appender.tip.head.seq < known.reached());
        if seen.is_some() || !elsewhere.is_empty() || is_short {
            self.go_on(&mut appender, split.sent, (seen.unwrap_or_default().max(sent), last))?;
        }
        self.salvage(appender, elsewhere)
    }

    /// One of an earlier activation; damaged, it goes on in the same way, and ends with that. What an earlier copy went on with
    /// can no more be settled there: the issuer has other records under its numbers.
    fn earlier(self, chain: i64, tip: Tip) -> Result<Option<Elsewhere>, UsageError> {
        let genesis = tip.genesis.clone();
        let split = self.split(chain, &genesis);
        let cursor = self.known.and_then(|known| known.of(&genesis)).map_or(0, |of| of.cursor.seq);
        let (mut appender, seen) = self.walk(chain, tip, split.below)?;
        // Where the issuer has everything, nothing is lost.
        if let Some(seen) = seen.filter(|seen| !split.parts && *seen > cursor) {
            self.go_on(&mut appender, split.sent, (seen, None))?;
            appender.close()?;
        }
        appender.finish()?;
        Ok(split.parts.then_some((genesis, split.sent)))
    }

    /// The head of the chain in use is what is damaged; its records may be whole.
    fn without_head(self, known: &Known, elsewhere: &[Elsewhere]) -> Result<(), UsageError> {
        let newest = rows::chains(self.old).unwrap_or_default().pop();
        let taken = rows::tip(self.new)?.map_or(0, |(chain, _)| chain);
        let is_used = |newest: &i64| *newest > taken && belongs(self.old, *newest, &known.genesis);
        match newest.filter(is_used) {
            Some(chain) => self.used(chain, Tip::begin(known.genesis.clone(), None), elsewhere),
            None => self.salvage(anew(self.new, known)?, elsewhere),
        }
    }

    fn split(self, chain: i64, genesis: &Genesis) -> Split {
        let sent = self.known.map_or(0, |known| known.sent(genesis));
        let whole = Split { below: u64::MAX, sent, parts: false };
        let Some(settled) = self.known.and_then(|known| known.of(genesis)) else { return whole };
        let parting = parting(self.old, chain, settled).ok().flatten();
        if is_other(self.old, chain, settled.cursor).unwrap_or(false) {
            // What stands before the parting may be the issuer's or not.
            return Split { below: 0, sent: parting.map_or(sent, |parting| parting.sent), parts: true };
        }
        parting.map_or(whole, |Parting { below, sent }| Split { below, sent, parts: true })
    }

    /// Takes the records of a chain over, down to the first that is not whole or not below a number. Answers how far its
    /// numbers are seen to go, if that is further.
    fn walk(self, chain: i64, tip: Tip, below: u64) -> Result<(Appender<'c>, Option<u64>), UsageError> {
        let (begun, base) = match below {
            0 => (Chain::begin(tip.genesis.clone()), None),
            _ => likely_beginning(self.old, chain, &tip.genesis),
        };
        let mut walked = self.carry((chain, below), begun)?;
        let mut recoveries_before = base.as_ref().map_or(0, |base| base.recoveries);
        if let Some(base) = &base {
            put_base(self.new, chain, base)?;
        }
        if let Some(base) = self.behind_settled(chain, &tip, walked.head()).filter(|_| below == u64::MAX) {
            rows::remove(self.new, chain, (1, SEQ_MAX))?;
            put_base(self.new, chain, &base)?;
            walked = self.carry((chain, below), Chain::resume(tip.genesis.clone(), base.head, None))?;
            recoveries_before = base.recoveries;
        }
        self.carry_totals(chain, &walked)?;
        let highest = rows::last_record(self.old, chain).ok().flatten().map_or(0, |last| last.seq);
        let ends = walked.ends_at(tip.head).is_ok() && highest <= walked.head().seq;
        let seen = tip.head.seq.max(highest);
        let recoveries = recoveries_before.saturating_add(walked.recoveries());
        let recoveries = u32::try_from(recoveries).unwrap_or(u32::MAX);
        let reached = Tip { head: walked.head(), recoveries, ..tip };
        let appender = Appender::new(self.new, chain, reached)?;
        Ok((appender, (!ends && !walked.is_closed()).then_some(seen)))
    }

    /// Damage among what the issuer has costs nothing: the chain begins behind it, as if that had left.
    fn behind_settled(self, chain: i64, tip: &Tip, walked: Head) -> Option<Base> {
        let cursor = self.known?.of(&tip.genesis)?.cursor;
        let is_within = walked.seq < cursor.seq && cursor.seq <= tip.head.seq;
        rows::totals(self.old, chain).ok().filter(|_| is_within)?;
        Some(Base { head: cursor, totals: None, recoveries: u64::from(tip.recoveries) })
    }

    fn carry(self, (chain, below): (i64, u64), mut walked: Chain) -> Result<Chain, UsageError> {
        each_record(self.old, (chain, walked.head().seq), |kept| {
            let is_next = kept.seq < below && kept.admit(&mut walked).is_some();
            if is_next {
                rows::put_record(self.new, chain, kept.seq, &kept.bytes)?;
            }
            Ok(is_next)
        })?;
        Ok(walked)
    }

    fn carry_totals(self, chain: i64, walked: &Chain) -> Result<(), UsageError> {
        if !walked.has_all_totals() {
            // Those whose records are all gone go on from what is written beside them.
            for (meter, total) in rows::totals(self.old, chain).unwrap_or_default() {
                rows::put_total(self.new, chain, &meter, &total)?;
            }
        }
        let mut totals = walked.totals().iter();
        Ok(totals.try_for_each(|(meter, total)| rows::put_total(self.new, chain, meter, total))?)
    }

    /// A recovery, and every use behind it that can still be read and was never sent: the issuer cannot have it.
    fn go_on(
        self,
        appender: &mut Appender<'_>,
        sent: u64,
        (seen, last): (u64, Option<Head>),
    ) -> Result<(), UsageError> {
        let behind = (appender.tip.genesis.clone(), appender.tip.head.seq.max(sent));
        appender.recover(seen, last)?;
        self.record_again(appender, &behind)
    }

    /// What earlier chains cannot settle any more is recorded in the one in use.
    fn salvage(self, mut appender: Appender<'_>, elsewhere: &[Elsewhere]) -> Result<(), UsageError> {
        elsewhere.iter().try_for_each(|behind| self.record_again(&mut appender, behind))?;
        Ok(appender.finish()?)
    }

    /// Records once more what a chain has behind a number, each by its own name: one damaged key hides everything behind it
    /// from whoever seeks by keys, and a record that stands there twice counts once.
    fn record_again(self, appender: &mut Appender<'_>, (of, behind): &Elsewhere) -> Result<(), UsageError> {
        let Ok(mut found) = self.old.prepare("SELECT seq, bytes, hash FROM records") else { return Ok(()) };
        let Ok(mut records) = found.query([]) else { return Ok(()) };
        while let Ok(Some(row)) = records.next() {
            let record = Kept::of_row(row).ok().and_then(|kept| kept.content());
            let record = record.filter(|record| {
                record.device == of.device && record.epoch == of.epoch && record.seq > *behind
            });
            let is_first = |record: &Record| self.again.borrow_mut().insert((record.epoch, record.seq));
            if let Some(record) = record.filter(is_first) {
                appender.salvage(&record)?;
            }
        }
        Ok(())
    }
}

/// Hands out the records behind a number until `take` has enough, or the old file cannot be read any further.
fn each_record(
    old: &Connection,
    (chain, behind): (i64, u64),
    mut take: impl FnMut(Kept) -> Result<bool, JournalFault>,
) -> Result<(), UsageError> {
    let text = "SELECT seq, bytes, hash FROM records WHERE chain = ?1 AND seq > ?2 ORDER BY seq";
    let Ok(mut found) = old.prepare(text) else { return Ok(()) };
    let Ok(mut records) = found.query(params![chain, rows::key_of(behind)?]) else { return Ok(()) };
    while let Ok(Some(row)) = records.next() {
        let Ok(kept) = Kept::of_row(row) else { continue };
        // What cannot be written is no damage of the old one.
        if !take(kept)? {
            return Ok(());
        }
    }
    Ok(())
}
