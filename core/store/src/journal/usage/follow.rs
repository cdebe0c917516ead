//! The agent's part: a chain begins with an activation, ends with the next, and names the licence in force.

use super::super::{Journal, JournalFault};
use super::append::{Appender, begin};
use super::base;
use super::error::UsageError;
use super::rows::{self, Tip};
use brink_license::TokenId;
use brink_license::usage::Genesis;
use rusqlite::Transaction;
use std::path::Path;

/// Records that are read at once.
const CHUNK: usize = 4096;

/// Who records, and under which licence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bearer {
    pub(crate) genesis: Genesis,
    pub(crate) licence: Option<TokenId>,
}

impl Journal {
    /// Makes the chain in use that of this activation. One of another is closed first; one that was left before is not
    /// taken up again, which only a state that was put back would ask for.
    pub(crate) fn follow(directory: &Path, bearer: &Bearer) -> Result<(), UsageError> {
        let journal = Self::open(directory)?;
        let used = rows::tip(&journal.conn)?;
        if used
            .as_ref()
            .is_some_and(|(_, tip)| tip.genesis == bearer.genesis && tip.licence == bearer.licence)
        {
            return Ok(());
        }
        let transaction = begin(&journal, directory)?;
        let next = match rows::tip(&transaction)? {
            Some((chain, tip)) if tip.genesis == bearer.genesis => {
                rows::put_tip(&transaction, chain, &Tip { licence: bearer.licence.clone(), ..tip })?;
                None
            }
            Some(_) if was_left(&transaction, &bearer.genesis)? => {
                return Err(UsageError::Unusable("this activation was left for another one".to_owned()));
            }
            // An issuer whose database was put back has forgotten the first: it has nothing of it, and never will.
            Some((chain, tip)) if is_given_twice(&tip.genesis, &bearer.genesis) => {
                return again(transaction, (chain, &tip), bearer);
            }
            Some((chain, tip)) => {
                let mut appender = Appender::new(&transaction, chain, tip)?;
                appender.close()?;
                appender.finish()?;
                Some(chain.saturating_add(1))
            }
            None => Some(1),
        };
        if let Some(chain) = next {
            let tip = Tip::begin(bearer.genesis.clone(), bearer.licence.clone());
            rows::put_tip(&transaction, chain, &tip)?;
        }
        transaction.commit().map_err(|error| JournalFault::from(error).into())
    }
}

fn is_given_twice(before: &Genesis, now: &Genesis) -> bool {
    before.device == now.device && before.epoch == now.epoch
}

/// Records once more in a chain of the new key what stands in one of the same epoch with another key, and forgets that.
fn again(
    transaction: Transaction<'_>,
    (chain, before): (i64, &Tip),
    bearer: &Bearer,
) -> Result<(), UsageError> {
    let tip = Tip::begin(bearer.genesis.clone(), bearer.licence.clone());
    let mut appender = Appender::new(&transaction, chain.saturating_add(1), tip)?;
    let begun = base::base(&transaction, chain)?;
    if begun.is_some() || before.recoveries > 0 {
        // What has left before is lost.
        appender.recover(before.head.seq, None)?;
    }
    let mut seq = begun.map_or(0, |base| base.head.seq);
    loop {
        let found = rows::after(&transaction, chain, seq, CHUNK)?;
        let Some(last) = found.last() else { break };
        seq = last.seq;
        for kept in &found {
            appender.salvage(&kept.record().ok_or_else(|| kept.damaged(chain))?)?;
        }
    }
    appender.finish()?;
    rows::forget(&transaction, chain)?;
    tracing::warn!(
        epoch = before.genesis.epoch,
        "the issuer gave this epoch before: its usage is recorded once more"
    );
    transaction.commit().map_err(|error| JournalFault::from(error).into())
}

fn was_left(conn: &rusqlite::Connection, genesis: &Genesis) -> Result<bool, JournalFault> {
    let tips = rows::tips(conn)?;
    Ok(tips.iter().flatten().any(|(_, tip)| tip.genesis == *genesis))
}
