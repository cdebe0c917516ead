//! Where a chain begins in this journal: at its genesis, or behind records that were settled and are gone.

use super::super::JournalFault;
use super::rows;
use brink_license::Slug;
use brink_license::usage::{Chain, Entry, Genesis, Head, MeterTotal, Record};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

const BASE_LABEL: &[u8] = b"brink/base/v1\0";

/// The last record that is gone, and what there was up to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Base {
    pub(super) head: Head,
    /// What each meter had come to; `None` where that is not known any more.
    pub(super) totals: Option<Vec<(Slug, MeterTotal)>>,
    pub(super) recoveries: u64,
}

impl Base {
    /// Everything up to where a chain stands.
    pub(super) fn of(chain: &Chain, recoveries_before: u64) -> Self {
        let totals = chain.totals().iter().map(|(meter, total)| (meter.clone(), total.clone())).collect();
        let totals = chain.has_all_totals().then_some(totals);
        Self { head: chain.head(), totals, recoveries: recoveries_before.saturating_add(chain.recoveries()) }
    }

    fn chain(&self, genesis: &Genesis) -> Chain {
        let totals = self.totals.as_ref().map(|totals| totals.iter().cloned().collect());
        Chain::resume(genesis.clone(), self.head, totals)
    }
}

/// Where a chain begins, if that is not its genesis.
pub(super) fn base(conn: &Connection, chain: i64) -> Result<Option<Base>, JournalFault> {
    let mut found = conn.prepare_cached("SELECT base, sha256 FROM bases WHERE chain = ?1")?;
    let row = found.query_row([chain], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?)));
    let Some((base, digest)) = row.optional()? else { return Ok(None) };
    let sound = (digest == rows::digest_of(BASE_LABEL, chain, &base))
        .then(|| postcard::from_bytes(&base).ok())
        .flatten();
    sound.map(Some).ok_or_else(|| JournalFault::Damaged(format!("where usage chain {chain} begins")))
}

pub(super) fn put_base(conn: &Connection, chain: i64, base: &Base) -> Result<(), JournalFault> {
    let bytes = postcard::to_allocvec(base).map_err(|error| JournalFault::Unusable(error.to_string()))?;
    conn.execute(
        "INSERT INTO bases (chain, base, sha256) VALUES (?1, ?2, ?3)
         ON CONFLICT (chain) DO UPDATE SET base = excluded.base, sha256 = excluded.sha256",
        params![chain, bytes, rows::digest_of(BASE_LABEL, chain, &bytes)],
    )?;
    Ok(())
}

/// A chain before the first record that is here, and the recoveries before that.
pub(super) fn beginning(
    conn: &Connection,
    chain: i64,
    genesis: &Genesis,
) -> Result<(Chain, u64), JournalFault> {
    Ok(match base(conn, chain)? {
        Some(base) => (base.chain(genesis), base.recoveries),
        None => (Chain::begin(genesis.clone()), 0),
    })
}

/// The same for a journal that may be damaged: where the row cannot be believed, the first record that is here says what
/// it follows.
pub(super) fn likely_beginning(conn: &Connection, chain: i64, genesis: &Genesis) -> (Chain, Option<Base>) {
    match base(conn, chain) {
        Ok(Some(base)) => (base.chain(genesis), Some(base)),
        Ok(None) => (Chain::begin(genesis.clone()), None),
        Err(_) => {
            let first = rows::first_record(conn, chain).ok().flatten();
            let first = first.and_then(|first| Record::from_bytes(&first.bytes).ok());
            let head = first.map(|first| before(&first)).filter(|head| head.seq > 0);
            match head {
                Some(head) => {
                    let base = Base { head, totals: None, recoveries: 0 };
                    (Chain::resume(genesis.clone(), head, None), Some(base))
                }
                None => (Chain::begin(genesis.clone()), None),
            }
        }
    }
}

/// What stands before a record, as itself says.
pub(super) const fn before(record: &Record) -> Head {
    match &record.entry {
        Entry::Recover(recovery) => recovery.good,
        Entry::Usage(_) | Entry::Fold(_) | Entry::Close => {
            Head { seq: record.first().saturating_sub(1), hash: record.prev }
        }
    }
}
