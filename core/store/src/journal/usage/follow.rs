//! The agent's part: a chain begins with an activation, ends with the next, and names the licence in force.

use super::super::{Journal, JournalFault};
use super::append::{Appender, begin};
use super::base;
use super::error::UsageError;
use super::known::Known;
use super::rows::{self, Tip};
use brink_license::TokenId;
use rusqlite::Connection;
use std::path::Path;

/// Records that are read at once.
const CHUNK: usize = 4096;

impl Journal {
    /// Makes the chain in use that of this activation, under this licence. One of another is closed first; one that was left
    /// before is not taken up again, which only a state that was put back would ask for.
    pub(crate) fn follow(
        directory: &Path,
        known: &Known,
        licence: Option<&TokenId>,
    ) -> Result<(), UsageError> {
        let genesis = &known.genesis;
        let journal = Self::open(directory)?;
        let is_followed = |tip: &Tip| tip.genesis == *genesis && tip.licence.as_ref() == licence;
        if rows::tip(&journal.conn)?.is_some_and(|(_, tip)| is_followed(&tip)) {
            return Ok(());
        }
        let transaction = begin(&journal, directory)?;
        let tips = rows::tips(&transaction)?.into_iter().collect::<Result<Vec<_>, _>>()?;
        match tips.last() {
            Some((chain, tip)) if tip.genesis == *genesis => {
                rows::put_tip(&transaction, *chain, &Tip { licence: licence.cloned(), ..tip.clone() })?;
            }
            _ if tips.iter().any(|(_, tip)| tip.genesis == *genesis) => {
                return Err(UsageError::Unusable("this activation was left for another one".to_owned()));
            }
            used => {
                let chain = used.map_or(1, |(chain, _)| chain.saturating_add(1));
                let (superseded, left): (Vec<_>, Vec<_>) =
                    tips.into_iter().partition(|(_, tip)| known.is_superseded(&tip.genesis));
                if let Some((chain, tip)) = left.into_iter().next_back()
                    && superseded.is_empty()
                {
                    let mut appender = Appender::new(&transaction, chain, tip)?;
                    appender.close()?;
                    appender.finish()?;
                }
                let tip = Tip::begin(genesis.clone(), licence.cloned());
                let mut appender = Appender::new(&transaction, chain, tip)?;
                record_again(&transaction, &superseded, (&mut appender, known))?;
                appender.finish()?;
            }
        }
        transaction.commit().map_err(|error| JournalFault::from(error).into())
    }
}

/// Records once more, in the chain in use, what the issuer has forgotten, and removes that. Where this was done before, and an
/// earlier copy was put back since, only what is new in it.
fn record_again(
    conn: &Connection,
    superseded: &[(i64, Tip)],
    (appender, known): (&mut Appender<'_>, &Known),
) -> Result<(), UsageError> {
    let settled = known.of(&known.genesis).filter(|settled| settled.reached() > 0);
    let mut is_lost = settled.is_some();
    for (chain, tip) in superseded {
        is_lost = is_lost || tip.recoveries > 0 || base::base(conn, *chain)?.is_some();
    }
    if is_lost && !superseded.is_empty() {
        appender.recover_behind(known)?;
    }
    for (chain, tip) in superseded {
        let mut seq = 0;
        loop {
            let found = rows::after(conn, *chain, seq, CHUNK)?;
            let Some(last) = found.last() else { break };
            seq = last.seq;
            for kept in &found {
                let record = kept.record().ok_or_else(|| kept.damaged(*chain))?;
                if settled.is_none_or(|settled| settled.is_before(&record.at)) {
                    appender.salvage(&record)?;
                }
            }
        }
        rows::forget(conn, *chain)?;
        let epoch = tip.genesis.epoch;
        tracing::warn!(epoch, "the issuer has forgotten this activation: its usage is recorded once more");
    }
    Ok(())
}
