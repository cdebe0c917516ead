//! The agent's part: a chain begins with an activation, ends with the next, and names the licence in force.

use super::super::{Journal, JournalFault};
use super::append::{Appender, begin};
use super::error::UsageError;
use super::rows::{self, Tip};
use brink_license::TokenId;
use brink_license::usage::Genesis;
use std::path::Path;

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

fn was_left(conn: &rusqlite::Connection, genesis: &Genesis) -> Result<bool, JournalFault> {
    let tips = rows::tips(conn)?;
    Ok(tips.iter().flatten().any(|(_, tip)| tip.genesis == *genesis))
}
