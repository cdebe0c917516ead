//! Usage: each chain of the journal behind its cursor, some batches a turn.

use super::super::content::{Seen, settled};
use super::super::usage::{Behind, step};
use super::super::{Lag, MirrorError};
use crate::database::upkeep::Stands;
use crate::database::usage::{Cursor, Source, Step, take};
use brink_license::usage::Head;
use brink_store::journal::{ChainPlace, JournalFault, Traced, UsageBook};
use deadpool_postgres::Object;
use std::collections::{BTreeMap, BTreeSet};

/// Records of one transaction.
const RECORDS_MAX: usize = 500;
/// Transactions of one turn and chain: then it is told how far it came.
const BATCHES_MAX: usize = 20;
/// Where counting ends of what is not copied.
const LAG_MAX: u64 = 1_000_000;

/// The name of a chain among what is copied.
pub(super) fn source(place: &ChainPlace) -> Source {
    let epoch = i32::try_from(place.genesis.epoch).unwrap_or(i32::MAX);
    Source { kind: "usage", device: place.genesis.device.to_string(), epoch }
}

/// The chains, the oldest first. Of two with one name, because an issuer that was put back gave an epoch again, the later counts.
pub(super) fn places(book: &UsageBook) -> Result<Vec<ChainPlace>, JournalFault> {
    let all = book.places()?;
    let is_last =
        |at: usize, place: &ChainPlace| all[at + 1..].iter().all(|later| source(later) != source(place));
    let last = all.iter().enumerate().filter(|(at, place)| is_last(*at, place));
    Ok(last.map(|(_, place)| place.clone()).collect())
}

/// Where the copy of a chain stood, where there is one.
pub(super) fn stood<'k>(known: &'k [Stands], source: &Source) -> Option<&'k Stands> {
    known
        .iter()
        .find(|at| (at.source.as_str(), &at.device, at.epoch) == (source.kind, &source.device, source.epoch))
}

/// How far each chain is behind what was reached.
pub(super) fn lag(book: &UsageBook, reached: &BTreeMap<Source, i64>) -> Option<Lag> {
    if reached.is_empty() {
        return None;
    }
    let mut lag = Lag::default();
    for place in places(book).ok()? {
        let seq = reached.get(&source(&place)).map_or(0, |seq| seq.unsigned_abs());
        let left = LAG_MAX.saturating_sub(lag.records);
        let count = book.count_behind(&place, seq, left).ok()?;
        if count > 0 && lag.oldest_ms.is_none() {
            let first = book.behind(&place, seq, 1).ok()?;
            lag.oldest_ms = first.first().map(|copied| copied.record.at.est_ms);
        }
        lag.records += count;
    }
    Some(lag)
}

/// How far one chain came.
pub(super) struct Done {
    pub(super) copied: u64,
    pub(super) seq: i64,
    pub(super) more: bool,
}

/// Copies the chains of one look.
pub(super) struct Copying<'c> {
    seen: &'c Seen,
    book: &'c UsageBook,
    cameras: BTreeSet<String>,
}

impl<'c> Copying<'c> {
    pub(super) fn new(seen: &'c Seen, book: &'c UsageBook) -> Self {
        let grants = seen.view.grants();
        let cameras = (0..grants.len()).filter_map(|place| grants.camera(place));
        let cameras = cameras.map(|granted| granted.camera.to_owned()).collect();
        Self { seen, book, cameras }
    }

    /// Copies what is behind the cursor of a chain; nothing is asked of the server where there is nothing.
    pub(super) async fn chain(
        &self,
        connection: &mut Object,
        (place, source): (&ChainPlace, &Source),
        known: &[Stands],
    ) -> Result<Done, MirrorError> {
        let facts = self.seen.facts.as_ref();
        let settled = facts.and_then(|facts| settled(facts, &place.genesis));
        let head = i64::try_from(place.head.seq).unwrap_or(i64::MAX);
        let mut done = Done { copied: 0, seq: 0, more: false };
        if let Some(at) = stood(known, source) {
            done.seq = at.seq;
            let is_settled =
                settled.is_none_or(|settled| i64::try_from(settled).is_ok_and(|to| to == at.settled));
            if at.seq == head
                && is_settled
                && self.is_traced(place, (at.seq, at.digest.as_deref()))? == Traced::Same
            {
                return Ok(done);
            }
        }
        for _ in 0..BATCHES_MAX {
            let next = |stands: &Cursor| self.next(stands, (place, settled), &mut done);
            let stands = take::<MirrorError>(connection, source, next).await?;
            // Where nothing comes, the rest is not there yet.
            done.more = stands.seq < head && stands.seq != done.seq;
            done.seq = stands.seq;
            if !done.more {
                break;
            }
        }
        Ok(done)
    }

    fn next(
        &self,
        stands: &Cursor,
        (place, settled): (&ChainPlace, Option<u64>),
        done: &mut Done,
    ) -> Result<Option<Step>, MirrorError> {
        let traced = self.is_traced(place, (stands.seq, stands.link.as_deref()))?;
        let records = self.book.behind(place, stands.seq.unsigned_abs(), RECORDS_MAX)?;
        // Whose usage an earlier activation's is was noted while it was the device's. The chain in use is an earlier one's too as
        // long as the journal has not begun that of this activation.
        let tenant = self.seen.tenant_of(&place.genesis).filter(|_| place.is_used);
        let step = step(
            stands,
            &Behind {
                first: place.first,
                traced,
                more: records.len() == RECORDS_MAX,
                records: &records,
                settled,
                tenant,
                cameras: &self.cameras,
            },
        );
        done.copied += step.as_ref().map_or(0, |step| step.rows.len() as u64);
        Ok(step)
    }

    /// Whether the record that was copied last is still here. Where its link is not known, its number has to do.
    fn is_traced(
        &self,
        place: &ChainPlace,
        (seq, link): (i64, Option<&[u8]>),
    ) -> Result<Traced, JournalFault> {
        let seq = seq.unsigned_abs();
        match link.and_then(|link| <[u8; 32]>::try_from(link).ok()) {
            Some(hash) => self.book.still_has(place, Head { seq, hash }),
            None if seq > place.head.seq => Ok(Traced::Other),
            None => Ok(Traced::Same),
        }
    }
}
