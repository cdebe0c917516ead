//! A damaged journal: what is whole goes over into a new file, and a record says what is lost.

use super::super::{JournalFault, keep_marks, kept_in};
use super::append::Appender;
use super::error::UsageError;
use super::quota_rows;
use super::rows::{self, Kept, Tip};
use super::settle::{doubt, settle};
use brink_license::usage::{Chain, Genesis};
use rusqlite::{Connection, OptionalExtension};

/// Compares what is kept twice, in a time that does not grow with the chain: head and last record, and every total.
pub(in super::super) fn check(conn: &Connection) -> Result<(), JournalFault> {
    let Some((chain, tip)) = rows::tip(conn)? else {
        let stray: Option<i64> =
            conn.query_row("SELECT chain FROM records LIMIT 1", [], |row| row.get(0)).optional()?;
        return stray
            .map_or(Ok(()), |chain| Err(JournalFault::Damaged(format!("usage chain {chain} has no head"))));
    };
    let is_end = match rows::last_record(conn, chain)? {
        Some(last) => last.seq == tip.head.seq && last.is_whole() && last.hash == tip.head.hash,
        None => tip.head.seq == 0,
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
    known: Option<&Genesis>,
) -> Result<(), UsageError> {
    if let Ok((Some(marks), _)) = kept_in(old) {
        keep_marks(new, &marks).map_err(JournalFault::from)?;
    }
    let is_settled = quota_rows::carry_over(old, new)?;
    if is_settled {
        settle(new)?
    } else {
        doubt(new)?
    }
    let tips = rows::tips(old).unwrap_or_default();
    let readable: Vec<(i64, Tip)> = tips.into_iter().flatten().collect();
    let newest = readable.last().map(|(chain, _)| *chain);
    let is_whole = readable.last().is_some_and(|(_, tip)| known.is_none_or(|known| tip.genesis == *known));
    for (chain, tip) in readable {
        carry_over(old, new, (chain, tip), newest == Some(chain))?;
    }
    match known {
        Some(known) if !is_whole => without_head(old, new, known),
        Some(_) | None => Ok(()),
    }
}

/// A device that is activated and whose journal is gone, or whose head is: its chain goes on above everything.
pub(in super::super) fn lost(new: &Connection, genesis: &Genesis) -> Result<(), UsageError> {
    let chain = rows::tip(new)?.map_or(1, |(chain, _)| chain.saturating_add(1));
    let mut appender = Appender::new(new, chain, Tip::begin(genesis.clone(), None))?;
    appender.recover(0)?;
    Ok(appender.finish()?)
}

/// The head of the chain in use is what is damaged; its records may be whole.
fn without_head(old: &Connection, new: &Connection, known: &Genesis) -> Result<(), UsageError> {
    let newest = old.query_row("SELECT max(chain) FROM records", [], |row| row.get::<_, Option<i64>>(0));
    let taken = rows::tip(new)?.map_or(0, |(chain, _)| chain);
    match newest {
        Ok(Some(chain)) if chain > taken => {
            carry_over(old, new, (chain, Tip::begin(known.clone(), None)), true)
        }
        Ok(_) | Err(_) => lost(new, known),
    }
}

/// The records of one chain down to the first that is not whole. A chain that does not end where its head says goes on
/// with a recovery, and one that is not in use any more ends with it.
fn carry_over(
    old: &Connection,
    new: &Connection,
    (chain, tip): (i64, Tip),
    is_used: bool,
) -> Result<(), UsageError> {
    let mut walked = Chain::begin(tip.genesis.clone());
    let mut seen = tip.head.seq;
    let read = each_record(old, chain, |kept| {
        seen = seen.max(kept.seq);
        if kept.is_whole() && walked.admit(&kept.bytes).is_ok() {
            rows::put_record(new, chain, kept.seq, &kept.bytes)?;
            return Ok(true);
        }
        Ok(false)
    });
    match read {
        // What cannot be written is no damage of the old one.
        Err(fault @ (JournalFault::Unusable(_) | JournalFault::NotYet { .. })) => return Err(fault.into()),
        Err(JournalFault::Damaged(_)) | Ok(()) => {}
    }
    for (meter, total) in walked.totals() {
        rows::put_total(new, chain, meter, total)?;
    }
    let highest = old.query_row("SELECT max(seq) FROM records WHERE chain = ?1", [chain], |row| row.get(0));
    seen = seen.max(highest.map_or(0, |highest: Option<i64>| highest.unwrap_or_default().unsigned_abs()));
    let is_whole = walked.ends_at(tip.head).is_ok();
    let recoveries = u32::try_from(walked.recoveries()).unwrap_or(u32::MAX);
    let reached = Tip { head: walked.head(), recoveries, ..tip };
    let mut appender = Appender::new(new, chain, reached)?;
    if !is_whole && !walked.is_closed() {
        appender.recover(seen)?;
        if !is_used {
            appender.close()?;
        }
    }
    Ok(appender.finish()?)
}

fn each_record(
    old: &Connection,
    chain: i64,
    mut take: impl FnMut(Kept) -> Result<bool, JournalFault>,
) -> Result<(), JournalFault> {
    let mut found = old.prepare("SELECT seq, bytes, hash FROM records WHERE chain = ?1 ORDER BY seq")?;
    let mut records = found.query([chain])?;
    while let Some(row) = records.next()? {
        if !take(Kept::of_row(row)?)? {
            return Ok(());
        }
    }
    Ok(())
}
