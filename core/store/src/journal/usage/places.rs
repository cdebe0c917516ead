//! Reading usage to copy it elsewhere: where each chain begins and ends here, and its records behind a number. A look: nothing
//! is written, and each record is whole and stands under its own number, or there is an error.

use super::super::JournalFault;
use super::base::base;
use super::book::UsageBook;
use super::reach::link_at;
use super::rows::{self, Tip};
use brink_license::usage::{Genesis, Hash, Head, Record};

/// Where one chain stands, for whoever copies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainPlace {
    /// Its number in this file; a file that was mended may have others.
    number: i64,
    /// The activation that began it.
    pub genesis: Genesis,
    /// The lowest number that a record here stands for; the number behind the head's where there is none.
    pub first: u64,
    /// Its end.
    pub head: Head,
    /// Whether the device records into it.
    pub is_used: bool,
}

/// A record, and what the next one has before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// What it says.
    pub record: Record,
    /// What tells it from any other under its number.
    pub link: Hash,
}

/// Whether a chain still has a record that was copied from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traced {
    /// It is here.
    Same,
    /// Another is here under its number, or the chain ends before it.
    Other,
    /// It is among sums, or has left, or was passed over by a recovery.
    Gone,
}

/// Looks at what is to be copied, all of it as of one moment.
impl UsageBook {
    /// Every chain, the oldest first.
    pub fn places(&self) -> Result<Vec<ChainPlace>, JournalFault> {
        let look = self.journal().conn.unchecked_transaction()?;
        let tips = rows::tips(&look)?.into_iter().collect::<Result<Vec<_>, _>>()?;
        let used = tips.last().map(|(number, _)| *number);
        let place = |(number, tip): (i64, Tip)| {
            let Tip { genesis, head, .. } = tip;
            let first = match rows::first_record(&look, number)? {
                Some(first) => first.record().ok_or_else(|| first.damaged(number))?.first(),
                None => base(&look, number)?.map_or(head.seq, |base| base.head.seq).saturating_add(1),
            };
            Ok(ChainPlace { number, genesis, first, head, is_used: used == Some(number) })
        };
        tips.into_iter().map(place).collect()
    }

    /// At most so many records of a chain behind a number. The first may be sums that begin before it, or a recovery that does
    /// not go on from it.
    pub fn behind(
        &self,
        place: &ChainPlace,
        seq: u64,
        records_max: usize,
    ) -> Result<Vec<Copied>, JournalFault> {
        let copied = |kept: rows::Kept| {
            let record = kept.record().ok_or_else(|| kept.damaged(place.number))?;
            let is_ours = record.device == place.genesis.device && record.epoch == place.genesis.epoch;
            if !is_ours {
                return Err(kept.damaged(place.number));
            }
            let link = record.link(&kept.bytes);
            Ok(Copied { record, link })
        };
        let found = rows::after(&self.journal().conn, place.number, seq, records_max)?;
        found.into_iter().map(copied).collect()
    }

    /// How many records a chain has behind a number, counted up to a bound.
    pub fn count_behind(&self, place: &ChainPlace, seq: u64, count_max: u64) -> Result<u64, JournalFault> {
        rows::count_after(&self.journal().conn, place.number, seq, count_max)
    }

    /// Whether a chain still has the record that was copied last.
    pub fn still_has(&self, place: &ChainPlace, last: Head) -> Result<Traced, JournalFault> {
        if last.seq == 0 {
            return Ok(Traced::Same);
        }
        if let Some(link) = link_at(&self.journal().conn, place.number, last.seq)? {
            return Ok(if link == last.hash { Traced::Same } else { Traced::Other });
        }
        // Others may have recorded since the chains were looked at.
        let newest = rows::last_record(&self.journal().conn, place.number)?.map_or(0, |newest| newest.seq);
        Ok(if last.seq > place.head.seq.max(newest) { Traced::Other } else { Traced::Gone })
    }
}
