//! The rows of usage: what is written with a digest is read with it.

use super::super::JournalFault;
use brink_license::usage::{Chain, Genesis, Hash, Head, MeterTotal, Record, hash_of};
use brink_license::{Slug, TokenId};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const HEAD_LABEL: &[u8] = b"brink/head/v1\0";
const TOTAL_LABEL: &[u8] = b"brink/total/v1\0";

/// Where a chain stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tip {
    pub(super) genesis: Genesis,
    pub(super) head: Head,
    pub(super) licence: Option<TokenId>,
    /// How often a damaged journal went on in it.
    pub(super) recoveries: u32,
}

impl Tip {
    pub(super) fn begin(genesis: Genesis, licence: Option<TokenId>) -> Self {
        let head = genesis.head();
        Self { genesis, head, licence, recoveries: 0 }
    }
}

/// SQLite's integers are signed; a chain that reached their end could not be continued.
pub(super) fn key_of(seq: u64) -> Result<i64, JournalFault> {
    i64::try_from(seq).map_err(|_| JournalFault::Damaged(format!("a record with number {seq}")))
}

/// What a row of a chain is kept with.
pub(super) fn digest_of(label: &[u8], chain: i64, content: &[u8]) -> Hash {
    let hasher = Sha256::new_with_prefix(label).chain_update(chain.to_be_bytes());
    hasher.chain_update(content).finalize().into()
}

fn total_digest(chain: i64, meter: &str, sums: &[u8]) -> Hash {
    let hasher = Sha256::new_with_prefix(TOTAL_LABEL).chain_update(chain.to_be_bytes());
    // No slug has a zero byte.
    hasher.chain_update(meter).chain_update([0]).chain_update(sums).finalize().into()
}

/// The chain in use, if any was begun.
pub(super) fn tip(conn: &Connection) -> Result<Option<(i64, Tip)>, JournalFault> {
    let mut found =
        conn.prepare_cached("SELECT chain, head, sha256 FROM heads ORDER BY chain DESC LIMIT 1")?;
    let row = found.query_row([], head_row).optional()?;
    row.map(sound_head).transpose()
}

/// Every chain, the oldest first; each for itself sound or not.
pub(super) fn tips(conn: &Connection) -> Result<Vec<Read>, JournalFault> {
    let mut found = conn.prepare("SELECT chain, head, sha256 FROM heads ORDER BY chain")?;
    let rows = found.query_map([], head_row)?;
    rows.map(|row| Ok(sound_head(row?))).collect()
}

/// A chain's number and where it stands, if its row is sound.
pub(super) type Read = Result<(i64, Tip), JournalFault>;
type HeadRow = (i64, Vec<u8>, Vec<u8>);

fn head_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<HeadRow> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

fn sound_head((chain, head, digest): HeadRow) -> Read {
    let damaged = || JournalFault::Damaged(format!("the head of usage chain {chain}"));
    if digest != digest_of(HEAD_LABEL, chain, &head) {
        return Err(damaged());
    }
    Ok((chain, postcard::from_bytes(&head).map_err(|_| damaged())?))
}

pub(super) fn put_tip(conn: &Connection, chain: i64, tip: &Tip) -> Result<(), JournalFault> {
    let head = postcard::to_allocvec(tip).map_err(|error| JournalFault::Unusable(error.to_string()))?;
    let mut put = conn.prepare_cached(
        "INSERT INTO heads (chain, head, sha256) VALUES (?1, ?2, ?3)
         ON CONFLICT (chain) DO UPDATE SET head = excluded.head, sha256 = excluded.sha256",
    )?;
    put.execute(params![chain, head, digest_of(HEAD_LABEL, chain, &head)])?;
    Ok(())
}

/// One record as it is kept.
pub(super) struct Kept {
    pub(super) seq: u64,
    pub(super) bytes: Vec<u8>,
    pub(super) hash: Vec<u8>,
}

impl Kept {
    pub(super) fn of_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let seq: i64 = row.get(0)?;
        Ok(Self { seq: seq.unsigned_abs(), bytes: row.get(1)?, hash: row.get(2)? })
    }

    /// What it says, if it is whole and stands under its own number.
    pub(super) fn record(&self) -> Option<Record> {
        self.content().filter(|record| record.seq == self.seq)
    }

    /// What it says, if it is whole, wherever it stands.
    pub(super) fn content(&self) -> Option<Record> {
        Record::from_bytes(&self.bytes).ok().filter(|_| self.is_whole())
    }

    pub(super) fn is_whole(&self) -> bool {
        self.hash == hash_of(&self.bytes)
    }

    /// Takes it into a chain, if it is whole, stands under its own number, and is the next.
    pub(super) fn admit(&self, chain: &mut Chain) -> Option<Record> {
        self.record().and_then(|_| chain.admit(&self.bytes).ok())
    }

    pub(super) fn damaged(&self, chain: i64) -> JournalFault {
        JournalFault::Damaged(format!("record {} of usage chain {chain}", self.seq))
    }
}

pub(super) fn last_record(conn: &Connection, chain: i64) -> Result<Option<Kept>, JournalFault> {
    let text = "SELECT seq, bytes, hash FROM records WHERE chain = ?1 ORDER BY seq DESC LIMIT 1";
    Ok(conn.query_row(text, [chain], Kept::of_row).optional()?)
}

/// The number of every chain that has a record.
pub(super) fn chains(conn: &Connection) -> Result<Vec<i64>, JournalFault> {
    // From one chain to the next, however many records each has.
    let text = "WITH RECURSIVE found (chain) AS (
                  SELECT min(chain) FROM records
                  UNION ALL
                  SELECT (SELECT min(chain) FROM records WHERE chain > found.chain) FROM found
                  WHERE found.chain IS NOT NULL)
                SELECT chain FROM found WHERE chain IS NOT NULL ORDER BY chain";
    let mut found = conn.prepare(text)?;
    let rows = found.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The highest number of a chain that has a head or a record.
pub(super) fn newest_chain(conn: &Connection) -> Result<Option<i64>, JournalFault> {
    let text = "SELECT max(chain) FROM (SELECT chain FROM heads UNION ALL SELECT chain FROM records)";
    Ok(conn.query_row(text, [], |row| row.get(0))?)
}

/// The oldest record of a chain that is here.
pub(super) fn first_record(conn: &Connection, chain: i64) -> Result<Option<Kept>, JournalFault> {
    let text = "SELECT seq, bytes, hash FROM records WHERE chain = ?1 ORDER BY seq LIMIT 1";
    Ok(conn.query_row(text, [chain], Kept::of_row).optional()?)
}

/// The records behind a number, at most so many.
pub(super) fn after(
    conn: &Connection,
    chain: i64,
    seq: u64,
    records_max: usize,
) -> Result<Vec<Kept>, JournalFault> {
    let text = "SELECT seq, bytes, hash FROM records WHERE chain = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
    let mut found = conn.prepare_cached(text)?;
    let limit = i64::try_from(records_max).unwrap_or(i64::MAX);
    let rows = found.query_map(params![chain, key_of(seq)?, limit], Kept::of_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many there are, counted up to a number.
pub(super) fn count_after(
    conn: &Connection,
    chain: i64,
    seq: u64,
    count_max: u64,
) -> Result<u64, JournalFault> {
    let text = "SELECT count(*) FROM (SELECT 1 FROM records WHERE chain = ?1 AND seq > ?2 LIMIT ?3)";
    let limit = i64::try_from(count_max).unwrap_or(i64::MAX);
    let count: i64 = conn.query_row(text, params![chain, key_of(seq)?, limit], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// Whether there is any behind a number.
pub(super) fn has_after(conn: &Connection, chain: i64, seq: u64) -> Result<bool, JournalFault> {
    Ok(count_after(conn, chain, seq, 1)? > 0)
}

/// Removes a chain with everything of it.
pub(super) fn forget(conn: &Connection, chain: i64) -> Result<(), JournalFault> {
    for table in ["records", "totals", "bases", "heads"] {
        conn.execute(&format!("DELETE FROM {table} WHERE chain = ?1"), [chain])?;
    }
    Ok(())
}

/// Removes the records of a chain with these numbers.
pub(super) fn remove(conn: &Connection, chain: i64, (from, to): (u64, u64)) -> Result<(), JournalFault> {
    let mut remove = conn.prepare_cached("DELETE FROM records WHERE chain = ?1 AND seq BETWEEN ?2 AND ?3")?;
    remove.execute(params![chain, key_of(from)?, key_of(to)?])?;
    Ok(())
}

pub(super) fn put_record(
    conn: &Connection,
    chain: i64,
    seq: u64,
    bytes: &[u8],
) -> Result<Hash, JournalFault> {
    let hash = hash_of(bytes);
    let mut put =
        conn.prepare_cached("INSERT INTO records (chain, seq, bytes, hash) VALUES (?1, ?2, ?3, ?4)")?;
    put.execute(params![chain, key_of(seq)?, bytes, hash])?;
    Ok(hash)
}

pub(super) fn total(conn: &Connection, chain: i64, meter: &Slug) -> Result<Option<MeterTotal>, JournalFault> {
    let mut found = conn.prepare_cached("SELECT sums, sha256 FROM totals WHERE chain = ?1 AND meter = ?2")?;
    let row =
        found.query_row(params![chain, meter.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    row.map(|(sums, digest)| sound_total(chain, meter.as_str(), sums, digest)).transpose()
}

fn sound_total(chain: i64, meter: &str, sums: Vec<u8>, digest: Vec<u8>) -> Result<MeterTotal, JournalFault> {
    let is_sound = digest == total_digest(chain, meter, &sums);
    let total = MeterTotal::from_bytes(&sums).filter(|_| is_sound);
    total.ok_or_else(|| JournalFault::Damaged(format!("the total of {meter:?} in usage chain {chain}")))
}

/// Every total of a chain by its meter.
pub(super) fn totals(conn: &Connection, chain: i64) -> Result<Vec<(Slug, MeterTotal)>, JournalFault> {
    let mut found = conn.prepare("SELECT meter, sums, sha256 FROM totals WHERE chain = ?1 ORDER BY meter")?;
    let rows = found.query_map([chain], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?)))?;
    let sound = |row: rusqlite::Result<(String, Vec<u8>, Vec<u8>)>| {
        let (meter, sums, digest) = row?;
        let total = sound_total(chain, &meter, sums, digest)?;
        let meter = Slug::parse(&meter);
        Ok((meter.map_err(|error| JournalFault::Damaged(error.to_string()))?, total))
    };
    rows.map(sound).collect()
}

pub(super) fn put_total(
    conn: &Connection,
    chain: i64,
    meter: &Slug,
    total: &MeterTotal,
) -> Result<(), JournalFault> {
    let sums = total.to_bytes();
    let mut put = conn.prepare_cached(
        "INSERT INTO totals (chain, meter, sums, sha256) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (chain, meter) DO UPDATE SET sums = excluded.sums, sha256 = excluded.sha256",
    )?;
    put.execute(params![chain, meter.as_str(), sums, total_digest(chain, meter.as_str(), &sums)])?;
    Ok(())
}
