//! Whether the records of a batch follow each other. That needs nothing that is on record, so it is judged before the
//! database is held.

use crate::storage::{LossReason, NewLoss};
use brink_license::DeviceId;
use brink_license::usage::{Entry, Hash, Record, RecordError, Recovery, SEQ_MAX, hash_of};

/// A record of a batch, where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    /// The first number that it stands for.
    pub(crate) from: u64,
    /// Its own, which is the last.
    pub(crate) seq: u64,
    /// What it follows; `None` for one that cannot be read.
    pub(crate) prev: Option<Hash>,
    /// What the next one follows.
    pub(crate) hash: Hash,
    /// What it says.
    pub(crate) record: Result<Record, RecordError>,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
}

impl Link {
    /// A damaged journal that goes on with it.
    pub(crate) fn recovery(&self) -> Option<&Recovery> {
        match self.record.as_ref().map(|record| &record.entry) {
            Ok(Entry::Recover(recovery)) => Some(recovery),
            Ok(Entry::Usage(_) | Entry::Fold(_) | Entry::Close) | Err(_) => None,
        }
    }

    pub(crate) fn is_close(&self) -> bool {
        matches!(self.record.as_ref().map(|record| &record.entry), Ok(Entry::Close))
    }

    /// Numbers between the record before it and a recovery, which never come.
    pub(crate) fn loss_behind(&self, before: &Self) -> Option<NewLoss> {
        let (from, to) = (before.seq.saturating_add(1), self.seq.saturating_sub(1));
        let is_loss = self.recovery().is_some() && from <= to;
        is_loss.then_some(NewLoss { from, to, reason: LossReason::Recovered })
    }

    /// A record that the issuer makes itself.
    pub(crate) fn own(record: Record) -> Self {
        let bytes = record.to_bytes();
        let (from, seq, prev, hash) = (record.first(), record.seq, Some(record.prev), record.link(&bytes));
        Self { from, seq, prev, hash, record: Ok(record), bytes }
    }

    /// Bytes that are no record, at a place that the issuer gives them itself.
    pub(crate) fn unreadable(seq: u64, bytes: Vec<u8>) -> Self {
        let (hash, record) = (hash_of(&bytes), Err(RecordError::Malformed));
        Self { from: seq, seq, prev: None, hash, record, bytes }
    }

    fn read(bytes: Vec<u8>) -> Self {
        let record = Record::from_bytes(&bytes);
        let (from, seq, prev, hash) = match &record {
            Ok(record) => (record.first(), record.seq, Some(record.prev), record.link(&bytes)),
            // Its number is that of its place.
            Err(_) => (0, 0, None, hash_of(&bytes)),
        };
        Self { from, seq, prev, hash, record, bytes }
    }

    /// What it takes before it.
    fn follows(&self, before: &Self) -> bool {
        let next = before.seq.saturating_add(1);
        if let Some(recovery) = self.recovery() {
            // What it says to be whole may not be left out.
            return self.seq >= next && recovery.good.seq <= before.seq;
        }
        self.from == next && self.prev.is_none_or(|prev| prev == before.hash) && !before.is_close()
    }
}

/// The records of a batch that ends with number `last`, or what is wrong with them in words.
pub(crate) fn chained(
    records: &[Vec<u8>],
    (device, epoch): (&DeviceId, u32),
    last: u64,
) -> Result<Vec<Link>, String> {
    let mut links: Vec<Link> = records.iter().cloned().map(Link::read).collect();
    for record in links.iter().filter_map(|link| link.record.as_ref().ok()) {
        if record.device != *device || record.epoch != epoch {
            return Err(format!("record {} belongs to another chain", record.seq));
        }
    }
    number(&mut links, last)?;
    if let Some(odd) = links.iter().find(|link| link.from == 0 || link.from > link.seq || link.seq > SEQ_MAX)
    {
        return Err(format!("no record stands for numbers {} to {}", odd.from, odd.seq));
    }
    match links.windows(2).find(|pair| !pair[1].follows(&pair[0])) {
        Some(pair) => Err(format!("record {} does not follow record {}", pair[1].seq, pair[0].seq)),
        None => Ok(links),
    }
}

/// Gives each record that cannot be read the number of its place: behind the one before it, or else before the next.
fn number(links: &mut [Link], last: u64) -> Result<(), String> {
    let known = links.iter().position(|link| link.record.is_ok());
    let lead = known.unwrap_or(links.len());
    let ends = match links.get(lead) {
        None => Some(last),
        Some(next) => match next.recovery() {
            None => next.from.checked_sub(1),
            Some(recovery) => {
                let is_good = lead > 0 && links[lead - 1].hash == recovery.good.hash;
                if is_good { Some(recovery.good.seq) } else { next.seq.checked_sub(1) }
            }
        },
    };
    let begins = ends.and_then(|ends| ends.checked_add(1)?.checked_sub(lead as u64));
    let mut next = begins.ok_or_else(|| "there is no room for what cannot be read".to_owned())?;
    for link in links.iter_mut() {
        if link.record.is_err() {
            (link.from, link.seq) = (next, next);
        }
        next = link.seq.saturating_add(1);
    }
    Ok(())
}
